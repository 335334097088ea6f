"""Who was on a visit, and whether they were the officers that the law wants there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from asyncpg import Record

from backend.database import Tx
from backend.evidence import explanations
from backend.evidence.attributing import visit_officers
from backend.flags.raising import Finding, settle_many
from backend.rules.facts import Certificate, Person, Suspended, certified_officers

KINDS = ("too_few_officers", "certificate_invalid")


class Wanted(msgspec.Struct, frozen=True):
    """A step of `visit` that began `at` and wants so many certified officers by `article`."""

    visit: UUID
    at: datetime
    officers: int
    article: str


async def judge_visits(
    tx: Tx,
    case_ids: Collection[UUID],
    wants: Sequence[Wanted],
    people: Mapping[UUID, tuple[Person, ...]],
    now: datetime,
) -> int:
    """Settle the flags about people of all visits of these cases. How many changed."""
    visits = await _visits(tx, case_ids)
    findings = list(_visit_findings(wants, visits, people))
    return await settle_many(tx, list(visits), KINDS, findings, now)


async def people_on(tx: Tx, visits: Collection[UUID]) -> dict[UUID, tuple[Person, ...]]:
    """Who was on each visit, with the certificates that they held."""
    present = await visit_officers(tx, visits)
    known = await people_by_id(tx, {one for officers in present.values() for one in officers})
    return {visit: tuple(known[one] for one in sorted(present[visit])) for visit in visits}


async def people_by_id(tx: Tx, ids: Collection[UUID]) -> dict[UUID, Person]:
    """Officers and auxiliaries as the rules see them."""
    rows = await tx.fetch(
        """select o.id, o.kind, o.name,
                  coalesce(jsonb_agg(jsonb_build_object(
                      'first', c.valid_from, 'last', c.valid_to,
                      'until', least(c.suspended_from, c.revoked_from)))
                      filter (where c.id is not null), '[]') as certificates
             from officers o left join certificates c on c.officer_id = o.id
            where o.id = any($1) group by o.id order by o.id""",
        list(ids),
    )
    return {row["id"]: _person(row) for row in rows}


class _Held(msgspec.Struct, frozen=True):
    first: str
    last: str
    until: datetime | None


def _person(row: Record) -> Person:
    held = msgspec.json.decode(row["certificates"], type=list[_Held])
    return Person(
        id=str(row["id"]),
        kind=row["kind"],
        certificates=tuple(
            msgspec.convert({"first": one.first, "last": one.last}, Certificate) for one in held
        ),
        suspended=tuple(Suspended(one.until) for one in held if one.until is not None),
        name=row["name"],
    )


async def _visits(tx: Tx, case_ids: Collection[UUID]) -> dict[UUID, Record]:
    rows = await tx.fetch(
        """select id, case_id, department_id, started_at from inspections
            where case_id = any($1) and duplicate_of is null""",
        list(case_ids),
    )
    return {row["id"]: row for row in rows}


def _visit_findings(
    wants: Sequence[Wanted],
    visits: Mapping[UUID, Record],
    people: Mapping[UUID, tuple[Person, ...]],
) -> Iterator[Finding]:
    """Two certified officers at the time of each step that wants them (行政处罚法 42); one
    finding a visit, about the step that lacked most."""
    by_visit = defaultdict(list)
    for want in wants:
        if want.visit in visits:
            by_visit[want.visit].append(want)
    for visit, mine in by_visit.items():
        yield from _too_few(visits[visit], mine, people[visit])
        yield from _uncertified(visits[visit], mine, people[visit])


def _too_few(visit: Record, wants: Sequence[Wanted], people: Sequence[Person]) -> Iterator[Finding]:
    counted = [(len(certified_officers(people, want.at)), want) for want in wants]
    certified, want = min(counted, key=lambda pair: pair[0] - pair[1].officers)
    if certified < want.officers:
        words = explanations.officers_words(certified, want.officers, want.at)
        yield _visit_finding(visit, "too_few_officers", "", want.article, words)


def _uncertified(
    visit: Record, wants: Sequence[Wanted], people: Sequence[Person]
) -> Iterator[Finding]:
    first = min(wants, key=lambda want: want.at)
    for person in people:
        if person.kind == "officer" and not person.certified(first.at):
            words = explanations.certificate_words(person.name, first.at)
            yield _visit_finding(visit, "certificate_invalid", person.id, first.article, words)


def _visit_finding(
    visit: Record, kind: str, key: str, article: str, words: dict[str, Any]
) -> Finding:
    return Finding(
        kind=kind,
        department_id=visit["department_id"],
        case_id=visit["case_id"],
        subject_kind="inspection",
        subject_id=visit["id"],
        key=key,
        severity="serious",
        article=article,
        explanation=words,
    )
