"""Cases at the desk: the list with why, and one case with all that hangs on it."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import Parameter, QueryParameter

from backend.cases.shapes import CasePage, DeadlineView
from backend.cases.view import case_page
from backend.database import Database, Tx
from backend.people.access import Actor, accounts_with
from backend.people.scope import demand_visible, visible_departments
from console.case_list import CaseList, FlagState, Severity, Wanted, list_cases

READERS = accounts_with(
    "inspector",
    "supervisor",
    "legal_reviewer",
    "archivist",
    "department_admin",
    "bureau_supervisor",
    "auditor",
)


async def demand_case(tx: Tx, actor: Actor, case_id: UUID) -> UUID:
    """The case's department, or `not_found` when there is no such case for this actor."""
    department_id = await tx.fetchval("select department_id from cases where id = $1", case_id)
    await demand_visible(tx, actor, department_id, "case")
    return department_id


@get("/api/cases", opt={"who": READERS})
async def cases(
    database: Database,
    actor: Actor,
    flagged: bool = True,
    flag_state: Annotated[FlagState, QueryParameter(name="state")] = "open",
    kind: Annotated[str | None, Parameter(max_length=40)] = None,
    severity: Severity | None = None,
    stage: Annotated[str | None, Parameter(max_length=40)] = None,
    department: UUID | None = None,
    q: Annotated[str | None, Parameter(max_length=200)] = None,
    after: Annotated[str | None, Parameter(max_length=200)] = None,
) -> CaseList:
    """Cases with flags in `state`, worst first then latest; `flagged=false` lists all cases."""
    wanted = Wanted(
        flagged=flagged,
        state=flag_state,
        kind=kind,
        severity=severity,
        stage=stage,
        department=department,
        q=q,
    )
    async with database.snapshot() as tx:
        return await list_cases(tx, await visible_departments(tx, actor), wanted, after)


@get("/api/cases/{case_id:uuid}", opt={"who": READERS})
async def one_case(case_id: UUID, database: Database, actor: Actor) -> CasePage:
    """Inspections, steps with coverage, recordings, flags, deadlines, verdicts: one moment's."""
    async with database.snapshot() as tx:
        await demand_case(tx, actor, case_id)
        return await case_page(tx, case_id)


@get("/api/cases/{case_id:uuid}/deadlines", opt={"who": READERS})
async def deadlines(case_id: UUID, database: Database, actor: Actor) -> list[DeadlineView]:
    """Every deadline of the case, each with its count line by line."""
    async with database.snapshot() as tx:
        await demand_case(tx, actor, case_id)
        return (await case_page(tx, case_id)).deadlines


CASE_ROUTES: list[HTTPRouteHandler] = [cases, one_case, deadlines]
