"""Which departments an actor sees: its own subtree; all of them for a bureau and an auditor."""

from __future__ import annotations

from uuid import UUID

from backend.database import Tx
from backend.errors import not_found
from backend.people.access import Actor


async def visible_departments(tx: Tx, actor: Actor) -> list[UUID]:
    """Ids of the departments whose objects `actor` may know of."""
    if actor.sees_across:
        rows = await tx.fetch("select id from departments")
    else:
        rows = await tx.fetch("select department_subtree($1) as id", actor.department_id)
    return [row["id"] for row in rows]


async def demand_visible(tx: Tx, actor: Actor, department_id: UUID | None, what: str) -> None:
    """Refuse as `not_found` when there is no such object or it is another department's."""
    if department_id is None or department_id not in await visible_departments(tx, actor):
        raise not_found(what)
