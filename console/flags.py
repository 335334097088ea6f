"""What a person says to a flag: seen and taken care of, or let be with a reason."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import post
from litestar.handlers import HTTPRouteHandler

from backend.database import Database, Tx
from backend.flags.raising import acknowledge, waive
from backend.people.access import Actor, accounts_with
from backend.people.scope import demand_visible

# An inspector does not judge whether his own gap may stay.
JUDGES = accounts_with("supervisor", "legal_reviewer", "bureau_supervisor")


class Acknowledgement(msgspec.Struct, forbid_unknown_fields=True):
    reason: Annotated[str, msgspec.Meta(max_length=2000)] = ""


class Waiver(msgspec.Struct, forbid_unknown_fields=True):
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]


@post("/api/flags/{flag_id:uuid}/acknowledge", opt={"who": JUDGES}, status_code=204)
async def acknowledge_flag(
    flag_id: UUID, data: Acknowledgement, database: Database, actor: Actor, now: datetime
) -> None:
    """It stays until its cause is gone, but no longer waits for a person."""
    async with database.transaction() as tx:
        await _demand_flag(tx, actor, flag_id)
        await acknowledge(tx, actor, flag_id, data.reason, now)


@post("/api/flags/{flag_id:uuid}/waive", opt={"who": JUDGES}, status_code=204)
async def waive_flag(
    flag_id: UUID, data: Waiver, database: Database, actor: Actor, now: datetime
) -> None:
    """The person answers for it; it opens again if it grows."""
    async with database.transaction() as tx:
        await _demand_flag(tx, actor, flag_id)
        await waive(tx, actor, flag_id, data.reason, now)


async def _demand_flag(tx: Tx, actor: Actor, flag_id: UUID) -> None:
    department_id = await tx.fetchval("select department_id from flags where id = $1", flag_id)
    await demand_visible(tx, actor, department_id, "flag")


FLAG_ROUTES: list[HTTPRouteHandler] = [acknowledge_flag, waive_flag]
