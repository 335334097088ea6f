"""What people at the desk do to a case: file it, note events, edit fields, accept or return it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import get, patch, post
from litestar.handlers import HTTPRouteHandler

from backend.cases.apply import edit_at_desk
from backend.cases.event_kinds import EventKind, kinds_by_hand
from backend.cases.events import record_event, retract_event
from backend.cases.filing import Filed, file_case
from backend.cases.verdicts import Judged, judge_case_by_person
from backend.database import Database
from backend.people.access import Actor, accounts_with
from backend.people.scope import demand_visible
from backend.rules.calendar import law_date
from backend.rules.pack import load_pack
from console.cases import demand_case

HANDLERS = accounts_with("inspector", "supervisor", "legal_reviewer")
REVIEWERS = accounts_with("supervisor", "legal_reviewer")

Reason = Annotated[str, msgspec.Meta(max_length=2000)]
Time = Annotated[datetime, msgspec.Meta(tz=True)]


class Filing(msgspec.Struct, forbid_unknown_fields=True):
    filed_at: Time


class NewEvent(msgspec.Struct, forbid_unknown_fields=True):
    kind: Annotated[str, msgspec.Meta(max_length=60)]
    at: Time
    body: dict[str, Any] = {}


class Retraction(msgspec.Struct, forbid_unknown_fields=True):
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]


class NewVerdict(msgspec.Struct, forbid_unknown_fields=True):
    """`seen_version` is the case's version on the page that the person judged by."""

    verdict: Literal["accept", "return"]
    seen_version: int
    reason: Reason = ""


class Edit(msgspec.Struct, forbid_unknown_fields=True):
    """New values, and for each field the version of the row that the person saw."""

    base: dict[str, int]
    fields: dict[str, Any]


class Noted(msgspec.Struct):
    id: UUID


class Edited(msgspec.Struct):
    version: int


@post("/api/cases/{case_id:uuid}/file", opt={"who": HANDLERS}, status_code=200)
async def file(
    case_id: UUID, data: Filing, database: Database, actor: Actor, now: datetime
) -> Filed:
    """立案: the case gets its number and pins the rule pack; its 90 days begin."""
    async with database.transaction() as tx:
        await demand_case(tx, actor, case_id)
        return await file_case(tx, actor, case_id, data.filed_at, now)


@post("/api/cases/{case_id:uuid}/events", opt={"who": HANDLERS})
async def add_event(
    case_id: UUID, data: NewEvent, database: Database, actor: Actor, now: datetime
) -> Noted:
    """Something the law counts from, when it happened."""
    async with database.transaction() as tx:
        await demand_case(tx, actor, case_id)
        return Noted(await record_event(tx, case_id, data.kind, data.at, data.body, actor, now))


@get("/api/event-kinds", opt={"who": HANDLERS})
async def event_kinds(database: Database, actor: Actor, now: datetime) -> list[EventKind]:
    """What can be noted, by the law of today for the caller's department."""
    async with database.snapshot() as tx:
        sector = await tx.fetchval(
            "select sector from departments where id = $1", actor.department_id
        )
    return kinds_by_hand(load_pack(sector, law_date(now)))


@post("/api/events/{event_id:uuid}/retract", opt={"who": HANDLERS}, status_code=204)
async def take_back_event(
    event_id: UUID, data: Retraction, database: Database, actor: Actor, now: datetime
) -> None:
    """It did not happen, or not so; the row stays, deadlines are counted without it."""
    async with database.transaction() as tx:
        department_id = await tx.fetchval(
            """select c.department_id from case_events e join cases c on c.id = e.case_id
                where e.id = $1""",
            event_id,
        )
        await demand_visible(tx, actor, department_id, "event")
        await retract_event(tx, event_id, actor, data.reason, now)


@post("/api/cases/{case_id:uuid}/verdict", opt={"who": REVIEWERS})
async def judge(
    case_id: UUID, data: NewVerdict, database: Database, actor: Actor, now: datetime
) -> Judged:
    """Accept or return the case as seen; `stale_version` when it changed meanwhile."""
    async with database.transaction() as tx:
        await demand_case(tx, actor, case_id)
        return await judge_case_by_person(
            tx, actor, case_id, data.verdict, data.reason, data.seen_version, now
        )


@patch("/api/edits/{entity:str}/{entity_id:uuid}", opt={"who": HANDLERS})
async def edit(
    entity: str, entity_id: UUID, data: Edit, database: Database, actor: Actor, now: datetime
) -> Edited:
    """Change fields of a case, party, inspection or step; a stale base is refused, not merged."""
    async with database.transaction() as tx:
        version = await edit_at_desk(tx, actor, entity, entity_id, data.base, data.fields, now)
    return Edited(version)


CASE_ACT_ROUTES: list[HTTPRouteHandler] = [
    file,
    add_event,
    event_kinds,
    take_back_event,
    judge,
    edit,
]
