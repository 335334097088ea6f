"""What each kind of operation does, once it may: merge against what stands, write, keep both."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from backend.cases import apply, placing
from backend.cases.apply import Hand
from backend.cases.policies import ENTITIES
from backend.cases.subjects import Subject
from backend.database import Tx, from_json
from backend.flags.raising import Finding, raise_flag
from sync.collisions import keep
from sync.lines import Line
from sync.merge import Seen, merge
from sync.ops import Op, Reason, Status
from sync.reasons import reason
from sync.reconcile import reconcile


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What an edit came to. `version` is the row's (a record's: the number of its version)."""

    status: Status = "applied"
    case_id: UUID | None
    version: int | None = None
    reasons: tuple[Reason, ...] = ()
    conflicts: tuple[UUID, ...] = ()
    placement: dict[str, Any] | None = None


class _Edit(msgspec.Struct, frozen=True, kw_only=True):
    line: Line
    op: Op
    values: dict[str, Any]
    subject: Subject
    hand: Hand
    now: datetime

    @property
    def case_id(self) -> UUID | None:
        return self.subject.case["id"] if self.subject.case else None


async def edit(
    tx: Tx, line: Line, op: Op, values: dict[str, Any], subject: Subject, now: datetime
) -> Done:
    """`subject` is locked: the row itself, or for something new what it is written under."""
    one = _Edit(line=line, op=op, values=values, subject=subject, hand=line.hand(op), now=now)
    return await _HANDLERS[op.entity, op.kind](tx, one)


async def _create_party(tx: Tx, one: _Edit) -> Done:
    columns = {**one.values, "department_id": one.line.department_id, "created_at": one.now}
    await apply.create_row(tx, one.hand, "party", one.op.id, columns)
    return Done(case_id=None, version=1)


async def _create_case(tx: Tx, one: _Edit) -> Done:
    columns = {
        "lead_officer_id": one.hand.officer_id,
        **one.values,
        "department_id": one.line.department_id,
        "opened_at": one.hand.at,
        "created_at": one.now,
    }
    await apply.create_row(tx, one.hand, "case", one.op.id, columns)
    for officer_id in {one.hand.officer_id, columns["lead_officer_id"]} - {None}:
        await placing.join_case(tx, one.op.id, officer_id, one.now)
    if columns.get("party_id"):
        tx.touch(f"case:{one.op.id}", "party", columns["party_id"])
    return Done(case_id=one.op.id, version=1)


async def _create_inspection(tx: Tx, one: _Edit) -> Done:
    columns = {**one.values, "created_at": one.now}
    named = columns.pop("case_id", None)
    officers = {*columns.pop("officer_ids", ()), one.hand.officer_id} - {None}
    await placing.hold_the_department(tx, one.line.department_id)
    visit = await _visit(tx, one, officers)
    found = await placing.candidates(tx, one.line.department_id, visit)
    placement = reconcile(visit, found, case_id=named)
    case_id = await placing.place_inspection(
        tx, one.hand, one.op.id, columns, officers, placement, one.now
    )
    if placement.kind == "ask":
        await _ask(tx, one, case_id, placement)
    told = {**msgspec.to_builtins(placement), "case_id": str(case_id)}
    return Done(case_id=case_id, version=1, placement=told)


async def _visit(tx: Tx, one: _Edit, officers: set[Any]) -> placing.Visit:
    values = one.values
    party_id = values.get("party_id") or one.subject.value("party_id")
    return placing.Visit(
        id=one.op.id,
        case_id=values.get("case_id"),
        kind=values["kind"],
        party=await placing.party_marks(tx, party_id),
        place=values.get("place", ""),
        latitude=values.get("latitude"),
        longitude=values.get("longitude"),
        started_at=values["started_at"],
        ended_at=values.get("ended_at"),
        officers=frozenset(officers),
        made_by=one.hand.label,
    )


async def _ask(tx: Tx, one: _Edit, case_id: UUID, placement: placing.Placement) -> None:
    finding = Finding(
        kind="sync_conflict",
        department_id=one.line.department_id,
        case_id=case_id,
        subject_kind="inspection",
        subject_id=one.op.id,
        key="placement",
        severity="info",
        explanation={
            "zh": "该检查可能与另一检查属于同一案件，请确认",
            "en": "This inspection may belong with another one's case; please decide",
            "placement": msgspec.to_builtins(placement),
        },
    )
    await raise_flag(tx, finding, one.now)


async def _create_step(tx: Tx, one: _Edit) -> Done:
    columns = {**one.values, "created_at": one.now}
    await apply.create_row(tx, one.hand, "step", one.op.id, columns)
    return Done(case_id=one.case_id, version=1)


async def _set(tx: Tx, one: _Edit) -> Done:
    server = await _server_fields(tx, one)
    merged = merge(one.op.base, one.values, server)
    conflicts, applied = dict(merged.conflicts), dict(merged.applied)
    if _is_deleted(one.subject):
        conflicts |= dict.fromkeys(applied, "deleted_meanwhile")
        applied = {}
    version = one.subject.value("version")
    if applied:
        version = await apply.write_fields(tx, one.hand, one.subject, applied)
    kept = await keep(tx, one.line, one.op, one.subject, conflicts, one.values, one.now)
    if applied.get("party_id") and one.case_id:
        tx.touch(f"case:{one.case_id}", "party", applied["party_id"])
    reasons = [reason(code, field) for field, code in conflicts.items()]
    reasons += [reason("others_changed", field) for field in merged.soft]
    return Done(
        status="conflict" if conflicts else "merged" if merged.soft else "applied",
        case_id=one.case_id,
        version=version,
        reasons=tuple(reasons),
        conflicts=kept,
    )


def _is_deleted(subject: Subject) -> bool:
    return "delete" in ENTITIES[subject.entity].kinds and subject.value("deleted_at") is not None


async def _server_fields(tx: Tx, one: _Edit) -> dict[str, Seen]:
    versions = from_json(one.subject.value("field_versions"))
    foreign = await _foreign(tx, one)
    return {
        field: Seen(one.subject.value(field), versions.get(field, 0), foreign.get(field, 0))
        for field in ENTITIES[one.op.entity].mutable
    }


async def _foreign(tx: Tx, one: _Edit) -> dict[str, int]:
    """The last version of each field that came from another hand than this device's own log."""
    rows = await tx.fetch(
        """select w.field, max(w.version) as version
             from field_writes w left join operations o on o.op_id = w.op_id
            where w.entity = $1 and w.entity_id = $2
              and (o.op_id is null or o.device_id <> $3 or o.log <> $4)
            group by w.field""",
        one.op.entity,
        one.op.id,
        one.line.device_id,
        one.line.log,
    )
    return {row["field"]: row["version"] for row in rows}


async def _delete(tx: Tx, one: _Edit) -> Done:
    if _is_deleted(one.subject):
        return Done(case_id=one.case_id, version=one.subject.value("version"))
    edited = max((await _foreign(tx, one)).values(), default=0)
    if edited > one.op.base.get("version", 0):
        wanted = {"deleted": "edited_meanwhile"}
        kept = await keep(tx, one.line, one.op, one.subject, wanted, {"deleted": True}, one.now)
        why = (reason("edited_meanwhile"),)
        return Done(status="conflict", case_id=one.case_id, reasons=why, conflicts=kept)
    version = await apply.mark_deleted(tx, one.hand, one.subject, True, one.now)
    return Done(case_id=one.case_id, version=version)


async def _append_fact(tx: Tx, one: _Edit) -> Done:
    await apply.append_fact(tx, one.hand, one.op.id, one.values, one.now)
    if one.values["kind"] == "step_time" and one.case_id:
        tx.touch(f"case:{one.case_id}", "step", one.values["step_id"])
    return Done(case_id=one.case_id)


async def _retract_fact(tx: Tx, one: _Edit) -> Done:
    await apply.retract_fact(tx, one.op.id, one.now)
    if one.subject.value("kind") == "step_time" and one.case_id:
        tx.touch(f"case:{one.case_id}", "step", one.subject.value("step_id"))
    return Done(case_id=one.case_id)


async def _append_record(tx: Tx, one: _Edit) -> Done:
    first = one.subject.entity != "record"
    number = await apply.append_record(
        tx, one.hand, one.op.id, one.op.op_id, one.values, one.now, first=first
    )
    looked = one.op.base.get("version", 0)
    surprised = not first and looked + 1 < number and await _others_wrote(tx, one, looked)
    return Done(
        status="merged" if surprised else "applied",
        case_id=one.case_id,
        version=number,
        reasons=(reason("newer_record"),) if surprised else (),
    )


async def _others_wrote(tx: Tx, one: _Edit, looked: int) -> bool:
    found = await tx.fetchval(
        """select exists (select 1 from record_versions
            where record_id = $1 and number > $2 and device_id is distinct from $3)""",
        one.op.id,
        looked,
        one.line.device_id,
    )
    return bool(found)


_Handler = Callable[[Tx, _Edit], Awaitable[Done]]
_HANDLERS: dict[tuple[str, str], _Handler] = {
    ("party", "create"): _create_party,
    ("case", "create"): _create_case,
    ("inspection", "create"): _create_inspection,
    ("step", "create"): _create_step,
    ("party", "set"): _set,
    ("case", "set"): _set,
    ("inspection", "set"): _set,
    ("step", "set"): _set,
    ("case", "delete"): _delete,
    ("inspection", "delete"): _delete,
    ("step", "delete"): _delete,
    ("fact", "append"): _append_fact,
    ("fact", "retract"): _retract_fact,
    ("record", "append"): _append_record,
}
