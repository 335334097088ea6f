"""What happened in a case, at the time it happened: the events that deadlines are counted from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from backend.database import Tx, new_id, to_json
from backend.errors import Refusal, not_found
from backend.evidence.queue import queue_judging
from backend.ledger.events import note
from backend.people.access import Actor
from backend.rules.events import EVENT_KINDS

# Clocks of phones and desks differ; what lies further ahead has not happened.
AHEAD = timedelta(minutes=5)


async def record_event(
    tx: Tx,
    case_id: UUID,
    kind: str,
    at: datetime,
    body: Mapping[str, Any],
    actor: Actor,
    now: datetime,
) -> UUID:
    """Note an event of `backend.rules.events.EVENT_KINDS` that happened `at`; its id.

    `body` holds what the rules ask for (`subject`, `reason`, `on`, `days` …). `bad_request` for
    an unknown kind, a naive time or one that lies ahead; `not_found` without such a case.
    """
    _check(kind, at, now)
    department_id = await tx.fetchval(
        "select department_id from cases where id = $1 and deleted_at is null", case_id
    )
    if department_id is None:
        raise not_found("case")
    event_id = new_id()
    await tx.execute(
        """insert into case_events (id, case_id, kind, at, body, actor, recorded_at)
           values ($1, $2, $3, $4, $5, $6, $7)""",
        event_id,
        case_id,
        kind,
        at,
        to_json(dict(body)),
        actor.label,
        now,
    )
    await _tell(
        tx, "event_recorded", case_id, department_id, event_id, actor, now, event=kind, at=at
    )
    return event_id


async def retract_event(tx: Tx, event_id: UUID, actor: Actor, reason: str, now: datetime) -> None:
    """It did not happen, or not so: deadlines are counted without it. The row stays.

    `bad_request` without a reason, `not_found` when there is no such event or it is retracted.
    """
    if not reason.strip():
        raise Refusal("bad_request", detail="撤回须写明理由 / a reason is needed", where="reason")
    row = await tx.fetchrow(
        """update case_events e set retracted_at = $2 from cases c
            where e.id = $1 and e.retracted_at is null and c.id = e.case_id
            returning e.case_id, e.kind, e.at, c.department_id""",
        event_id,
        now,
    )
    if row is None:
        raise not_found("event")
    await _tell(
        tx,
        "event_retracted",
        row["case_id"],
        row["department_id"],
        event_id,
        actor,
        now,
        event=row["kind"],
        at=row["at"],
        reason=reason.strip(),
    )


def _check(kind: str, at: datetime, now: datetime) -> None:
    if kind not in EVENT_KINDS:
        raise Refusal("bad_request", detail=f"未知事件 / unknown event kind: {kind}", where="kind")
    if at.tzinfo is None:
        raise Refusal("bad_request", detail="时间无时区 / the time has no zone", where="at")
    if at > now + AHEAD:
        raise Refusal("bad_request", detail="事件尚未发生 / it lies in the future", where="at")


async def _tell(
    tx: Tx,
    what: str,
    case_id: UUID,
    department_id: UUID,
    event_id: UUID,
    actor: Actor,
    now: datetime,
    **body: Any,
) -> None:
    await note(
        tx,
        what,
        ("case", case_id),
        actor=actor.label,
        now=now,
        department_id=department_id,
        event_id=event_id,
        **body,
    )
    tx.touch(f"case:{case_id}", "case_event", event_id)
    await queue_judging(tx, "case", [case_id], now)
