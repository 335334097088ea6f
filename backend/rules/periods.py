"""Counting: start day, unit, suspension, rolling, extension, days before.

The start day is day 0 (民法典201). A suspension is added before rolling; an extension runs from
the unrolled date; a last day that rests moves to the next working day (民法典203) where the rule
rolls; hours, fixed dates and prescription never roll.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

import msgspec

from backend.rules.calendar import FIRST, LAST, WorkCalendar
from backend.rules.errors import BadCount

Range = tuple[int, int]  # ordinals, both ends counted
Pause = tuple[datetime, datetime]

UNITS = ("WD", "ND", "H", "MO", "Y", "DATE")


class Limit(msgspec.Struct, frozen=True, gc=False):
    """How long: `length` in `unit`; `clear` = the named number of whole days lies between."""

    length: int
    unit: str
    roll: bool = False
    before: bool = False
    clear: bool = False
    month_day: str = ""  # MM-DD for unit DATE


class Count(msgspec.Struct, frozen=True, gc=False):
    """A finished count. `strict` is unrolled, `due` is what the law finally gives.

    Dates for day units, aware datetimes for hours. `excluded` is days, or seconds for hours.
    """

    limit: Limit
    start: date
    strict: date
    due: date
    excluded: int = 0
    provisional: bool = False


def merge_ranges(ranges: Iterable[Range]) -> list[Range]:
    """Sorted, disjoint ranges; a day that two suspensions name is excluded once."""
    merged: list[Range] = []
    for first, last in sorted(ranges):
        if last < first:
            raise BadCount(
                f"扣除期间倒置 / an exclusion ends on {date.fromordinal(last)}, before it begins"
                f" on {date.fromordinal(first)}.",
                "Write it as FIRST..LAST.",
            )
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def merge_pauses(pauses: Iterable[Pause]) -> list[Pause]:
    """The same for instants."""
    merged: list[Pause] = []
    for begin, end in sorted(pauses):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged


def count_days(
    limit: Limit, start: date, excluded: Sequence[Range], calendar: WorkCalendar
) -> Count:
    """Count a limit in days, months, years or to a fixed date from `start` (day 0).

    `excluded` must be sorted and disjoint (`merge_ranges`). Raises `BadCount` outside 1990–2100.
    """
    day = start.toordinal()
    try:
        if not FIRST + 400 <= day <= LAST - 400:
            raise IndexError(day)
        strict, skipped = _strict(limit, start, day, excluded, calendar)
        due = calendar.roll(strict) if limit.roll else strict
        provisional = _provisional(limit, day, strict, due, calendar)
    except (IndexError, OverflowError) as e:
        raise BadCount(
            f"{start} 起算超出日历 / a count from {start} leaves the calendar 1990–2100.",
            "Check the date and the exclusions.",
        ) from e
    end = date.fromordinal(strict)
    rolled = end if due == strict else date.fromordinal(due)
    return Count(limit, start, end, rolled, skipped, provisional)


def _strict(
    limit: Limit, start: date, day: int, excluded: Sequence[Range], calendar: WorkCalendar
) -> tuple[int, int]:
    unit = limit.unit
    if limit.before:
        return _before(limit, day, calendar), 0
    if unit == "WD":
        return _skip_working(calendar.nth_after(day, limit.length), day, excluded, calendar)
    if unit == "ND":
        return _skip_natural(day + limit.length, day, excluded)
    if unit == "DATE":
        return date.fromisoformat(f"{start.year:04d}-{limit.month_day}").toordinal(), 0
    months = limit.length * (12 if unit == "Y" else 1)
    return _skip_natural(add_months(start, months).toordinal(), day, excluded)


def _before(limit: Limit, day: int, calendar: WorkCalendar) -> int:
    """Clear days: neither the notice's day nor the event's day is one of them."""
    length = limit.length + limit.clear
    return calendar.nth_before(day, length) if limit.unit == "WD" else day - length


def _skip_natural(end: int, start: int, excluded: Sequence[Range]) -> tuple[int, int]:
    base = end
    for first, last in excluded:
        if first > end:
            break
        if last > start:
            end += last - max(first, start + 1) + 1
    return end, end - base


def _skip_working(
    end: int, start: int, excluded: Sequence[Range], calendar: WorkCalendar
) -> tuple[int, int]:
    skipped = 0
    for first, last in excluded:
        if first > end:
            break
        if last > start:
            lost = calendar.working_between(max(first, start + 1), last)
            skipped += lost
            end = calendar.nth_after(end, lost) if lost else end
    return end, skipped


def _provisional(limit: Limit, day: int, strict: int, due: int, calendar: WorkCalendar) -> bool:
    """Only a count that asked whether an unpublished day works is provisional."""
    if limit.unit == "WD":
        low, high = (strict, day - 1) if limit.before else (day + 1, strict)
        return calendar.unknown_between(low, high) if low <= high else False
    return limit.roll and calendar.unknown_between(strict, due)


def add_months(start: date, months: int) -> date:
    """The corresponding day, or the month's end where there is none (民法典202)."""
    years, month = divmod(start.month - 1 + months, 12)
    year = start.year + years
    return date(year, month + 1, min(start.day, monthrange(year, month + 1)[1]))


def count_hours(limit: Limit, start: datetime, pauses: Sequence[Pause]) -> Count:
    """Hours run from the instant, through nights and holidays, and stop only in a pause."""
    end, lost = start + timedelta(hours=limit.length), timedelta()
    for begin, until in pauses:
        if begin >= end:
            break
        if until > start:
            pause = until - max(begin, start)
            lost += pause
            end += pause
    return Count(limit, start, end, end, int(lost.total_seconds()))


def extend(base: Count, limit: Limit, excluded: Sequence[Range], calendar: WorkCalendar) -> Count:
    """An extension runs from the unrolled date of what it extends."""
    return count_days(limit, base.strict, excluded, calendar)
