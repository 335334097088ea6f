"""What each situation became, read back through the API. The checks are pure: page in, words out.

A check gives (zh, en) when the page shows what it should, None as long as it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from deploy.demo.scenario import SAID_AT_DESK, SAID_OFFLINE

Page = Mapping[str, Any]
Words = tuple[str, str]
Check = Callable[[Page, str], Words | None]
CLOSE_S = 2.0  # containers round a recording's length by a frame


def _flag(page: Page, kind: str) -> Mapping[str, Any] | None:
    """Raised and not resolved; somebody may have acknowledged it while we look."""
    raised = (f for f in page["flags"] if f["kind"] == kind and f["state"] != "resolved")
    return next(raised, None)


def _words(flag: Mapping[str, Any] | None) -> Words | None:
    return (flag["explanation"]["zh"], flag["explanation"]["en"]) if flag else None


def _flagged(kind: str) -> Check:
    return lambda page, _: _words(_flag(page, kind))


def _coverage(page: Page, visit: str, kind: str) -> Mapping[str, Any] | None:
    steps = (step for i in page["inspections"] if i["id"] == visit for step in i["steps"])
    found: Mapping[str, Any] | None = next(
        (step["coverage"] for step in steps if step["kind"] == kind), None
    )
    return found


def united_in_spite_of_a_wrong_clock(page: Page, visit: str) -> Words | None:
    coverage = _coverage(page, visit, "seize")
    ahead = [r for r in page["recordings"] if (r["clock_offset_ms"] or 0) > 60_000]
    if not ahead or coverage is None or not coverage["complete"] or _flag(page, "recording_gap"):
        return None
    offset = ahead[0]["clock_offset_ms"]
    # How sure the measured offset is, the server says itself: under load less than at rest.
    if abs(offset - 97_000) > ahead[0]["uncertainty_ms"] + 500:
        return None
    return (
        f"快 {offset / 1000:.0f} 秒，已校正；两段合并覆盖 {coverage['covered_s']:.0f} 秒，无缺口",
        f"{offset / 1000:.0f} s ahead, corrected; united they cover {coverage['covered_s']:.0f} s,"
        " no gap",
    )


def gap_of_480_s(page: Page, _: str) -> Words | None:
    flag = _flag(page, "recording_gap")
    gaps = flag["explanation"]["gaps"] if flag else []
    return _words(flag) if len(gaps) == 1 and abs(gaps[0]["seconds"] - 480) < CLOSE_S else None


def merged(page: Page, visit: str) -> Words | None:
    told = [i for i in page["inspections"] if i["kind"] == "check"]
    copies = [i for i in told if i["duplicate_of"] is not None]
    originals = [i for i in told if i["duplicate_of"] is None]
    if len(copies) != 1 or len(originals) != 1 or copies[0]["duplicate_of"] != originals[0]["id"]:
        return None
    officers = "、".join(sorted(o["name"] for o in originals[0]["officers"]))
    findings = [f for i in told for f in i["facts"] if f["kind"] == "finding"]
    if len(originals[0]["officers"]) != 2 or len(findings) != 3:
        return None
    return (
        f"认出是同一次检查，合并：{officers}，共 {len(findings)} 条发现",
        f"known to be one visit, merged: both officers, {len(findings)} findings together",
    )


def sync_conflict(page: Page, visit: str) -> Words | None:
    kept = [
        (c["server"]["value"], c["device"]["value"])
        for c in page["conflicts"]
        if c["entity_id"] == visit
    ]
    if kept != [(SAID_AT_DESK, SAID_OFFLINE)] or _flag(page, "sync_conflict") is None:
        return None
    return (
        f"两个值均保留，待人裁定：“{SAID_AT_DESK}”与“{SAID_OFFLINE}”",
        "both values are kept until a person decides; the desk's stands meanwhile",
    )


def explained_gap(page: Page, visit: str) -> Words | None:
    coverage = _coverage(page, visit, "seize")
    if coverage is None or not coverage["complete"] or _flag(page, "recording_gap"):
        return None
    if abs(coverage["explained_s"] - 180) > CLOSE_S:
        return None
    causes = "、".join(gap["cause"] for gap in coverage["gaps"])
    return f"180 秒中断已说明（{causes}），不预警", "180 s explained by a stated cause: no flag"


def rejected_and_kept(page: Page, _: str) -> Words | None:
    refused = [r for r in page["recordings"] if r["state"] == "rejected" and r["size"]]
    if len(refused) != 1:
        return None
    reason = refused[0]["state_reason"]
    return f"拒用，原件保留：{reason['zh']}", f"rejected, the bytes kept: {reason['en']}"


def two_versions(page: Page, visit: str) -> Words | None:
    coverage = _coverage(page, visit, "question")
    records = [r for i in page["inspections"] if i["id"] == visit for r in i["records"]]
    versions = [len(r["versions"]) for r in records if r["kind"] == "transcript"]
    if versions != [2] or coverage is None or not coverage["complete"]:
        return None
    return "笔录两版并存，录音覆盖全程", "both versions kept, the audio covers all of it"


CHECKS: Mapping[str, Check] = {
    "united_in_spite_of_a_wrong_clock": united_in_spite_of_a_wrong_clock,
    "gap_of_480_s": gap_of_480_s,
    "merged": merged,
    "sync_conflict": sync_conflict,
    "explained_gap": explained_gap,
    "rejected_and_kept": rejected_and_kept,
    "two_versions": two_versions,
    **{
        kind: _flagged(kind)
        for kind in (
            "missing_recording",
            "late_upload",
            "deadline_near",
            "deadline_overdue",
            "certificate_invalid",
        )
    },
}
