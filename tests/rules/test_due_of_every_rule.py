"""`quanji due` for every id of the table of deadlines, against a count that anybody can follow.

The counter here knows nothing of the product: the State Council's notices for 2025 and 2026 are
copied by hand, and it goes from day to day.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

from deploy.cli import main

ONE = timedelta(days=1)


def days(*spans: str) -> set[date]:
    """`2026-05-01..05` or `2026-05-09`."""
    found = set()
    for span in spans:
        first, _, last = span.partition("..")
        begin = date.fromisoformat(first)
        found |= {begin.replace(day=n) for n in range(begin.day, int(last or begin.day) + 1)}
    return found


# 国办发明电〔2024〕12号 and 〔2025〕7号: days off, and the weekend days that are worked for them.
OFF = days(
    "2025-01-01",
    "2025-01-28..31",
    "2025-02-01..04",
    "2025-04-04..06",
    "2025-05-01..05",
    "2025-05-31",
    "2025-06-01..02",
    "2025-10-01..08",
    "2026-01-01..03",
    "2026-02-15..23",
    "2026-04-04..06",
    "2026-05-01..05",
    "2026-06-19..21",
    "2026-09-25..27",
    "2026-10-01..07",
)
WORKED = days(
    "2025-01-26",
    "2025-02-08",
    "2025-04-27",
    "2025-09-28",
    "2025-10-11",
    "2026-01-04",
    "2026-02-14",
    "2026-02-28",
    "2026-05-09",
    "2026-09-20",
    "2026-10-10",
)


def works(day: date) -> bool:
    assert day.year in (2025, 2026), f"no notice copied for {day}"
    return day in WORKED or (day.weekday() < 5 and day not in OFF)


def rolled(day: date) -> date:
    while not works(day):
        day += ONE
    return day


def walk(start: date, length: int, unit: str, left_out: frozenset[date] = frozenset()) -> date:
    """Day 0 is `start`; the last day, not rolled."""
    at = start
    while length:
        at += ONE
        if at not in left_out and (unit == "ND" or works(at)):
            length -= 1
    return at


def walk_back(event: date, length: int) -> date:
    """The working day that is the `length`-th before the event."""
    at = event
    while length:
        at -= ONE
        length -= works(at)
    return at


def months_on(start: date, months: int) -> date:
    year, month = start.year, start.month
    for _ in range(months):
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    day = start.day
    while True:
        try:
            return date(year, month, day)
        except ValueError:
            day -= 1


@dataclass(frozen=True)
class Row:
    """A line of the table: id, event, limit as the table has it, and the dates by hand."""

    id: str
    event: str
    limit: str
    due: str
    strict: str = ""

    def counted(self) -> tuple[str, str]:
        event = date.fromisoformat(self.event[:10])
        length, _, unit = self.limit.partition(" ")
        if unit == "H":
            return (f"{event + ONE}T00:00:00+08:00",) * 2
        if unit.endswith("before"):
            # Clear days: neither end is one of them, so one more working day lies behind.
            back = int(length) + unit.startswith("clear")
            return (walk_back(event, back).isoformat(),) * 2
        if unit == "fixed":
            return (f"{event.year}-{length}",) * 2
        return self._run(event, int(length), unit)

    def _run(self, event: date, length: int, unit: str) -> tuple[str, str]:
        if unit in ("MO", "Y, no roll"):
            strict = months_on(event, length * (1 if unit == "MO" else 12))
        else:
            strict = walk(event, length, unit.partition(",")[0])
        due = strict if "no roll" in unit else rolled(strict)
        return due.isoformat(), strict.isoformat()


TABLE = [
    Row("media.upload", "2026-04-30", "24 H", "2026-05-01T00:00:00+08:00"),
    Row("force.backfill", "2026-03-06", "24 H", "2026-03-07T00:00:00+08:00"),
    Row("reg.dispose", "2026-09-17", "7 WD", "2026-09-28"),
    Row("seize.end", "2026-03-05", "30 ND", "2026-04-07", "2026-04-04"),
    Row("seize.ext", "2026-04-04", "30 ND", "2026-05-06", "2026-05-04"),
    Row("case.decide", "2026-03-02", "90 ND", "2026-06-01", "2026-05-31"),
    Row("case.ext.sj", "2026-05-31", "30 ND", "2026-06-30"),
    Row("lead.sj", "2026-04-20", "15 WD", "2026-05-13"),
    Row("lead.zj", "2026-04-20", "15 WD", "2026-05-13"),
    Row("review.nm", "2026-04-29", "5 WD", "2026-05-09"),
    Row("review.zj", "2026-04-29", "10 WD", "2026-05-15"),
    Row("state.sj", "2026-02-12", "5 WD", "2026-02-26"),
    Row("hear.req", "2026-02-12", "5 WD", "2026-02-26"),
    Row("hear.notify", "2026-05-12", "7 clear before", "2026-04-28"),
    Row("serve", "2026-09-30", "7 WD", "2026-10-15"),
    Row("serve.pub", "2026-09-01", "30 ND", "2026-10-08", "2026-10-01"),
    Row("pay", "2026-04-16", "15 ND", "2026-05-06", "2026-05-01"),
    Row("surcharge", "2026-05-08", "1 ND, no roll", "2026-05-09"),
    Row("cash.officer", "2026-04-30", "2 WD", "2026-05-07"),
    Row("cash.bank", "2026-05-08", "2 WD", "2026-05-11"),
    Row("pub.penalty", "2026-04-28", "7 WD", "2026-05-11"),
    Row("pub.permit", "2026-12-18", "7 WD", "2026-12-29"),
    Row("pub.other", "2026-04-28", "20 WD", "2026-05-28"),
    Row("pub.withdraw", "2026-06-17", "3 WD", "2026-06-23"),
    Row("simple.file.zj", "2026-06-17", "3 WD", "2026-06-23"),
    Row("close", "2026-09-18", "15 WD", "2026-10-15"),
    Row("review.right", "2026-03-02", "60 ND", "2026-05-06", "2026-05-01"),
    Row("suit.right", "2025-12-31", "6 MO", "2026-06-30"),
    Row("court.apply", "2025-11-30", "3 MO", "2026-02-28"),
    Row("demand", "2026-03-02", "10 WD", "2026-03-16"),
    Row("agent.exec", "2026-05-08", "3 before", "2026-04-30"),
    Row("freeze.notice", "2026-09-24", "3 WD", "2026-09-30"),
    Row("permit.fix", "2026-04-28", "5 WD", "2026-05-08"),
    Row("permit.decide", "2026-03-02", "20 WD", "2026-03-30"),
    Row("permit.serve", "2026-03-02", "10 WD", "2026-03-16"),
    Row("crime.approve", "2026-04-30", "3 ND", "2026-05-06", "2026-05-03"),
    Row("crime.transfer", "2026-03-06", "24 H", "2026-03-07T00:00:00+08:00"),
    Row("limit.2y", "2024-03-01", "2 Y, no roll", "2026-03-01"),
    Row("limit.5y", "2020-02-29", "5 Y, no roll", "2025-02-28"),
    Row("annual.stat", "2026-08-08", "01-31 fixed", "2026-01-31"),
    Row("annual.law", "2026-03-02", "12-20 fixed", "2026-12-20"),
    Row("sup.reply", "2026-09-04", "30 ND", "2026-10-08", "2026-10-04"),
    Row("file.major", "2026-09-18", "15 ND", "2026-10-08", "2026-10-03"),
    Row("insp.plan", "2026-03-02", "03-31 fixed", "2026-03-31"),
]


def ask(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert main(["due", *arguments, "--json"]) == 0
    said = capsys.readouterr()
    assert said.err == "" and said.out.count("\n") == 1
    answer: dict[str, object] = json.loads(said.out)
    assert list(answer) == ["rule", "due", "strict", "provisional", "steps"]
    return answer


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
def test_due_of_every_rule_is_what_a_walk_from_day_to_day_finds(
    row: Row, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = (row.due, row.strict or row.due)
    assert row.counted() == expected
    answer = ask(capsys, row.id, row.event)
    assert (answer["rule"], answer["due"], answer["strict"]) == (row.id, *expected)
    assert answer["provisional"] is False and answer["steps"]


def test_the_table_above_leaves_out_no_rule_that_is_shipped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Extensions are asked for by `--extend`; the sectors that ship unverified repeat others."""
    assert main(["rules", "list", "--on", "2026-03-02", "--json"]) == 0
    rules = json.loads(capsys.readouterr().out)["rules"]
    own = {r["id"] for r in rules if not r["limit"].startswith("+") and r["sector"] != "chengguan"}
    assert own | {"seize.ext", "case.ext.sj"} == {row.id for row in TABLE}


EXTENDED = [
    ("case.decide", "2026-03-02", "90 ND", "30 ND", "2026-06-30"),
    ("seize.end", "2026-03-05", "30 ND", "30 ND", "2026-05-06"),
    ("lead.sj", "2026-04-20", "15 WD", "15 WD", "2026-06-03"),
    ("lead.zj", "2026-04-20", "15 WD", "10 WD", "2026-05-27"),
    ("review.nm", "2026-04-29", "5 WD", "5 WD", "2026-05-15"),
    ("permit.decide", "2026-03-02", "20 WD", "10 WD", "2026-04-14"),
]


@pytest.mark.parametrize(("rule", "event", "limit", "more", "due"), EXTENDED)
def test_an_extension_walks_on_from_the_unrolled_day(
    rule: str,
    event: str,
    limit: str,
    more: str,
    due: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    at = date.fromisoformat(event)
    for leg in (limit, more):
        length, unit = leg.split()
        at = walk(at, int(length), unit)
    assert rolled(at).isoformat() == due
    answer = ask(capsys, rule, event, "--extend")
    assert (answer["due"], answer["strict"]) == (due, at.isoformat())


LEFT_OUT = [
    ("case.decide", "2026-03-02", "90 ND", "2026-04-13..27", "2026-06-15"),
    ("seize.end", "2026-03-05", "30 ND", "2026-03-10..20", "2026-04-15"),
    ("review.nm", "2026-04-27", "5 WD", "2026-04-29..30", "2026-05-09"),
    ("permit.decide", "2026-03-02", "20 WD", "2026-03-07..16", "2026-04-08"),
]


@pytest.mark.parametrize(("rule", "event", "limit", "span", "due"), LEFT_OUT)
def test_days_that_do_not_count_are_walked_over(
    rule: str, event: str, limit: str, span: str, due: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = frozenset(days(span))
    length, unit = limit.split()
    end = walk(date.fromisoformat(event), int(length), unit, out)
    assert rolled(end).isoformat() == due
    answer = ask(capsys, rule, event, "--exclude", f"{min(out)}..{max(out)}")
    assert (answer["due"], answer["strict"]) == (due, end.isoformat())


# Nothing that takes long to import or needs a service is loaded for a count.
LEAN = """
import sys
from deploy.cli import main
status = main(sys.argv[1:])
heavy = {"asyncio", "asyncpg", "granian", "litestar", "minio", "openpyxl", "piccolo"}
print(sorted(heavy & sys.modules.keys()), file=sys.stderr)
sys.exit(status)
"""


def test_due_prints_its_count_and_nothing_else_and_loads_nothing_heavy() -> None:
    asked = ["due", "case.decide", "2026-03-02", "--exclude", "2026-04-13..2026-04-27"]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LEAN, *asked],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
    )
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "[]\n")
    assert lines[0].startswith("case.decide 作出处罚决定（《行政处罚法》第60条）")
    assert any("90日（自然日）" in line and "art. 60" in line for line in lines)
    assert any("2026-04-13 to 2026-04-27" in line for line in lines)
    assert any("15 days left out" in line for line in lines)
    assert lines[-1] == "届满：2026-06-15（周一） / due: 2026-06-15 (Mon)"
