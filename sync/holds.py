"""Held operations: released when what they wait for lands, shown to a person when it doesn't.

Never forced, never dropped.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from asyncpg import Record

from backend.cases.apply import Change, all_changed
from backend.database import Transactions, Tx, to_json
from backend.flags.raising import Finding, raise_flag, settle_many
from sync.lines import Line, open_line, sightings
from sync.operate import TRANSIENT, Result, operate
from sync.ops import SCHEMA, Op, Outcome
from sync.reading import read_operation, readable_id

PATIENCE = timedelta(hours=1)
# A person has to act before these can go on, so a person is told at once.
_FOR_A_PERSON = frozenset({"author", "membership", "case", "person"})
_EXPLAINED = {
    "gap": ("设备有一条更早的操作一直没有收到", "an earlier operation of the device never came"),
    "subject": ("所指对象一直没有收到", "what it speaks of never came"),
    "earlier": ("同一对象的先前操作仍未处理", "an earlier operation on the same thing is held"),
    "schema": ("设备的协议版本较新", "the device speaks a newer schema"),
    "author": ("当时无人领用该设备", "nobody held the device at that time"),
    "membership": ("执法人员已退出该案", "the officer has left the case"),
    "case": ("案件已结案", "the case is closed"),
    "person": ("服务器处理出错", "the server failed on it"),
}


class Landing:
    """What one transaction has decided: by number for its own line, by row for others'."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.results: dict[int, Result] = {}
        self.landed: set[UUID] = set()
        self.lines: dict[tuple[UUID, str], Line] = {(line.device_id, line.log): line}

    @property
    def changes(self) -> list[Change]:
        return [change for line in self.lines.values() for change in line.changes]

    def land(self, op: Op, result: Result) -> None:
        self.results[op.device_seq] = result
        self.note(self.line, op, result)

    def note(self, line: Line, op: Op, result: Result) -> None:
        """Later operations on the same thing wait behind a held one."""
        if result.outcome.status == "held":
            line.hold(op)
        else:
            line.release(op)
            self.landed.add(op.id)


async def settle_landing(tx: Tx, landing: Landing, now: datetime) -> None:
    """Write the outcomes, then release what waited, until nothing more moves."""
    await _write(tx, landing.line, landing.results, now)
    await retry_own(tx, landing, now)
    await _follow_chain(tx, landing, now)
    await _release(tx, landing, now)
    await all_changed(tx, landing.changes, now)


async def _release(tx: Tx, landing: Landing, now: datetime) -> None:
    while landing.landed:
        landed, landing.landed = landing.landed, set()
        waiting = await tx.fetch(
            """select * from operations
                where waits_for_id = any($1) and status = 'held' and waits_for <> 'gap'
                order by device_id, log, device_seq for update""",
            list(landed),
        )
        await _retry(tx, landing, waiting, now)


async def retry_own(tx: Tx, landing: Landing, now: datetime) -> None:
    """At each contact the device's own held operations are tried again: what they wait for may
    have landed while they were being written down."""
    if not landing.line.held:
        return
    waiting = await tx.fetch(
        """select * from operations
            where device_id = $1 and log = $2 and status = 'held' and waits_for <> 'gap'
              and not (device_seq = any($3))
            order by device_seq limit 200 for update""",
        landing.line.device_id,
        landing.line.log,
        list(landing.results),
    )
    await _retry(tx, landing, waiting, now)


async def _follow_chain(tx: Tx, landing: Landing, now: datetime) -> None:
    """What was held for a gap that has been filled."""
    line = landing.line
    while True:
        row = await tx.fetchrow(
            """select * from operations where device_id = $1 and log = $2 and device_seq = $3
                  for update""",
            line.device_id,
            line.log,
            line.chain + 1,
        )
        if row is None:
            return
        line.chain += 1
        if row["waits_for"] == "gap":
            await _retry(tx, landing, [row], now)


async def _retry(tx: Tx, landing: Landing, rows: Iterable[Record], now: datetime) -> None:
    for row in rows:
        # As from a newer device: what this server still doesn't know stays kept or held.
        reading = read_operation(row["content"].encode(), SCHEMA + 1)
        if reading.op is None:
            raise ValueError(f"held, yet unreadable: {row['op_id']}")
        line = await _line_of(tx, landing, row, reading.op)
        result = await operate(tx, line, reading, row["received_at"], now)
        landing.note(line, reading.op, result)
        if line is landing.line:
            landing.results[row["device_seq"]] = result
        if _moved(row, result):
            await _write(tx, line, {row["device_seq"]: result}, now)
            tx.touch(f"device:{line.device_id}", "operation", reading.op.op_id)


def _moved(row: Record, result: Result) -> bool:
    return (row["waits_for"], row["waits_for_id"]) != (result.waits_for, result.waits_for_id)


async def _line_of(tx: Tx, landing: Landing, row: Record, op: Op) -> Line:
    key = (row["device_id"], row["log"])
    if key not in landing.lines:
        landing.lines[key] = await open_line(tx, *key, [], chain=row["device_seq"])
        landing.lines[key].careful = landing.line.careful
    line = landing.lines[key]
    if op.boot_id and op.boot_id not in line.sightings:
        line.sightings |= await sightings(tx, line.device_id, [op.boot_id])
    return line


async def _write(tx: Tx, line: Line, results: dict[int, Result], now: datetime) -> None:
    await tx.execute(
        """update operations o
              set status = t.status, outcome = t.outcome::jsonb, officer_id = t.officer_id,
                  waits_for = t.waits_for, waits_for_id = t.waits_for_id, decided_at = $3
             from unnest($4::bigint[], $5::text[], $6::text[], $7::uuid[], $8::text[],
                         $9::uuid[])
                  as t (seq, status, outcome, officer_id, waits_for, waits_for_id)
            where o.device_id = $1 and o.log = $2 and o.device_seq = t.seq""",
        line.device_id,
        line.log,
        now,
        list(results),
        [each.outcome.status for each in results.values()],
        [to_json(each.outcome) for each in results.values()],
        [each.officer_id for each in results.values()],
        [each.waits_for for each in results.values()],
        [each.waits_for_id for each in results.values()],
    )
    await _tell(tx, line, results, now)


async def _tell(tx: Tx, line: Line, results: dict[int, Result], now: datetime) -> None:
    """Flag what only a person can free or has to know of; clear the flag of what was freed."""
    freed = []
    for result in results.values():
        op_id = readable_id(result.outcome.op_id)
        if op_id is None or result.flagged:
            continue
        if result.waits_for in _FOR_A_PERSON or result.outcome.status == "rejected":
            await raise_flag(tx, _finding(line.department_id, op_id, result), now)
        elif result.outcome.status != "held":
            freed.append(op_id)
    await settle_many(tx, freed, ["operation_held"], [], now)


def _finding(department_id: UUID, op_id: UUID, result: Result) -> Finding:
    outcome = result.outcome
    held = outcome.status == "held"
    zh, en = _EXPLAINED[result.waits_for] if result.waits_for else ("操作未被采用", "not taken")
    return Finding(
        kind="operation_held",
        department_id=department_id,
        case_id=result.case_id,
        subject_kind="operation",
        subject_id=op_id,
        severity="warning",
        explanation={
            "zh": ("操作暂存待处理：" if held else "操作被拒绝：")
            + (zh if held else "；".join(each.zh for each in outcome.reasons)),
            "en": ("Held: " if held else "Rejected: ")
            + (en if held else "; ".join(each.en for each in outcome.reasons)),
            "entity": outcome.entity,
            "entity_id": outcome.id,
            "reasons": [f"{each.code} {each.field}".strip() for each in outcome.reasons],
        },
    )


async def retry_waiting(database: Transactions, now: datetime) -> int:
    """Sweep: try again what is held for anything but a gap. How many are held no longer."""
    async with database.snapshot() as tx:
        lines = await tx.fetch(
            """select distinct device_id, log from operations
                where status = 'held' and waits_for <> 'gap' order by device_id, log"""
        )
    return sum([await _retry_line(database, row, now) for row in lines])


async def _retry_line(database: Transactions, row: Record, now: datetime) -> int:
    try:
        async with database.transaction() as tx:
            await tx.execute(
                "select 1 from device_chains where device_id = $1 for update", row["device_id"]
            )
            landing = Landing(await open_line(tx, row["device_id"], row["log"], [], chain=0))
            await retry_own(tx, landing, now)
            await _release(tx, landing, now)
            await all_changed(tx, landing.changes, now)
            return sum(each.outcome.status != "held" for each in landing.results.values())
    except TRANSIENT:
        return 0  # somebody else is at work on the same cases; the next sweep comes soon


async def hand_over_stuck(database: Transactions, now: datetime) -> int:
    """Sweep: flag the first operation of each log that has waited too long. How many are new."""
    async with database.transaction() as tx:
        rows = await tx.fetch(
            """select distinct on (o.device_id, o.log, o.waits_for) o.*, d.department_id
                 from operations o join devices d on d.id = o.device_id
                where o.status = 'held' and o.received_at <= $1
                order by o.device_id, o.log, o.waits_for, o.device_seq""",
            now - PATIENCE,
        )
        known = await tx.fetch(
            """select subject_id from flags where kind = 'operation_held' and state <> 'resolved'
                  and subject_id = any($1)""",
            [row["op_id"] for row in rows],
        )
        seen = {row["subject_id"] for row in known}
        fresh = [row for row in rows if row["op_id"] not in seen]
        for row in fresh:
            outcome = msgspec.json.decode(row["outcome"], type=Outcome)
            result = Result(outcome=outcome, waits_for=row["waits_for"])
            await raise_flag(tx, _finding(row["department_id"], row["op_id"], result), now)
    return len(fresh)
