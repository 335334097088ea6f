"""The arithmetic of limits: every pitfall of counting, and one worked example for every rule."""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.rules.calendar import SHANGHAI, published_calendar
from backend.rules.errors import BadCount, NoExtension, UnknownRule
from backend.rules.pack import load_pack
from backend.rules.periods import Count, Limit, add_months, count_days, extend, merge_ranges
from backend.rules.worked import due_command, due_json, due_lines, due_object

CALENDAR = published_calendar()


def day(text: str) -> date:
    return date.fromisoformat(text)


def span(text: str) -> tuple[date, date]:
    first, last = text.split("..")
    return day(first), day(last)


# What the event is, what comes out (due, strict), and the count by hand.
WORKED = [
    (
        "media.upload",
        "2026-04-30 14:30",
        "2026-05-01T14:30:00+08:00",
        "",
        "hours run into a holiday",
    ),
    ("force.backfill", "2026-03-06 23:00", "2026-03-07T23:00:00+08:00", "", "and into a Saturday"),
    ("reg.dispose", "2026-04-28", "2026-05-11", "", "29 30 | May 6 7 8, Sat 9 works, 11"),
    ("seize.end", "2026-03-05", "2026-04-07", "2026-04-04", "+30 = Sat of Qingming, rolled past 6"),
    ("seize.ext", "2026-04-04", "2026-05-06", "2026-05-04", "from the unrolled expiry, not Apr 7"),
    (
        "case.decide",
        "2026-03-02",
        "2026-06-01",
        "2026-05-31",
        "29 in Mar, 30 Apr, 31 May = 90: Sun",
    ),
    ("case.ext.sj", "2026-05-31", "2026-06-30", "", "+30 from the unrolled Sunday"),
    ("lead.sj", "2026-03-02", "2026-03-23", "", "4 + 5 + 5 working days, then Mon 23"),
    ("lead.zj", "2026-03-02", "2026-03-23", "", "15日 of 住建45 are working days"),
    ("review.nm", "2026-03-02", "2026-03-09", "", "3 4 5 6 | 9"),
    ("review.zj", "2026-03-02", "2026-03-16", "", "4 + 5 + Mon 16"),
    ("state.sj", "2026-03-02", "2026-03-09", "", "3 4 5 6 | 9"),
    ("hear.req", "2026-03-02", "2026-03-09", "", "五日 of 处罚85 are working days"),
    ("hear.notify", "2026-03-19", "2026-03-09", "", "18 17 16 13 12 11 10 lie clear between"),
    ("serve", "2026-03-02", "2026-03-11", "", "3 4 5 6 | 9 10 11"),
    ("serve.pub", "2026-03-02", "2026-04-01", "", "+30 natural days"),
    ("pay", "2026-04-16", "2026-05-06", "2026-05-01", "15日 is natural; 1–5 May off"),
    ("surcharge", "2026-05-06", "2026-05-07", "", "the day after the pay day, no rolling"),
    ("cash.officer", "2026-04-30", "2026-05-07", "", "May 6, 7"),
    ("cash.bank", "2026-05-08", "2026-05-11", "", "Sat 9 works, Mon 11"),
    ("pub.penalty", "2026-03-02", "2026-03-11", "", "7 working days"),
    ("pub.permit", "2026-03-02", "2026-03-11", "", "7 working days"),
    ("pub.other", "2026-03-02", "2026-03-30", "", "4 + 5 + 5 + 5, then Mon 30"),
    ("pub.withdraw", "2026-03-02", "2026-03-05", "", "3 working days at the outside"),
    ("simple.file.zj", "2026-03-02", "2026-03-05", "", "3日 of 住建45"),
    ("close", "2026-03-02", "2026-03-23", "", "15 working days"),
    ("review.right", "2026-03-02", "2026-05-06", "2026-05-01", "29 + 30 + 1 = 60: Labour Day"),
    ("suit.right", "2025-12-31", "2026-06-30", "", "no 31 June: the month's end"),
    ("court.apply", "2025-11-30", "2026-02-28", "", "a Saturday, but a make-up working day"),
    ("demand", "2026-03-02", "2026-03-16", "", "十日 of 强制69 are working days"),
    ("agent.exec", "2026-05-08", "2026-04-30", "", "back: 7, 6, Apr 30"),
    ("freeze.notice", "2026-03-02", "2026-03-05", "", "3 working days"),
    ("permit.fix", "2026-03-02", "2026-03-09", "", "许可82: working days"),
    ("permit.decide", "2026-03-02", "2026-03-30", "", "20 working days"),
    ("permit.serve", "2026-03-02", "2026-03-16", "", "10 working days"),
    ("crime.approve", "2026-04-30", "2026-05-06", "2026-05-03", "unit unstated: natural days"),
    ("crime.transfer", "2026-03-06 09:15", "2026-03-07T09:15:00+08:00", "", "24 hours, no roll"),
    ("limit.2y", "2024-03-01", "2026-03-01", "", "a Sunday; prescription never rolls"),
    ("limit.5y", "2020-02-29", "2025-02-28", "", "no 29 February: the month's end"),
    ("annual.stat", "2026-08-08", "2026-01-31", "", "a Saturday; a fixed date never rolls"),
    ("annual.law", "2026-03-02", "2026-12-20", "", "a Sunday"),
    ("sup.reply", "2026-03-02", "2026-04-01", "", "+30 natural days"),
    ("file.major", "2026-03-02", "2026-03-17", "", "unverified, counted all the same"),
    ("insp.plan", "2026-03-02", "2026-03-31", "", "unverified, counted all the same"),
]


@pytest.mark.parametrize(("rule", "event", "due", "strict", "by_hand"), WORKED)
def test_every_rule_counts_as_by_hand(
    rule: str, event: str, due: str, strict: str, by_hand: str
) -> None:
    on, _, at = event.partition(" ")
    answer = due_object(due_command(rule, day(on), at=time.fromisoformat(at) if at else None))
    assert (answer["due"], answer["strict"]) == (due, strict or due), by_hand
    assert answer["provisional"] is False
    assert list(answer) == ["rule", "due", "strict", "provisional", "steps"]
    assert answer["rule"] == rule and len(answer["steps"]) >= 2


EXTENDED = [
    ("case.decide", None, "2026-03-02", "2026-06-30", "from Sun 31 May, not from Mon 1 June"),
    ("case.decide", "zhujian", "2026-03-02", "2026-06-30", "住建29 gives thirty too"),
    ("seize.end", None, "2026-03-05", "2026-05-06", "4 Apr + 30 = 4 May, rolled; not 7 May"),
    ("lead.sj", None, "2026-03-02", "2026-04-14", "24–27 | 30–3 | 7–10 | 13 14"),
    ("lead.zj", None, "2026-03-02", "2026-04-07", "10 more: 24–27 | 30–3 | 7 (6 is Qingming)"),
    ("review.nm", None, "2026-03-02", "2026-03-16", "5 + 5"),
    ("permit.decide", None, "2026-03-02", "2026-04-14", "31 | 1–3 | 7–10 | 13 14"),
]


@pytest.mark.parametrize(("rule", "sector", "event", "due", "by_hand"), EXTENDED)
def test_an_extension_runs_from_the_unrolled_date(
    rule: str, sector: str | None, event: str, due: str, by_hand: str
) -> None:
    assert due_command(rule, day(event), extend=True, sector=sector).due == day(due), by_hand


def test_the_golden_case_of_the_command_line() -> None:
    """`case.decide 2026-03-02 --exclude 2026-04-13..2026-04-27`, by hand.

    Day 0 is 2 March. To 31 March are 29 days, to 12 April 12 more: 41. The 13th to the 27th of
    April, fifteen days, don't count. 28–30 April: 44. May: 75. 15 days of June make 90, so it
    ends on 15 June 2026, a Monday, which works: nothing rolls.
    """
    due = due_command("case.decide", day("2026-03-02"), [span("2026-04-13..2026-04-27")])
    answer = json.loads(due_json(due))
    assert answer["due"] == answer["strict"] == "2026-06-15"
    assert answer["provisional"] is False
    assert any("15日" in line and "2026-06-15" in line for line in answer["steps"])
    assert any("第60条" in line and "art. 60" in line for line in answer["steps"])


EXCLUSIONS = [
    ("seize.end", "2026-03-05", ["2026-03-10..2026-03-10"], "2026-04-07", "added before rolling"),
    ("seize.end", "2026-03-02", ["2026-04-01..2026-04-01"], "2026-04-02", "the last day itself"),
    ("seize.end", "2026-03-02", ["2026-04-02..2026-04-09"], "2026-04-01", "after the end: nothing"),
    ("seize.end", "2026-03-02", ["2026-02-20..2026-03-02"], "2026-04-01", "day 0 never counted"),
    ("seize.end", "2026-03-02", ["2026-03-05..2026-03-06", "2026-03-06..2026-03-07"], "2026-04-07",
     "a day that two exclusions name is left out once: Apr 4, rolled"),
    ("seize.end", "2026-03-02", ["2026-03-30..2026-04-02", "2026-04-03..2026-04-03"], "2026-04-07",
     "an exclusion that only the first one lets in: Apr 6, rolled"),
    ("reg.dispose", "2026-03-02", ["2026-03-07..2026-03-08"], "2026-03-11", "a weekend is free"),
    ("reg.dispose", "2026-03-02", ["2026-03-06..2026-03-09"], "2026-03-13", "two days lost"),
    ("suit.right", "2026-01-05", ["2026-02-01..2026-02-10"], "2026-07-15", "days added to months"),
    ("media.upload", "2026-03-02", ["2026-03-02..2026-03-03"], "2026-03-05T00:00:00+08:00",
     "hours stand still for two whole days"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "event", "excludes", "due", "why"), EXCLUSIONS)
def test_exclusions_are_left_out(
    rule: str, event: str, excludes: list[str], due: str, why: str
) -> None:
    found = due_command(rule, day(event), [span(text) for text in excludes])
    assert due_object(found)["due"] == due, why


PROVISIONAL = [
    ("case.decide", "2026-10-20", True, "ends on Mon 2027-01-18: does it work? nobody knows"),
    ("reg.dispose", "2026-12-28", True, "working days of 2027"),
    ("suit.right", "2026-08-31", True, "28 February 2027, a Sunday, rolled"),
    ("limit.2y", "2026-08-31", False, "prescription asks no calendar"),
    ("media.upload", "2026-12-31", False, "hours ask no calendar"),
    ("annual.law", "2027-03-01", False, "a fixed date asks no calendar"),
    ("pay", "2026-12-10", False, "ends on 25 December, known"),
]


@pytest.mark.parametrize(("rule", "event", "provisional", "why"), PROVISIONAL)
def test_an_unpublished_year_makes_a_count_provisional(
    rule: str, event: str, provisional: bool, why: str
) -> None:
    due = due_command(rule, day(event))
    assert due.provisional is provisional, why
    assert any("暂定" in step.zh and "PROVISIONAL" in step.en for step in due.steps) is provisional


def test_an_extension_is_provisional_only_for_what_it_asked() -> None:
    # 90 days end on 31 Dec 2026; 30 more on 30 Jan 2027, whose rolling nobody can know.
    assert due_command("case.decide", day("2026-10-02"), extend=True).provisional
    # The first expiry lies in 2027 but only its unrolled date is used, and the month is known.
    assert not due_command("case.decide", day("2026-09-02")).provisional


@pytest.mark.parametrize(
    ("rule", "event", "words", "why"),
    [
        ("pay", "2026-04-24", "调休上班日", "the last day is Sat 9 May, which works"),
        ("annual.stat", "2026-01-01", "不顺延", "a Saturday that stays"),
        ("seize.end", "2026-03-05", "按未顺延日预警", "the alarm is on the strict date"),
        ("demand", "2026-03-02", "2026-03-17", "one may apply from the next day"),
        ("surcharge", "2026-03-17", "2026-04-20", "34 days of 3% reach the cap"),
        ("crime.approve", "2026-03-02", "未写明", "the unit is unstated"),
        ("review.zj", "2026-03-02", "review.nm", "two laws differ"),
        ("file.major", "2026-03-02", "未核实", "unverified rows say so"),
        ("lead.sj", "2026-03-02", "shijian", "taken from a sector nobody named"),
        ("media.upload", "2019-03-04", "尚未施行", "244号 was not in force"),
    ],
)
def test_the_steps_say_what_to_beware_of(rule: str, event: str, words: str, why: str) -> None:
    assert any(words in line for line in due_lines(due_command(rule, day(event)))), why


def test_lines_come_in_one_language_when_asked() -> None:
    due = due_command("pay", day("2026-04-16"))
    assert due_lines(due, "zh")[-1] == "届满：2026-05-06（周三）"
    assert due_lines(due, "en")[-1] == "due: 2026-05-06 (Wed)"
    assert len(due_lines(due)) == len(due_lines(due, "en")) == len(due.steps) + 2


def test_an_unknown_rule_is_refused_with_those_near_it() -> None:
    with pytest.raises(UnknownRule) as refusal:
        due_command("case.decid", day("2026-03-02"))
    assert "case.decide" in refusal.value.near
    assert "case.decide" in str(refusal.value)


@pytest.mark.parametrize("rule", ["pay", "media.upload", "annual.stat", "hear.notify"])
def test_a_limit_without_extension_is_not_extended(rule: str) -> None:
    with pytest.raises(NoExtension):
        due_command(rule, day("2026-03-02"), extend=True)


@pytest.mark.parametrize(
    ("rule", "event", "exclude"),
    [
        ("case.decide", "2026-03-02", "2026-04-27..2026-04-13"),
        ("hear.notify", "2026-03-19", "2026-03-10..2026-03-11"),
        ("annual.stat", "2026-03-19", "2026-01-10..2026-01-11"),
        ("case.decide", "1970-01-01", "1970-01-02..1970-01-03"),
        ("case.decide", "2026-03-02", "2026-03-03..2100-12-30"),
        ("case.decide", "2026-03-02", "2026-03-03..9999-12-31"),
        ("case.decide", "0001-01-01", "2026-03-03..2026-03-04"),
    ],
)
def test_a_count_that_makes_no_sense_is_refused(rule: str, event: str, exclude: str) -> None:
    with pytest.raises(BadCount):
        due_command(rule, day(event), [span(exclude)])


def test_clear_days_are_a_setting() -> None:
    pack = load_pack(None, day("2026-03-02"))
    lenient = Limit(7, "WD", before=True)
    assert count_days(pack.limits["hear.notify"], day("2026-03-19"), (), CALENDAR).due == day(
        "2026-03-09"
    )
    assert count_days(lenient, day("2026-03-19"), (), CALENDAR).due == day("2026-03-10")


days = st.dates(date(2010, 1, 1), date(2040, 12, 31))
lengths = st.integers(1, 400)
units = st.sampled_from(["WD", "ND", "MO", "Y"])
ranges = st.lists(st.tuples(days, st.integers(0, 60)), max_size=4).map(
    lambda rows: merge_ranges((d.toordinal(), d.toordinal() + n) for d, n in rows)
)


def counted(unit: str, length: int, start: date, excluded: list[tuple[int, int]]) -> Count:
    return count_days(Limit(length % 30 + 1 if unit in ("MO", "Y") else length, unit, roll=True),
                      start, excluded, CALENDAR)  # fmt: skip


@given(units, lengths, days, ranges)
def test_an_exclusion_never_brings_a_deadline_forward(
    unit: str, length: int, start: date, excluded: list[tuple[int, int]]
) -> None:
    assert counted(unit, length, start, excluded).strict >= counted(unit, length, start, []).strict


@given(units, lengths, days, ranges)
def test_due_is_the_first_working_day_from_the_strict_one(
    unit: str, length: int, start: date, excluded: list[tuple[int, int]]
) -> None:
    count = counted(unit, length, start, excluded)
    assert CALENDAR.is_working(count.due)
    between = (count.due - count.strict).days
    assert all(not CALENDAR.is_working(count.strict + timedelta(n)) for n in range(between))


@given(lengths, days, ranges)
def test_counting_day_by_day_gives_the_same(
    length: int, start: date, excluded: list[tuple[int, int]]
) -> None:
    """The tables against a walk that anybody can follow."""
    for unit in ("WD", "ND"):
        at, left = start, length
        while left:
            at += timedelta(1)
            out = any(a <= at.toordinal() <= b for a, b in excluded)
            left -= not out and (unit == "ND" or CALENDAR.is_working(at))
        assert count_days(Limit(length, unit), start, excluded, CALENDAR).strict == at


@given(lengths, lengths, days)
def test_two_limits_in_a_row_are_one_long_one(a: int, b: int, start: date) -> None:
    for unit in ("WD", "ND"):
        first = count_days(Limit(a, unit, roll=True), start, (), CALENDAR)
        both = extend(first, Limit(b, unit, roll=True), (), CALENDAR)
        assert both.due == count_days(Limit(a + b, unit, roll=True), start, (), CALENDAR).due


@given(days, st.integers(1, 60))
def test_months_end_on_the_corresponding_day_or_the_months_end(start: date, months: int) -> None:
    end = add_months(start, months)
    assert (end.year * 12 + end.month) - (start.year * 12 + start.month) == months
    assert end.day == start.day or (end + timedelta(1)).day == 1


def test_hours_carry_their_time_and_offset() -> None:
    due = due_command("media.upload", day("2026-03-02"), at=time(14, 30))
    assert due.due == datetime(2026, 3, 3, 14, 30, tzinfo=SHANGHAI)
