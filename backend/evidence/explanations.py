"""What flags about evidence say, in both languages: the duty, its article, and the seconds. Pure.

Times are shown as Shanghai reads them; the date is added where an interval crosses midnight.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from backend.rules.calendar import SHANGHAI
from backend.rules.coverage import Gap
from backend.rules.events import STEP_KINDS
from backend.rules.rows import ChecklistItem
from backend.rules.words import word_en, word_zh

# A flag names this many gaps and counts the rest.
NAMED_GAPS = 5


def clock(at: datetime) -> str:
    return at.astimezone(SHANGHAI).strftime("%H:%M:%S")


def day_and_clock(at: datetime) -> str:
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")


def span(begin: datetime, end: datetime) -> str:
    """`10:02:10–10:31:40`; with dates where they differ."""
    same_day = begin.astimezone(SHANGHAI).date() == end.astimezone(SHANGHAI).date()
    show = clock if same_day else day_and_clock
    return f"{show(begin)}–{show(end)}"


def _duty(item: ChecklistItem) -> tuple[str, str]:
    """应全程录像 / must be recorded throughout; or the photos that a point item wants."""
    kinds_zh = "或".join("、".join(map(word_zh, kinds)) for kinds in item.media)
    kinds_en = " or ".join(" and ".join(map(word_en, kinds)) for kinds in item.media)
    if item.mode != "continuous":
        return f"应留存{kinds_zh}", f"needs {kinds_en}"
    if item.media == (("video",),):
        return "应全程录像", "must be on video throughout"
    return f"应全程记录（{kinds_zh}）", f"must be recorded throughout ({kinds_en})"


def _step(kind: str, begin: datetime, end: datetime) -> tuple[str, str]:
    label, when = STEP_KINDS[kind], span(begin, end)
    return f"{label.zh}（{when}）", f"{label.en} ({when})"


def gap_words(
    item: ChecklistItem, kind: str, begin: datetime, end: datetime, gaps: Sequence[Gap]
) -> dict[str, Any]:
    """Recorded, but not all of it: `gaps` are the unexplained ones."""
    step, duty = _step(kind, begin, end), _duty(item)
    missing = sum(gap.seconds for gap in gaps)
    named = "、".join(span(gap.begin, gap.end) for gap in gaps[:NAMED_GAPS])
    more = len(gaps) - NAMED_GAPS
    more_zh, more_en = (f"等 {len(gaps)} 处", f" and {more} more") if more > 0 else ("", "")
    sure = any(gap.certain for gap in gaps)
    doubt_zh = "" if sure else "（在设备时钟误差范围内，可能并未缺失）"
    doubt_en = "" if sure else " (within the clocks' uncertainty, perhaps not missing at all)"
    if item.mode == "continuous":
        lack_zh = f"缺 {named}{more_zh} 共 {missing:.0f} 秒，未说明原因"
        lack_en = f"{named}{more_en} missing, {missing:.0f} s without a stated cause"
    else:
        lack_zh, lack_en = f"数量不足（应有 {_wanted(item)} 项）", f"too few of {_wanted(item)}"
    return {
        "zh": f"{step[0]}{duty[0]}，{lack_zh}{doubt_zh}",
        "en": f"{step[1]} {duty[1]}: {lack_en}{doubt_en}",
        "size": round(missing, 3),
        "gaps": [{"begin": gap.begin, "end": gap.end, "seconds": gap.seconds} for gap in gaps],
    }


def _wanted(item: ChecklistItem) -> int:
    return max(1, len(item.points))


def missing_words(
    item: ChecklistItem, kind: str, begin: datetime, end: datetime, hours: int
) -> dict[str, Any]:
    """Nothing usable has come within the hours that the law gives for the upload."""
    step, duty = _step(kind, begin, end), _duty(item)
    return {
        "zh": f"{step[0]}{duty[0]}，结束已超过 {hours} 小时仍无可用音像记录",
        "en": f"{step[1]} {duty[1]}: it ended more than {hours} hours ago and no usable "
        "recording has come",
        "size": round((end - begin).total_seconds(), 3),
        "gaps": [{"begin": begin, "end": end, "seconds": (end - begin).total_seconds()}],
    }


def late_words(name: str, ended: datetime, received: datetime, hours: int) -> dict[str, Any]:
    late = received - ended - timedelta(hours=hours)
    much = _much(late)
    return {
        "zh": f"{name} 录制于 {day_and_clock(ended)} 结束，{day_and_clock(received)} 才传完，"
        f"超过 {hours} 小时的时限 {much[0]}",
        "en": f"{name} ended at {day_and_clock(ended)} and was received at "
        f"{day_and_clock(received)}: {much[1]} beyond the {hours} hours allowed",
        "captured_to": ended,
        "received_at": received,
    }


def _much(late: timedelta) -> tuple[str, str]:
    hours, rest = divmod(round(late.total_seconds()), 3600)
    return f"{hours} 小时 {rest // 60} 分", f"{hours} h {rest // 60} min"


def rejected_words(name: str, reason: dict[str, str]) -> dict[str, Any]:
    return {
        "zh": f"{name} 不能作为音像记录使用：{reason.get('zh', '')}",
        "en": f"{name} can't be used as a recording: {reason.get('en', '')}",
        "code": reason.get("code", ""),
    }


def unseen_words(name: str, black_s: float) -> dict[str, Any]:
    return {
        "zh": f"{name} 有 {black_s:.0f} 秒画面全黑，该段不计入覆盖",
        "en": f"{name} is black for {black_s:.0f} s; that part covers nothing",
        "size": round(black_s, 3),
    }


def clock_words(name: str, uncertainty_ms: int | None) -> dict[str, Any]:
    if uncertainty_ms is None:
        return {
            "zh": f"{name} 没有可信的拍摄时间，无法自动归集",
            "en": f"{name} has no believable time of capture; it can't be attributed",
        }
    return {
        "zh": f"{name} 的拍摄时间误差为 ±{uncertainty_ms / 1000:.0f} 秒，设备需要对时",
        "en": f"{name} was taken within ±{uncertainty_ms / 1000:.0f} s of the time shown; "
        "its device's clock needs setting",
    }


def unattributed_words(name: str, holder: str | None, ambiguous: bool) -> dict[str, Any]:
    if ambiguous:
        zh, en = "同时符合两次检查，须由人确定归属", "fits two visits equally; a person must choose"
    elif holder is None:
        zh, en = "拍摄时设备无人领用，找不到对应环节", "nobody held the device when it was taken"
    else:
        zh = f"拍摄时由 {holder} 领用，但其当时没有检查环节"
        en = f"{holder} held the device, but was on no step then"
    return {"zh": f"{name} 未能归集：{zh}", "en": f"{name} belongs to no step: {en}"}


def officers_words(certified: int, needed: int, begin: datetime) -> dict[str, Any]:
    when = day_and_clock(begin)
    return {
        "zh": f"{when} 的检查只有 {certified} 名持有效执法证的人员，应不少于 {needed} 名",
        "en": f"the visit of {when} had {certified} certified officer(s); at least {needed} "
        "are required",
    }


def certificate_words(name: str, at: datetime) -> dict[str, Any]:
    when = day_and_clock(at)
    return {
        "zh": f"{name} 在 {when} 没有有效的执法证",
        "en": f"{name} held no valid enforcement certificate at {when}",
    }
