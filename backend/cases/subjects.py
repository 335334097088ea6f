"""What an edit is about: locked first, then read, so that a decision stands on what stays true.

The case is locked before anything in it, always in that order; two who edit different things of
one case wait for each other, and nobody decides on a row that is about to change.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from asyncpg import Record

from backend.cases.policies import ENTITIES
from backend.database import Tx

_CASE_OF = {
    "case": "c.id = $1",
    "inspection": "c.id = (select case_id from inspections where id = $1)",
    "step": """c.id = (select i.case_id from steps s
                         join inspections i on i.id = s.inspection_id where s.id = $1)""",
    "fact": """c.id = (select i.case_id from facts f
                         join inspections i on i.id = f.inspection_id where f.id = $1)""",
    "record": """c.id = (select i.case_id from records r
                           join inspections i on i.id = r.inspection_id where r.id = $1)""",
}
_ROW_OF = {
    "party": "select r.*, null::uuid as in_case from parties r where r.id = $1",
    "case": "select r.*, r.id as in_case from cases r where r.id = $1",
    "inspection": "select r.*, r.case_id as in_case from inspections r where r.id = $1",
    "step": """select r.*, i.case_id as in_case, i.department_id from steps r
                 join inspections i on i.id = r.inspection_id where r.id = $1""",
    "fact": """select r.*, i.case_id as in_case, i.department_id from facts r
                 join inspections i on i.id = r.inspection_id where r.id = $1""",
    "record": """select r.*, i.case_id as in_case, i.department_id,
                        (select max(number) from record_versions v where v.record_id = r.id)
                            as version
                   from records r join inspections i on i.id = r.inspection_id where r.id = $1""",
}


class Subject(msgspec.Struct, frozen=True):
    """`row` and `case` are as locked; both None when there is no such thing (yet)."""

    entity: str
    id: UUID
    row: Record | None = None
    case: Record | None = None

    @property
    def department_id(self) -> UUID | None:
        return self.row["department_id"] if self.row else None

    def value(self, field: str) -> Any:
        return self.row[field] if self.row else None


async def lock(tx: Tx, entity: str, entity_id: UUID) -> Subject:
    """Lock the case, then the row, then read both."""
    while True:
        case = await _lock_case(tx, entity, entity_id)
        row = await tx.fetchrow(f"{_ROW_OF[entity]} for no key update of r", entity_id)
        if row is None:
            return Subject(entity, entity_id)
        if row["in_case"] == (case["id"] if case else None):
            return Subject(entity, entity_id, row, case)
        # It was moved to another case while we waited: lock that one.


async def _lock_case(tx: Tx, entity: str, entity_id: UUID) -> Record | None:
    if entity not in _CASE_OF:
        return None
    return await tx.fetchrow(
        f"select c.* from cases c where {_CASE_OF[entity]} for no key update",  # noqa: S608
        entity_id,
    )


async def exists(tx: Tx, entity: str, entity_id: UUID, department_id: UUID) -> bool | None:
    """None: no such id; False: it is another department's."""
    if entity == "officer":
        found = await tx.fetchval("select department_id from officers where id = $1", entity_id)
    elif entity in ENTITIES:
        row = await tx.fetchrow(_ROW_OF[entity], entity_id)
        found = row["department_id"] if row else None
    return None if found is None else found == department_id


async def case_of_step(tx: Tx, step_id: UUID) -> UUID | None:
    found: UUID | None = await tx.fetchval(
        """select i.case_id from steps s join inspections i on i.id = s.inspection_id
            where s.id = $1""",
        step_id,
    )
    return found
