"""What changed or fell due since the last look. Each sweep is idempotent and runs by hand too.

Reconcile state, don't trust events: a change says that it is to be judged (`judging_queue`), and
time alone is looked up by index. One judge works at a time, held by an advisory lock that ends
with its transaction, so two schedulers can't judge one case from two moments.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from asyncpg import Record

from backend.cases.deadlines import judge_deadlines
from backend.database import Transactions, Tx
from backend.evidence.attributing import attribute_recordings, recordings_around
from backend.evidence.files import GRACE, judge_recordings
from backend.evidence.judging import judge_cases, upload_hours
from backend.evidence.queue import queue_judging
from backend.rules.calendar import law_date
from backend.rules.pack import SECTORS, load_pack
from backend.rules.rows import ChecklistItem

# "Quanji judging" in the one namespace that advisory locks have.
JUDGING_LOCK = 0x5175616E6A6A
BATCH = 200
# How far back time alone is looked for: a scheduler that was down longer needs a person anyway.
LOOK_BACK = timedelta(days=90)


async def judge_changed(database: Transactions, now: datetime) -> int:
    """Judge what is queued, batch by batch. How many cases and recordings were judged."""
    judged = 0
    while True:
        async with database.transaction() as tx:
            taken = await _take(tx)
            if not taken:
                return judged
            await judge(
                tx,
                [row["subject_id"] for row in taken if row["subject_kind"] == "case"],
                [row["subject_id"] for row in taken if row["subject_kind"] == "recording"],
                now,
            )
            await _done(tx, taken)
        judged += len(taken)
        if len(taken) < BATCH:
            return judged


async def _take(tx: Tx) -> list[Record]:
    """The oldest entries, by row version and without locking them.

    A locked entry would make every push wait for the judge. Whoever queues the same subject
    meanwhile makes a new version of the row, which `_done` leaves for the next pass.
    """
    if not await tx.fetchval("select exists (select from judging_queue)"):
        return []
    await tx.execute("select pg_advisory_xact_lock($1)", JUDGING_LOCK)
    return await tx.fetch(
        """select subject_kind, subject_id, xmin::text as seen from judging_queue
            order by since limit $1""",
        BATCH,
    )


async def _done(tx: Tx, taken: Collection[Record]) -> None:
    """Entries that a writer holds now are being queued again: skipped, not waited for."""
    await tx.execute(
        """delete from judging_queue where ctid in (
               select q.ctid from judging_queue q
                 join unnest($1::text[], $2::uuid[], $3::text[]) as t (kind, id, seen)
                   on q.subject_kind = t.kind and q.subject_id = t.id and q.xmin::text = t.seen
                  for update of q skip locked)""",
        [row["subject_kind"] for row in taken],
        [row["subject_id"] for row in taken],
        [row["seen"] for row in taken],
    )


async def judge(
    tx: Tx, case_ids: Collection[UUID], recording_ids: Collection[UUID], now: datetime
) -> None:
    """Attribution, then the files, then coverage and deadlines of every case that it touches."""
    recordings = set(recording_ids)
    if case_ids:
        recordings |= await recordings_around(tx, case_ids)
    placed, changed = await attribute_recordings(tx, sorted(recordings), now)
    await judge_recordings(tx, placed, now)
    cases = {*case_ids, *changed, *await _cases_of(tx, recording_ids)}
    await judge_cases(tx, sorted(cases), now)
    await judge_deadlines(tx, sorted(cases), now)


async def _cases_of(tx: Tx, recording_ids: Collection[UUID]) -> list[UUID]:
    rows = await tx.fetch(
        """select distinct i.case_id from attributions t
             join steps s on s.id = t.step_id join inspections i on i.id = s.inspection_id
            where t.recording_id = any($1)""",
        list(recording_ids),
    )
    return [row["case_id"] for row in rows]


async def deadlines_due(database: Transactions, now: datetime) -> int:
    """Count again the deadlines whose state changes by time alone. How many cases."""
    judged = 0
    while True:
        async with database.transaction() as tx:
            await tx.execute("select pg_advisory_xact_lock($1)", JUDGING_LOCK)
            rows = await tx.fetch(
                """select distinct case_id from (
                       select d.case_id from deadlines d join cases c on c.id = d.case_id
                        where d.next_change_at <= $1 and c.deleted_at is null
                        order by d.next_change_at limit $2) as soonest""",
                now,
                BATCH,
            )
            if not rows:
                return judged
            await judge_deadlines(tx, [row["case_id"] for row in rows], now)
        judged += len(rows)


async def recordings_missing(database: Transactions, now: datetime) -> int:
    """Queue the cases of steps whose upload time is over and that were not judged since."""
    limit = timedelta(hours=min(upload_hours(load_pack(s, law_date(now))) for s in SECTORS))
    async with database.transaction() as tx:
        rows = await tx.fetch(
            """select distinct i.case_id
                 from steps s
                 join inspections i on i.id = s.inspection_id and i.deleted_at is null
                 left join coverages c on c.step_id = s.id
                where coalesce(s.ended_at, i.ended_at) > $1
                  and coalesce(s.ended_at, i.ended_at) <= $2
                  and (s.ended_at is null or s.ended_at between $1 and $2)
                  and s.kind = any($4) and s.deleted_at is null
                  and s.started_at <= coalesce(s.ended_at, i.ended_at)
                  and (c.step_id is null
                       or (not c.complete and c.judged_at < c.required_to + $3::interval))""",
            now - LOOK_BACK,
            now - limit,
            limit,
            _recorded_kinds(now),
        )
        await queue_judging(tx, "case", [row["case_id"] for row in rows], now)
    return len(rows)


def _recorded_kinds(now: datetime) -> list[str]:
    """Steps that every sector's list wants recorded: each of these has a coverage once judged."""
    lists = [
        {item.step_kind for item in load_pack(s, law_date(now)).checklist.values() if _judged(item)}
        for s in SECTORS
    ]
    return sorted(set.intersection(*lists))


def _judged(item: ChecklistItem) -> bool:
    return item.on and bool(item.media) and not item.when


async def unattributed(database: Transactions, now: datetime) -> int:
    """Queue recordings whose time of grace is over, that belong to no step and are not flagged."""
    async with database.transaction() as tx:
        rows = await tx.fetch(
            """select r.id from recordings r
                where r.state in ('probed', 'ready')
                  and r.received_at > $1 and r.received_at <= $2
                  and not exists (select from attributions t
                                   where t.recording_id = r.id and not t.rejected)
                  and not exists (select from flags f where f.subject_id = r.id
                                     and f.kind = 'unattributed_recording'
                                     and f.state <> 'resolved')""",
            now - LOOK_BACK,
            now - GRACE,
        )
        await queue_judging(tx, "recording", [row["id"] for row in rows], now)
    return len(rows)
