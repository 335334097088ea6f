"""Events in, deadlines out: opened, suspended, extended, met, late, chained."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from backend.rules.deadlines import Due, deadlines_of
from backend.rules.errors import BadEvent
from backend.rules.events import EVENT_KINDS, Event, problems
from backend.rules.pack import Pack, load_pack
from tests.rules.cast import at, event

SHIJIAN = load_pack("shijian", date(2026, 3, 2))
ZHUJIAN = load_pack("zhujian", date(2026, 3, 2))


def one(events: list[Event], rule: str, now: str, pack: Pack = SHIJIAN) -> Due:
    dues = [due for due in deadlines_of(pack, events, at(now)) if due.rule == rule]
    assert len(dues) == 1, [due.key for due in dues]
    return dues[0]


STATES = [
    ("2026-03-03", "open", "filed on 2 March, due 1 June"),
    ("2026-05-01 23:59", "open", "a minute before the first warning"),
    ("2026-05-02 00:00", "near", "30 days before 1 June is 2 May: from that midnight on"),
    ("2026-05-30", "near", "two days before"),
    ("2026-06-01 23:59", "near", "the last day runs to 24:00 (民法典203)"),
    ("2026-06-02 00:00", "overdue", "and not longer"),
]


def test_the_first_warning_falls_thirty_days_before() -> None:
    due = one([event("case_filed", "2026-03-02")], "case.decide", "2026-03-03")
    assert [w.astimezone(UTC) for w in due.warn_at] == [
        at("2026-05-02 00:00"),
        at("2026-05-17 00:00"),
        at("2026-05-27 00:00"),
    ]
    assert due.ends_at == at("2026-06-02 00:00")


@pytest.mark.parametrize(("now", "state", "why"), STATES)
def test_a_deadline_turns_from_open_to_near_to_overdue(now: str, state: str, why: str) -> None:
    assert one([event("case_filed", "2026-03-02")], "case.decide", now).state == state, why


def test_next_change_walks_through_every_change_of_state() -> None:
    """A sweep that sleeps until `next_change_at` misses nothing."""
    events = [event("case_filed", "2026-03-02")]
    now, seen = at("2026-03-02 12:00"), []
    while True:
        due = one(events, "case.decide", now.strftime("%Y-%m-%d %H:%M"))
        seen.append(due.state)
        if due.next_change_at is None:
            break
        assert due.next_change_at > now
        now = due.next_change_at.astimezone(now.tzinfo)
    assert seen == ["open", "near", "near", "near", "overdue"]


MEETINGS = [
    ("case_filed", "decision_made", "2026-05-20", "met", "in time"),
    ("case_filed", "decision_made", "2026-06-01 20:00", "met", "on the last evening"),
    ("case_filed", "decision_made", "2026-06-02 09:00", "met_late", "a day late stays visible"),
    ("case_filed", "case_dropped", "2026-05-20", "met", "dropped also ends it"),
    (
        "case_filed",
        "decision_made",
        "2026-02-20",
        "overdue",
        "a decision before filing ends nothing",
    ),
]


@pytest.mark.parametrize(("opens", "meets", "when", "state", "why"), MEETINGS)
def test_a_deadline_is_met_by_the_events_it_names(
    opens: str, meets: str, when: str, state: str, why: str
) -> None:
    events = [event(opens, "2026-03-02"), event(meets, when)]
    assert one(events, "case.decide", "2026-07-01").state == state, why


def test_the_upload_clock_starts_at_each_recordings_own_end() -> None:
    events = [
        event("case_filed", "2026-02-01"),
        event("recording_ended", "2026-03-02 10:00", "rec-1", "r1"),
        event("recording_ended", "2026-03-02 16:00", "rec-2", "r2"),
        event("recording_uploaded", "2026-03-03 09:59", "rec-1", "u1"),
    ]
    dues = {d.event.subject: d for d in deadlines_of(SHIJIAN, events, at("2026-03-03 15:00"))
            if d.rule == "media.upload"}  # fmt: skip
    assert dues["rec-1"].state == "met"
    assert dues["rec-2"].state == "near"
    assert dues["rec-2"].due == at("2026-03-03 16:00")


def test_a_late_sync_may_reveal_a_deadline_that_is_already_missed() -> None:
    """Deadlines run from the event; when the server learns of it is no part of the count."""
    revealed = one(
        [event("recording_ended", "2026-03-02 10:00", "rec")], "media.upload", "2026-03-09"
    )
    assert revealed.state == "overdue"
    assert revealed.ends_at == at("2026-03-03 10:00")


def test_an_event_of_late_evening_in_utc_belongs_to_the_next_shanghai_day() -> None:
    filed = Event("case_filed", datetime(2026, 3, 1, 17, 0, tzinfo=UTC), "f")
    assert one([filed], "case.decide", "2026-03-05").strict == date(2026, 5, 31)


SUSPENSIONS = [
    ("testing", "2026-06-15", "testing stops the case: the golden case"),
    ("hearing", "2026-06-15", "a hearing too"),
    ("remote_duty", "2026-06-01", "remote duty stops uploads, not cases"),
]


@pytest.mark.parametrize(("reason", "due", "why"), SUSPENSIONS)
def test_a_clock_stops_only_for_reasons_that_the_law_names(reason: str, due: str, why: str) -> None:
    events = [
        event("case_filed", "2026-03-02"),
        event("clock_stopped", "2026-04-13", reason=reason),
        event("clock_restarted", "2026-04-27", reason=reason),
    ]
    assert one(events, "case.decide", "2026-05-01").due == date.fromisoformat(due), why


def test_a_standing_suspension_says_so_and_moves_with_today() -> None:
    events = [
        event("case_filed", "2026-03-02"),
        event("clock_stopped", "2026-04-13", reason="testing"),
    ]
    later = one(events, "case.decide", "2026-07-01")
    assert later.state == "suspended" and later.next_change_at is None
    assert later.strict == date(2026, 5, 31) + timedelta(days=80), "13 April to 1 July left out"
    assert any("尚未恢复" in step.zh for step in later.steps)


def test_a_suspension_that_begins_after_the_expiry_hides_nothing() -> None:
    stopped = event("clock_stopped", "2026-06-10", reason="testing")
    due = one([event("case_filed", "2026-03-02"), stopped], "case.decide", "2026-07-01")
    assert (due.state, due.due) == ("overdue", date(2026, 6, 1))


def test_a_suspension_that_has_not_begun_stops_nothing_yet() -> None:
    stopped = event("clock_stopped", "2026-05-25", reason="testing")
    due = one([event("case_filed", "2026-03-02"), stopped], "case.decide", "2026-04-01")
    assert (due.state, due.due) == ("open", date(2026, 6, 1))


def test_a_suspension_told_in_advance_needs_no_restart() -> None:
    events = [
        event("seizure_started", "2026-03-02", "lot"),
        event("clock_stopped", "2026-03-10", "lot", reason="testing", until="2026-03-14"),
    ]
    due = one(events, "seize.end", "2026-03-11")
    assert (due.strict, due.due) == (date(2026, 4, 6), date(2026, 4, 7))


def test_one_lots_testing_does_not_stop_the_other_lots_clock() -> None:
    events = [
        event("seizure_started", "2026-03-02", "lot-1"),
        event("seizure_started", "2026-03-02", "lot-2"),
        event("clock_stopped", "2026-03-10", "lot-1", reason="testing", until="2026-03-14"),
    ]
    strict = {d.event.subject: d.strict for d in deadlines_of(SHIJIAN, events, at("2026-03-11"))
              if d.rule == "seize.end"}  # fmt: skip
    assert strict == {"lot-1": date(2026, 4, 6), "lot-2": date(2026, 4, 1)}


def test_a_seizure_alarms_on_its_strict_date_and_shows_both() -> None:
    events = [event("seizure_started", "2026-03-05", "lot")]
    due = one(events, "seize.end", "2026-04-05")
    assert (due.strict, due.due, due.state) == (date(2026, 4, 4), date(2026, 4, 7), "overdue")
    released = [*events, event("seizure_released", "2026-04-07", "lot")]
    assert one(released, "seize.end", "2026-04-08").state == "met", (
        "the rolled day is still in time"
    )


def test_an_extension_in_time_moves_the_deadline_and_keeps_its_key() -> None:
    events = [event("case_filed", "2026-03-02", id="filed")]
    before = one(events, "case.decide", "2026-05-20")
    after = one([*events, event("case_extended", "2026-05-20")], "case.decide", "2026-05-20")
    assert before.key == after.key == "case.decide@filed"
    assert after.due == date(2026, 6, 30)


def test_an_extension_after_the_expiry_is_not_applied_and_says_so() -> None:
    events = [
        event("seizure_started", "2026-03-05", "lot"),
        event("seizure_extended", "2026-04-05", "lot"),
    ]
    due = one(events, "seize.end", "2026-04-05")
    assert due.strict == date(2026, 4, 4)
    assert any("不予计入" in step.zh and "not applied" in step.en for step in due.steps)


@pytest.mark.parametrize(
    ("sector", "days", "strict"),
    [("shijian", 45, "2026-08-14"), ("zhujian", 60, "2026-08-29"), ("zhujian", None, "2026-08-29")],
)
def test_a_second_extension_is_as_long_as_was_decided(
    sector: str, days: int | None, strict: str
) -> None:
    data = {} if days is None else {"days": days}
    events = [
        event("case_filed", "2026-03-02"),
        event("case_extended", "2026-05-20"),
        event("case_extended_again", "2026-06-20", **data),
    ]
    pack = load_pack(sector, date(2026, 3, 2))
    assert one(events, "case.decide", "2026-06-21", pack).strict == date.fromisoformat(strict)


@pytest.mark.parametrize(("sector", "days"), [("zhujian", 61), ("shijian", None), ("shijian", 0)])
def test_a_second_extension_beyond_the_law_is_refused(sector: str, days: int | None) -> None:
    data = {} if days is None else {"days": days}
    events = [event("case_filed", "2026-03-02"), event("case_extended_again", "2026-05-20", **data)]
    with pytest.raises(BadEvent, match="case_extended_again"):
        deadlines_of(load_pack(sector, date(2026, 3, 2)), events, at("2026-05-21"))


def test_an_unpaid_fine_opens_the_surcharge_from_the_rolled_day() -> None:
    served = event("decision_served", "2026-04-16", id="s")
    assert one([served], "pay", "2026-05-06 20:00").state == "near"
    assert not [
        d for d in deadlines_of(SHIJIAN, [served], at("2026-05-06 20:00")) if d.rule == "surcharge"
    ]
    surcharge = one([served], "surcharge", "2026-05-08")
    assert (surcharge.due, surcharge.state) == (date(2026, 5, 7), "accruing")
    paid = [served, event("fine_paid", "2026-05-06 23:00")]
    assert not [d for d in deadlines_of(SHIJIAN, paid, at("2026-05-08")) if d.rule == "surcharge"]


def test_an_announcement_is_service_after_thirty_days_and_payment_follows() -> None:
    posted = [event("announcement_posted", "2026-03-02", id="p")]
    assert one(posted, "serve.pub", "2026-04-01 12:00").state == "open"
    assert one(posted, "serve.pub", "2026-04-02").state == "elapsed"
    assert one(posted, "pay", "2026-04-02").due == date(2026, 4, 16)


def test_expired_remedies_open_the_courts_three_months() -> None:
    served = [event("decision_served", "2025-01-15", no_fine=True)]
    assert one(served, "court.apply", "2025-07-20").due == date(2025, 10, 15)
    reviewed = [*served, event("review_applied", "2025-02-01")]
    assert not [
        d for d in deadlines_of(SHIJIAN, reviewed, at("2025-07-20")) if d.rule == "court.apply"
    ]


def test_remedies_recorded_as_expired_are_not_inferred_a_second_time() -> None:
    events = [event("decision_served", "2025-01-15"), event("remedies_expired", "2025-08-01")]
    assert one(events, "court.apply", "2025-09-01").due == date(2025, 11, 3), "1 Nov is a Saturday"


def test_a_permit_nobody_answered_is_deemed_accepted_on_its_first_day() -> None:
    applied = [event("permit_applied", "2026-03-02")]
    assert one(applied, "permit.decide", "2026-03-20").due == date(2026, 3, 30)


@pytest.mark.parametrize(
    ("kind", "data", "opened"),
    [
        ("notice_served", {}, {"state.sj"}),
        ("notice_served", {"hearing_right": True}, {"state.sj", "hear.req"}),
        ("decision_made", {}, {"pub.penalty"}),
        ("decision_made", {"party_absent": True}, {"pub.penalty", "serve"}),
        ("decision_served", {"no_fine": True}, {"review.right", "suit.right"}),
        ("act_ended", {}, {"limit.2y"}),
        ("act_ended", {"endangers_life": True}, {"limit.5y"}),
    ],
)
def test_what_an_event_says_decides_which_rules_it_opens(
    kind: str, data: dict[str, bool], opened: set[str]
) -> None:
    dues = deadlines_of(SHIJIAN, [event(kind, "2026-03-02", **data)], at("2026-03-03"))
    assert {due.rule for due in dues} == opened


def test_a_hearing_notified_too_late_is_met_late() -> None:
    set_ = event("hearing_set", "2026-03-05", "h", on="2026-03-19")
    for told, state in (("2026-03-09 17:00", "met"), ("2026-03-10", "met_late")):
        due = one([set_, event("hearing_notified", told, "h")], "hear.notify", "2026-03-12")
        assert due.state == state


def test_both_legal_review_limits_run_where_two_laws_differ() -> None:
    events = [event("review_materials_received", "2026-03-02")]
    dues = {d.rule: d.due for d in deadlines_of(ZHUJIAN, events, at("2026-03-03"))}
    assert dues == {"review.nm": date(2026, 3, 9), "review.zj": date(2026, 3, 16)}


def test_unverified_rules_open_nothing() -> None:
    assert (
        deadlines_of(SHIJIAN, [event("major_decision_made", "2026-03-02")], at("2026-03-03")) == ()
    )


def test_the_order_of_events_does_not_matter() -> None:
    events = [
        event("case_filed", "2026-03-02", id="a"),
        event("case_extended", "2026-05-20", id="b"),
        event("decision_served", "2026-06-01", id="c"),
        event("fine_paid", "2026-06-05", id="d"),
    ]
    now = at("2026-06-20")
    forward = [(d.key, d.due, d.state) for d in deadlines_of(SHIJIAN, events, now)]
    backward = [(d.key, d.due, d.state) for d in deadlines_of(SHIJIAN, events[::-1], now)]
    assert sorted(forward) == sorted(backward)


def test_a_corrected_event_recomputes_and_keeps_the_key() -> None:
    before = one([event("case_filed", "2026-03-02", id="f")], "case.decide", "2026-03-20")
    after = one([event("case_filed", "2026-03-05", id="f")], "case.decide", "2026-03-20")
    assert before.key == after.key and after.due > before.due


@pytest.mark.parametrize(
    "events",
    [
        [Event("no_such_kind", at("2026-03-02"))],
        [Event("case_filed", datetime(2026, 3, 2))],
        [event("case_filed", "2026-03-02", id="x"), event("decision_made", "2026-03-05", id="x")],
        [event("clock_stopped", "2026-03-02", reason="holiday trip")],
        [event("clock_stopped", "2026-03-02", reason="declared")],
        [event("hearing_set", "2026-03-02")],
        [event("hearing_set", "2026-03-02", on="next week")],
    ],
    ids=[
        "unknown kind",
        "naive time",
        "one id twice",
        "unknown reason",
        "excluded by hand",
        "no date",
        "not a date",
    ],
)
def test_events_that_cannot_be_counted_are_refused(events: list[Event]) -> None:
    with pytest.raises(BadEvent):
        deadlines_of(SHIJIAN, events, at("2026-03-03"))


def test_events_that_can_hardly_be_true_are_pointed_out() -> None:
    events = [
        event("case_filed", "2026-03-02"),
        event("decision_made", "2026-02-20"),
        event("recording_ended", "1970-01-01 08:00", "rec"),
        event("decision_served", "2027-03-02"),
        event("clue_received", "2026-02-01"),
    ]
    found = {(p.code, p.event.kind) for p in problems(events, at("2026-06-01"))}
    assert found == {
        ("before_filing", "decision_made"),
        ("clock_unset", "recording_ended"),
        ("in_future", "decision_served"),
    }


def test_every_deadline_explains_itself_in_both_languages() -> None:
    """Whatever an event opens has an article, a basis and lines without a hole."""
    extra = {"on": "2026-03-30", "hearing_right": True, "party_absent": True}
    for sector in ("shijian", "zhujian", "chengguan"):
        pack = load_pack(sector, date(2026, 3, 2))
        for kind in EVENT_KINDS.keys() - {"clock_stopped"}:
            for due in deadlines_of(pack, [event(kind, "2026-03-02", **extra)], at("2026-03-03")):
                assert due.article and due.basis and due.confidence == "V"
                assert all(step.zh and step.en for step in due.steps) and due.steps
