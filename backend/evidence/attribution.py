"""归集: which steps a recording shows, by who held the device then and by time. Pure.

A recording (device, corrected time ± uncertainty, declared case, position) is laid beside the
steps that it could show; each pair gets reasons with weights, and their sum is the score. One
recording may show several steps, each over its own interval. Two visits that claim the same
minutes about equally well are nobody's: a person chooses.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import asin, cos, radians, sin, sqrt
from typing import Literal
from uuid import UUID

import msgspec

ZERO = timedelta()
Verdict = Literal["attributed", "ambiguous", "none"]


class Weights(msgspec.Struct, frozen=True):
    """How much each sign counts; a score of `enough` makes an attribution.

    Holding the device on the very visit suffices with any overlap, a declared case needs half the
    step; a position kilometres away outweighs the holder, for a device may be lent without a word.
    """

    holder: float = 0.6
    declared_case: float = 0.5
    declared_other: float = -0.3
    overlap: float = 0.2
    near: float = 0.1
    far: float = -0.4
    within_uncertainty: float = -0.1
    enough: float = 0.6
    # Two visits whose scores differ by less are a matter for a person.
    distinct: float = 0.15
    near_m: float = 300
    far_m: float = 2000
    # Officers take the last photo as they press "end": a minute either side still shows the step.
    photo_margin_s: float = 60


class Position(msgspec.Struct, frozen=True):
    latitude: float
    longitude: float


class Holding(msgspec.Struct, frozen=True):
    """领用: who held the device over [since, until); `until` None: still."""

    officer_id: UUID
    officer_name: str
    since: datetime
    until: datetime | None


class Taken(msgspec.Struct, frozen=True):
    """A recording as attribution sees it: corrected times ± `uncertainty`."""

    id: UUID
    kind: str
    begin: datetime
    end: datetime
    uncertainty: timedelta = ZERO
    device_name: str = ""
    holdings: tuple[Holding, ...] = ()
    declared_case: UUID | None = None
    position: Position | None = None


class Candidate(msgspec.Struct, frozen=True):
    """A step that could be shown. `visit` is shared by an inspection and its duplicates;
    `officers` were on that visit."""

    step_id: UUID
    visit: UUID
    case_id: UUID
    title: str
    begin: datetime
    end: datetime
    officers: frozenset[UUID]
    position: Position | None = None


class Reason(msgspec.Struct, frozen=True):
    code: str
    weight: float
    zh: str
    en: str


class Attributed(msgspec.Struct, frozen=True):
    """The recording shows the step over [begin, end]."""

    step_id: UUID
    visit: UUID
    case_id: UUID
    begin: datetime
    end: datetime
    score: float
    reasons: tuple[Reason, ...]


class Attribution(msgspec.Struct, frozen=True):
    """`attributed` is decided; `suggested` is ranked, for the person who must choose."""

    verdict: Verdict
    attributed: tuple[Attributed, ...]
    suggested: tuple[Attributed, ...]


def attribute(
    taken: Taken,
    candidates: Sequence[Candidate],
    *,
    bound_to: frozenset[UUID] = frozenset(),
    weights: Weights | None = None,
) -> Attribution:
    """Decide for one recording. `bound_to`: the visits a person has given it to, if any; then
    only they are considered."""
    weights = weights or Weights()
    considered = [c for c in candidates if not bound_to or c.visit in bound_to]
    scored = [s for c in considered if (s := _score(taken, c, weights)) is not None]
    scored.sort(key=lambda s: (-s.score, s.begin, s.step_id))
    good = [s for s in scored if s.score >= weights.enough]
    kept, doubtful = _choose(good, weights)
    rest = [s for s in scored if s not in kept]
    return Attribution(_verdict(kept, doubtful), tuple(kept), tuple(rest))


def _verdict(kept: Sequence[Attributed], doubtful: Sequence[Attributed]) -> Verdict:
    if kept:
        return "attributed"
    return "ambiguous" if doubtful else "none"


def _choose(
    good: Sequence[Attributed], weights: Weights
) -> tuple[list[Attributed], list[Attributed]]:
    """Best first: keep what no other visit contests, leave what it contests about equally."""
    kept: list[Attributed] = []
    doubtful: list[Attributed] = []
    for one in good:
        rivals = [r for r in good if r.visit != one.visit and _meet(one, r)]
        best = max((r.score for r in rivals), default=0.0)
        if not rivals or one.score >= best + weights.distinct:
            kept.append(one)
        elif one.score > best - weights.distinct:
            doubtful.append(one)
    return kept, doubtful


def _meet(a: Attributed, b: Attributed) -> bool:
    return (a.begin < b.end and b.begin < a.end) or (a.begin, a.end) == (b.begin, b.end)


def _score(taken: Taken, step: Candidate, weights: Weights) -> Attributed | None:
    span = _overlap(taken, step, weights)
    if span is None:
        return None
    begin, end, sure = span
    who = _by_person(taken, step, begin, end, weights)
    if not who:
        return None
    reasons = [*who, _by_overlap(taken, step, begin, end, weights)]
    reasons += _by_position(taken, step, weights)
    if not sure:
        reasons.append(
            Reason(
                "within_uncertainty",
                weights.within_uncertainty,
                f"时间重合在时钟误差 ±{taken.uncertainty.total_seconds():.0f} 秒以内",
                f"they meet only within the clock's ±{taken.uncertainty.total_seconds():.0f} s",
            )
        )
    score = min(1.0, max(0.0, sum(r.weight for r in reasons)))
    ranked = tuple(sorted(reasons, key=lambda r: -abs(r.weight)))
    return Attributed(step.step_id, step.visit, step.case_id, begin, end, round(score, 3), ranked)


def _overlap(
    taken: Taken, step: Candidate, weights: Weights
) -> tuple[datetime, datetime, bool] | None:
    """The common interval, and whether it is there without leaning on the uncertainty."""
    begin, end = max(taken.begin, step.begin), min(taken.end, step.end)
    if begin < end or (begin == end and taken.begin == taken.end):
        return begin, end, True
    slack = taken.uncertainty
    if taken.kind == "photo":
        slack += timedelta(seconds=weights.photo_margin_s)
    if taken.begin - slack >= step.end or taken.end + slack <= step.begin:
        return None
    if taken.begin == taken.end:
        return taken.begin, taken.end, False
    at = min(max(taken.begin, step.begin), step.end)
    return at, at, False


def _by_person(
    taken: Taken, step: Candidate, begin: datetime, end: datetime, weights: Weights
) -> list[Reason]:
    """Who links the recording to the visit; without holder and without declaration nobody."""
    reasons = []
    holder = next((h for h in taken.holdings if _holds(h, begin, end)), None)
    if holder is not None and holder.officer_id in step.officers:
        reasons.append(
            Reason(
                "holder",
                weights.holder,
                f"{holder.officer_name} 当时领用 {taken.device_name}，并参加该次检查",
                f"{holder.officer_name} held {taken.device_name} then and was on this visit",
            )
        )
    if taken.declared_case == step.case_id:
        reasons.append(
            Reason(
                "declared_case", weights.declared_case, "设备申报为本案", "declared for this case"
            )
        )
    elif reasons and taken.declared_case is not None:
        reasons.append(
            Reason(
                "declared_other",
                weights.declared_other,
                "设备申报为另一案件",
                "the device declared another case",
            )
        )
    return reasons


def _holds(holding: Holding, begin: datetime, end: datetime) -> bool:
    return holding.since <= end and (holding.until is None or begin < holding.until)


def _by_overlap(
    taken: Taken, step: Candidate, begin: datetime, end: datetime, weights: Weights
) -> Reason:
    """Full weight when the one lies wholly inside the other."""
    common = (end - begin).total_seconds()
    of_step = common / max((step.end - step.begin).total_seconds(), 1.0)
    of_taken = common / max((taken.end - taken.begin).total_seconds(), 1.0)
    share = 1.0 if taken.begin == taken.end else min(1.0, max(of_step, of_taken))
    if taken.begin == taken.end:
        zh, en = f"拍摄于“{step.title}”期间", f"taken during “{step.title}”"
    else:
        zh = f"与“{step.title}”重合 {common:.0f} 秒"
        en = f"meets “{step.title}” for {common:.0f} s"
    return Reason("overlap", round(weights.overlap * share, 3), zh, en)


def _by_position(taken: Taken, step: Candidate, weights: Weights) -> list[Reason]:
    if taken.position is None or step.position is None:
        return []
    metres = distance_m(taken.position, step.position)
    zh, en = f"拍摄位置距检查地点 {metres:.0f} 米", f"taken {metres:.0f} m from the place"
    if metres <= weights.near_m:
        return [Reason("near", weights.near, zh, en)]
    return [Reason("far", weights.far, zh, en)] if metres > weights.far_m else []


def distance_m(a: Position, b: Position) -> float:
    """Great-circle distance in metres (haversine, mean radius 6,371 km)."""
    lat_a, lat_b = radians(a.latitude), radians(b.latitude)
    half = sin((lat_b - lat_a) / 2) ** 2
    half += cos(lat_a) * cos(lat_b) * sin(radians(b.longitude - a.longitude) / 2) ** 2
    return 2 * 6_371_000 * asin(min(1.0, sqrt(half)))
