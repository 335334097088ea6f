"""When the demo's day was: office hours within the last 24 h, and a few earlier days. Pure."""

from __future__ import annotations

from datetime import datetime, time, timedelta, timezone

from deploy.demo.scenario import CASES, VISITS
from deploy.demo.shapes import Visit

SHANGHAI = timezone(timedelta(hours=8), "CST")
OPENS, CLOSES = time(8, 30), time(17, 30)
MORNING = time(10, 0)  # when the visits of earlier days began
# The newest visit begins this long before the demo does, so that all of them are over by then.
NEWEST = timedelta(minutes=70)


def visit_begins(visit: Visit, anchor: datetime) -> datetime:
    """`anchor` (aware) is the moment at which the demo was first started."""
    if visit.days:
        day = (anchor.astimezone(SHANGHAI) - timedelta(days=visit.days)).date()
        return datetime.combine(day, MORNING, SHANGHAI)
    return office_time(anchor - NEWEST, timedelta(hours=visit.back))


def office_time(end: datetime, back: timedelta) -> datetime:
    """The moment that lies `back` of office time before `end`."""
    end = end.astimezone(SHANGHAI)
    day = end.date()
    while True:
        opens = datetime.combine(day, OPENS, SHANGHAI)
        closes = min(datetime.combine(day, CLOSES, SHANGHAI), end)
        if closes > opens and closes - opens >= back:
            return closes - back
        back -= max(closes - opens, timedelta())
        day -= timedelta(days=1)


def case_opened(name: str, anchor: datetime) -> datetime:
    """When the handheld opened the case: no later than its first visit."""
    visits = [visit_begins(v, anchor) for v in VISITS.values() if v.case == name]
    return min([anchor - timedelta(days=CASES[name].opened_days), *visits])
