"""Working days of mainland China, make-up working days (调休上班) included.

`chinesecalendar` knows the State Council's arrangement for a span of years. Outside it nothing is
known, so Monday to Friday stands in and every answer that used such a day says `provisional`.
A pack may carry the arrangement of a year that the library does not know yet (`with_year`).

Days are proleptic ordinals (`date.toordinal`) inside, because the tables are indexed by them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache, lru_cache

import chinese_calendar.constants as published

from backend.rules.errors import BadCount

# No daylight saving since 1991: a fixed offset needs no zone database on the machine.
SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
FIRST = date(1990, 1, 1).toordinal()
LAST = date(2100, 12, 31).toordinal()


class WorkCalendar:
    """Cumulative tables over 1990–2100: each question below is a lookup, never a walk."""

    __slots__ = ("_before", "_holidays", "_make_up", "_unknown", "_working", "known_years")

    def __init__(
        self, holidays: Iterable[date], make_up: Iterable[date], known_years: Iterable[int]
    ) -> None:
        self._holidays = frozenset(day.toordinal() for day in holidays)
        self._make_up = frozenset(day.toordinal() for day in make_up)
        self.known_years = frozenset(known_years)
        self._working = [day for day in range(FIRST, LAST + 1) if self._works(day)]
        self._before = self._cumulate(frozenset(self._working))
        self._unknown = self._cumulate(self._unknown_days())

    def _works(self, day: int) -> bool:
        if day in self._make_up:
            return True
        return (day - 1) % 7 < 5 and day not in self._holidays

    def _unknown_days(self) -> frozenset[int]:
        years = (year for year in range(1990, 2101) if year not in self.known_years)
        spans = (
            range(date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal() + 1)
            for year in years
        )
        return frozenset(day for span in spans for day in span)

    @staticmethod
    def _cumulate(days: frozenset[int]) -> list[int]:
        """`out[d - FIRST]` is how many of `days` lie before day d."""
        out, seen = [], 0
        for day in range(FIRST, LAST + 2):
            out.append(seen)
            seen += day in days
        return out

    def with_year(
        self, year: int, holidays: Iterable[date], make_up: Iterable[date]
    ) -> WorkCalendar:
        """This calendar with one year's arrangement replaced; days of other years are kept.

        A year's notice may name make-up days in the last week of the year before it.
        """
        start, end = date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal()
        kept_off = [date.fromordinal(d) for d in self._holidays if not start <= d <= end]
        kept_on = [date.fromordinal(d) for d in self._make_up if not start <= d <= end]
        return WorkCalendar([*kept_off, *holidays], [*kept_on, *make_up], self.known_years | {year})

    def is_working(self, day: date) -> bool:
        at = within(day).toordinal() - FIRST
        return self._before[at + 1] > self._before[at]

    def is_known(self, day: date) -> bool:
        return day.year in self.known_years

    def kind(self, day: date) -> str:
        """`working | make_up | weekend | holiday`, for the lines that explain a count."""
        ordinal = day.toordinal()
        if ordinal in self._make_up:
            return "make_up"
        if ordinal in self._holidays:
            return "holiday"
        return "working" if (ordinal - 1) % 7 < 5 else "weekend"

    def nth_after(self, day: int, n: int) -> int:
        """The n-th working day after `day`; `day` itself is day 0 whether it works or not."""
        return self._working[self._before[day - FIRST + 1] + n - 1]

    def nth_before(self, day: int, n: int) -> int:
        """The n-th working day before `day`."""
        return self._working[self._before[day - FIRST] - n]

    def roll(self, day: int) -> int:
        """`day` if it works, else the next working day (民法典203)."""
        return self._working[self._before[day - FIRST]]

    def working_between(self, first: int, last: int) -> int:
        """Working days in first..last, both ends counted."""
        return self._before[last - FIRST + 1] - self._before[first - FIRST]

    def unknown_between(self, first: int, last: int) -> bool:
        """Whether a day of first..last lies in a year nobody has published yet."""
        return self._unknown[last - FIRST + 1] > self._unknown[first - FIRST]

    def working_days_of(self, year: int) -> list[date]:
        """Every working day of a year, for a page that prints the calendar."""
        first, last = date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal()
        lo, hi = bisect_left(self._working, first), bisect_left(self._working, last + 1)
        return [date.fromordinal(day) for day in self._working[lo:hi]]


@cache
def published_calendar() -> WorkCalendar:
    """The calendar of the State Council's notices, as the installed library knows them."""
    years = {day.year for day in published.holidays}
    return WorkCalendar(published.holidays, published.workdays, range(min(years), max(years) + 1))


def within(day: date) -> date:
    """`day`, if the tables know it; else `BadCount`."""
    if not FIRST <= day.toordinal() <= LAST:
        raise BadCount(f"{day} 超出日历 / {day} lies outside 1990–2100.", "Check the date.")
    return day


def law_date(at: datetime) -> date:
    """The calendar day on which an instant falls where the law runs."""
    return at.astimezone(SHANGHAI).date()


@lru_cache(maxsize=65536)
def midnight(day: int) -> datetime:
    """The instant, in UTC, at which ordinal `day` begins in Shanghai."""
    return datetime.fromordinal(day).replace(tzinfo=SHANGHAI).astimezone(UTC)
