"""The pure scoring: who held the camera, when, for which case, and where."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.evidence.attribution import (
    Candidate,
    Holding,
    Position,
    Taken,
    attribute,
    distance_m,
)

T0 = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
BATEER, XIUYING = UUID(int=1), UUID(int=2)
VISIT, OTHER_VISIT, CASE, OTHER_CASE = (UUID(int=n) for n in range(11, 15))
HERE, FAR = Position(40.84, 111.75), Position(40.95, 111.75)


def minutes(n: float) -> datetime:
    return T0 + timedelta(minutes=n)


def taken(begin: float = 0, end: float = 30, **more: Any) -> Taken:
    held = Holding(BATEER, "巴特尔", minutes(-600), None)
    video = Taken(UUID(int=99), "video", minutes(begin), minutes(end), holdings=(held,))
    return msgspec.structs.replace(video, **more)


def step(n: int = 0, begin: float = 5, end: float = 20, **more: Any) -> Candidate:
    one = Candidate(
        UUID(int=100 + n),
        VISIT,
        CASE,
        "查封扣押",
        minutes(begin),
        minutes(end),
        frozenset({BATEER}),
    )
    return msgspec.structs.replace(one, **more)


ELSEWHERE = {"visit": OTHER_VISIT, "case_id": OTHER_CASE}

CASES = [
    ("the holder was on the visit", taken(), [step()], "attributed"),
    ("nobody held it, nothing declared", taken(holdings=()), [step()], "none"),
    (
        "nobody held it, this case declared",
        taken(holdings=(), declared_case=CASE),
        [step()],
        "attributed",
    ),
    ("its holder was on no such visit", taken(), [step(officers=frozenset({XIUYING}))], "none"),
    (
        "it was held before, not then",
        taken(holdings=(Holding(BATEER, "巴特尔", minutes(-600), minutes(-60)),)),
        [step()],
        "none",
    ),
    ("the device declared another case", taken(declared_case=OTHER_CASE), [step()], "none"),
    ("taken an hour later", taken(60, 90), [step()], "none"),
    ("taken kilometres away", taken(position=FAR), [step(position=HERE)], "none"),
    ("taken at the door", taken(position=HERE), [step(position=HERE)], "attributed"),
    ("two visits at once", taken(), [step(), step(1, **ELSEWHERE)], "ambiguous"),
    (
        "two visits at once, one declared",
        taken(declared_case=CASE),
        [step(), step(1, **ELSEWHERE)],
        "attributed",
    ),
    ("a photo within the step", taken(10, 10, kind="photo"), [step()], "attributed"),
]


@pytest.mark.parametrize(("shows", "recording", "steps", "verdict"), CASES)
def test_who_and_when_decide(
    shows: str, recording: Taken, steps: list[Candidate], verdict: str
) -> None:
    assert attribute(recording, steps).verdict == verdict, shows


def test_a_photo_taken_as_end_is_pressed_still_belongs_to_the_step() -> None:
    near = attribute(taken(20.5, 20.5, kind="photo"), [step()])
    assert near.verdict == "attributed"
    assert "within_uncertainty" in {r.code for r in near.attributed[0].reasons}
    assert attribute(taken(22, 22, kind="photo"), [step()]).verdict == "none"


def test_one_recording_serves_several_steps_with_an_interval_each() -> None:
    found = attribute(taken(0, 30), [step(0, 0, 10), step(1, 10, 20), step(2, 40, 50)])
    assert [(one.begin, one.end) for one in found.attributed] == [
        (minutes(0), minutes(10)),
        (minutes(10), minutes(20)),
    ]


def test_two_visits_one_after_the_other_both_get_their_part() -> None:
    found = attribute(taken(0, 40), [step(0, 0, 15), step(1, 20, 40, **ELSEWHERE)])
    assert {one.case_id for one in found.attributed} == {CASE, OTHER_CASE}


def test_what_a_person_has_given_to_a_visit_goes_nowhere_else() -> None:
    both = [step(), step(1, **ELSEWHERE)]
    found = attribute(taken(), both, bound_to=frozenset({OTHER_VISIT}))
    assert [one.visit for one in found.attributed] == [OTHER_VISIT]


def test_an_ambiguous_one_comes_with_ranked_suggestions_and_reasons() -> None:
    found = attribute(taken(), [step(), step(1, **ELSEWHERE)])
    assert [one.step_id for one in found.suggested] == [UUID(int=100), UUID(int=101)]
    assert all(r.zh and r.en for one in found.suggested for r in one.reasons)


def test_a_hundredth_of_a_degree_is_about_a_kilometre() -> None:
    assert 1100 < distance_m(Position(40, 111), Position(40.01, 111)) < 1125


spans = st.tuples(st.integers(-60, 120), st.integers(0, 60))


@given(
    recording=spans,
    steps=st.lists(st.tuples(spans, st.booleans()), max_size=6),
    declared=st.sampled_from([None, CASE, OTHER_CASE]),
    doubt=st.integers(0, 300),
)
def test_what_is_attributed_lies_within_the_step_and_no_two_visits_share_a_moment(
    recording: tuple[int, int],
    steps: list[tuple[tuple[int, int], bool]],
    declared: UUID | None,
    doubt: int,
) -> None:
    begin, length = recording
    video = taken(
        begin, begin + length, declared_case=declared, uncertainty=timedelta(seconds=doubt)
    )
    candidates = {
        UUID(int=100 + n): step(n, at, at + long, **(ELSEWHERE if other else {}))
        for n, ((at, long), other) in enumerate(steps)
    }
    found = attribute(video, list(candidates.values()))
    for one in found.attributed:
        assert 0 <= one.score <= 1
        frame = candidates[one.step_id]
        if one.begin < one.end:
            assert frame.begin <= one.begin <= one.end <= frame.end
            assert video.begin <= one.begin <= one.end <= video.end
    for a in found.attributed:
        for b in found.attributed:
            assert a.visit == b.visit or a.end <= b.begin or b.end <= a.begin
    assert (found.verdict == "attributed") == bool(found.attributed)
