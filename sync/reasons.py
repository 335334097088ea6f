"""Every reason an outcome can give, on one page, in both languages."""

from __future__ import annotations

from sync.ops import Reason

WORDS: dict[str, tuple[str, str]] = {
    # rejected
    "malformed": ("操作格式有误", "The operation is malformed"),
    "unknown_entity": ("没有这种对象", "No such entity"),
    "unknown_kind": ("此对象不支持该操作", "This entity knows no such kind of operation"),
    "unknown_field": ("没有这个字段", "No such field"),
    "derived_field": ("该字段由服务器计算", "The server computes this field"),
    "fixed_field": ("该字段创建后不可更改", "This field is fixed at creation"),
    "missing_field": ("缺少必填字段", "A required field is missing"),
    "bad_value": ("字段值无效", "The value is not allowed"),
    "unstorable_text": ("文本含空字符", "The text holds a NUL character"),
    "too_deep": ("嵌套过深", "Nested too deeply"),
    "too_large": ("单个操作过大", "The operation is too large"),
    "not_found": ("对象不存在", "No such object"),
    "id_taken": ("该编号已被使用", "The id is in use"),
    "case_archived": ("案件已归档", "The case is archived"),
    "constraint": ("数据库约束不允许", "The schema does not allow it"),
    # quarantined
    "op_id_reused": ("同一操作编号，内容不同", "The same op_id came with other content"),
    "seq_used": ("设备序号已被使用", "The device_seq has been used"),
    # held
    "waits_for_gap": ("等待设备先前的操作", "Waits for an earlier operation of the device"),
    "waits_for_subject": ("等待所指对象到达", "Waits for the object it speaks of"),
    "waits_for_earlier": ("等待同一对象的先前操作", "Waits for an earlier held operation"),
    "no_holder": ("当时无人领用该设备", "Nobody held the device at that time"),
    "left_case": ("执法人员已退出该案", "The officer has left the case"),
    "case_closed": ("案件已结案", "The case is closed"),
    "newer_schema": ("协议版本较新，等待升级", "A newer schema; waits for this server's upgrade"),
    "server_fault": ("服务器处理出错，已保留", "The server failed on it; it is kept"),
    # notes on what was done
    "changed_meanwhile": ("服务器值保留，等待人工裁定", "The server's value stands until decided"),
    "deleted_meanwhile": ("对象已被删除", "The object was deleted meanwhile"),
    "edited_meanwhile": ("删除前已有他人编辑", "Somebody edited what this would delete"),
    "base_from_future": ("基准版本高于服务器版本", "The base is newer than the server's version"),
    "others_changed": ("他人同时更改了其他字段", "Somebody changed other fields meanwhile"),
    "newer_record": ("他人同时提交了新版本", "Somebody appended a version meanwhile"),
    "unknown_field_kept": ("未知字段已保留，未使用", "An unknown field is kept, not used"),
}


def reason(code: str, field: str = "", *, detail: str = "") -> Reason:
    """`detail` is put behind the words in both languages."""
    zh, en = WORDS[code]
    behind = f": {detail}" if detail else ""
    return Reason(code=code, field=field, zh=zh + behind, en=en + behind)
