"""立案: an opened case gets its number, its law and its first deadline.

Numbers run without a gap by department and year: the counter's row is locked until the filing
commits, and a filing that fails gives its number back.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec
from asyncpg import Record

from backend.cases.events import record_event
from backend.cases.packs import pin
from backend.database import Tx
from backend.errors import Refusal, not_found
from backend.evidence.queue import queue_judging
from backend.ledger.events import note
from backend.people.access import Actor
from backend.rules.calendar import law_date
from backend.rules.pack import load_pack

# The character that a sector's documents carry in their numbers.
SECTOR_WORDS = {"shijian": "市监", "zhujian": "住建", "chengguan": "城管"}


class Filed(msgspec.Struct, frozen=True):
    number: str
    year: int
    seq: int
    pack_id: str
    version: int


def case_number(sector: str | None, code: str, year: int, seq: int) -> str:
    """`回市监罚〔2026〕12号`; a department beside others of its sector carries its code as well."""
    word = SECTOR_WORDS.get(sector or "", "执法")
    told = "" if code == sector else f"（{code}）"
    return f"回{word}罚{told}〔{year}〕{seq}号"


async def file_case(
    tx: Tx, actor: Actor, case_id: UUID, filed_at: datetime, now: datetime
) -> Filed:
    """File an opened case as of `filed_at`: number, pinned pack, stage `filed`, 90 days begin.

    `conflict` when it is filed already, `bad_request` for a time that lies ahead or has no zone,
    `not_found` without such a case.
    """
    case = await tx.fetchrow(
        """select c.id, c.stage, c.department_id, d.code, d.sector
             from cases c join departments d on d.id = c.department_id
            where c.id = $1 and c.deleted_at is null for no key update of c""",
        case_id,
    )
    if case is None:
        raise not_found("case")
    if case["stage"] != "opened":
        raise Refusal(
            "conflict",
            detail=f"案件已是 {case['stage']} 阶段 / the case is {case['stage']} already",
            where="case.stage",
        )
    await record_event(tx, case_id, "case_filed", filed_at, {}, actor, now)
    filed = await _number(tx, case, filed_at, now)
    await note(
        tx,
        "filed",
        ("case", case_id),
        actor=actor.label,
        now=now,
        department_id=case["department_id"],
        number=filed.number,
        filed_at=filed_at,
        pack_id=filed.pack_id,
    )
    tx.touch(f"case:{case_id}", "case", case_id)
    await queue_judging(tx, "case", [case_id], now)
    return filed


async def _number(tx: Tx, case: Record, filed_at: datetime, now: datetime) -> Filed:
    day = law_date(filed_at)
    pack_id = await pin(tx, load_pack(case["sector"], day), day, now)
    seq = await tx.fetchval(
        """insert into case_numbers as n (department_id, year, last) values ($1, $2, 1)
           on conflict (department_id, year) do update set last = n.last + 1 returning last""",
        case["department_id"],
        day.year,
    )
    number = case_number(case["sector"], case["code"], day.year, seq)
    version = await tx.fetchval(
        """update cases
              set number = $2, year = $3, seq = $4, pack_id = $5, filed_at = $6, stage = 'filed',
                  version = version + 1
            where id = $1 returning version""",
        case["id"],
        number,
        day.year,
        seq,
        pack_id,
        filed_at,
    )
    return Filed(number, day.year, seq, pack_id, version)
