"""Interval algebra: examples that show each answer, and what must hold for all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.rules.coverage import Coverage, ExplainedGap, Interval, coverage, points, union
from backend.rules.errors import BadInterval

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


def minute(n: float) -> datetime:
    return NOON + timedelta(minutes=n)


def span(begin: float, end: float) -> Interval:
    return Interval(minute(begin), minute(end))


def gap(begin: float, end: float, cause: str) -> ExplainedGap:
    return ExplainedGap(minute(begin), minute(end), cause)


def judged(recorded: list[tuple[float, float]], explained: list[ExplainedGap] | None = None,
           doubt: float = 0) -> Coverage:  # fmt: skip
    """A required hour, in minutes."""
    return coverage(span(0, 60), [span(*one) for one in recorded], explained or [],
                    timedelta(minutes=doubt))  # fmt: skip


ROWS = [
    ([(0, 60)], 60, [], True, "recorded whole"),
    ([(-5, 70)], 60, [], True, "longer than needed"),
    ([], 0, [(0, 60)], False, "never recorded"),
    ([(0, 26), (34, 60)], 52, [(26, 34)], False, "an eight-minute hole"),
    ([(0, 30), (30, 60)], 60, [], True, "two clips that touch"),
    ([(0, 40), (20, 60)], 60, [], True, "two cameras that overlap count once"),
    ([(0, 20), (5, 10), (15, 60)], 60, [], True, "one clip inside another"),
    ([(10, 60)], 50, [(0, 10)], False, "started late"),
    ([(0, 50)], 50, [(50, 60)], False, "ended early"),
    ([(60, 90), (-30, 0)], 0, [(0, 60)], False, "entirely outside, touching the edges"),
    ([(30, 30)], 0, [(0, 60)], False, "a photo covers no time"),
    ([(40, 60), (0, 10), (20, 30)], 40, [(10, 20), (30, 40)], False, "in any order"),
]


@pytest.mark.parametrize(("recorded", "covered", "gaps", "complete", "why"), ROWS)
def test_coverage_unites_recordings_and_lists_every_gap(
    recorded: list[tuple[float, float]],
    covered: float,
    gaps: list[tuple[float, float]],
    complete: bool,
    why: str,
) -> None:
    found = judged(recorded)
    assert (found.covered_s, found.complete) == (covered * 60, complete), why
    assert [(g.begin, g.end) for g in found.gaps] == [(minute(a), minute(b)) for a, b in gaps]


def test_a_gap_without_a_cause_is_a_hole() -> None:
    hole = judged([(0, 26), (34, 60)], [gap(26, 34, "  ")])
    assert not hole.complete and hole.explained_s == 0 and hole.gaps[0].cause is None


def test_a_gap_with_a_cause_is_explained_and_still_listed() -> None:
    told = judged([(0, 26), (34, 60)], [gap(25, 35, "更换电池")])
    assert told.complete and told.explained_s == 480 and told.share == 1.0
    assert [g.cause for g in told.gaps] == ["更换电池"]


def test_half_an_explanation_leaves_half_a_hole() -> None:
    half = judged([(0, 20), (40, 60)], [gap(20, 30, "更换电池")])
    assert [(g.seconds, g.cause) for g in half.gaps] == [(600, "更换电池"), (600, None)]
    assert not half.complete and half.unexplained == (half.gaps[1],)


def test_an_explanation_of_time_that_was_recorded_changes_nothing() -> None:
    assert judged([(0, 60)], [gap(10, 20, "更换电池")]) == judged([(0, 60)])


CERTAINTY = [
    ([(0, 60)], 1, True, False, "ends exactly with the step: a minute's error might open a hole"),
    ([(-2, 62)], 1, True, True, "two minutes to spare"),
    ([(0, 26), (34, 60)], 1, False, True, "eight minutes are not a clock's error of one"),
    ([(0, 26), (34, 60)], 5, False, False, "but they may be one of five"),
    ([(0, 60)], 0, True, True, "no doubt, no spare needed"),
    ([], 30, False, True, "never recorded stays so whatever the clocks say"),
    ([(-2, 30), (30, 62)], 1, True, True, "segments of one recording are united before narrowing"),
]


@pytest.mark.parametrize(("recorded", "doubt", "complete", "certain", "why"), CERTAINTY)
def test_a_verdict_is_certain_if_no_clock_could_turn_it(
    recorded: list[tuple[float, float]], doubt: float, complete: bool, certain: bool, why: str
) -> None:
    found = judged(recorded, doubt=doubt)
    assert (found.complete, found.certain) == (complete, certain), why


@pytest.mark.parametrize(
    ("recorded", "complete", "certain"),
    [
        ([(-1, 1)], True, True),
        ([(0, 0)], True, False),
        ([(5, 6)], False, True),
        ([(0.5, 6)], False, False),
    ],
)
def test_a_step_without_length_wants_its_moment(
    recorded: list[tuple[float, float]], complete: bool, certain: bool
) -> None:
    found = coverage(span(0, 0), [span(*one) for one in recorded], [], timedelta(minutes=1))
    assert (found.complete, found.certain) == (complete, certain)
    assert found.required_s == found.covered_s == 0


@pytest.mark.parametrize(
    ("taken", "needed", "doubt", "complete", "certain", "why"),
    [
        ([5], 1, 0, True, True, "one photo within the step"),
        ([5], 2, 0, False, True, "one photo where two are wanted"),
        ([], 1, 0, False, True, "none"),
        ([61], 1, 0, False, True, "a minute after the step"),
        ([61], 1, 2, False, False, "which a clock two minutes off would explain"),
        ([59], 1, 2, True, False, "or unmake"),
        ([-56 * 525600.0], 1, 0, False, True, "a clock that was never set"),
    ],
)
def test_photos_satisfy_point_items(
    taken: list[float], needed: int, doubt: float, complete: bool, certain: bool, why: str
) -> None:
    shots = [span(at, at) for at in taken]
    found = points(span(0, 60), shots, needed, timedelta(minutes=doubt))
    assert (found.complete, found.certain) == (complete, certain), why
    assert found.covered_s == (3600 if complete else 0)


def test_times_that_cannot_be_are_refused() -> None:
    with pytest.raises(BadInterval, match="before it begins"):
        span(60, 0)
    with pytest.raises(BadInterval, match="no zone"):
        Interval(datetime(2026, 3, 2), datetime(2026, 3, 3))
    with pytest.raises(BadInterval, match="negative"):
        judged([], doubt=-1)
    with pytest.raises(BadInterval):
        judged([(0, 10)], [gap(40, 30, "更换电池")])


minutes = st.integers(-30, 90)
pairs = st.tuples(minutes, minutes).map(sorted).map(lambda p: span(*p))
recordings = st.lists(pairs, max_size=8)
causes = st.sampled_from(["", "更换电池", "存储已满"])
explanations = st.lists(
    st.tuples(pairs, causes).map(lambda p: ExplainedGap(p[0].begin, p[0].end, p[1])), max_size=4
)
doubts = st.integers(0, 10).map(lambda n: timedelta(minutes=n))
frame = span(0, 60)


@given(recordings, explanations, doubts)
def test_covered_and_gaps_make_up_the_required(
    recorded: list[Interval], explained: list[ExplainedGap], doubt: timedelta
) -> None:
    found = coverage(frame, recorded, explained, doubt)
    assert found.covered_s + sum(g.seconds for g in found.gaps) == found.required_s == 3600
    assert found.explained_s == sum(g.seconds for g in found.gaps if g.cause)
    assert found.complete is not bool(found.unexplained)
    assert 0 <= found.share <= 1
    ends = [at for g in found.gaps for at in (g.begin, g.end)]
    assert ends == sorted(ends), "gaps are in order and disjoint"
    assert all(frame.begin <= at <= frame.end for at in ends)


@given(recordings, pairs, explanations)
def test_another_recording_never_takes_coverage_away(
    recorded: list[Interval], more: Interval, explained: list[ExplainedGap]
) -> None:
    before = coverage(frame, recorded, explained, timedelta())
    after = coverage(frame, [*recorded, more], explained, timedelta())
    assert after.covered_s >= before.covered_s
    assert after.complete or not before.complete


@given(recordings, explanations, doubts, st.randoms())
def test_the_order_of_recordings_and_explanations_does_not_matter(
    recorded: list[Interval], explained: list[ExplainedGap], doubt: timedelta, random: Random
) -> None:
    mixed, told = list(recorded), list(explained)
    random.shuffle(mixed)
    random.shuffle(told)
    assert coverage(frame, mixed, told, doubt) == coverage(frame, recorded, explained, doubt)


@given(recordings)
def test_counting_minute_by_minute_gives_the_same(recorded: list[Interval]) -> None:
    """Half-open minutes against the algebra."""
    held = sum(any(r.begin <= minute(n) < r.end for r in recorded) for n in range(60))
    assert coverage(frame, recorded, [], timedelta()).covered_s == held * 60


@given(recordings, explanations, doubts)
def test_without_doubt_every_verdict_is_certain(
    recorded: list[Interval], explained: list[ExplainedGap], doubt: timedelta
) -> None:
    assert coverage(frame, recorded, explained, timedelta()).certain
    firm = coverage(frame, recorded, explained, doubt)
    if firm.certain and not firm.complete:
        shifted = [Interval(r.begin + doubt, r.end + doubt) for r in recorded]
        assert not coverage(frame, shifted, explained, timedelta()).complete


@given(recordings)
def test_a_union_is_disjoint_and_sorted(recorded: list[Interval]) -> None:
    united = union(recorded)
    assert all(a.end < b.begin for a, b in pairwise(united))
