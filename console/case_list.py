"""The desk's list: cases with why they stand there, worst first, in keyset pages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
from asyncpg import Record

from backend.cases.shapes import FlagBrief, Named, shaped
from backend.database import Tx
from backend.errors import Refusal

FlagState = Literal["open", "acknowledged"]
Severity = Literal["info", "warning", "serious"]
PAGE = 50

_RANK = "case f.severity when 'serious' then 3 when 'warning' then 2 else 1 end"
_MATCHES = """f.case_id = c.id and f.state = $2
              and ($3::text is null or f.kind = $3) and ($4::text is null or f.severity = $4)"""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What to list. `flagged` False also lists cases without such flags."""

    flagged: bool = True
    state: FlagState = "open"
    kind: str | None = None
    severity: Severity | None = None
    stage: str | None = None
    department: UUID | None = None
    q: str | None = None


class DeadlineBrief(msgspec.Struct, frozen=True, kw_only=True):
    """The deadline that comes first, or that is over the longest."""

    rule_id: str
    due_at: datetime
    state: str  # open | near | overdue
    article: str
    explanation: dict[str, Any]


class ListedCase(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    number: str | None
    title: str
    stage: str
    department: Named
    party_name: str | None
    lead_name: str | None
    officer_names: list[str]
    opened_at: datetime
    version: int
    deadline: DeadlineBrief | None
    flags: list[FlagBrief]


class CaseList(msgspec.Struct, frozen=True, kw_only=True):
    """`next` goes into `after`; `total` and `kinds` (cases by kind of flag) span all pages."""

    cases: list[ListedCase]
    next: str | None
    total: int
    kinds: dict[str, int]


async def list_cases(
    tx: Tx, departments: Sequence[UUID], wanted: Wanted, after: str | None
) -> CaseList:
    """One page of the cases in `departments`. Run it in a snapshot."""
    given = _parameters(departments, wanted)
    rows = await tx.fetch(
        f"""{_FILTERED} select * from listed
             where $9::int is null or (rank, moved_at, id) < ($9, $10, $11)
             order by rank desc, moved_at desc, id desc limit $12""",  # noqa: S608
        *given,
        *_read_mark(after),
        PAGE + 1,
    )
    shown = rows[:PAGE]
    ids = [row["id"] for row in shown]
    why = await _why(tx, ids, wanted)
    deadlines = await _deadlines(tx, ids)
    officers = await _officers(tx, ids)
    return CaseList(
        cases=[
            shaped(
                ListedCase,
                row,
                department=Named(
                    id=row["department_id"],
                    name=row["department_name"],
                    name_en=row["department_name_en"],
                ),
                officer_names=officers[row["id"]],
                deadline=deadlines.get(row["id"]),
                flags=why[row["id"]],
            )
            for row in shown
        ],
        next=_mark(shown[-1]) if len(rows) > PAGE else None,
        total=await tx.fetchval(_COUNTED, *given),
        kinds=await _kinds(tx, departments, wanted.state),
    )


_FILTERED = f"""
with listed as (
    select c.*, d.name as department_name, d.name_en as department_name_en,
           p.name as party_name, o.name as lead_name,
           coalesce(w.rank, 0) as rank, coalesce(w.moved_at, c.opened_at) as moved_at
      from cases c
      join departments d on d.id = c.department_id
      left join parties p on p.id = c.party_id
      left join officers o on o.id = c.lead_officer_id
      left join lateral (
          select max({_RANK}) as rank, max(f.changed_at) as moved_at
            from flags f where {_MATCHES}) w on true
     where c.department_id = any($1) and c.deleted_at is null
       and (not $5 or w.rank is not null)
       and ($6::text is null or c.stage = $6)
       and ($7::uuid is null or c.department_id = $7)
       and ($8::text is null
            or concat_ws(' ', c.number, c.title, p.name, p.uscc, o.name) ilike $8
            or exists (select 1 from case_officers co join officers m on m.id = co.officer_id
                        where co.case_id = c.id and m.name ilike $8)))
"""  # noqa: S608
_COUNTED = _FILTERED + "select count(*) from listed"  # noqa: S608


def _parameters(departments: Sequence[UUID], wanted: Wanted) -> tuple[Any, ...]:
    # A kind or a severity asks for cases that have such a flag.
    flagged = wanted.flagged or wanted.kind is not None or wanted.severity is not None
    return (
        list(departments),
        wanted.state,
        wanted.kind,
        wanted.severity,
        flagged,
        wanted.stage,
        wanted.department,
        _pattern(wanted.q),
    )


def _pattern(q: str | None) -> str | None:
    """What was typed, taken literally: % and _ are no wildcards to a person."""
    if q is None or not q.strip():
        return None
    escaped = q.strip().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _mark(row: Record) -> str:
    return f"{row['rank']}_{row['moved_at'].isoformat()}_{row['id']}"


def _read_mark(after: str | None) -> tuple[int | None, datetime | None, UUID | None]:
    if after is None:
        return None, None, None
    try:
        rank, moved_at, last_id = after.split("_")
        return int(rank), datetime.fromisoformat(moved_at), UUID(last_id)
    except ValueError as error:
        raise Refusal(
            "bad_request", detail="翻页标记无效 / not a page mark", where="after"
        ) from error


async def _why(tx: Tx, ids: list[UUID], wanted: Wanted) -> dict[UUID, list[FlagBrief]]:
    """All that is open or acknowledged: the filter chooses cases, not what is told of them."""
    rows = await tx.fetch(
        f"""select f.* from flags f
             where f.case_id = any($1) and f.state in ('open', 'acknowledged')
             order by f.state = $2 desc, {_RANK} desc, f.changed_at desc, f.id""",  # noqa: S608
        ids,
        wanted.state,
    )
    why = defaultdict(list)
    for row in rows:
        why[row["case_id"]].append(shaped(FlagBrief, row))
    return why


async def _deadlines(tx: Tx, ids: list[UUID]) -> dict[UUID, DeadlineBrief]:
    rows = await tx.fetch(
        """select distinct on (case_id) * from deadlines
            where case_id = any($1) and state in ('open', 'near', 'overdue')
            order by case_id, due_at""",
        ids,
    )
    return {row["case_id"]: shaped(DeadlineBrief, row) for row in rows}


async def _officers(tx: Tx, ids: list[UUID]) -> dict[UUID, list[str]]:
    rows = await tx.fetch(
        """select co.case_id, o.name from case_officers co join officers o on o.id = co.officer_id
            where co.case_id = any($1) and co.until is null order by o.employee_no""",
        ids,
    )
    names = defaultdict(list)
    for row in rows:
        names[row["case_id"]].append(row["name"])
    return names


async def _kinds(tx: Tx, departments: Sequence[UUID], state: str) -> dict[str, int]:
    rows = await tx.fetch(
        """select f.kind, count(distinct f.case_id) as n
             from flags f join cases c on c.id = f.case_id
            where c.department_id = any($1) and f.state = $2 and c.deleted_at is null
            group by f.kind order by f.kind""",
        list(departments),
        state,
    )
    return {row["kind"]: row["n"] for row in rows}
