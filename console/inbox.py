"""What came in and belongs to no case yet: a person looks, and says where it goes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from asyncpg import Record
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from backend.cases.shapes import LooseFlag
from backend.cases.view import loose_flags
from backend.database import Database, Tx, from_json
from backend.evidence.deciding import attribute_by_person
from backend.evidence.suggesting import Suggestion, suggestions
from backend.people.access import Actor
from backend.people.scope import demand_visible, visible_departments
from console.case_acts import REVIEWERS
from console.cases import READERS

LIMIT = 200


class LooseRecording(msgspec.Struct, frozen=True, kw_only=True):
    """Enough of a recording to judge where it belongs; times as in the case page."""

    id: UUID
    file_name: str
    media_kind: str
    state: str
    captured_from: datetime | None
    captured_to: datetime | None
    uncertainty_ms: int | None
    received_at: datetime | None
    device_name: str
    holder: str | None


class KeptOperation(msgspec.Struct, frozen=True, kw_only=True):
    """An operation that was not applied, as it came. `id` is its op_id; of a quarantined one,
    whose op_id another may bear, its own."""

    id: UUID
    state: Literal["held", "rejected", "quarantined"]
    device_name: str
    officer: str | None
    entity: str
    kind: str
    occurred_at: datetime | None
    received_at: datetime
    content: dict[str, Any]
    reasons: list[dict[str, Any]]


class InboxItem(msgspec.Struct, frozen=True, kw_only=True):
    """A flag, with the recording or the operation that it is about."""

    flag: LooseFlag
    recording: LooseRecording | None
    operation: KeptOperation | None


class Inbox(msgspec.Struct, frozen=True, kw_only=True):
    """Worst first. `total` counts all of it, also what lies beyond the first 200."""

    items: list[InboxItem]
    total: int


class Shown(msgspec.Struct, forbid_unknown_fields=True):
    """A person's word: the recording shows the step, or it doesn't."""

    step_id: UUID
    shows: bool
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]


@get("/api/inbox", opt={"who": READERS})
async def inbox(database: Database, actor: Actor) -> Inbox:
    """Open flags that belong to no case."""
    async with database.snapshot() as tx:
        departments = await visible_departments(tx, actor)
        flags = await loose_flags(tx, departments, limit=LIMIT)
        subjects = [flag.subject_id for flag in flags]
        recordings = await _recordings(tx, departments, subjects)
        kept = {one.id: one for one in await _operations(tx, departments, None, subjects)}
        return Inbox(
            items=[
                InboxItem(
                    flag=flag,
                    recording=recordings.get(flag.subject_id),
                    operation=kept.get(flag.subject_id),
                )
                for flag in flags
            ],
            total=await _count(tx, departments),
        )


@get("/api/inbox/count", opt={"who": READERS})
async def inbox_count(database: Database, actor: Actor) -> int:
    """How many flags the inbox holds."""
    async with database.snapshot() as tx:
        return await _count(tx, await visible_departments(tx, actor))


@get("/api/operations", opt={"who": READERS})
async def operations(
    database: Database,
    actor: Actor,
    operation_state: Annotated[
        Literal["held", "rejected", "quarantined"], QueryParameter(name="state")
    ] = "held",
) -> list[KeptOperation]:
    """Operations that were not applied, latest first, at most 200."""
    async with database.snapshot() as tx:
        return await _operations(tx, await visible_departments(tx, actor), operation_state, None)


@get("/api/recordings/{recording_id:uuid}/suggestions", opt={"who": READERS})
async def suggest(
    recording_id: UUID, database: Database, actor: Actor, now: datetime
) -> list[Suggestion]:
    """Steps that the recording could show, best first, then those nearest in time."""
    async with database.snapshot() as tx:
        await _demand_recording(tx, actor, recording_id)
        return await suggestions(tx, recording_id, now)


@post("/api/recordings/{recording_id:uuid}/attributions", opt={"who": REVIEWERS}, status_code=204)
async def attribute(
    recording_id: UUID, data: Shown, database: Database, actor: Actor, now: datetime
) -> None:
    """It outranks what the machine thinks. Not an inspector's to say: it may fill his own gap."""
    async with database.transaction() as tx:
        await _demand_recording(tx, actor, recording_id)
        await attribute_by_person(
            tx, actor, recording_id, data.step_id, shows=data.shows, reason=data.reason, now=now
        )


async def _demand_recording(tx: Tx, actor: Actor, recording_id: UUID) -> None:
    department = await tx.fetchval(
        "select department_id from recordings where id = $1", recording_id
    )
    await demand_visible(tx, actor, department, "recording")


async def _count(tx: Tx, departments: Sequence[UUID]) -> int:
    found: int = await tx.fetchval(
        """select count(*) from flags
            where department_id = any($1) and state = 'open' and case_id is null""",
        list(departments),
    )
    return found


async def _recordings(
    tx: Tx, departments: Sequence[UUID], ids: Sequence[UUID]
) -> dict[UUID, LooseRecording]:
    rows = await tx.fetch(
        """select r.id, r.file_name, r.media_kind, r.state, r.captured_from, r.captured_to,
                  r.uncertainty_ms, r.received_at, d.name as device_name, o.name as holder
             from recordings r
             join devices d on d.id = r.device_id
             left join assignments a on a.device_id = r.device_id
              and tstzrange(a.held_from, a.held_to) @> coalesce(r.captured_from, r.declared_begin)
             left join officers o on o.id = a.officer_id
            where r.id = any($1) and r.department_id = any($2)""",
        list(ids),
        list(departments),
    )
    return {row["id"]: LooseRecording(**dict(row)) for row in rows}


async def _operations(
    tx: Tx, departments: Sequence[UUID], state: str | None, ids: Sequence[UUID] | None
) -> list[KeptOperation]:
    rows = await tx.fetch(
        """with kept as (
               select op_id as id, status as state, device_id, officer_id, occurred_at,
                      received_at, content, coalesce(outcome->'reasons', '[]') as reasons
                 from operations where status in ('held', 'rejected')
               union all
               select id, 'quarantined', device_id, null, null, received_at, content, reason
                 from quarantined_operations)
           select k.*, d.name as device_name, o.name as officer
             from kept k
             join devices d on d.id = k.device_id and d.department_id = any($1)
             left join officers o on o.id = k.officer_id
            where ($2::text is null or k.state = $2) and ($3::uuid[] is null or k.id = any($3))
            order by k.received_at desc, k.id limit $4""",
        list(departments),
        state,
        None if ids is None else list(ids),
        LIMIT,
    )
    return [_kept(row) for row in rows]


def _kept(row: Record) -> KeptOperation:
    content = from_json(row["content"])
    said = content if isinstance(content, dict) else {"": content}
    return KeptOperation(
        id=row["id"],
        state=row["state"],
        device_name=row["device_name"],
        officer=row["officer"],
        entity=str(said.get("entity", "")),
        kind=str(said.get("kind", "")),
        occurred_at=row["occurred_at"],
        received_at=row["received_at"],
        content=said,
        reasons=from_json(row["reasons"]),
    )


INBOX_ROUTES: list[HTTPRouteHandler] = [inbox, inbox_count, operations, suggest, attribute]
