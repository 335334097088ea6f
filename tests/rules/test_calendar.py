"""Working days, make-up days, and years that nobody has published."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from backend.rules.calendar import law_date, midnight, published_calendar
from backend.rules.errors import BadCount

CALENDAR = published_calendar()


@pytest.mark.parametrize(
    ("day", "works", "kind", "why"),
    [
        ("2026-03-02", True, "working", "an ordinary Monday"),
        ("2026-03-07", False, "weekend", "an ordinary Saturday"),
        ("2026-02-14", True, "make_up", "a Saturday worked for Spring Festival"),
        ("2026-02-28", True, "make_up", "the other one"),
        ("2026-05-09", True, "make_up", "a Saturday worked for Labour Day"),
        ("2026-04-06", False, "holiday", "a Monday off for Qingming"),
        ("2026-10-07", False, "holiday", "a Wednesday off in lieu"),
        ("2025-01-26", True, "make_up", "law.md §5"),
        ("2025-02-08", True, "make_up", "law.md §5"),
        ("2025-04-27", True, "make_up", "law.md §5"),
        ("2025-09-28", True, "make_up", "law.md §5"),
        ("2025-10-11", True, "make_up", "law.md §5"),
    ],
)
def test_a_day_works_or_rests_as_the_notice_says(
    day: str, works: bool, kind: str, why: str
) -> None:
    assert CALENDAR.is_working(date.fromisoformat(day)) is works, why
    assert CALENDAR.kind(date.fromisoformat(day)) == kind, why


@pytest.mark.parametrize("year", [2025, 2026])
def test_both_known_years_have_248_working_days(year: int) -> None:
    assert len(CALENDAR.working_days_of(year)) == 248


def test_a_year_nobody_published_is_not_known_and_falls_back_to_monday_to_friday() -> None:
    year = max(CALENDAR.known_years) + 1
    assert not CALENDAR.is_known(date(year, 1, 1))
    for day in CALENDAR.working_days_of(year):
        assert day.weekday() < 5
    assert len(CALENDAR.working_days_of(year)) in (260, 261, 262)


def test_a_published_year_can_be_supplied_before_the_library_knows_it() -> None:
    year = max(CALENDAR.known_years) + 1
    monday = next(d for d in CALENDAR.working_days_of(year) if d.weekday() == 0)
    fuller = CALENDAR.with_year(year, [monday], [])
    assert fuller.is_known(monday) and not fuller.is_working(monday)
    assert not CALENDAR.is_known(monday), "the published calendar itself is untouched"
    assert not fuller.is_working(date(2026, 4, 6)), "other years are kept"


def test_a_day_outside_the_tables_is_refused() -> None:
    with pytest.raises(BadCount, match="1990"):
        CALENDAR.is_working(date(1970, 1, 1))


def test_law_runs_on_shanghai_days() -> None:
    assert law_date(datetime(2026, 3, 1, 15, 59, tzinfo=UTC)) == date(2026, 3, 1)
    assert law_date(datetime(2026, 3, 1, 16, 0, tzinfo=UTC)) == date(2026, 3, 2)
    assert midnight(date(2026, 3, 2).toordinal()) == datetime(2026, 3, 1, 16, tzinfo=UTC)
