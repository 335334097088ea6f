"""Where an inspection belongs: candidates for the judgement, and what follows from it.

The judgement itself is `sync.reconcile`, pure; a person's word (`split`, `place_by_person`)
outranks it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID, uuid5

import msgspec
from asyncpg import Record

from backend.cases.apply import Hand, changed, create_row
from backend.cases.subjects import lock
from backend.database import Tx, to_json
from backend.errors import Refusal, not_found
from backend.ledger.events import note
from backend.people.access import Actor
from backend.people.scope import demand_visible

NEARBY = timedelta(days=1)
_CASES_OF_INSPECTIONS = UUID("5175616e-6a69-5000-8000-0000c0de0001")


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """An inspection as far as recognising it again needs. `party` holds what identifies its party
    (uscc:…, digest:…, party:…); `made_by` is the device or account that opened it."""

    id: UUID
    case_id: UUID | None = None
    kind: str
    party: frozenset[str] = frozenset()
    place: str = ""
    latitude: float | None = None
    longitude: float | None = None
    started_at: datetime
    ended_at: datetime | None = None
    officers: frozenset[UUID] = frozenset()
    made_by: str = ""


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """attach: to a case · duplicate_of: the same visit as another inspection, in its case · new:
    a case of its own · ask: a case of its own, and a person says whether it belongs elsewhere."""

    kind: Literal["attach", "duplicate_of", "new", "ask"]
    case_id: UUID | None = None
    inspection_id: UUID | None = None
    score: float = 0.0
    reasons: tuple[dict[str, Any], ...] = ()


async def hold_the_department(tx: Tx, department_id: UUID) -> None:
    """One placement at a time: two phones that push their copies together must see each other."""
    await tx.execute(
        "select pg_advisory_xact_lock(hashtextextended('placing:' || $1::text, 0))",
        str(department_id),
    )


async def party_marks(tx: Tx, party_id: UUID | None) -> frozenset[str]:
    """What identifies a party: two phones may each have made a row for it."""
    row = await tx.fetchrow("select id, uscc, id_digest from parties where id = $1", party_id)
    return _marks(row["id"], row["uscc"], row["id_digest"]) if row else frozenset()


def _marks(party_id: UUID | None, uscc: str | None, digest: bytes | None) -> frozenset[str]:
    marks = [f"uscc:{uscc}"] if uscc else []
    marks += [f"digest:{digest.hex()}"] if digest else []
    marks += [f"party:{party_id}"] if party_id else []
    return frozenset(marks)


async def candidates(tx: Tx, department_id: UUID, visit: Visit) -> list[Visit]:
    """The department's inspections of about that day, and those of the case named if any.

    Copies stand behind the inspection that they are a copy of, so none is a candidate itself.
    """
    rows = await tx.fetch(
        """select i.id, i.case_id, i.kind, i.place, i.latitude, i.longitude, i.started_at,
                  i.ended_at, p.id as party_id, p.uscc, p.id_digest,
                  array(select officer_id from inspection_officers o
                         where o.inspection_id = i.id) as officers,
                  (select actor from field_writes w where w.entity = 'inspection'
                      and w.entity_id = i.id and w.field = 'started_at' and w.version = 1)
                      as made_by
             from inspections i
             join cases c on c.id = i.case_id
             left join parties p on p.id = coalesce(i.party_id, c.party_id)
            where i.department_id = $1 and i.id <> $2 and i.deleted_at is null
              and i.duplicate_of is null and c.stage not in ('closed', 'archived')
              and i.started_at between $3 and $4
            order by i.started_at, i.id limit 500""",
        department_id,
        visit.id,
        visit.started_at - NEARBY,
        visit.started_at + NEARBY,
    )
    return [_visit(row) for row in rows]


def _visit(row: Record) -> Visit:
    return Visit(
        id=row["id"],
        case_id=row["case_id"],
        kind=row["kind"],
        party=_marks(row["party_id"], row["uscc"], row["id_digest"]),
        place=row["place"],
        latitude=row["latitude"],
        longitude=row["longitude"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        officers=frozenset(row["officers"]),
        made_by=row["made_by"] or "",
    )


async def place_inspection(
    tx: Tx,
    hand: Hand,
    inspection_id: UUID,
    columns: dict[str, Any],
    officers: Iterable[UUID],
    placement: Placement,
    now: datetime,
) -> UUID:
    """Write a new inspection where `placement` says; gives its case. A copy's officers join the
    original, its steps and facts stay its own."""
    case_id = placement.case_id or await _open_case(tx, hand, inspection_id, columns, now)
    await create_row(
        tx,
        hand,
        "inspection",
        inspection_id,
        {
            **columns,
            "department_id": hand.department_id,
            "case_id": case_id,
            "duplicate_of": placement.inspection_id,
            "placement": to_json(placement),
        },
    )
    present = sorted(set(officers))
    for visited in (inspection_id, placement.inspection_id):
        if visited is not None:
            await _present(tx, visited, present)
            tx.touch(f"case:{case_id}", "inspection", visited)
    for officer_id in present:
        await join_case(tx, case_id, officer_id, now)
    if columns.get("party_id"):
        tx.touch(f"case:{case_id}", "party", columns["party_id"])
    return case_id


async def _present(tx: Tx, inspection_id: UUID, officers: Sequence[UUID]) -> None:
    await tx.execute(
        """insert into inspection_officers select $1, id from unnest($2::uuid[]) id
           on conflict do nothing""",
        inspection_id,
        list(officers),
    )


async def _open_case(
    tx: Tx, hand: Hand, inspection_id: UUID, columns: dict[str, Any], now: datetime
) -> UUID:
    """A file for the inspection, no number yet. Its id follows from the inspection's, so that
    a push repeated after a restore opens the same one."""
    case_id = case_id_for(inspection_id)
    await create_row(
        tx,
        hand,
        "case",
        case_id,
        {
            "department_id": hand.department_id,
            "title": columns.get("title", ""),
            "party_id": columns.get("party_id"),
            "lead_officer_id": await _as_lead(tx, hand.officer_id),
            "opened_at": columns["started_at"],
            "created_at": now,
        },
    )
    return case_id


def case_id_for(inspection_id: UUID) -> UUID:
    """The id of the case that is opened for an inspection which names none."""
    return uuid5(_CASES_OF_INSPECTIONS, str(inspection_id))


async def _as_lead(tx: Tx, officer_id: UUID | None) -> UUID | None:
    """An auxiliary never leads a case."""
    found: UUID | None = await tx.fetchval(
        "select id from officers where id = $1 and kind = 'officer'", officer_id
    )
    return found


async def join_case(tx: Tx, case_id: UUID, officer_id: UUID, now: datetime) -> None:
    """The officer is on the case, and the phones they hold are granted it."""
    joined = await tx.fetchval(
        """insert into case_officers (case_id, officer_id, since) values ($1, $2, $3)
           on conflict (case_id, officer_id) do update set until = null
              where case_officers.until is not null
           returning officer_id""",
        case_id,
        officer_id,
        now,
    )
    if joined:
        tx.touch(f"officer:{officer_id}", "membership", case_id)


async def leave_case(tx: Tx, case_id: UUID, officer_id: UUID, now: datetime) -> None:
    """The officer's phones purge the case, after having pushed what they still hold of it."""
    left = await tx.fetchval(
        """update case_officers set until = $3
            where case_id = $1 and officer_id = $2 and until is null returning officer_id""",
        case_id,
        officer_id,
        now,
    )
    if left is None:
        raise not_found("case officer")
    tx.touch(f"officer:{officer_id}", "membership", case_id)


async def split(tx: Tx, actor: Actor, inspection_id: UUID, now: datetime) -> UUID:
    """A person says: not the same visit after all. The copy stands for itself again, in a case of
    its own; nothing was lost by having been joined. Gives that case."""
    subject = await lock(tx, "inspection", inspection_id)
    await demand_visible(tx, actor, subject.department_id, "inspection")
    if subject.row is None or subject.case is None:
        raise not_found("inspection")
    if subject.row["duplicate_of"] is None:
        raise Refusal("conflict", detail="并非重复检查 / it is no copy", where="duplicate_of")
    case_id = case_id_for(inspection_id)
    hand = Hand(label=actor.label, department_id=subject.row["department_id"], at=now)
    if not await tx.fetchval("select 1 from cases where id = $1", case_id):
        await _open_case(tx, hand, inspection_id, dict(subject.row), now)
    await _move(tx, inspection_id, case_id, None, actor, now)
    for row in await tx.fetch(
        "select officer_id from inspection_officers where inspection_id = $1", inspection_id
    ):
        await join_case(tx, case_id, row["officer_id"], now)
    await _told(tx, inspection_id, (subject.case["id"], case_id), now)
    await _noted(tx, actor, "inspection_split", subject.row, now, case_id=case_id)
    return case_id


async def place_by_person(
    tx: Tx, actor: Actor, inspection_id: UUID, original_id: UUID, now: datetime
) -> UUID:
    """A person says: the same visit as `original_id`. Gives the case that both are in now."""
    original = await lock(tx, "inspection", original_id)
    subject = await lock(tx, "inspection", inspection_id)
    await demand_visible(tx, actor, original.department_id, "inspection")
    if subject.department_id != original.department_id or inspection_id == original_id:
        raise not_found("inspection")
    if original.row is None or original.case is None or subject.case is None:
        raise not_found("inspection")
    root = original.row["duplicate_of"] or original_id
    await _move(tx, inspection_id, original.case["id"], root, actor, now)
    for row in await tx.fetch(
        "select officer_id from inspection_officers where inspection_id = $1", inspection_id
    ):
        await _present(tx, root, [row["officer_id"]])
        await join_case(tx, original.case["id"], row["officer_id"], now)
    await _told(tx, inspection_id, (subject.case["id"], original.case["id"]), now)
    await _noted(tx, actor, "inspection_joined", original.row, now, original_id=root)
    return original.case["id"]


async def _move(
    tx: Tx,
    inspection_id: UUID,
    case_id: UUID,
    duplicate_of: UUID | None,
    actor: Actor,
    now: datetime,
) -> None:
    await tx.execute(
        """update inspections
              set case_id = $2, duplicate_of = $3, version = version + 1,
                  placement = placement || $4
            where id = $1""",
        inspection_id,
        case_id,
        duplicate_of,
        to_json({"decided_by": actor.label, "decided_at": now}),
    )


async def _told(tx: Tx, inspection_id: UUID, cases: Iterable[UUID], now: datetime) -> None:
    """What hangs on the inspection is told where it was and where it is."""
    below = await tx.fetch(
        """select 'step' as entity, id from steps where inspection_id = $1
           union all select 'fact', id from facts where inspection_id = $1
           union all select 'record', id from records where inspection_id = $1""",
        inspection_id,
    )
    for case_id in sorted(set(cases)):
        await changed(tx, case_id, "inspection", inspection_id, now)
        for row in below:
            tx.touch(f"case:{case_id}", row["entity"], row["id"])


async def _noted(
    tx: Tx, actor: Actor, kind: str, inspection: Record, now: datetime, **body: Any
) -> None:
    await note(
        tx,
        kind,
        ("inspection", inspection["id"]),
        actor=actor.label,
        now=now,
        department_id=inspection["department_id"],
        **body,
    )
