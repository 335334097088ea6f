"""Is this inspection one that somebody else opened too? Pure: visits in, a placement out.

Points for what agrees, with the reason beside each; the party decides most. Two who were in the
same place at the same time with the same party made the same visit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from backend.cases.placing import Placement, Visit

SURE = 0.75
WORTH_ASKING = 0.5
USUAL_LENGTH = timedelta(hours=2)
CLOCKS_DIFFER = timedelta(minutes=15)
SAME_START = timedelta(minutes=30)
NEAR_M = 150.0
FAR_M = 1000.0


class Point(msgspec.Struct, frozen=True):
    """One reason for or against, with what it weighs."""

    code: str
    points: float
    zh: str
    en: str


class Likeness(msgspec.Struct, frozen=True):
    """`same_visit` is False where nothing could make the two one: other times, other parties."""

    candidate: Visit
    score: float
    points: tuple[Point, ...]
    same_party: bool
    overlaps: bool
    same_visit: bool


def reconcile(
    visit: Visit, candidates: Iterable[Visit], *, case_id: UUID | None = None
) -> Placement:
    """`case_id`: the case that the inspection names; then only its own inspections count."""
    found = [compare(visit, c) for c in candidates if case_id in (None, c.case_id)]
    found.sort(key=lambda like: (-like.score, like.candidate.started_at, like.candidate.id))
    for like in found:
        if like.same_visit and like.score >= SURE:
            return _placement("duplicate_of", like)
    if case_id is not None:
        return Placement(kind="attach", case_id=case_id, score=1.0, reasons=_named())
    for like in found:
        if like.same_party and like.overlaps:
            return _placement("attach", like)
    for like in found:
        if like.score >= WORTH_ASKING:
            return _asked(like)
    return Placement(kind="new")


def compare(visit: Visit, other: Visit) -> Likeness:
    """Scores add up to 1 at most; a contradiction of party or time rules the same visit out."""
    party, time = _party(visit, other), _time(visit, other)
    points = [*party, *time, *_place(visit, other), *_people(visit, other)]
    score = max(0.0, min(1.0, sum(point.points for point in points)))
    overlaps = any(point.code == "time_overlaps" for point in time)
    same_party = any(point.code == "same_party" for point in party)
    contradicted = any(point.code == "other_party" for point in party)
    own = bool(visit.made_by) and visit.made_by == other.made_by
    return Likeness(
        candidate=other,
        score=round(score, 3),
        points=tuple(points),
        same_party=same_party,
        overlaps=overlaps,
        same_visit=overlaps and not contradicted and not own,
    )


def _party(visit: Visit, other: Visit) -> list[Point]:
    if visit.party & other.party:
        return [Point("same_party", 0.5, "同一当事人", "the same party")]
    if _identified(visit.party) & _identified(other.party):
        return [Point("other_party", -1.0, "当事人不同", "another party")]
    return []


def _identified(party: frozenset[str]) -> frozenset[str]:
    """Which kinds of proof there are: two codes that differ are two parties, two rows are not."""
    return frozenset(mark.partition(":")[0] for mark in party) - {"party"}


def _time(visit: Visit, other: Visit) -> list[Point]:
    points = []
    begin, end = _span(visit)
    other_begin, other_end = _span(other)
    if begin - CLOCKS_DIFFER <= other_end and other_begin - CLOCKS_DIFFER <= end:
        points.append(Point("time_overlaps", 0.15, "时间重叠", "the times overlap"))
    if abs(begin - other_begin) <= SAME_START:
        points.append(Point("same_start", 0.1, "几乎同时开始", "begun at almost the same time"))
    return points


def _span(visit: Visit) -> tuple[datetime, datetime]:
    return visit.started_at, visit.ended_at or visit.started_at + USUAL_LENGTH


def _place(visit: Visit, other: Visit) -> list[Point]:
    far = _distance_m(visit, other)
    if far is not None and far > FAR_M:
        return [Point("other_place", -0.4, f"相距 {far:.0f} 米", f"{far:.0f} m apart")]
    if far is not None and far <= NEAR_M:
        return [Point("same_place", 0.15, f"相距 {far:.0f} 米", f"{far:.0f} m apart")]
    name, other_name = "".join(visit.place.split()), "".join(other.place.split())
    if name and name == other_name:
        return [Point("same_place", 0.15, "地点相同", "the same place")]
    return []


def _distance_m(visit: Visit, other: Visit) -> float | None:
    """Equirectangular: exact enough within a city."""
    if visit.latitude is None or visit.longitude is None:
        return None
    if other.latitude is None or other.longitude is None:
        return None
    north = math.radians(visit.latitude - other.latitude)
    middle = math.radians((visit.latitude + other.latitude) / 2)
    east = math.radians(visit.longitude - other.longitude) * math.cos(middle)
    return 6_371_000 * math.hypot(north, east)


def _people(visit: Visit, other: Visit) -> list[Point]:
    points = []
    if visit.officers & other.officers:
        points.append(Point("shared_officer", 0.1, "执法人员有重合", "officers in common"))
    if visit.kind == other.kind:
        points.append(Point("same_kind", 0.1, "检查类型相同", "the same kind"))
    else:
        points.append(Point("other_kind", -0.25, "检查类型不同", "another kind"))
    return points


def _placement(kind: str, like: Likeness) -> Placement:
    duplicate = kind == "duplicate_of"
    return Placement(
        kind="duplicate_of" if duplicate else "attach",
        case_id=like.candidate.case_id,
        inspection_id=like.candidate.id if duplicate else None,
        score=like.score,
        reasons=_told(like),
    )


def _asked(like: Likeness) -> Placement:
    """No case is chosen: the suggestion stands in the reasons."""
    suggestion = {
        "code": "suggestion",
        "inspection_id": str(like.candidate.id),
        "case_id": str(like.candidate.case_id),
        "zh": "可能属于另一案件",
        "en": "may belong to another case",
    }
    return Placement(kind="ask", score=like.score, reasons=(suggestion, *_told(like)))


def _told(like: Likeness) -> tuple[dict[str, object], ...]:
    return tuple(msgspec.to_builtins(point) for point in like.points)


def _named() -> tuple[dict[str, object], ...]:
    return ({"code": "named", "points": 1.0, "zh": "检查写明案件", "en": "it names its case"},)
