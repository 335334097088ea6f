"""For the person who says what a recording shows: the steps it could show, best first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import msgspec
from asyncpg import Record

from backend.database import Tx
from backend.evidence.attributing import ranked
from backend.evidence.attribution import Attributed, Reason
from backend.rules.events import STEP_KINDS

# Steps of the same department that are offered beside what the machine thinks of.
NEARBY = 20


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """A step to choose. `score` (0 to 1) and `reasons` are the machine's; None and empty where it
    sees nothing but that the step is near in time."""

    step_id: UUID
    zh: str
    en: str
    started_at: datetime
    ended_at: datetime | None
    case_id: UUID
    case_number: str | None
    case_title: str
    visit_title: str
    place: str
    officers: list[str]
    score: float | None
    reasons: tuple[Reason, ...]


async def suggestions(tx: Tx, recording_id: UUID, now: datetime) -> list[Suggestion]:
    """What the machine would choose from, then the department's steps nearest in time."""
    thought = {one.step_id: one for one in await ranked(tx, recording_id, now)}
    rows = await tx.fetch(
        """select s.id, s.kind, s.started_at, coalesce(s.ended_at, i.ended_at) as ended_at,
                  c.id as case_id, c.number as case_number, c.title as case_title,
                  i.title as visit_title, i.place,
                  array(select o.name from inspection_officers io
                          join officers o on o.id = io.officer_id
                         where io.inspection_id = i.id order by o.employee_no) as officers
             from recordings r
             join inspections i on i.department_id = r.department_id and i.deleted_at is null
              and i.duplicate_of is null
             join cases c on c.id = i.case_id and c.deleted_at is null
             join steps s on s.inspection_id = i.id and s.deleted_at is null
              and s.started_at is not null
            where r.id = $1
            order by s.id = any($2) desc,
                     abs(extract(epoch from s.started_at
                         - coalesce(r.captured_from, r.claimed_begin, r.received_at, r.created_at)))
            limit $3""",
        recording_id,
        list(thought),
        NEARBY + len(thought),
    )
    found = [_suggestion(row, thought) for row in rows]
    return sorted(found, key=lambda one: -(one.score or 0))


def _suggestion(row: Record, thought: Mapping[UUID, Attributed]) -> Suggestion:
    label, one = STEP_KINDS[row["kind"]], thought.get(row["id"])
    given = {
        name: row[name]
        for name in Suggestion.__struct_fields__
        if name not in ("step_id", "zh", "en", "score", "reasons")
    }
    return Suggestion(
        step_id=row["id"],
        zh=label.zh,
        en=label.en,
        score=one.score if one else None,
        reasons=one.reasons if one else (),
        **given,
    )
