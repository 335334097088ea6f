"""Attribution against the database: a few queries for any number of recordings.

A row that a person decided is never touched; what the machine decided is made to agree with what
it would decide now.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from asyncpg import Record

from backend.database import Tx, from_json, new_id, to_json
from backend.evidence.attribution import (
    Attributed,
    Attribution,
    Candidate,
    Holding,
    Position,
    Taken,
    attribute,
)
from backend.ledger.events import note
from backend.rules.events import STEP_KINDS

# No visit is longer; bounds the look-up of an officer's visits around a recording.
LONGEST_VISIT = timedelta(days=7)
# The photo margin and a little more: the pure rules decide, this only fetches enough.
SLACK = timedelta(minutes=2)


class Placed(msgspec.Struct, frozen=True):
    """What became of one recording, and the case it now belongs to first of all."""

    recording_id: UUID
    attribution: Attribution
    case_id: UUID | None


class _Change(msgspec.Struct, frozen=True):
    """What the machine's rows of one recording lose and gain."""

    recording_id: UUID
    lost: tuple[Record, ...]
    gained: tuple[Attributed, ...]
    cases: frozenset[UUID]


async def attribute_recordings(
    tx: Tx, recording_ids: Collection[UUID], now: datetime
) -> tuple[dict[UUID, Placed], set[UUID]]:
    """Attribute these recordings anew; also the cases whose evidence changed by it."""
    taken = await _taken(tx, recording_ids)
    candidates = await _candidates(tx, list(taken), now)
    existing = await _existing(tx, recording_ids)
    placed, changes = {}, []
    for recording_id in recording_ids:
        rows = existing[recording_id]
        found = _decide(taken.get(recording_id), candidates[recording_id], rows)
        placed[recording_id] = Placed(recording_id, found, _first_case(found, rows))
        change = _change(recording_id, found, rows)
        changes += [change] if change else []
    await _write(tx, changes, now)
    return placed, {case_id for change in changes for case_id in change.cases}


def _decide(
    taken: Taken | None, candidates: list[Candidate], rows: Mapping[UUID, Record]
) -> Attribution:
    """The machine's share: steps that no person has decided, in the visits a person has named."""
    if taken is None:
        return Attribution("none", (), ())
    by_person = {step_id: r for step_id, r in rows.items() if r["decided_by"] == "person"}
    accepted = frozenset(r["visit"] for r in by_person.values() if not r["rejected"])
    undecided = [c for c in candidates if c.step_id not in by_person]
    return attribute(taken, undecided, bound_to=accepted)


async def ranked(tx: Tx, recording_id: UUID, now: datetime) -> tuple[Attributed, ...]:
    """Steps it may show, best first, for a person: those no person has decided about yet."""
    taken = await _taken(tx, [recording_id])
    candidates = await _candidates(tx, list(taken), now)
    existing = (await _existing(tx, [recording_id]))[recording_id]
    found = _decide(taken.get(recording_id), candidates[recording_id], existing)
    return found.attributed + found.suggested


def _first_case(found: Attribution, rows: Mapping[UUID, Record]) -> UUID | None:
    for row in rows.values():
        if row["decided_by"] == "person" and not row["rejected"]:
            return row["case_id"]
    return found.attributed[0].case_id if found.attributed else None


async def recordings_around(tx: Tx, case_ids: Collection[UUID]) -> set[UUID]:
    """Recordings that these cases' steps could claim, or did."""
    rows = await tx.fetch(
        """with span as (
               select i.id, i.case_id, min(s.started_at) as since,
                      max(coalesce(s.ended_at, i.ended_at, s.started_at + $2::interval)) as until
                 from inspections i join steps s on s.inspection_id = i.id
                where i.case_id = any($1) and s.started_at is not null
                group by i.id)
           select r.id from span
             join inspections same on same.case_id = span.case_id
             join inspection_officers io on io.inspection_id = same.id
             join assignments a on a.officer_id = io.officer_id
             join recordings r on r.device_id = a.device_id
              and r.captured_from < span.until + $3::interval
              and r.captured_to > span.since - $3::interval
              and r.captured_from > span.since - $2::interval
           union
           select id from recordings where case_id = any($1)
           union
           select t.recording_id from attributions t
             join steps s on s.id = t.step_id join inspections i on i.id = s.inspection_id
            where i.case_id = any($1)""",
        list(case_ids),
        LONGEST_VISIT,
        SLACK,
    )
    return {row["id"] for row in rows}


async def _taken(tx: Tx, recording_ids: Collection[UUID]) -> dict[UUID, Taken]:
    """Those that can be attributed: opened by the worker, and with a time."""
    rows = await tx.fetch(
        """select r.id, r.media_kind, r.captured_from, r.captured_to, r.uncertainty_ms, r.case_id,
                  d.name as device_name, (r.facts->>'latitude')::float8 as latitude,
                  (r.facts->>'longitude')::float8 as longitude
             from recordings r join devices d on d.id = r.device_id
            where r.id = any($1) and r.state in ('probed', 'ready')
              and r.captured_from is not null and r.captured_to is not null""",
        list(recording_ids),
    )
    holdings = await _holdings(tx, [row["id"] for row in rows])
    return {
        row["id"]: Taken(
            id=row["id"],
            kind=row["media_kind"],
            begin=row["captured_from"],
            end=row["captured_to"],
            uncertainty=timedelta(milliseconds=row["uncertainty_ms"] or 0),
            device_name=row["device_name"],
            holdings=tuple(holdings[row["id"]]),
            declared_case=row["case_id"],
            position=_position(row),
        )
        for row in rows
    }


async def _holdings(tx: Tx, recording_ids: list[UUID]) -> dict[UUID, list[Holding]]:
    rows = await tx.fetch(
        """select r.id, a.officer_id, o.name, a.held_from, a.held_to
             from recordings r
             join assignments a on a.device_id = r.device_id
              and tstzrange(a.held_from, a.held_to)
                  && tstzrange(r.captured_from, r.captured_to, '[]')
             join officers o on o.id = a.officer_id
            where r.id = any($1) order by a.held_from""",
        recording_ids,
    )
    found = defaultdict(list)
    for row in rows:
        holding = Holding(row["officer_id"], row["name"], row["held_from"], row["held_to"])
        found[row["id"]].append(holding)
    return found


async def _candidates(
    tx: Tx, recording_ids: list[UUID], now: datetime
) -> dict[UUID, list[Candidate]]:
    """Steps near in time, of visits of whoever held the device or of the declared case.

    A duplicate shares the visit, and the officers, of the inspection it doubles.
    """
    rows = await tx.fetch(
        """with visits as (
               select r.id as recording_id, io.inspection_id
                 from recordings r
                 join assignments a on a.device_id = r.device_id
                  and tstzrange(a.held_from, a.held_to)
                      && tstzrange(r.captured_from, r.captured_to, '[]')
                 join inspection_officers io on io.officer_id = a.officer_id
                where r.id = any($1)
               union
               select r.id, i.id from recordings r join inspections i on i.case_id = r.case_id
                where r.id = any($1))
           select distinct on (v.recording_id, s.id)
                  v.recording_id, s.id as step_id, s.kind, i.case_id, i.latitude, i.longitude,
                  coalesce(i.duplicate_of, i.id) as visit, s.started_at,
                  coalesce(s.ended_at, i.ended_at, greatest($2::timestamptz, s.started_at))
                      as ended_at
             from visits v
             join recordings r on r.id = v.recording_id
             join inspections held on held.id = v.inspection_id
              and held.started_at between r.captured_from - $3::interval
                                  and r.captured_to + $3::interval
             join inspections i on i.case_id = held.case_id
              and coalesce(i.duplicate_of, i.id) = coalesce(held.duplicate_of, held.id)
             join steps s on s.inspection_id = i.id
            where i.deleted_at is null and s.deleted_at is null
              and s.started_at < r.captured_to + $4::interval + r.uncertainty_ms * interval '1 ms'
              and coalesce(s.ended_at, i.ended_at, $2::timestamptz)
                  > r.captured_from - $4::interval - r.uncertainty_ms * interval '1 ms'
            order by v.recording_id, s.id""",
        recording_ids,
        now,
        LONGEST_VISIT,
        SLACK,
    )
    officers = await visit_officers(tx, {row["visit"] for row in rows})
    found = defaultdict(list)
    for row in rows:
        if row["started_at"] <= row["ended_at"]:
            found[row["recording_id"]].append(_candidate(row, officers[row["visit"]]))
    return found


def _candidate(row: Record, officers: frozenset[UUID]) -> Candidate:
    return Candidate(
        step_id=row["step_id"],
        visit=row["visit"],
        case_id=row["case_id"],
        title=STEP_KINDS[row["kind"]].zh,
        begin=row["started_at"],
        end=row["ended_at"],
        officers=officers,
        position=_position(row),
    )


def _position(row: Record) -> Position | None:
    if row["latitude"] is None or row["longitude"] is None:
        return None
    return Position(row["latitude"], row["longitude"])


async def visit_officers(tx: Tx, visits: Iterable[UUID]) -> dict[UUID, frozenset[UUID]]:
    """Who was there: named on the inspection, on a duplicate of it, or noted as present."""
    rows = await tx.fetch(
        """with mine as (
               select id, coalesce(duplicate_of, id) as visit from inspections
                where case_id in (select case_id from inspections where id = any($1))
                  and coalesce(duplicate_of, id) = any($1))
           select m.visit, io.officer_id
             from mine m join inspection_officers io on io.inspection_id = m.id
           union
           select m.visit, o.id from mine m
             join facts f on f.inspection_id = m.id and f.kind = 'officer_present'
              and f.retracted_at is null
             join officers o on o.id::text = f.body->>'officer_id'""",
        list(visits),
    )
    found = defaultdict(set)
    for row in rows:
        found[row["visit"]].add(row["officer_id"])
    return defaultdict(frozenset, {visit: frozenset(ids) for visit, ids in found.items()})


async def _existing(tx: Tx, recording_ids: Collection[UUID]) -> dict[UUID, dict[UUID, Record]]:
    rows = await tx.fetch(
        """select t.*, i.case_id, coalesce(i.duplicate_of, i.id) as visit
             from attributions t
             join steps s on s.id = t.step_id join inspections i on i.id = s.inspection_id
            where t.recording_id = any($1) order by t.begins_at, t.id""",
        list(recording_ids),
    )
    found: dict[UUID, dict[UUID, Record]] = defaultdict(dict)
    for row in rows:
        found[row["recording_id"]][row["step_id"]] = row
    return found


def _change(recording_id: UUID, found: Attribution, rows: Mapping[UUID, Record]) -> _Change | None:
    """What makes the machine's rows equal `found`; None when they do."""
    wanted = {one.step_id for one in found.attributed}
    lost = tuple(
        row
        for step_id, row in rows.items()
        if row["decided_by"] == "machine" and step_id not in wanted
    )
    gained = tuple(one for one in found.attributed if not _same(one, rows.get(one.step_id)))
    if not lost and not gained:
        return None
    cases = {row["case_id"] for row in lost} | {one.case_id for one in gained}
    return _Change(recording_id, lost, gained, frozenset(cases))


async def _write(tx: Tx, changes: Collection[_Change], now: datetime) -> None:
    await _delete(tx, [row["id"] for change in changes for row in change.lost])
    await _upsert(tx, [(c.recording_id, one) for c in changes for one in c.gained], now)
    for change in changes:
        await note(
            tx,
            "attributed",
            ("recording", change.recording_id),
            actor="judging",
            now=now,
            steps=[one.step_id for one in change.gained],
            no_longer=[row["step_id"] for row in change.lost],
        )
        for case_id in change.cases:
            tx.touch(f"case:{case_id}", "recording", change.recording_id)


def _same(one: Attributed, row: Record | None) -> bool:
    return row is not None and (
        (row["begins_at"], row["ends_at"], row["score"]) == (one.begin, one.end, one.score)
        and from_json(row["reasons"]) == from_json(to_json(one.reasons))
    )


async def _delete(tx: Tx, ids: list[UUID]) -> None:
    if ids:
        await tx.execute(
            "delete from attributions where id = any($1) and decided_by = 'machine'", ids
        )


async def _upsert(tx: Tx, gained: Collection[tuple[UUID, Attributed]], now: datetime) -> None:
    """In one order, so that two judges of the same rows wait instead of cross."""
    await tx.executemany(
        """insert into attributions
               (id, recording_id, step_id, begins_at, ends_at, score, reasons, decided_by, actor,
                decided_at)
           values ($1, $2, $3, $4, $5, $6, $7, 'machine', 'judging', $8)
           on conflict (recording_id, step_id) do update
              set begins_at = excluded.begins_at, ends_at = excluded.ends_at,
                  score = excluded.score, reasons = excluded.reasons,
                  decided_at = excluded.decided_at
            where attributions.decided_by = 'machine'""",
        [
            (new_id(), recording, g.step_id, g.begin, g.end, g.score, to_json(g.reasons), now)
            for recording, g in sorted(gained, key=lambda pair: (pair[0], pair[1].step_id))
        ],
    )
