"""A reviewer's word on a case as it stood: accepted, or returned with a reason."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from asyncpg import Record

from backend.cases.stages import evidence_gaps, gate_closed, lock_case, move_case
from backend.database import Tx, new_id
from backend.errors import Refusal
from backend.ledger.events import note
from backend.people.access import Actor
from backend.rules.process import Missing

ARTICLE = (
    "《行政处罚法》第47条；内蒙古自治区人民政府令第244号第17条 / "
    "Administrative Penalty Law, art. 47; Inner Mongolia Order 244, art. 17"
)
# Accepting what was gathered sends a case on to legal review; other stages have their own ways on.
ACCEPTED = {"investigating": "reviewing"}
RETURNED = dict.fromkeys(("reviewing", "noticed", "hearing", "deciding"), "investigating")


class Judged(msgspec.Struct, frozen=True):
    id: UUID
    stage: str
    version: int


async def judge_case_by_person(
    tx: Tx,
    actor: Actor,
    case_id: UUID,
    verdict: Literal["accept", "return"],
    reason: str,
    seen_version: int,
    now: datetime,
) -> Judged:
    """Accept the case's evidence or return it to the inspectors, as of `seen_version`.

    `stale_version` when the case changed since it was read, `gate_closed` with everything that is
    missing when evidence is neither there nor waived, `bad_request` for a return without reason.
    """
    if verdict == "return" and not reason.strip():
        raise Refusal(
            "bad_request", detail="退回须写明理由 / a return needs a reason", where="reason"
        )
    case = await lock_case(tx, case_id)
    if case["version"] != seen_version:
        raise Refusal(
            "stale_version",
            detail=f"案件已更新至第 {case['version']} 版 / it is at version {case['version']} now",
            where="seen_version",
            extra={"version": case["version"]},
        )
    if verdict == "accept":
        await _demand_evidence(tx, case)
    verdict_id = await _write(tx, actor, case, verdict, reason.strip(), now)
    target = (ACCEPTED if verdict == "accept" else RETURNED).get(case["stage"])
    # The verdict is a change of the case: a second reviewer must have seen it.
    version = await tx.fetchval(
        "update cases set version = version + 1 where id = $1 returning version", case_id
    )
    if target is not None:
        version = await move_case(tx, case, target, actor.label, now)
    return Judged(verdict_id, target or case["stage"], version)


async def _demand_evidence(tx: Tx, case: Record) -> None:
    """Whatever the stage: what the law wanted recorded is there, explained, or waived."""
    missing = [
        Missing("evidence", ARTICLE, gap.zh, gap.en, hard=False)
        for gap in await evidence_gaps(tx, case["id"])
        if not gap.waived_reason
    ]
    if missing:
        raise gate_closed(missing, "accept")


async def _write(
    tx: Tx, actor: Actor, case: Record, verdict: str, reason: str, now: datetime
) -> UUID:
    verdict_id = new_id()
    await tx.execute(
        """insert into verdicts (id, case_id, verdict, reason, seen_version, account_id, at)
           values ($1, $2, $3, $4, $5, $6, $7)""",
        verdict_id,
        case["id"],
        verdict,
        reason,
        case["version"],
        actor.id,
        now,
    )
    await note(
        tx,
        "judged",
        ("case", case["id"]),
        actor=actor.label,
        now=now,
        department_id=case["department_id"],
        verdict=verdict,
        reason=reason,
        seen_version=case["version"],
    )
    tx.touch(f"case:{case['id']}", "case", case["id"])
    tx.touch(f"case:{case['id']}", "verdict", verdict_id)
    return verdict_id
