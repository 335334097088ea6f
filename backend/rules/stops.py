"""What stops a clock: pairs of `clock_stopped` and `clock_restarted`, as days and as instants.

Both the day on which a clock stops and the day on which it restarts are left out of the count
(the time of testing or hearing itself is excluded); hours stop from instant to instant.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import msgspec

from backend.rules.calendar import law_date, midnight
from backend.rules.errors import BadEvent
from backend.rules.events import SUSPENSION_REASONS, Event
from backend.rules.periods import Pause, Range, merge_pauses, merge_ranges
from backend.rules.rows import Rule

# A person's own exclusion on the command line: every rule listens to it, so no event may use it.
DECLARED = "declared"


class Stop(msgspec.Struct, frozen=True):
    """A clock's pause. `last` None: it still stands."""

    reason: str
    begin: datetime
    end: datetime | None
    subject: str = ""

    @property
    def days(self) -> tuple[date, date | None]:
        """First and last day left out; a restart at midnight leaves its own day in."""
        last = law_date(self.end - timedelta(microseconds=1)) if self.end else None
        return law_date(self.begin), last


def declared(first: date, last: date) -> Stop:
    """A person's own exclusion of whole days, both ends left out."""
    begin = midnight(first.toordinal())
    return Stop(DECLARED, begin, midnight(last.toordinal() + 1))


def stops_of(
    stopped: Sequence[Event], restarted: Sequence[Event], now: datetime
) -> tuple[Stop, ...]:
    """Pair each stop with the first restart of the same reason and subject after it.

    A stop may carry its end in advance: `data["until"]`, a date (强制25: told in writing). One
    without an end that lies ahead of `now` has not begun to stop anything.
    """
    stops = (_stop(event, restarted) for event in stopped)
    return tuple(stop for stop in stops if stop.end is not None or stop.begin <= now)


def _stop(event: Event, restarted: Sequence[Event]) -> Stop:
    reason = event.data.get("reason", "")
    if reason not in SUSPENSION_REASONS or reason == DECLARED:
        raise BadEvent(
            f"中止原因未知 / clock_stopped has an unknown reason {reason!r}.",
            f"Use one of {', '.join(SUSPENSION_REASONS.keys() - {DECLARED})}.",
        )
    ends = [
        e.at
        for e in restarted
        if e.at >= event.at and e.subject == event.subject and e.data.get("reason") == reason
    ]
    return Stop(reason, event.at, min(ends) if ends else _until(event), event.subject)


def _until(event: Event) -> datetime | None:
    until = event.data.get("until")
    if until is None:
        return None
    day = until if isinstance(until, date) else _parse(str(until), "until")
    return midnight(day.toordinal() + 1)


def day_in(event: Event, key: str) -> date:
    """The date that an event's data must carry under `key`."""
    value = event.data.get(key)
    if isinstance(value, datetime):
        return law_date(value)
    return value if isinstance(value, date) else _parse(str(value), key)


def _parse(text: str, key: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as e:
        raise BadEvent(f"{key}={text!r} 不是日期 / is no date.", "Write YYYY-MM-DD.") from e


def applying(row: Rule, subject: str, stops: Sequence[Stop]) -> tuple[Stop, ...]:
    """The stops to which this rule listens."""
    return tuple(
        stop
        for stop in stops
        if (stop.reason in row.suspended_by or stop.reason == DECLARED)
        and (not stop.subject or not subject or stop.subject == subject)
    )


def as_ranges(stops: Sequence[Stop], now: datetime) -> list[Range]:
    """Excluded days; a stop that still stands excludes up to today."""
    ranges = (_range(stop, now) for stop in stops)
    return merge_ranges((first, last) for first, last in ranges if first <= last)


def _range(stop: Stop, now: datetime) -> Range:
    first, last = stop.days
    end = last or max(law_date(now), first)
    return first.toordinal(), end.toordinal()


def as_pauses(stops: Sequence[Stop], now: datetime) -> list[Pause]:
    """Excluded time for a limit in hours."""
    return merge_pauses((stop.begin, stop.end or max(now, stop.begin)) for stop in stops)
