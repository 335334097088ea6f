"""Stages and gates: what stops a case, all of it at once, with articles."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest

from backend.rules.events import Event
from backend.rules.facts import (
    CaseFacts,
    Certificate,
    EvidenceGap,
    LegalReview,
    Person,
    StepFacts,
    Suspended,
    certified_officers,
)
from backend.rules.pack import Pack, load_pack
from backend.rules.process import NEXT, STAGES, Transition, check_transition
from tests.rules.cast import BATEER, LI, VALID, WANG, at, event

SHIJIAN = load_pack("shijian", date(2026, 3, 2))
ZHUJIAN = load_pack("zhujian", date(2026, 3, 2))


def step(kind: str, when: str, *people: Person, id: str = "") -> StepFacts:  # noqa: A002
    begin = at(when)
    return StepFacts(
        id or kind, kind, begin, begin.replace(minute=50), tuple(p.id for p in people), "visit"
    )


VISIT = (
    step("show_id", "2026-03-03 09:00", BATEER, WANG),
    step("examine", "2026-03-03 09:10", BATEER, WANG),
    step("seize", "2026-03-03 10:00", BATEER, WANG, LI),
)
# Notice on Mon 16 March: plea and hearing windows of five working days run to Mon 23 March.
EVENTS = (
    event("case_filed", "2026-03-02"),
    event("notice_served", "2026-03-16", hearing_right=True),
)


def case(stage: str, **changes: Any) -> CaseFacts:
    """A case in order up to `stage`: passed review, whole evidence, two officers, notice served."""
    facts = CaseFacts(
        stage=stage,
        leads=("bateer",),
        handlers=("bateer", "wang"),
        people=(BATEER, WANG, LI),
        steps=VISIT,
        events=EVENTS,
        review=LegalReview(True, "zhao", at("2026-03-20")),
    )
    return msgspec.structs.replace(facts, **changes)


def move(facts: CaseFacts, to: str, now: str = "2026-03-30", pack: Pack = SHIJIAN) -> Transition:
    return check_transition(pack, facts, to, at(now))


def codes(found: Transition) -> list[str]:
    assert found.allowed is not bool(found.missing)
    for lack in found.missing:
        assert lack.zh and lack.en
        assert lack.article or lack.code == "stage_order"
    return [lack.code for lack in found.missing]


def plus(*events: Event) -> tuple[Event, ...]:
    return (*EVENTS, *events)


ALONG = [
    ("filed", "investigating", {}),
    ("investigating", "reviewing", {}),
    ("reviewing", "noticed", {}),
    ("noticed", "deciding", {}),
    ("deciding", "decided", {}),
    ("decided", "served", {"events": plus(event("decision_made", "2026-03-25"),
                                          event("decision_served", "2026-03-26"))}),
    ("served", "executing", {"events": plus(event("decision_served", "2026-03-26"))}),
    ("executing", "closed", {"events": plus(event("execution_ended", "2026-03-27"))}),
    ("closed", "archived", {"events": plus(event("case_closed", "2026-03-28"),
                                           event("decision_published", "2026-03-28"))}),
]  # fmt: skip


@pytest.mark.parametrize(("stage", "to", "changes"), ALONG)
def test_a_case_in_order_goes_all_the_way(stage: str, to: str, changes: dict[str, Any]) -> None:
    assert codes(move(case(stage, **changes), to)) == []


@pytest.mark.parametrize(
    ("stage", "to"),
    [("filed", "decided"), ("investigating", "deciding"), ("decided", "investigating"),
     ("archived", "filed"), ("closed", "executing"), ("filed", "nonsense"), ("filed", "filed")],
)  # fmt: skip
def test_a_stage_cannot_be_skipped_or_undone(stage: str, to: str) -> None:
    assert codes(move(case(stage), to)) == ["stage_order"]


@pytest.mark.parametrize("stage", ["reviewing", "noticed", "hearing", "deciding"])
def test_a_case_may_always_be_sent_back_to_investigate(stage: str) -> None:
    assert move(
        case(stage, leads=(), evidence_gaps=(EvidenceGap("s", "缺", "gap"),)), "investigating"
    ).allowed


EXPIRED = Person("bateer", "officer", (Certificate(date(2020, 1, 1), date(2026, 3, 2)),))
LATER = Person("bateer", "officer", (Certificate(date(2026, 3, 4), date(2028, 1, 1)),))
WITHHELD = Person(
    "bateer", "officer", VALID, (Suspended(at("2026-03-03 00:00"), at("2026-03-05")),)
)
WITHHELD_LATER = Person("bateer", "officer", VALID, (Suspended(at("2026-03-10")),))
LI_WITH_CARD = Person("li", "auxiliary", VALID)

OFFICERS = [
    ((BATEER, WANG), ("bateer", "wang"), True, "two certified officers"),
    ((BATEER, WANG, LI), ("bateer", "li"), False, "an auxiliary is not an officer"),
    ((BATEER, WANG, LI_WITH_CARD), ("bateer", "li"), False, "whatever card he carries"),
    ((BATEER, WANG), ("bateer", "bateer"), False, "one officer on two devices is one"),
    ((BATEER, WANG), ("bateer", "stranger"), False, "somebody unknown counts for nothing"),
    ((EXPIRED, WANG), ("bateer", "wang"), False, "a certificate that ended the day before"),
    ((LATER, WANG), ("bateer", "wang"), False, "valid today is not valid then"),
    ((WITHHELD, WANG), ("bateer", "wang"), False, "withheld at the event's time"),
    ((WITHHELD_LATER, WANG), ("bateer", "wang"), True, "withheld a week later"),
]


@pytest.mark.parametrize(("people", "present", "enough", "why"), OFFICERS)
def test_officers_count_by_certificate_at_the_events_time(
    people: tuple[Person, ...], present: tuple[str, ...], enough: bool, why: str
) -> None:
    examine = msgspec.structs.replace(VISIT[1], people=present)
    facts = case("investigating", people=people, steps=(VISIT[0], examine), leads=("wang",))
    found = [c for c in codes(move(facts, "reviewing")) if c == "too_few_officers"]
    shown = [p for p in people if p.id in VISIT[0].people]
    expected = (not enough) + (len(certified_officers(shown, VISIT[0].begin)) < 2)
    assert len(found) == expected, why


def test_a_certificate_counts_through_its_whole_last_day_in_shanghai() -> None:
    assert EXPIRED.certified(at("2026-03-02 23:59"))
    assert not EXPIRED.certified(at("2026-03-03 00:00"))


@pytest.mark.parametrize(
    ("steps", "expected", "why"),
    [
        (VISIT, [], "shown first"),
        (VISIT[1:], ["id_not_shown"], "never shown"),
        (
            (step("show_id", "2026-03-03 11:00", BATEER, WANG), *VISIT[1:]),
            ["id_shown_late"],
            "shown after",
        ),
        ((), [], "no visit, nothing to show"),
    ],
)
def test_certificates_are_shown_before_the_examination(
    steps: tuple[StepFacts, ...], expected: list[str], why: str
) -> None:
    assert codes(move(case("investigating", steps=steps), "reviewing")) == expected, why


def test_a_step_that_ends_before_it_begins_stops_the_case() -> None:
    backwards = msgspec.structs.replace(VISIT[1], end=at("2026-03-03 08:00"))
    assert codes(move(case("investigating", steps=(VISIT[0], backwards)), "reviewing")) == [
        "step_times"
    ]


@pytest.mark.parametrize(
    ("role", "reason", "stopped"),
    [
        ("", "", True),
        ("supervisor", "现场断电，已书面说明", False),
        ("supervisor", "  ", True),
        ("inspector", "忘了", True),
        ("head", "领导决定", True),
    ],
)
def test_missing_evidence_is_waived_only_with_reasons_by_whom_the_pack_allows(
    role: str, reason: str, stopped: bool
) -> None:
    gap = EvidenceGap("seize", "查封扣押：视频中断1处", "seizure: a gap", role, reason)
    found = move(case("investigating", evidence_gaps=(gap,)), "reviewing")
    assert codes(found) == (["evidence"] if stopped else [])
    assert not any(lack.hard for lack in found.missing)


WINDOWS = [
    ("2026-03-23 23:59", (), ["plea_window_open", "hearing_window_open"], "the last minute"),
    ("2026-03-24 00:00", (), [], "both windows closed unheard"),
    ("2026-03-20", (event("plea_waived", "2026-03-17"), event("hearing_waived", "2026-03-17")), [],
     "both waived in writing"),
    ("2026-03-20", (event("plea_waived", "2026-03-17"),), ["hearing_window_open"], "one waived"),
    ("2026-03-20", (event("plea_received", "2026-03-17"), event("hearing_waived", "2026-03-17")),
     ["plea_window_open"], "a plea doesn't close the window: a second may come"),
    ("2026-03-30", (event("hearing_requested", "2026-03-18"),), ["hearing_not_held"], "not held"),
    ("2026-04-10", (event("hearing_requested", "2026-03-18"), event("hearing_held", "2026-04-08")),
     [], "asked and held"),
    ("2026-03-20", (event("plea_waived", "2026-03-10"), event("hearing_waived", "2026-03-10")),
     ["plea_window_open", "hearing_window_open"], "a waiver before the notice waives nothing"),
]  # fmt: skip


@pytest.mark.parametrize(("now", "more", "expected", "why"), WINDOWS)
def test_nothing_is_decided_before_plea_and_hearing_windows_close(
    now: str, more: tuple[Event, ...], expected: list[str], why: str
) -> None:
    facts = case("noticed", events=plus(*more), review=LegalReview(True, "zhao", at("2026-03-15")))
    assert codes(move(facts, "deciding", now)) == expected, why


def test_a_notice_dated_next_week_reopens_no_window() -> None:
    later = plus(event("notice_served", "2026-04-06", hearing_right=True))
    assert codes(move(case("noticed", events=later), "deciding", "2026-03-30")) == []


def test_a_second_notice_opens_its_windows_anew() -> None:
    again = plus(event("notice_served", "2026-03-27", hearing_right=True))
    found = codes(move(case("noticed", events=again), "deciding", "2026-03-30"))
    assert found == ["plea_window_open", "hearing_window_open"]


def test_without_a_notice_there_is_no_decision() -> None:
    assert codes(move(case("deciding", events=EVENTS[:1]), "decided")) == ["no_notice"]


@pytest.mark.parametrize(
    ("data", "more", "expected"),
    [
        ({}, (), ["plea_unknown"]),
        ({}, (event("plea_received", "2026-03-18"),), []),
        ({"plea_until": "2026-04-01"}, (), ["plea_window_open"]),
        ({"plea_until": "2026-03-29"}, (), []),
    ],
)
def test_where_no_rule_gives_a_term_the_notice_must(
    data: dict[str, str], more: tuple[Event, ...], expected: list[str]
) -> None:
    events = (EVENTS[0], event("notice_served", "2026-03-16", **data), *more)
    assert codes(move(case("noticed", events=events), "deciding", pack=ZHUJIAN)) == expected


REVIEWS = [
    (LegalReview(True, "zhao", at("2026-03-20")), True, [], "passed by somebody else"),
    (None, True, ["no_legal_review"], "none"),
    (None, False, [], "none needed"),
    (LegalReview(False, "zhao", at("2026-03-20")), True, ["legal_review_failed"], "not passed"),
    (LegalReview(True, "wang", at("2026-03-20")), True, ["reviewer_is_handler"], "办审分离"),
    (LegalReview(True, "zhao", at("2026-04-20")), True, ["no_legal_review"], "dated tomorrow"),
]


@pytest.mark.parametrize(("review", "needed", "expected", "why"), REVIEWS)
def test_legal_review_is_hard(
    review: LegalReview | None, needed: bool, expected: list[str], why: str
) -> None:
    for stage, to in (("noticed", "deciding"), ("deciding", "decided")):
        found = move(case(stage, review=review, needs_review=needed), to)
        assert codes(found) == expected, why
        assert all(lack.hard for lack in found.missing)


def test_nobody_can_override_the_legal_review() -> None:
    """Neither a waiver nor a field of the case nor a department's pack gets round it."""
    waived = EvidenceGap("review", "法制审核", "legal review", "supervisor", "领导同意")
    assert "no_legal_review" in codes(
        move(case("deciding", review=None, evidence_gaps=(waived,)), "decided")
    )
    assert not [field for field in CaseFacts.__struct_fields__ if "override" in field]


@pytest.mark.parametrize(
    ("stage", "to", "changes", "expected"),
    [
        ("filed", "investigating", {"leads": ()}, ["lead"]),
        ("filed", "investigating", {"leads": ("bateer", "wang")}, ["lead"]),
        ("filed", "investigating", {"leads": ("li",)}, ["lead_certificate"]),
        ("investigating", "reviewing", {"unreviewed": ("cam-7",)}, ["monitoring_unreviewed"]),
        ("deciding", "decided", {"needs_discussion": True}, ["no_discussion"]),
        ("noticed", "deciding", {"first_offence": True}, ["first_offence_not_considered"]),
        ("reviewing", "noticed", {"correction_required": True}, ["no_correction_order"]),
        ("decided", "served", {}, ["no_decision", "not_served"]),
        ("served", "executing", {}, ["not_served"]),
        ("executing", "closed", {"events": plus(event("correction_ordered", "2026-03-05"))},
         ["not_executed", "not_rechecked"]),
        ("closed", "archived", {}, ["not_published", "not_closed"]),
        ("noticed", "hearing", {}, ["hearing_not_requested", "hearing_not_set"]),
    ],
)  # fmt: skip
def test_each_gate_names_what_it_lacks(
    stage: str, to: str, changes: dict[str, Any], expected: list[str]
) -> None:
    assert codes(move(case(stage, **changes), to)) == expected


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("2026-03-19", []),
        ("2026-03-24", ["hearing_notified_late"]),
        (None, ["hearing_not_notified"]),
    ],
)
def test_a_hearing_wants_seven_clear_working_days_of_notice(
    told: str | None, expected: list[str]
) -> None:
    """Heard on Tue 31 March: 30 27 26 25 24 23 20 lie clear, so told by Thu 19 March."""
    events = [
        event("hearing_requested", "2026-03-17"),
        event("hearing_set", "2026-03-18", on="2026-03-31"),
    ]
    events += [event("hearing_notified", told)] if told else []
    assert codes(move(case("noticed", events=plus(*events)), "hearing")) == expected


def test_a_first_offence_is_a_prompt_and_never_a_decision() -> None:
    considered = plus(event("first_offence_considered", "2026-03-20"))
    found = move(case("deciding", first_offence=True, events=considered), "decided")
    assert found.allowed, "once considered, either outcome is open"
    assert [p.code for p in found.prompts] == ["first_offence"]
    assert "可以" in found.prompts[0].zh and "may" in found.prompts[0].en


def test_everything_missing_is_listed_at_once() -> None:
    bare = CaseFacts(stage="deciding", events=EVENTS[:1], steps=VISIT[1:], needs_discussion=True)
    found = codes(move(bare, "decided"))
    assert set(found) == {
        "lead", "too_few_officers", "id_not_shown", "no_notice", "no_legal_review", "no_discussion",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "fine", "expected"),
    [("citizen", 200, []), ("citizen", 201, ["summary_limit"]),
     ("organisation", 3000, []), ("organisation", 3001, ["summary_limit"])],
)  # fmt: skip
def test_the_summary_procedure_has_limits(kind: str, fine: int, expected: list[str]) -> None:
    facts = case("filed", procedure="simple", party_kind=kind, fine=fine, review=None)
    assert codes(move(facts, "decided")) == expected


def test_a_dropped_case_may_close_from_any_stage_before_the_decision() -> None:
    assert codes(move(case("reviewing"), "closed")) == ["stage_order"]
    dropped = plus(event("case_dropped", "2026-03-20"))
    assert codes(move(case("reviewing", events=dropped), "closed")) == []


def test_events_that_have_not_happened_yet_open_no_gate() -> None:
    future = plus(event("decision_made", "2026-04-25"), event("decision_served", "2026-04-26"))
    assert codes(move(case("decided", events=future), "served")) == ["no_decision", "not_served"]


def test_service_by_announcement_counts_once_its_term_has_passed() -> None:
    posted = plus(event("decision_made", "2026-03-25"), event("announcement_posted", "2026-03-26"))
    assert codes(move(case("decided", events=posted), "served", "2026-04-27")) == ["not_served"]
    # Thirty days end on Sat 25 April and roll to Mon 27 April.
    assert codes(move(case("decided", events=posted), "served", "2026-04-28")) == []


def test_every_stage_leads_somewhere_known() -> None:
    for following in NEXT.values():
        assert following.keys() == STAGES.keys()
        assert all(stage in STAGES for stages in following.values() for stage in stages)
