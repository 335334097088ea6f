"""Two edits of one field: shown with both hands, until a person says which stands."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from backend.database import Database, Tx
from backend.errors import Refusal
from backend.people.access import Actor, accounts_with
from console.cases import READERS, demand_case
from sync.conflicts import ConflictView, close, explain, list_conflicts

CLOSERS = accounts_with("inspector", "supervisor", "legal_reviewer")


class Closing(msgspec.Struct, forbid_unknown_fields=True):
    """Which value stands. `seen_version` is the one the conflict was shown with; without it, what
    stands now counts as seen."""

    choice: Literal["server", "device", "new"]
    value: Any = None
    seen_version: int | None = None


class Conflicts(msgspec.Struct):
    """`names` tells the people behind `closed_by`, by label."""

    conflicts: list[ConflictView]
    names: dict[str, str]


@get("/api/conflicts", opt={"who": READERS})
async def conflicts(
    database: Database,
    actor: Actor,
    conflict_state: Annotated[Literal["open", "closed"], QueryParameter(name="state")] = "open",
    case_id: UUID | None = None,
) -> Conflicts:
    """Conflicts of the departments in sight, oldest first."""
    async with database.snapshot() as tx:
        found = await list_conflicts(tx, actor, state=conflict_state, case_id=case_id)
        return await _named(tx, found)


@get("/api/cases/{case_id:uuid}/conflicts", opt={"who": READERS})
async def conflicts_of_case(case_id: UUID, database: Database, actor: Actor) -> Conflicts:
    """All of one case: open ones first."""
    async with database.snapshot() as tx:
        await demand_case(tx, actor, case_id)
        found = await list_conflicts(tx, actor, state="open", case_id=case_id)
        found += await list_conflicts(tx, actor, state="closed", case_id=case_id)
        return await _named(tx, found)


@get("/api/conflicts/{conflict_id:uuid}", opt={"who": READERS})
async def one_conflict(conflict_id: UUID, database: Database, actor: Actor) -> ConflictView:
    """Base, both values, who wrote them, when, on which device."""
    async with database.snapshot() as tx:
        return await explain(tx, actor, conflict_id)


@post("/api/conflicts/{conflict_id:uuid}/close", opt={"who": CLOSERS}, status_code=200)
async def close_conflict(
    conflict_id: UUID, data: Closing, database: Database, actor: Actor, now: datetime
) -> ConflictView:
    """One of the two values, or a new one, stands from now on."""
    async with database.transaction() as tx:
        seen = await explain(tx, actor, conflict_id)
        version = seen.seen_version if data.seen_version is None else data.seen_version
        return await close(tx, actor, conflict_id, _value(seen, data), version, now)


def _value(seen: ConflictView, closing: Closing) -> Any:
    if closing.choice == "new":
        if closing.value is None:
            raise Refusal("bad_request", detail="须写明新值 / give the value", where="value")
        return closing.value
    return (seen.server if closing.choice == "server" else seen.device).value


async def _named(tx: Tx, found: list[ConflictView]) -> Conflicts:
    labels = [one.closed_by for one in found if one.closed_by]
    rows = await tx.fetch(
        "select 'account:' || id as label, name from accounts where 'account:' || id = any($1)",
        labels,
    )
    return Conflicts(conflicts=found, names={row["label"]: row["name"] for row in rows})


CONFLICT_ROUTES: list[HTTPRouteHandler] = [
    conflicts,
    conflicts_of_case,
    one_conflict,
    close_conflict,
]
