"""Moving a case from stage to stage, through the gates of the law it was filed under."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from asyncpg import Record

from backend.cases.deadlines import events_of
from backend.cases.packs import pinned_pack
from backend.database import Tx, from_json
from backend.errors import Refusal, not_found
from backend.evidence.attributing import visit_officers
from backend.evidence.officers import people_by_id
from backend.evidence.queue import queue_judging
from backend.ledger.events import note
from backend.rules.events import STEP_KINDS
from backend.rules.facts import CaseFacts, EvidenceGap, Person, StepFacts
from backend.rules.process import Missing, Transition, check_transition

EVIDENCE_FLAGS = ("missing_recording", "recording_gap", "digest_mismatch")


async def lock_case(tx: Tx, case_id: UUID) -> Record:
    """The case, so that nobody else moves it meanwhile; its evidence may still arrive."""
    case = await tx.fetchrow(
        """select c.*, d.sector, coalesce(p.kind, 'organisation') as party_kind
             from cases c join departments d on d.id = c.department_id
             left join parties p on p.id = c.party_id
            where c.id = $1 and c.deleted_at is null for no key update of c""",
        case_id,
    )
    if case is None:
        raise not_found("case")
    return case


async def check_stage(tx: Tx, case: Record, to_stage: str, now: datetime) -> Transition:
    """Everything that stops this case from entering `to_stage`, at once."""
    pack = await pinned_pack(tx, case)
    return check_transition(pack, await case_facts(tx, case), to_stage, now)


async def move_case(tx: Tx, case: Record, to_stage: str, actor: str, now: datetime) -> int:
    """Enter `to_stage`, or `gate_closed` with all that is missing; the case's new version.

    `case` comes from `lock_case` in this transaction.
    """
    transition = await check_stage(tx, case, to_stage, now)
    if not transition.allowed:
        raise gate_closed(transition.missing, to_stage)
    version = await tx.fetchval(
        """update cases set stage = $2, version = version + 1,
                  closed_at = case when $2 = 'closed' then $3 else closed_at end
            where id = $1 returning version""",
        case["id"],
        to_stage,
        now,
    )
    await note(
        tx,
        "stage_changed",
        ("case", case["id"]),
        actor=actor,
        now=now,
        department_id=case["department_id"],
        before=case["stage"],
        after=to_stage,
    )
    tx.touch(f"case:{case['id']}", "case", case["id"])
    await queue_judging(tx, "case", [case["id"]], now)
    return version


def gate_closed(missing: Iterable[Missing], where: str) -> Refusal:
    """The refusal that lists what is missing, each with its article."""
    listed = [msgspec.to_builtins(one) for one in missing]
    said = "；".join(f"{one['zh']} / {one['en']}" for one in listed)
    return Refusal("gate_closed", detail=said, where=where, extra={"missing": listed})


async def case_facts(tx: Tx, case: Record) -> CaseFacts:
    """What the gates ask for. What no room answers yet keeps its strict default."""
    case_id = case["id"]
    steps = await _step_facts(tx, case_id)
    lead = case["lead_officer_id"]
    ids = {UUID(one) for step in steps for one in step.people} | ({lead} if lead else set())
    people: dict[UUID, Person] = await people_by_id(tx, ids)
    return CaseFacts(
        stage=case["stage"],
        leads=(str(lead),) if lead else (),
        handlers=tuple(sorted(str(one) for one in ids)),
        people=tuple(people[one] for one in sorted(ids)),
        steps=tuple(steps),
        events=tuple((await events_of(tx, [case_id]))[case_id]),
        evidence_gaps=tuple(await evidence_gaps(tx, case_id)),
        party_kind=case["party_kind"],
    )


async def _step_facts(tx: Tx, case_id: UUID) -> list[StepFacts]:
    rows = await tx.fetch(
        """select s.id, s.kind, s.started_at, coalesce(s.ended_at, i.ended_at) as ended_at,
                  i.id as inspection_id, coalesce(i.duplicate_of, i.id) as visit
             from inspections i join steps s on s.inspection_id = i.id
            where i.case_id = $1 and i.deleted_at is null and s.deleted_at is null
              and s.started_at <= coalesce(s.ended_at, i.ended_at) order by s.started_at, s.id""",
        case_id,
    )
    present = await visit_officers(tx, {row["visit"] for row in rows})
    return [
        StepFacts(
            id=str(row["id"]),
            kind=row["kind"],
            begin=row["started_at"],
            end=row["ended_at"],
            people=tuple(sorted(str(one) for one in present[row["visit"]])),
            inspection=str(row["inspection_id"]),
            label=STEP_KINDS[row["kind"]].zh,
        )
        for row in rows
    ]


async def evidence_gaps(tx: Tx, case_id: UUID) -> list[EvidenceGap]:
    """Open findings about evidence, and those that a person has waived with a reason."""
    rows = await tx.fetch(
        """select f.subject_id, f.state, f.explanation, w.reason, w.roles
             from flags f
             left join lateral (
                 select e.reason, a.roles from flag_events e
                   left join accounts a on 'account:' || a.id = e.actor
                  where e.flag_id = f.id and e.state = 'waived'
                  order by e.at desc, e.id desc limit 1) w on f.state = 'waived'
            where f.case_id = $1 and f.kind = any($2) and f.state <> 'resolved' order by f.id""",
        case_id,
        list(EVIDENCE_FLAGS),
    )
    return [_gap(row, from_json(row["explanation"])) for row in rows]


def _gap(row: Record, said: dict[str, Any]) -> EvidenceGap:
    roles = row["roles"] or []
    return EvidenceGap(
        step=str(row["subject_id"]),
        zh=said["zh"],
        en=said["en"],
        waived_by_role="supervisor" if "supervisor" in roles else next(iter(roles), ""),
        waived_reason=row["reason"] or "",
    )
