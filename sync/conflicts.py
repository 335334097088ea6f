"""The conflict desk: what two hands wrote, kept until a person says which stands."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
from asyncpg import Record

from backend.cases import apply
from backend.cases.apply import Hand
from backend.cases.policies import ENTITIES, BadField, read_field
from backend.cases.subjects import Subject, lock
from backend.database import Tx, from_json, to_json
from backend.errors import Refusal, not_found
from backend.flags.raising import settle
from backend.ledger.events import note
from backend.people.access import Actor
from backend.people.scope import visible_departments


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two values, and whose it is. `clock`: how far the time can be trusted."""

    value: Any
    actor: str
    officer_id: UUID | None
    officer_name: str
    device_id: UUID | None
    device_name: str
    at: datetime | None
    clock: Literal["server", "measured", "unmeasured"]


class ConflictView(msgspec.Struct, frozen=True, kw_only=True):
    """`seen_version` is to be handed back when closing; `current` is the value now."""

    id: UUID
    state: Literal["open", "closed"]
    department_id: UUID
    case_id: UUID | None
    entity: str
    entity_id: UUID
    field: str
    base: Any
    server: Side
    device: Side
    current: Any
    seen_version: int
    chosen_value: Any
    closed_by: str | None
    closed_at: datetime | None
    created_at: datetime


_SELECT = """
    select c.*, o.officer_id as device_officer, o.device_id,
           f.name as officer_name, d.name as device_name,
           w.op_id as server_op, so.officer_id as server_officer, so.device_id as server_device,
           sf.name as server_officer_name, sd.name as server_device_name, a.name as account_name,
           exists (select 1 from device_contacts x where x.device_id = o.device_id
                      and x.boot_id = o.content->>'boot_id') as measured,
           exists (select 1 from device_contacts x where x.device_id = so.device_id
                      and x.boot_id = so.content->>'boot_id') as server_measured
      from conflicts c
      join operations o on o.op_id = c.op_id
      left join officers f on f.id = o.officer_id
      join devices d on d.id = o.device_id
      left join lateral (
          select op_id from field_writes
           where entity = c.entity and entity_id = c.entity_id
             and (field = c.field or c.field = 'deleted') and actor = c.server_actor
             and at = c.server_at
           order by version desc limit 1) w on true
      left join operations so on so.op_id = w.op_id
      left join officers sf on sf.id = so.officer_id
      left join devices sd on sd.id = so.device_id
      left join accounts a on 'account:' || a.id = c.server_actor
"""


async def list_conflicts(
    tx: Tx,
    actor: Actor,
    *,
    state: Literal["open", "closed"] = "open",
    case_id: UUID | None = None,
    limit: int = 200,
) -> list[ConflictView]:
    """The conflicts of the departments that `actor` sees, oldest first."""
    rows = await tx.fetch(
        _SELECT
        + """ where c.state = $1 and c.department_id = any($2)
                and ($3::uuid is null or c.case_id = $3)
              order by c.created_at, c.id limit $4""",
        state,
        await visible_departments(tx, actor),
        case_id,
        limit,
    )
    return [await _view(tx, row) for row in rows]


async def explain(tx: Tx, actor: Actor, conflict_id: UUID) -> ConflictView:
    """Base, both values, who, when, on which device. Refuses `not_found`."""
    row = await tx.fetchrow(
        _SELECT + " where c.id = $1 and c.department_id = any($2)",
        conflict_id,
        await visible_departments(tx, actor),
    )
    if row is None:
        raise not_found("conflict")
    return await _view(tx, row)


async def close(
    tx: Tx, actor: Actor, conflict_id: UUID, value: Any, seen_version: int, now: datetime
) -> ConflictView:
    """One of the two values or a new one stands from now on; phones and desk see it.

    Refuses `conflict` when it is closed already, `stale_version` when the field was written after
    the look that `seen_version` comes from, `bad_request` for a value that the field can't hold.
    """
    seen = await explain(tx, actor, conflict_id)
    subject = await lock(tx, seen.entity, seen.entity_id)
    row = await tx.fetchrow("select state from conflicts where id = $1 for update", conflict_id)
    if row["state"] == "closed":
        raise Refusal("conflict", detail="冲突已裁定 / it is closed already", where="state")
    if _version(subject, seen.field) > seen_version:
        raise Refusal("stale_version", detail="字段又有更改 / written again", where=seen.field)
    await _write(tx, actor, subject, seen.field, value, now)
    await tx.execute(
        """update conflicts set state = 'closed', chosen_value = $2, closed_by = $3, closed_at = $4
            where id = $1""",
        conflict_id,
        to_json(value),
        actor.label,
        now,
    )
    await settle(tx, "conflict", conflict_id, ["sync_conflict"], [], now)
    await _tell(tx, actor, seen, now)
    return await explain(tx, actor, conflict_id)


async def _write(
    tx: Tx, actor: Actor, subject: Subject, field: str, value: Any, now: datetime
) -> None:
    hand = Hand(label=actor.label, department_id=actor.department_id, at=now)
    if field == "deleted":
        if not isinstance(value, bool):
            raise Refusal("bad_request", detail="true 或 false / true or false", where="value")
        if value != (subject.value("deleted_at") is not None):
            await apply.mark_deleted(tx, hand, subject, value, now)
    else:
        chosen = _read(subject.entity, field, value)
        await apply.write_fields(tx, hand, subject, {field: chosen})
    case_id = subject.case["id"] if subject.case else None
    await apply.changed(tx, case_id, subject.entity, subject.id, now)


def _read(entity: str, field: str, value: Any) -> Any:
    try:
        return read_field(entity, field, value)
    except BadField as e:
        raise Refusal("bad_request", detail=e.problem, where="value") from e


async def _tell(tx: Tx, actor: Actor, seen: ConflictView, now: datetime) -> None:
    if seen.case_id is not None:
        tx.touch(f"case:{seen.case_id}", "conflict", seen.id)
    tx.touch(f"device:{seen.device.device_id}", "conflict", seen.id)
    await note(
        tx,
        "conflict_closed",
        (seen.entity, seen.entity_id),
        actor=actor.label,
        now=now,
        department_id=seen.department_id,
        conflict_id=seen.id,
        field=seen.field,
    )


async def _view(tx: Tx, row: Record) -> ConflictView:
    subject = await tx.fetchrow(
        f"select * from {ENTITIES[row['entity']].table} where id = $1",  # noqa: S608
        row["entity_id"],
    )
    field = row["field"]
    current = subject["deleted_at"] is not None if field == "deleted" else subject[field]
    return ConflictView(
        id=row["id"],
        state=row["state"],
        department_id=row["department_id"],
        case_id=row["case_id"],
        entity=row["entity"],
        entity_id=row["entity_id"],
        field=field,
        base=from_json(row["base"]),
        server=_server_side(row),
        device=_device_side(row),
        current=current,
        seen_version=_row_version(subject, field),
        chosen_value=from_json(row["chosen_value"]),
        closed_by=row["closed_by"],
        closed_at=row["closed_at"],
        created_at=row["created_at"],
    )


def _device_side(row: Record) -> Side:
    return Side(
        value=from_json(row["device_value"]),
        actor=row["device_actor"],
        officer_id=row["device_officer"],
        officer_name=row["officer_name"] or "",
        device_id=row["device_id"],
        device_name=row["device_name"],
        at=row["occurred_at"],
        clock="measured" if row["measured"] else "unmeasured",
    )


def _server_side(row: Record) -> Side:
    device = row["server_device"]
    clock: Literal["server", "measured", "unmeasured"] = "server"
    if device is not None:
        clock = "measured" if row["server_measured"] else "unmeasured"
    return Side(
        value=from_json(row["server_value"]),
        actor=row["server_actor"],
        officer_id=row["server_officer"],
        officer_name=row["server_officer_name"] or row["account_name"] or "",
        device_id=device,
        device_name=row["server_device_name"] or "",
        at=row["server_at"],
        clock=clock,
    )


def _version(subject: Subject, field: str) -> int:
    return _row_version(subject.row, field) if subject.row else 0


def _row_version(row: Record, field: str) -> int:
    """A field's own version; for a deletion the whole row's."""
    if field == "deleted":
        return int(row["version"])
    return int(from_json(row["field_versions"]).get(field, 0))
