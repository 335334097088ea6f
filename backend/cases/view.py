"""Read models for the desk: a few queries a page, however much hangs on a case.

Callers hold the actor to the visible departments: `loose_flags` takes them, and a `CasePage`
names its department.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from asyncpg import Record

from backend.cases import shapes
from backend.cases.shapes import grouped, shaped
from backend.database import Tx, from_json
from backend.errors import not_found
from backend.rules.events import EVENT_KINDS, INSPECTION_KINDS, STEP_KINDS, Label

_RANK = "case f.severity when 'serious' then 3 when 'warning' then 2 else 1 end"


async def loose_flags(
    tx: Tx, departments: Sequence[UUID], *, state: str = "open", limit: int = 200
) -> list[shapes.LooseFlag]:
    """Flags that belong to no case: unattributed recordings, files that are not what they say."""
    rows = await tx.fetch(
        f"""select f.*, d.name as department_name, d.name_en as department_name_en
              from flags f join departments d on d.id = f.department_id
             where f.department_id = any($1) and f.state = $2 and f.case_id is null
             order by {_RANK} desc, f.changed_at desc, f.id limit $3""",  # noqa: S608
        list(departments),
        state,
        limit,
    )
    return [shaped(shapes.LooseFlag, row, department=_named(row, "department")) for row in rows]


async def case_page(tx: Tx, case_id: UUID) -> shapes.CasePage:
    """All of one case; `not_found` when there is none. Run it in a snapshot."""
    head = await _head(tx, case_id)
    inspections = await _inspections(tx, case_id)
    recordings = await _recordings(tx, case_id)
    return shapes.CasePage(
        case=head,
        bounds=_bounds(inspections, recordings),
        inspections=inspections,
        recordings=recordings,
        flags=await _flags(tx, case_id),
        deadlines=await _deadlines(tx, case_id),
        events=await _events(tx, case_id),
        verdicts=await _verdicts(tx, case_id),
    )


async def _head(tx: Tx, case_id: UUID) -> shapes.CaseHead:
    row = await tx.fetchrow(
        """select c.*, d.name as department_name, d.name_en as department_name_en
             from cases c join departments d on d.id = c.department_id
            where c.id = $1 and c.deleted_at is null""",
        case_id,
    )
    if row is None:
        raise not_found("case")
    party = await tx.fetchrow("select * from parties where id = $1", row["party_id"])
    officers = await tx.fetch(
        """select o.* from officers o
            where o.id = $2 or o.id in (
                select officer_id from case_officers where case_id = $1 and until is null)
            order by o.employee_no""",
        case_id,
        row["lead_officer_id"],
    )
    views = {o["id"]: shaped(shapes.OfficerView, o) for o in officers}
    return shaped(
        shapes.CaseHead,
        row,
        department=_named(row, "department"),
        party=shaped(shapes.PartyView, party) if party else None,
        lead=views.get(row["lead_officer_id"]),
        officers=list(views.values()),
    )


async def _inspections(tx: Tx, case_id: UUID) -> list[shapes.InspectionView]:
    rows = await tx.fetch(
        """select * from inspections where case_id = $1 and deleted_at is null
            order by started_at, id""",
        case_id,
    )
    ids = [row["id"] for row in rows]
    officers = await tx.fetch(
        """select io.inspection_id as parent, o.*
             from inspection_officers io join officers o on o.id = io.officer_id
            where io.inspection_id = any($1) order by o.employee_no""",
        ids,
    )
    facts = await tx.fetch(
        """select f.inspection_id as parent, f.*, o.name as officer_name
             from facts f left join officers o on o.id = f.officer_id
            where f.inspection_id = any($1) order by f.occurred_at, f.id""",
        ids,
    )
    by_officer = grouped(shapes.OfficerView, officers)
    by_fact = grouped(shapes.FactView, facts)
    steps = await _steps(tx, ids)
    records = await _records(tx, ids)
    return [
        shaped(
            shapes.InspectionView,
            row,
            **_label(INSPECTION_KINDS, row["kind"]),
            officers=by_officer[row["id"]],
            steps=steps[row["id"]],
            facts=by_fact[row["id"]],
            records=records[row["id"]],
        )
        for row in rows
    ]


async def _steps(tx: Tx, inspections: list[UUID]) -> dict[UUID, list[shapes.StepView]]:
    rows = await tx.fetch(
        """select s.inspection_id as parent, s.*, to_jsonb(c) as judged
             from steps s left join coverages c on c.step_id = s.id
            where s.inspection_id = any($1) and s.deleted_at is null
            order by s.started_at nulls last, s.id""",
        inspections,
    )
    found = defaultdict(list)
    for row in rows:
        judged = from_json(row["judged"])
        view = shaped(
            shapes.StepView,
            row,
            **_label(STEP_KINDS, row["kind"]),
            coverage=msgspec.convert(judged, shapes.CoverageView) if judged else None,
        )
        found[row["parent"]].append(view)
    return found


async def _records(tx: Tx, inspections: list[UUID]) -> dict[UUID, list[shapes.RecordView]]:
    rows = await tx.fetch(
        """select r.inspection_id as parent, r.* from records r
            where r.inspection_id = any($1) order by r.created_at, r.id""",
        inspections,
    )
    versions = await tx.fetch(
        """select v.record_id as parent, v.*, v.body as text, o.name as officer_name
             from record_versions v left join officers o on o.id = v.officer_id
            where v.record_id = any($1) order by v.number""",
        [row["id"] for row in rows],
    )
    by_record = grouped(shapes.RecordVersionView, versions)
    found = defaultdict(list)
    for row in rows:
        view = shaped(shapes.RecordView, row, versions=by_record[row["id"]])
        found[row["parent"]].append(view)
    return found


async def _recordings(tx: Tx, case_id: UUID) -> list[shapes.RecordingView]:
    rows = await tx.fetch(
        """select r.*, encode(r.sha256, 'hex') as digest, r.case_id is not distinct from $1
                      as declared,
                  d.id as device_id, d.name as device_name, d.kind as device_kind,
                  to_jsonb(o) as held_by,
                  array(select n.kind from renditions n
                         where n.recording_id = r.id order by n.kind) as made
             from recordings r
             join devices d on d.id = r.device_id
             left join lateral (
                 select o.id, o.name, o.kind, o.employee_no
                   from assignments a join officers o on o.id = a.officer_id
                  where a.device_id = r.device_id
                    and tstzrange(a.held_from, a.held_to)
                        @> coalesce(r.captured_from, r.declared_begin)) o on true
            where r.case_id = $1 or r.id in (
                select a.recording_id from attributions a
                  join steps s on s.id = a.step_id
                  join inspections i on i.id = s.inspection_id
                 where i.case_id = $1)
            order by r.captured_from nulls last, r.id""",
        case_id,
    )
    attributions = await tx.fetch(
        """select a.recording_id as parent, a.* from attributions a
             join steps s on s.id = a.step_id
             join inspections i on i.id = s.inspection_id
            where a.recording_id = any($1) and i.case_id = $2 order by a.begins_at, a.id""",
        [row["id"] for row in rows],
        case_id,
    )
    by_recording = grouped(shapes.AttributionView, attributions)
    return [_recording(row, by_recording[row["id"]]) for row in rows]


def _recording(row: Record, attributions: list[shapes.AttributionView]) -> shapes.RecordingView:
    holder = from_json(row["held_by"])
    return shaped(
        shapes.RecordingView,
        row,
        sha256=row["digest"],
        device=shapes.DeviceView(
            id=row["device_id"], name=row["device_name"], kind=row["device_kind"]
        ),
        holder=msgspec.convert(holder, shapes.OfficerView) if holder else None,
        renditions=row["made"],
        attributions=attributions,
    )


async def _flags(tx: Tx, case_id: UUID) -> list[shapes.FlagView]:
    rows = await tx.fetch(
        f"""select f.* from flags f where f.case_id = $1
             order by (f.state = 'open') desc, {_RANK} desc, f.changed_at desc, f.id""",  # noqa: S608
        case_id,
    )
    history = await tx.fetch(
        """select e.flag_id as parent, e.*, a.name as actor_name
             from flag_events e left join accounts a on 'account:' || a.id = e.actor
            where e.flag_id = any($1) order by e.at, e.id""",
        [row["id"] for row in rows],
    )
    by_flag = grouped(shapes.FlagEventView, history)
    return [shaped(shapes.FlagView, row, history=by_flag[row["id"]]) for row in rows]


async def _deadlines(tx: Tx, case_id: UUID) -> list[shapes.DeadlineView]:
    rows = await tx.fetch("select * from deadlines where case_id = $1 order by due_at, id", case_id)
    return [shaped(shapes.DeadlineView, row) for row in rows]


async def _events(tx: Tx, case_id: UUID) -> list[shapes.EventView]:
    rows = await tx.fetch("select * from case_events where case_id = $1 order by at, id", case_id)
    return [shaped(shapes.EventView, row, **_label(EVENT_KINDS, row["kind"])) for row in rows]


async def _verdicts(tx: Tx, case_id: UUID) -> list[shapes.VerdictView]:
    rows = await tx.fetch(
        """select v.*, a.name as by from verdicts v join accounts a on a.id = v.account_id
            where v.case_id = $1 order by v.at, v.id""",
        case_id,
    )
    return [shaped(shapes.VerdictView, row) for row in rows]


def _bounds(
    inspections: Sequence[shapes.InspectionView], recordings: Sequence[shapes.RecordingView]
) -> shapes.Bounds | None:
    times: list[datetime | None] = []
    for inspection in inspections:
        times += [inspection.started_at, inspection.ended_at]
        for step in inspection.steps:
            times += [step.started_at, step.ended_at]
    for recording in recordings:
        if any(not attribution.rejected for attribution in recording.attributions):
            times += [recording.captured_from, recording.captured_to]
    known = [time for time in times if time is not None]
    return shapes.Bounds(begin=min(known), end=max(known)) if known else None


def _label(labels: Mapping[str, Label], kind: str) -> dict[str, str]:
    label = labels.get(kind)
    return {"zh": label.zh, "en": label.en} if label else {"zh": kind, "en": kind}


def _named(row: Record, what: str) -> shapes.Named:
    return shapes.Named(
        id=row[f"{what}_id"], name=row[f"{what}_name"], name_en=row[f"{what}_name_en"]
    )
