"""The only writer of parties, cases, inspections, steps, facts and records.

Sync calls it with what merging has decided, the desk with `edit_at_desk`. Each function writes
the rows, remembers who wrote which value, and tells the case's feed and the judging queue.
Column names in its SQL come from the declaration in `policies`, never from a request.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from asyncpg import Record

from backend.cases.policies import ENTITIES, BadField, read_field
from backend.cases.subjects import Subject, lock
from backend.database import Tx, from_json, to_json
from backend.errors import Refusal, not_found
from backend.evidence.queue import queue_judging
from backend.ledger.events import note
from backend.people.access import Actor
from backend.people.scope import demand_visible


class Hand(msgspec.Struct, frozen=True, kw_only=True):
    """Who writes. `label` is what histories and conflicts say; `at` is when they did it, by their
    own clock; the ids are what is known of them."""

    label: str
    department_id: UUID
    at: datetime
    officer_id: UUID | None = None
    device_id: UUID | None = None
    op_id: UUID | None = None


async def create_row(
    tx: Tx, hand: Hand, entity: str, entity_id: UUID, columns: Mapping[str, Any]
) -> None:
    """Insert a party, case, inspection or step at version 1. Does not tell the feed: `changed`."""
    mutable = ENTITIES[entity].mutable
    values = {
        "id": entity_id,
        **columns,
        "version": 1,
        "field_versions": to_json(dict.fromkeys(sorted(mutable), 1)),
    }
    places = ", ".join(f"${n}" for n in range(1, len(values) + 1))
    await tx.execute(
        f"insert into {ENTITIES[entity].table} ({', '.join(values)}) values ({places})",  # noqa: S608
        *values.values(),
    )
    written = {name: value for name, value in columns.items() if name in mutable}
    await _remember(tx, hand, entity, entity_id, 1, written)


async def write_fields(tx: Tx, hand: Hand, subject: Subject, fields: Mapping[str, Any]) -> int:
    """Set mutable fields of a locked subject; gives the row's new version."""
    settings = ", ".join(f"{name} = ${n}" for n, name in enumerate(fields, 3))
    version: int = await tx.fetchval(
        f"""update {ENTITIES[subject.entity].table}
               set {settings}, version = version + 1,
                   field_versions = field_versions || (
                       select jsonb_object_agg(name, version + 1) from unnest($2::text[]) name)
             where id = $1 returning version""",  # noqa: S608
        subject.id,
        list(fields),
        *fields.values(),
    )
    await _remember(tx, hand, subject.entity, subject.id, version, fields)
    return version


async def mark_deleted(tx: Tx, hand: Hand, subject: Subject, deleted: bool, now: datetime) -> int:
    """Or bring it back. The row and everything below it stays."""
    version: int = await tx.fetchval(
        f"""update {ENTITIES[subject.entity].table}
               set deleted_at = $2, version = version + 1 where id = $1 returning version""",  # noqa: S608
        subject.id,
        now if deleted else None,
    )
    await _remember(tx, hand, subject.entity, subject.id, version, {"deleted": deleted})
    return version


async def _remember(
    tx: Tx, hand: Hand, entity: str, entity_id: UUID, version: int, fields: Mapping[str, Any]
) -> None:
    """Who wrote which value: what a conflict names, and what tells own edits from foreign ones."""
    await tx.execute(
        """insert into field_writes (entity, entity_id, field, version, value, actor, at, op_id)
           select $1, $2, field, $3, value::jsonb, $6, $7, $8
             from unnest($4::text[], $5::text[]) as t (field, value)""",
        entity,
        entity_id,
        version,
        list(fields),
        [to_json(value) for value in fields.values()],
        hand.label,
        hand.at,
        hand.op_id,
    )


async def append_fact(
    tx: Tx, hand: Hand, fact_id: UUID, values: Mapping[str, Any], now: datetime
) -> None:
    """A fact as it was told; a step's times follow from it."""
    await tx.execute(
        """insert into facts (id, inspection_id, step_id, kind, body, occurred_at, officer_id,
                              device_id, created_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
        fact_id,
        values["inspection_id"],
        values.get("step_id"),
        values["kind"],
        to_json(values["body"]),
        hand.at,
        hand.officer_id,
        hand.device_id,
        now,
    )
    if values["kind"] == "step_time":
        await derive_step_times(tx, values["step_id"])
    if values["kind"] == "officer_present":
        await _present(tx, values["inspection_id"], UUID(values["body"]["officer_id"]))


async def retract_fact(tx: Tx, fact_id: UUID, now: datetime) -> None:
    """The fact stays, marked; what followed from it is reckoned again."""
    fact = await tx.fetchrow(
        """update facts set retracted_at = coalesce(retracted_at, $2) where id = $1
           returning kind, step_id""",
        fact_id,
        now,
    )
    if fact["kind"] == "step_time":
        await derive_step_times(tx, fact["step_id"])


async def derive_step_times(tx: Tx, step_id: UUID) -> None:
    """Earliest start, latest end, of what has not been retracted."""
    await tx.execute(
        """update steps set started_at = t.started_at, ended_at = t.ended_at,
                            version = version + 1
             from (select min((body->>'at')::timestamptz) filter (where body->>'edge' = 'start')
                              as started_at,
                          max((body->>'at')::timestamptz) filter (where body->>'edge' = 'end')
                              as ended_at
                     from facts
                    where step_id = $1 and kind = 'step_time' and retracted_at is null) t
            where steps.id = $1""",
        step_id,
    )


async def _present(tx: Tx, inspection_id: UUID, officer_id: UUID) -> None:
    await tx.execute(
        "insert into inspection_officers values ($1, $2) on conflict do nothing",
        inspection_id,
        officer_id,
    )


async def append_record(
    tx: Tx,
    hand: Hand,
    record_id: UUID,
    version_id: UUID,
    values: Mapping[str, Any],
    now: datetime,
    *,
    first: bool,
) -> int:
    """A record's first or next version; gives its number. Earlier ones can't be changed."""
    if first:
        await tx.execute(
            """insert into records (id, inspection_id, kind, title, created_at)
               values ($1, $2, $3, $4, $5)""",
            record_id,
            values["inspection_id"],
            values["kind"],
            values["title"],
            now,
        )
    number: int = await tx.fetchval(
        """insert into record_versions (id, record_id, number, body, signed_by, signed_at,
                                        officer_id, device_id, created_at)
           select $2, $1, coalesce(max(number), 0) + 1, $3, $4, $5, $6, $7, $8
             from record_versions where record_id = $1 returning number""",
        record_id,
        version_id,
        values["text"],
        values.get("signed_by") or [],
        values.get("signed_at"),
        hand.officer_id,
        hand.device_id,
        now,
    )
    return number


class Change(msgspec.Struct, frozen=True):
    """Something of a case was written; a party may belong to no case, or to several."""

    case_id: UUID | None
    entity: str
    id: UUID


async def changed(
    tx: Tx, case_id: UUID | None, entity: str, entity_id: UUID, now: datetime
) -> None:
    """`all_changed` for one."""
    await all_changed(tx, [Change(case_id, entity, entity_id)], now)


async def all_changed(tx: Tx, changes: Collection[Change], now: datetime) -> None:
    """Tell the phones and the judging. A case's version counts whatever changes inside it, so
    that a verdict given on an older look is refused."""
    for change in changes:
        if change.case_id is not None:
            tx.touch(f"case:{change.case_id}", change.entity, change.id)
    cases = {change.case_id for change in changes if change.case_id is not None}
    parties = [change.id for change in changes if change.entity == "party"]
    await _count(tx, cases)
    cases |= await _cases_of_parties(tx, parties)
    if cases:
        await queue_judging(tx, "case", cases, now)


async def _count(tx: Tx, cases: Collection[UUID]) -> None:
    if cases:
        await tx.execute("update cases set version = version + 1 where id = any($1)", sorted(cases))
    for case_id in cases:
        tx.touch(f"case:{case_id}", "case", case_id)


async def _cases_of_parties(tx: Tx, parties: list[UUID]) -> set[UUID]:
    if not parties:
        return set()
    rows = await tx.fetch(
        """select party_id, id from cases where party_id = any($1)
           union select party_id, case_id from inspections where party_id = any($1)""",
        parties,
    )
    for row in rows:
        tx.touch(f"case:{row['id']}", "party", row["party_id"])
    return {row["id"] for row in rows}


async def edit_at_desk(
    tx: Tx,
    actor: Actor,
    entity: str,
    entity_id: UUID,
    base: Mapping[str, int],
    fields: Mapping[str, Any],
    now: datetime,
) -> int:
    """Write `fields` (as JSON has them), each based on the version that the person saw.

    Gives the row's new version. Refuses `stale_version` if anybody wrote one of them since,
    `gate_closed` in an archived case, `not_found` outside the actor's departments.
    """
    if entity not in ENTITIES or "set" not in ENTITIES[entity].kinds:
        raise not_found(entity)
    subject = await lock(tx, entity, entity_id)
    await demand_visible(tx, actor, subject.department_id, entity)
    if subject.row is None:
        raise not_found(entity)
    if subject.case is not None and subject.case["stage"] == "archived":
        raise Refusal("gate_closed", detail="案件已归档 / the case is archived", where=entity)
    values = _read_fields(entity, fields)
    _refuse_stale(subject.row, base, values)
    hand = Hand(label=actor.label, department_id=actor.department_id, at=now)
    version = await write_fields(tx, hand, subject, values)
    await changed(tx, subject.case["id"] if subject.case else None, entity, entity_id, now)
    await note(
        tx,
        "edited",
        (entity, entity_id),
        actor=actor.label,
        now=now,
        department_id=subject.department_id,
        fields=sorted(values),
        version=version,
    )
    return version


def _read_fields(entity: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    beyond = fields.keys() - ENTITIES[entity].mutable
    if beyond or not fields:
        raise Refusal(
            "bad_request", detail="不可编辑的字段 / not editable", where=",".join(sorted(beyond))
        )
    try:
        return {name: read_field(entity, name, value) for name, value in fields.items()}
    except BadField as e:
        raise Refusal("bad_request", detail=e.problem, where=e.field) from e


def _refuse_stale(row: Record, base: Mapping[str, int], values: Mapping[str, Any]) -> None:
    versions = from_json(row["field_versions"])
    stale = [name for name in values if versions.get(name, 0) > base.get(name, 0)]
    if stale:
        raise Refusal(
            "stale_version",
            detail="他人已更改这些字段 / changed since you looked",
            where=",".join(stale),
            extra={"current": {n: {"value": row[n], "version": versions[n]} for n in stale}},
        )
