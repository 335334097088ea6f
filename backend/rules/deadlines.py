"""Events + pack → every deadline of a case at `now`, each able to explain itself.

Events open, suspend, extend and meet deadlines; a passed one may open the next. The function is
pure, so a corrected or late event needs no special case: compute again and compare by `key`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

import msgspec

from backend.rules.calendar import WorkCalendar, law_date, midnight
from backend.rules.errors import BadEvent
from backend.rules.events import Event, check_event
from backend.rules.explain import Step, late_extension, steps_of
from backend.rules.pack import Pack
from backend.rules.periods import Count, count_days, count_hours
from backend.rules.rows import Rule
from backend.rules.stops import Stop, applying, as_pauses, as_ranges, day_in, stops_of

STATES = ("open", "near", "met", "met_late", "overdue", "elapsed", "suspended", "accruing")
CLOSED_STATES = frozenset({"met", "met_late", "overdue", "elapsed", "accruing"})


class Due(msgspec.Struct, frozen=True, gc=False):
    """One deadline of a case.

    `due` is what the law finally gives, `strict` the unrolled date; dates, or aware datetimes for
    limits in hours. `ends_at` is the instant (UTC) from which it counts as passed; it follows
    `strict` where the rule alarms on it. `next_change_at` is when the state will next change by
    time alone: a sweep needs to look only at what lies before its `now`.
    """

    key: str
    row: Rule
    event: Event
    counts: tuple[Count, ...]
    state: str
    met_at: datetime | None
    ends_at: datetime
    warn_at: tuple[datetime, ...]
    next_change_at: datetime | None
    stops: tuple[Stop, ...]
    notes: tuple[Step, ...]
    calendar: WorkCalendar

    @property
    def rule(self) -> str:
        return self.row.id

    @property
    def due(self) -> date | datetime:
        return self.counts[-1].due

    @property
    def strict(self) -> date | datetime:
        return self.counts[-1].strict

    @property
    def provisional(self) -> bool:
        """A working day was asked of a year that nobody has published."""
        last = self.counts[-1]
        return last.provisional or any(c.provisional and c.limit.unit == "WD" for c in self.counts)

    @property
    def article(self) -> str:
        return f"{self.row.article_zh} / {self.row.article_en}"

    @property
    def basis(self) -> tuple[str, ...]:
        return self.row.basis

    @property
    def confidence(self) -> str:
        return self.row.confidence

    @property
    def title_zh(self) -> str:
        return self.row.title_zh

    @property
    def title_en(self) -> str:
        return self.row.title_en

    @property
    def steps(self) -> tuple[Step, ...]:
        """The count, one line a step, in both languages; made when asked for."""
        return steps_of(self.row, self.event, self.counts, self.stops, self.notes, self.calendar)


class _Book:
    """The events of a case by kind and subject, in the order in which they happened."""

    __slots__ = ("kinds",)

    def __init__(self, events: Sequence[Event]) -> None:
        self.kinds: dict[str, dict[str, list[Event]]] = {}
        for event in events:
            self.kinds.setdefault(event.kind, {}).setdefault(event.subject, []).append(event)

    def all(self, kind: str) -> list[Event]:
        return [e for events in self.kinds.get(kind, {}).values() for e in events]

    def first(self, kind: str, subject: str, since: datetime | None) -> Event | None:
        """The earliest event of a kind that concerns `subject`, not before `since`."""
        by_subject = self.kinds.get(kind)
        if by_subject is None:
            return None
        earliest: Event | None = None
        for name in (subject, "") if subject else by_subject:
            for event in by_subject.get(name, ()):
                in_time = since is None or event.at >= since
                if in_time and (earliest is None or event.at < earliest.at):
                    earliest = event
        return earliest


def deadlines_of(pack: Pack, events: Sequence[Event], now: datetime) -> tuple[Due, ...]:
    """Every deadline of a case, soonest first. Raises `BadEvent` for an event it can't use."""
    _check(events)
    book = _Book(events)
    stops = stops_of(book.all("clock_stopped"), book.all("clock_restarted"), now)
    waiting, dues = deque(events), []
    while waiting:
        event = waiting.popleft()
        for row in pack.triggered.get(event.kind, ()):
            if not applies(row, event):
                continue
            due = _open(pack, row, event, book, stops, now)
            dues.append(due)
            waiting.extend(_emitted(due, book, now))
    dues.sort(key=_soonest)
    return tuple(dues)


def _soonest(due: Due) -> datetime:
    return due.ends_at


def _check(events: Sequence[Event]) -> None:
    seen = set()
    for event in events:
        check_event(event)
        if event.id and event.id in seen:
            raise BadEvent(
                f"事件重复 / event id {event.id!r} comes twice.", "Keep the later version."
            )
        seen.add(event.id)


def applies(row: Rule, event: Event) -> bool:
    """Whether this event opens that rule, by its `when` and `unless`."""
    data = event.data
    if row.when and not all(data.get(key) for key in row.when):
        return False
    return not (row.unless and any(data.get(key) for key in row.unless))


def _open(
    pack: Pack, row: Rule, event: Event, book: _Book, stops: Sequence[Stop], now: datetime
) -> Due:
    heard = applying(row, event.subject, stops) if stops else ()
    counts: tuple[Count, ...] = (first_count(pack, row, event, heard, now),)
    notes: list[Step] = []
    last = row
    for extension in pack.extensions.get(row.id, ()):
        approval = book.first(extension.trigger, event.subject, event.at)
        if approval is None:
            continue
        if approval.at >= _ends(row, counts[-1]):
            notes.append(late_extension(approval, extension))
            continue
        pauses = applying(extension, event.subject, stops)
        counts = (*counts, next_count(pack, counts[-1], extension, approval, pauses, now))
        last = extension
    met_at = _met(row, event, book)
    return judge(pack, row, event, counts, now, met_at, heard, tuple(notes), last)


def first_count(pack: Pack, row: Rule, event: Event, stops: Sequence[Stop], now: datetime) -> Count:
    """The limit itself, from the event's day or instant."""
    limit = pack.limits[row.id]
    if limit.unit == "H":
        return count_hours(limit, event.at, as_pauses(stops, now) if stops else ())
    start = day_in(event, row.from_data) if row.from_data else law_date(event.at)
    return count_days(limit, start, as_ranges(stops, now) if stops else (), pack.calendar)


def next_count(
    pack: Pack, base: Count, row: Rule, approval: Event, stops: Sequence[Stop], now: datetime
) -> Count:
    """An extension, from the unrolled date of what it extends."""
    limit = pack.limits[row.id]
    if row.upto:
        limit = row.as_limit(_length(row, approval))
    return count_days(limit, base.strict, as_ranges(stops, now) if stops else (), pack.calendar)


def _length(row: Rule, approval: Event) -> int:
    days = approval.data.get("days", row.limit)
    if isinstance(days, int) and days > 0 and not (row.limit and days > row.limit):
        return days
    most = f"最多{row.limit}日 / at most {row.limit}" if row.limit else "由决定写明 / as decided"
    raise BadEvent(
        f"{approval.kind}: days={days!r} 不可用 / can't be used.", f"Give data days ({most})."
    )


def _met(row: Rule, event: Event, book: _Book) -> datetime | None:
    since = None if row.before else event.at
    earliest: datetime | None = None
    for kind in row.met_by:
        found = book.first(kind, event.subject, since)
        if found is not None and (earliest is None or found.at < earliest):
            earliest = found.at
    return earliest


def _ends(row: Rule, count: Count) -> datetime:
    """When the alarm falls: the end of the day watched, or the hour; 24:00 by 民法典203."""
    watched = count.strict if row.alarm == "strict" else count.due
    if isinstance(watched, datetime):
        return watched
    return midnight(watched.toordinal() + (row.kind != "accrual"))


def _warnings(row: Rule, last: Rule, count: Count, calendar: WorkCalendar) -> tuple[datetime, ...]:
    if not last.warn:
        return ()
    watched = count.strict if row.alarm == "strict" else count.due
    if isinstance(watched, datetime):
        return tuple(sorted(watched - timedelta(hours=n) for n in last.warn))
    day = watched.toordinal()
    if last.unit == "WD":
        return tuple(sorted(midnight(calendar.nth_before(day, n)) for n in last.warn))
    return tuple(sorted(midnight(day - n) for n in last.warn))


def judge(
    pack: Pack,
    row: Rule,
    event: Event,
    counts: tuple[Count, ...],
    now: datetime,
    met_at: datetime | None = None,
    stops: tuple[Stop, ...] = (),
    notes: tuple[Step, ...] = (),
    last: Rule | None = None,
) -> Due:
    """Put a finished count beside the clock: its state, its warnings, its next change."""
    calendar = pack.calendar
    ends_at = _ends(row, counts[-1])
    warn_at = _warnings(row, last or row, counts[-1], calendar)
    standing = any(stop.end is None for stop in stops) if stops else False
    state = _state(row, counts[-1], ends_at, warn_at, met_at, standing, now)
    next_at = None
    if state == "open" or state == "near":
        next_at = next((at for at in warn_at if at > now), ends_at)
    key = f"{row.id}@{event.id or _event_key(event)}"
    return Due(
        key, row, event, counts, state, met_at, ends_at, warn_at, next_at, stops, notes, calendar
    )


def _event_key(event: Event) -> str:
    return f"{event.kind}:{event.subject}:{event.at.isoformat()}"


def _state(
    row: Rule,
    count: Count,
    ends_at: datetime,
    warn_at: tuple[datetime, ...],
    met_at: datetime | None,
    standing: bool,
    now: datetime,
) -> str:
    if met_at is not None:
        return "met" if _in_time(row, count, ends_at, met_at) else "met_late"
    if row.kind == "accrual":
        return "accruing" if now >= ends_at else "open"
    if now >= ends_at:  # before asking for a stop: one that began too late saves nothing
        return "elapsed" if row.kind == "window" else "overdue"
    if standing:
        return "suspended"
    return "near" if warn_at and now >= warn_at[0] else "open"


def _in_time(row: Rule, count: Count, ends_at: datetime, met_at: datetime) -> bool:
    """The alarm may be stricter than the law: late means after the rolled date."""
    if met_at < ends_at or row.kind in ("window", "accrual"):
        return True
    return not isinstance(count.due, datetime) and met_at < midnight(count.due.toordinal() + 1)


def _emitted(due: Due, book: _Book, now: datetime) -> Iterator[Event]:
    """What the passing of a deadline brings about, once it has passed and nothing else did."""
    row = due.row
    if not row.emits or due.state not in ("elapsed", "overdue"):
        return
    if book.first(row.emits, due.event.subject, due.event.at) is not None:
        return
    at = due.event.at if row.emits_at == "start" else _last_second(due, row.emits_at)
    if at <= now:
        yield Event(row.emits, at, f"{due.key}>", due.event.subject, due.event.data)


def _last_second(due: Due, which: str) -> datetime:
    """Within the last day, so that day is day 0 of what follows."""
    day = due.strict if which == "strict" else due.due
    if isinstance(day, datetime):
        return day
    return midnight(day.toordinal() + 1) - timedelta(seconds=1)
