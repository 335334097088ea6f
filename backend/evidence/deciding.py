"""A person's word on what a recording shows: it outranks the machine's and survives re-judging."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from asyncpg import Record

from backend.database import Tx, new_id, to_json
from backend.errors import Refusal, not_found
from backend.evidence.queue import queue_judging
from backend.ledger.events import note
from backend.people.access import Actor


async def attribute_by_person(
    tx: Tx,
    actor: Actor,
    recording_id: UUID,
    step_id: UUID,
    *,
    shows: bool,
    reason: str,
    now: datetime,
    interval: tuple[datetime, datetime] | None = None,
) -> None:
    """The recording shows the step (over `interval`, else where their times meet), or doesn't.

    Recording and step must be of one department; `not_found` else. `bad_request` without a
    reason, for an interval that runs backwards, or when there is no time to take one from.
    """
    if not reason.strip():
        raise Refusal("bad_request", detail="须写明理由 / a reason is needed", where="reason")
    pair = await _pair(tx, recording_id, step_id)
    begin, end = interval or _meeting(pair)
    if begin > end:
        raise Refusal("bad_request", detail="起止颠倒 / it ends before it begins", where="interval")
    await _write(tx, actor, recording_id, step_id, (begin, end), shows, reason.strip(), now)
    await _tell(tx, actor, pair, step_id, now, shows=shows, reason=reason.strip())


async def _pair(tx: Tx, recording_id: UUID, step_id: UUID) -> Record:
    row = await tx.fetchrow(
        """select r.id, r.department_id, r.captured_from, r.captured_to, i.case_id, s.started_at,
                  coalesce(s.ended_at, i.ended_at) as ended_at
             from recordings r
             join steps s on s.id = $2 and s.deleted_at is null
             join inspections i on i.id = s.inspection_id and i.department_id = r.department_id
            where r.id = $1""",
        recording_id,
        step_id,
    )
    if row is None:
        raise not_found("recording or step")
    return row


def _meeting(pair: Record) -> tuple[datetime, datetime]:
    """Where both times meet. Where they don't, a person contradicts the recording's clock: then
    it is the step's time, for that is what the recording is said to show."""
    taken = (pair["captured_from"], pair["captured_to"])
    step = (pair["started_at"], pair["ended_at"])
    if None in step and None in taken:
        raise Refusal("bad_request", detail="须给出起止时间 / give the interval", where="interval")
    if None in taken:
        return step
    if None in step:
        return taken
    begin, end = max(taken[0], step[0]), min(taken[1], step[1])
    return (begin, end) if begin <= end else step


async def _write(
    tx: Tx,
    actor: Actor,
    recording_id: UUID,
    step_id: UUID,
    interval: tuple[datetime, datetime],
    shows: bool,
    reason: str,
    now: datetime,
) -> None:
    said: dict[str, Any] = {"code": "person", "weight": 1.0, "zh": reason, "en": reason}
    await tx.execute(
        """insert into attributions
               (id, recording_id, step_id, begins_at, ends_at, score, reasons, decided_by, actor,
                rejected, decided_at)
           values ($1, $2, $3, $4, $5, 1, $6, 'person', $7, $8, $9)
           on conflict (recording_id, step_id) do update
              set begins_at = excluded.begins_at, ends_at = excluded.ends_at, score = 1,
                  reasons = excluded.reasons, decided_by = 'person', actor = excluded.actor,
                  rejected = excluded.rejected, decided_at = excluded.decided_at""",
        new_id(),
        recording_id,
        step_id,
        *interval,
        to_json([said]),
        actor.label,
        not shows,
        now,
    )


async def _tell(
    tx: Tx, actor: Actor, pair: Record, step_id: UUID, now: datetime, **body: Any
) -> None:
    await note(
        tx,
        "attributed_by_person",
        ("recording", pair["id"]),
        actor=actor.label,
        now=now,
        department_id=pair["department_id"],
        step_id=step_id,
        **body,
    )
    tx.touch(f"case:{pair['case_id']}", "recording", pair["id"])
    await queue_judging(tx, "case", [pair["case_id"]], now)
    await queue_judging(tx, "recording", [pair["id"]], now)
