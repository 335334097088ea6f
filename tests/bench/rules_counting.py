"""How many deadlines a core computes a second, steps left for whoever asks.

Time is the processor's: others on the machine make the run longer, not the answer worse.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from time import process_time

from backend.rules.deadlines import deadlines_of, first_count, judge
from backend.rules.events import Event
from backend.rules.pack import Pack, load_pack
from tests.bench.rules_part import Part

SECONDS = 1.5
RULES = ("media.upload", "reg.dispose", "case.decide", "suit.right", "limit.2y")


def _single(pack: Pack, rule_id: str) -> Callable[[], int]:
    """One Due after another of one rule, from events spread over a year."""
    row = pack.rules[rule_id]
    start = datetime(2025, 1, 1, 3, tzinfo=UTC)
    events = [Event(row.trigger, start + timedelta(days=n), f"e{n}") for n in range(365)]
    now = datetime(2025, 6, 1, tzinfo=UTC)

    def run() -> int:
        for event in events:
            judge(pack, row, event, (first_count(pack, row, event, (), now),), now)
        return len(events)

    return run


def _cases(pack: Pack) -> Callable[[], int]:
    """Whole cases as a sweep judges them: filing, a seizure, recordings, notice, decision."""
    now = datetime(2026, 5, 1, tzinfo=UTC)
    cases = [_case(n) for n in range(100)]
    return lambda: sum(len(deadlines_of(pack, case, now)) for case in cases)


def _case(n: int) -> list[Event]:
    filed = datetime(2026, 2, 2, 3, tzinfo=UTC) + timedelta(hours=7 * n)
    hour, day = timedelta(hours=1), timedelta(days=1)
    recordings = [
        event
        for clip in range(8)
        for event in (
            Event("recording_ended", filed + clip * hour, f"{n}r{clip}", f"rec{clip}"),
            Event("recording_uploaded", filed + (clip + 5) * hour, f"{n}u{clip}", f"rec{clip}"),
        )
    ]
    return [
        Event("clue_received", filed - 3 * day, f"{n}a"),
        Event("case_filed", filed, f"{n}b"),
        Event("seizure_started", filed + hour, f"{n}c", "lot"),
        *recordings,
        Event("clock_stopped", filed + 5 * day, f"{n}d", "", {"reason": "testing"}),
        Event("clock_restarted", filed + 12 * day, f"{n}e", "", {"reason": "testing"}),
        Event("notice_served", filed + 40 * day, f"{n}f", "", {"hearing_right": True}),
        Event("decision_made", filed + 50 * day, f"{n}g", "", {"party_absent": True}),
        Event("decision_served", filed + 53 * day, f"{n}h"),
    ]


def _rate(run: Callable[[], int]) -> float:
    run()
    began, done = process_time(), 0
    while process_time() - began < SECONDS:
        done += run()
    return done / (process_time() - began)


def measure() -> Part:
    """`due_per_s`: the slowest of the kinds of count; a case's share of it is the ratio."""
    pack = load_pack("shijian", date(2026, 3, 2))
    rates = {rule_id: _rate(_single(pack, rule_id)) for rule_id in RULES}
    slowest, whole = min(rates.values()), _rate(_cases(pack))
    rows = [*rates.items(), ("whole cases, all rules", whole)]
    return Part(
        "Counting: Due a second and core (a rule each of hours, working days, days, months, years)",
        [(name, f"{rate:,.0f}") for name, rate in rows],
        {"case_vs_single": round(whole / slowest, 3)},
        {"due_per_s": round(slowest), "case_due_per_s": round(whole)},
    )
