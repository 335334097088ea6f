"""Every refusal on one page: what it is called, its HTTP meaning, what is wrong, how to mend it.

A refusal becomes an RFC 9457 problem document at the door; the rest of the code raises it without
knowing HTTP. `type` is stable and may be matched on by programs; titles are for people.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class _Kind(NamedTuple):
    status: int
    zh: str
    en: str
    mend_zh: str
    mend_en: str


KINDS: dict[str, _Kind] = {
    "bad_request": _Kind(
        400, "请求有误", "Bad request", "按接口文档改正所指字段", "Correct the named field"
    ),
    "not_signed_in": _Kind(
        401, "未登录或凭证无效", "Not signed in", "重新登录或重新注册设备", "Sign in or enrol again"
    ),
    "wrong_login": _Kind(
        401, "账号或密码不正确", "Wrong login", "核对后再试", "Check both and try again"
    ),
    "bad_enrolment_code": _Kind(
        401, "注册码无效", "Bad enrolment code", "请管理员签发新注册码", "Ask for a new code"
    ),
    "forbidden": _Kind(
        403, "无此权限", "Not allowed", "请有权限的人员操作", "Ask somebody with the role"
    ),
    "not_found": _Kind(404, "不存在", "Not found", "核对编号", "Check the id"),
    "method_not_allowed": _Kind(
        405, "方法不允许", "Method not allowed", "见接口文档", "See the API document"
    ),
    "timeout": _Kind(
        408, "等待数据超时", "Nothing came", "用 HEAD 查询偏移后续传", "HEAD for the offset, go on"
    ),
    "conflict": _Kind(
        409, "与当前状态冲突", "Conflict", "刷新后按最新内容再试", "Reload and try again"
    ),
    "stale_version": _Kind(
        409, "内容已被他人更改", "Changed meanwhile", "刷新后再提交", "Reload, then submit again"
    ),
    "offset_mismatch": _Kind(
        409, "偏移不符", "Offset mismatch", "用 HEAD 查询偏移后续传", "HEAD for the offset, go on"
    ),
    "gone": _Kind(410, "已失效", "Gone", "重新创建", "Create it anew"),
    "unsupported_version": _Kind(
        412, "协议版本不支持", "Unsupported version", "使用 tus 1.0.0", "Speak tus 1.0.0"
    ),
    "too_large": _Kind(413, "超过大小限制", "Too large", "拆分后再传", "Split it"),
    "unsupported_media_type": _Kind(
        415, "内容类型不支持", "Unsupported media type", "见接口文档", "See the API document"
    ),
    "range_not_satisfiable": _Kind(
        416, "范围超出文件", "Range not satisfiable", "按实际大小请求", "Ask within the size"
    ),
    "gate_closed": _Kind(
        422,
        "程序条件未满足",
        "The procedure does not allow it yet",
        "补齐所列各项",
        "Supply what is listed",
    ),
    "locked": _Kind(
        423, "正由另一请求写入", "Locked by another request", "稍后重试", "Retry shortly"
    ),
    "too_many": _Kind(429, "请求过多", "Too many requests", "稍后重试", "Retry later"),
    "checksum_mismatch": _Kind(
        460, "校验和不符", "Checksum mismatch", "重新发送这一段", "Send this chunk again"
    ),
    "client_gone": _Kind(
        499, "发送方已断开", "The sender went away", "用 HEAD 查询偏移后续传", "HEAD, then go on"
    ),
    "internal": _Kind(
        500,
        "服务器内部错误",
        "Internal error",
        "请将编号告知管理员",
        "Tell the administrator the id",
    ),
    "migration_failed": _Kind(500, "数据库升级失败", "Migration failed", "见日志", "See the log"),
    "database_unavailable": _Kind(
        503,
        "数据库暂不可用",
        "Database unavailable",
        "稍后自动重试，数据未丢失",
        "Try again later, nothing is lost",
    ),
    "store_unavailable": _Kind(
        503,
        "存储暂不可用",
        "Store unavailable",
        "稍后自动重试，数据未丢失",
        "Retry later; nothing is lost",
    ),
    "disk_nearly_full": _Kind(
        507, "磁盘将满", "Disk nearly full", "清理或扩容后续传", "Free or add space, then resume"
    ),
}


class Refusal(Exception):
    """A clear no. `kind` is a key of KINDS; `where` points at the field, object or header."""

    def __init__(
        self, kind: str, *, detail: str, where: str = "", extra: dict[str, Any] | None = None
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.where = where
        self.extra = extra or {}

    @property
    def status(self) -> int:
        return KINDS[self.kind].status

    def problem(self) -> dict[str, Any]:
        """The RFC 9457 document, with `where`, and `mend` in both languages."""
        kind = KINDS[self.kind]
        return {
            "type": f"urn:quanji:problem:{self.kind}",
            "title": f"{kind.zh} {kind.en}",
            "status": kind.status,
            "detail": self.detail,
            "where": self.where,
            "mend": {"zh": kind.mend_zh, "en": kind.mend_en},
            **self.extra,
        }


def not_found(what: str) -> Refusal:
    """Also for what belongs to another department: it answers as if it did not exist."""
    return Refusal("not_found", detail=f"没有这个{what} / no such {what}", where=what)
