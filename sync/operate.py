"""One operation that has been received: order, merge, apply. What is decided comes back."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from backend.cases.apply import Change
from backend.cases.policies import REFERENCES
from backend.cases.subjects import Subject, case_of_step, exists, lock
from backend.database import Tx
from backend.ledger.events import note
from sync.edits import Done, edit
from sync.lines import Line
from sync.ops import Op, Outcome, Reason
from sync.order import Decision, Membership, Standing, WaitsFor, decide
from sync.reading import Reading
from sync.reasons import reason

log = logging.getLogger("quanji.sync")

# Retried with the whole push: nobody's operation is at fault.
TRANSIENT = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
# The connection is gone, and with it the whole transaction.
LOST = (asyncpg.InterfaceError, asyncpg.PostgresConnectionError, OSError)
_DATA_FAULTS = (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError)


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept with the operation. `case_id` places its flag; `flagged`: it has one."""

    outcome: Outcome
    officer_id: UUID | None = None
    waits_for: WaitsFor | None = None
    waits_for_id: UUID | None = None
    case_id: UUID | None = None
    flagged: bool = False


class _Bearings(msgspec.Struct, frozen=True):
    """The locked subject, what is missing, and a reference that may not be made."""

    subject: Subject
    missing: UUID | None = None
    refused: Reason | None = None


async def operate(
    tx: Tx, line: Line, reading: Reading, received_at: datetime, now: datetime
) -> Result:
    """Decide and do. On a careful line in a savepoint: what the database refuses, or what breaks,
    undoes itself alone; otherwise it raises, and the push starts again with care.

    Its turn must have come, or have passed: a released operation is behind the chain.
    """
    op = reading.op
    if op is None:
        raise ValueError("what could not be read is rejected before it comes here")
    if not line.careful:
        return await _operate(tx, line, reading, op, received_at, now)
    try:
        async with tx.savepoint():
            return await _operate(tx, line, reading, op, received_at, now)
    except TRANSIENT:
        raise
    except _DATA_FAULTS as e:
        why = reason("constraint", getattr(e, "column_name", None) or "", detail=str(e))
        return _result(line, op, "rejected", received_at, (why,))
    except LOST:
        raise
    except Exception:
        # A poison operation must not stop the queue behind it: kept, and a person is told.
        log.exception("operation %s of %s", op.op_id, line.label)
        why = reason("server_fault")
        return _result(line, op, "held", received_at, (why,), waits_for="person")


async def _operate(
    tx: Tx, line: Line, reading: Reading, op: Op, received_at: datetime, now: datetime
) -> Result:
    if reading.speaks_newer:
        bearings = _Bearings(Subject(op.entity, op.id))
    else:
        bearings = await _bearings(tx, line, op, reading.values)
    if bearings.refused is not None:
        return _result(line, op, "rejected", received_at, (bearings.refused,))
    decision = decide(await _standing(tx, line, reading, op, bearings))
    case_id = bearings.subject.case["id"] if bearings.subject.case else None
    if decision.action != "apply":
        return _not_now(line, op, received_at, decision, case_id)
    done = await edit(tx, line, op, reading.values, bearings.subject, now)
    line.changes.append(Change(done.case_id, op.entity, op.id))
    await _noted(tx, line, op, done, now)
    return _result(line, op, done.status, received_at, (*done.reasons, *reading.notes), done=done)


async def _bearings(tx: Tx, line: Line, op: Op, values: dict[str, Any]) -> _Bearings:
    """Lock what the operation is about, the case before all, then look at what it names."""
    known: bool | None = True
    if op.kind in ("create", "append"):
        known = await exists(tx, op.entity, op.id, line.department_id)
    if known is None:
        return await _new(tx, line, op, values)
    subject = await lock(tx, op.entity, op.id)
    if subject.row is None:
        return _Bearings(subject, missing=op.id)
    if subject.department_id != line.department_id:
        return _Bearings(Subject(op.entity, op.id), refused=reason("not_found", "id"))
    if op.kind == "create" or (op.entity, op.kind) == ("fact", "append"):
        return _Bearings(subject, refused=reason("id_taken", "id"))
    return await _references(tx, line, op, values, subject)


async def _new(tx: Tx, line: Line, op: Op, values: dict[str, Any]) -> _Bearings:
    """What does not exist yet is written under its inspection, an inspection in its case."""
    subject = Subject(op.entity, op.id)
    if op.entity == "record" and not {"inspection_id", "kind", "title"} <= values.keys():
        return _Bearings(subject, missing=op.id)
    if op.entity in ("step", "fact", "record"):
        subject = await lock(tx, "inspection", values["inspection_id"])
    elif op.entity == "inspection" and values.get("case_id"):
        subject = await lock(tx, "case", values["case_id"])
    if subject.row is not None and subject.department_id != line.department_id:
        return _Bearings(Subject(op.entity, op.id), refused=_unknown_parent(op))
    return await _references(tx, line, op, values, subject)


def _unknown_parent(op: Op) -> Reason:
    return reason("not_found", "case_id" if op.entity == "inspection" else "inspection_id")


async def _references(
    tx: Tx, line: Line, op: Op, values: dict[str, Any], subject: Subject
) -> _Bearings:
    for field, entity in REFERENCES.get(op.entity, {}).items():
        named = values.get(field)
        for named_id in named if isinstance(named, list) else [named]:
            if named_id is None or named_id == subject.id:
                continue
            ours = await exists(tx, entity, named_id, line.department_id)
            if ours is False or (ours is None and entity == "officer"):
                return _Bearings(subject, refused=reason("not_found", field))
            if ours is None:
                return _Bearings(subject, missing=named_id)
    step_id = values.get("step_id")
    case_id = subject.case["id"] if subject.case else None
    if step_id is not None and await case_of_step(tx, step_id) != case_id:
        return _Bearings(subject, refused=reason("bad_value", "step_id"))
    return _Bearings(subject)


async def _standing(tx: Tx, line: Line, reading: Reading, op: Op, bearings: _Bearings) -> Standing:
    author = line.author(op)
    case = bearings.subject.case
    return Standing(
        speaks_newer=reading.speaks_newer,
        missing=bearings.missing,
        earlier_held=op.id if line.holds_before(op) else None,
        author_known=author is not None,
        membership=await _membership(tx, line, op, author, case["id"] if case else None),
        stage=case["stage"] if case else None,
    )


async def _membership(
    tx: Tx, line: Line, op: Op, author: UUID | None, case_id: UUID | None
) -> Membership:
    """Opening an inspection in a case of one's department is how one joins it."""
    if op.kind == "create" and op.entity in ("case", "inspection"):
        line.memberships.clear()
        return "member"
    if author is None or case_id is None:
        return "member"
    key = (case_id, author)
    if key not in line.memberships:
        line.memberships[key] = await _looked_up(tx, *key)
    return line.memberships[key]


async def _looked_up(tx: Tx, case_id: UUID, officer_id: UUID) -> Membership:
    row = await tx.fetchrow(
        "select until from case_officers where case_id = $1 and officer_id = $2",
        case_id,
        officer_id,
    )
    if row is None:
        return "stranger"
    return "member" if row["until"] is None else "left"


async def _noted(tx: Tx, line: Line, op: Op, done: Done, now: datetime) -> None:
    await note(
        tx,
        "synced",
        (op.entity, op.id),
        actor=line.label,
        now=now,
        department_id=line.department_id,
        op_id=op.op_id,
        kind_of_edit=op.kind,
        status=done.status,
    )


def _not_now(
    line: Line, op: Op, received_at: datetime, decision: Decision, case_id: UUID | None
) -> Result:
    why = (reason(decision.code),)
    if decision.action == "refuse":
        return _result(line, op, "rejected", received_at, why, case_id=case_id)
    return _result(
        line,
        op,
        "held",
        received_at,
        why,
        waits_for=decision.waits_for,
        waits_for_id=decision.waits_for_id,
        case_id=case_id,
    )


def held_for_gap(line: Line, op: Op, received_at: datetime) -> Result:
    return _result(line, op, "held", received_at, (reason("waits_for_gap"),), waits_for="gap")


def _result(
    line: Line,
    op: Op,
    status: Any,
    received_at: datetime,
    reasons: tuple[Reason, ...],
    *,
    done: Done | None = None,
    waits_for: WaitsFor | None = None,
    waits_for_id: UUID | None = None,
    case_id: UUID | None = None,
) -> Result:
    outcome = Outcome(
        op_id=str(op.op_id),
        device_seq=op.device_seq,
        status=status,
        entity=op.entity,
        id=str(op.id),
        reasons=reasons,
        version=done.version if done else None,
        conflicts=done.conflicts if done else (),
        placement=done.placement if done else None,
        received_at=received_at,
    )
    return Result(
        outcome=outcome,
        officer_id=line.author(op),
        waits_for=waits_for,
        waits_for_id=waits_for_id,
        case_id=done.case_id if done else case_id,
    )
