"""Interval algebra: required − (recorded ∪ explained) → Coverage.

Intervals are half open, [begin, end). The verdict is *certain* if it would be the same were every
clock wrong by up to ± `uncertainty`: recordings are united, then widened and narrowed by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import msgspec

from backend.rules.errors import BadInterval

ZERO = timedelta()


class Interval(msgspec.Struct, frozen=True, order=True):
    """Aware instants, begin ≤ end; a photo is an interval without length."""

    begin: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.begin.tzinfo is None or self.end.tzinfo is None:
            raise BadInterval("时间无时区 / a time has no zone.", "Give aware datetimes.")
        if self.end < self.begin:
            raise BadInterval(
                f"结束早于开始 / it ends {self.end.isoformat()}, before it begins"
                f" {self.begin.isoformat()}.",
                "Correct the times or flag the step.",
            )

    @property
    def length(self) -> timedelta:
        return self.end - self.begin


class ExplainedGap(msgspec.Struct, frozen=True):
    """An interruption whose cause somebody recorded; without a cause it explains nothing."""

    begin: datetime
    end: datetime
    cause: str


class Gap(msgspec.Struct, frozen=True):
    """A part of the required interval that nothing covers. `cause` None: nobody explained it."""

    begin: datetime
    end: datetime
    cause: str | None
    certain: bool

    @property
    def seconds(self) -> float:
        return (self.end - self.begin).total_seconds()


class Coverage(msgspec.Struct, frozen=True):
    """The verdict on one required interval.

    `covered_s` + the gaps' seconds = `required_s`; `explained_s` is the part of the gaps that has
    a cause. `complete`: no gap is left without one. `certain`: no clock error within the
    uncertainty would turn the verdict.
    """

    required_s: float
    covered_s: float
    explained_s: float
    gaps: tuple[Gap, ...]
    complete: bool
    certain: bool

    @property
    def share(self) -> float:
        """Covered part of the interval less its explained gaps, 0..1."""
        owed = self.required_s - self.explained_s
        if owed > 0:
            return min(1.0, self.covered_s / owed)
        return 1.0 if self.complete else 0.0

    @property
    def unexplained(self) -> tuple[Gap, ...]:
        return tuple(gap for gap in self.gaps if gap.cause is None)


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """Sorted, disjoint; intervals that touch are one."""
    united: list[Interval] = []
    for one in sorted(intervals):
        if united and one.begin <= united[-1].end:
            if one.end > united[-1].end:
                united[-1] = Interval(united[-1].begin, one.end)
        else:
            united.append(one)
    return united


def clip(intervals: Iterable[Interval], frame: Interval) -> list[Interval]:
    """The parts with length that lie inside `frame`."""
    return [
        Interval(max(i.begin, frame.begin), min(i.end, frame.end))
        for i in intervals
        if min(i.end, frame.end) > max(i.begin, frame.begin)
    ]


def subtract(frame: Interval, united: Sequence[Interval]) -> list[Interval]:
    """What of `frame` the disjoint, sorted `united` leave over."""
    left, at = [], frame.begin
    for one in clip(united, frame):
        if one.begin > at:
            left.append(Interval(at, one.begin))
        at = one.end
    if at < frame.end:
        left.append(Interval(at, frame.end))
    return left


def coverage(
    required: Interval,
    recorded: Sequence[Interval],
    explained: Sequence[ExplainedGap],
    uncertainty: timedelta,
) -> Coverage:
    """Judge a continuous item. Raises `BadInterval` for what runs backwards or has no zone."""
    if uncertainty < ZERO:
        raise BadInterval("误差为负 / the uncertainty is negative.", "Give its magnitude.")
    if required.length == ZERO:
        return _instant(required, recorded, uncertainty)
    united = union(recorded)
    holes = subtract(required, united)
    wide = union(_widen(one, uncertainty) for one in united)
    causes = _causes(explained)
    gaps = tuple(gap for hole in holes for gap in _gaps(hole, causes, wide))
    missing = sum((hole.length for hole in holes), ZERO)
    complete = all(gap.cause is not None for gap in gaps)
    return Coverage(
        required.length.total_seconds(),
        (required.length - missing).total_seconds(),
        sum(gap.seconds for gap in gaps if gap.cause is not None),
        gaps,
        complete,
        _is_certain(required, united, causes, gaps, complete, uncertainty),
    )


def _widen(one: Interval, by: timedelta) -> Interval:
    return Interval(one.begin - by, one.end + by)


def _narrow(united: Iterable[Interval], by: timedelta) -> list[Interval]:
    return [Interval(i.begin + by, i.end - by) for i in united if i.length > 2 * by]


def _causes(explained: Sequence[ExplainedGap]) -> list[tuple[Interval, str]]:
    return [
        (Interval(gap.begin, gap.end), gap.cause.strip())
        for gap in sorted(explained, key=lambda g: (g.begin, g.end, g.cause))
        if gap.cause.strip()
    ]


def _gaps(
    hole: Interval, causes: Sequence[tuple[Interval, str]], wide: Sequence[Interval]
) -> list[Gap]:
    """Cut a hole at the edges of its explanations; the first cause of a piece names it."""
    edges = {hole.begin, hole.end}
    for span, _ in causes:
        edges |= {at for at in (span.begin, span.end) if hole.begin < at < hole.end}
    cuts = sorted(edges)
    pieces = [Interval(a, b) for a, b in pairwise(cuts)]
    named = [(piece, _cause(piece, causes)) for piece in pieces]
    return [
        Gap(piece.begin, piece.end, cause, bool(subtract(piece, wide)))
        for piece, cause in _joined(named)
    ]


def _cause(piece: Interval, causes: Sequence[tuple[Interval, str]]) -> str | None:
    for span, cause in causes:
        if span.begin <= piece.begin and piece.end <= span.end:
            return cause
    return None


def _joined(named: Sequence[tuple[Interval, str | None]]) -> list[tuple[Interval, str | None]]:
    out: list[tuple[Interval, str | None]] = []
    for piece, cause in named:
        if out and out[-1][1] == cause:
            out[-1] = (Interval(out[-1][0].begin, piece.end), cause)
        else:
            out.append((piece, cause))
    return out


def _is_certain(
    required: Interval,
    united: Sequence[Interval],
    causes: Sequence[tuple[Interval, str]],
    gaps: Sequence[Gap],
    complete: bool,
    uncertainty: timedelta,
) -> bool:
    if not complete:
        return any(gap.certain for gap in gaps if gap.cause is None)
    held = union([*_narrow(united, uncertainty), *(span for span, _ in causes)])
    return not subtract(required, held)


def _instant(required: Interval, recorded: Sequence[Interval], uncertainty: timedelta) -> Coverage:
    """A step without length: one recording that holds the moment suffices."""
    at = required.begin
    held = any(i.begin <= at <= i.end for i in recorded)
    near = any(i.begin - uncertainty <= at <= i.end + uncertainty for i in recorded)
    firm = any(i.begin + uncertainty <= at <= i.end - uncertainty for i in recorded)
    gaps = () if held else (Gap(at, at, None, not near),)
    return Coverage(0.0, 0.0, 0.0, gaps, held, firm if held else not near)


def points(
    required: Interval, taken: Sequence[Interval], needed: int, uncertainty: timedelta
) -> Coverage:
    """Judge a point item: at least `needed` photos (or clips) within the step.

    Satisfied, the whole interval counts as covered; else it is one gap.
    """
    firm = sum(_touches(required, shot, -uncertainty) for shot in taken)
    held = sum(_touches(required, shot, ZERO) for shot in taken)
    loose = sum(_touches(required, shot, uncertainty) for shot in taken)
    length = required.length.total_seconds()
    if held >= needed:
        return Coverage(length, length, 0.0, (), True, firm >= needed)
    certain = loose < needed
    gap = Gap(required.begin, required.end, None, certain)
    return Coverage(length, 0.0, 0.0, (gap,), False, certain)


def _touches(required: Interval, shot: Interval, slack: timedelta) -> bool:
    return shot.end >= required.begin - slack and shot.begin <= required.end + slack
