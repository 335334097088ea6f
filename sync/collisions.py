"""A value that lost is kept beside the one that stands, with both hands, until a person decides."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from asyncpg import Record

from backend.cases.policies import ENTITY_LABELS, FIELD_LABELS
from backend.cases.subjects import Subject
from backend.database import Tx, new_id, to_json
from backend.flags.raising import Finding, raise_flag
from sync.lines import Line
from sync.ops import Op


async def keep(
    tx: Tx,
    line: Line,
    op: Op,
    subject: Subject,
    collided: Mapping[str, str],
    wanted: Mapping[str, Any],
    now: datetime,
) -> tuple[UUID, ...]:
    """One open conflict for each field in `collided`; their ids. The flag names the field."""
    kept = []
    for field in collided:
        conflict_id = new_id()
        await _insert(tx, line, op, subject, conflict_id, field, wanted[field], now)
        await raise_flag(tx, _finding(line, op, subject, conflict_id, field), now)
        if subject.case is not None:
            tx.touch(f"case:{subject.case['id']}", "conflict", conflict_id)
        tx.touch(f"device:{line.device_id}", "conflict", conflict_id)
        kept.append(conflict_id)
    return tuple(kept)


async def _insert(
    tx: Tx,
    line: Line,
    op: Op,
    subject: Subject,
    conflict_id: UUID,
    field: str,
    wanted: Any,
    now: datetime,
) -> None:
    last = await _last_write(tx, op, field)
    await tx.execute(
        """insert into conflicts (id, department_id, case_id, entity, entity_id, field, op_id, base,
               server_value, server_actor, server_at, device_value, device_actor, occurred_at,
               created_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)""",
        conflict_id,
        line.department_id,
        subject.case["id"] if subject.case else None,
        op.entity,
        op.id,
        field,
        op.op_id,
        await _base_value(tx, op, field),
        to_json(_server_value(subject, field)),
        last["actor"] if last else "unknown",
        last["at"] if last else None,
        to_json(wanted),
        line.label,
        op.occurred_at,
        now,
    )


def _server_value(subject: Subject, field: str) -> Any:
    return subject.value("deleted_at") is not None if field == "deleted" else subject.value(field)


async def _last_write(tx: Tx, op: Op, field: str) -> Record | None:
    """Who wrote the value that stands. A delete collides with whatever was edited last."""
    return await tx.fetchrow(
        """select actor, at from field_writes
            where entity = $1 and entity_id = $2 and (field = $3 or $3 = 'deleted')
            order by version desc limit 1""",
        op.entity,
        op.id,
        field,
    )


async def _base_value(tx: Tx, op: Op, field: str) -> str:
    """What the editor saw, as JSON; null where they had seen nothing."""
    found: str | None = await tx.fetchval(
        """select value from field_writes
            where entity = $1 and entity_id = $2 and field = $3 and version <= $4
            order by version desc limit 1""",
        op.entity,
        op.id,
        field,
        op.base.get(field, op.base.get("version", 0)),
    )
    return found or "null"


def _finding(line: Line, op: Op, subject: Subject, conflict_id: UUID, field: str) -> Finding:
    entity, name = ENTITY_LABELS[op.entity], FIELD_LABELS[field]
    return Finding(
        kind="sync_conflict",
        department_id=line.department_id,
        case_id=subject.case["id"] if subject.case else None,
        subject_kind="conflict",
        subject_id=conflict_id,
        key=field,
        severity="warning",
        explanation={
            "zh": f"{entity.zh}的“{name.zh}”有两人各自修改，两个值均已保留，请裁定",
            "en": f"Two hands changed the {entity.en}'s {name.en}; both values are kept, "
            "please decide",
            "entity": op.entity,
            "entity_id": str(op.id),
            "field": field,
            "conflict_id": str(conflict_id),
        },
    )
