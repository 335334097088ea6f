"""One department's week as the browser tests read it: a seizure with a hole, a step never
recorded, a deadline that ran out, and a case of another department."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from backend.database import Database, Tx
from backend.flags.raising import Finding, raise_flag
from backend.people.staff import create_department
from media.store import ObjectStore
from tests.web.houses import (
    BUREAU,
    SUPERVISOR,
    House,
    add_deadline,
    open_account,
    open_case,
    open_house,
)
from tests.web.loose import add_visit, tell_loose
from tests.web.seeding import add, add_step
from tests.web.seizure import tell_seizure


@dataclass(frozen=True)
class Story:
    """Ids of what the tests open."""

    seizure_case: UUID
    foreign_case: UUID
    gap_begin: datetime
    overdue_case: UUID
    opened_case: UUID
    loose_recording: UUID


def _yesterday(now: datetime) -> datetime:
    """09:00 in Shanghai on the day before."""
    return (now - timedelta(days=1)).replace(hour=1, minute=0, second=0, microsecond=0)


async def tell(database: Database, store: ObjectStore, folder: Path, now: datetime) -> Story:
    async with database.transaction() as tx:
        top = await create_department(
            tx, code="sfj", name="回民区司法局", name_en="Huimin Justice Bureau"
        )
        market = await open_house(
            tx, top, "shijian", "市场监管局", "Market Regulation", ("巴特尔", "王秀英", "李强")
        )
        city = await open_house(
            tx, top, "chengguan", "城市管理综合执法局", "City Management", ("苏日娜",)
        )
        await open_account(tx, market.id, SUPERVISOR, "赵敏", "supervisor")
        await open_account(tx, top, BUREAU, "乌兰", "bureau_supervisor")
        foreign = await _stall(tx, city, now)
        overdue = await _overdue(tx, market, now)
        opened = await _unfiled(tx, market, now)
        await add_visit(tx, market, overdue, _yesterday(now) + timedelta(hours=7))
    begin = _yesterday(now)
    seizure = await tell_seizure(database, store, folder, market, begin, now)
    loose = await tell_loose(database, store, folder, market, begin + timedelta(hours=8), now)
    return Story(seizure, foreign, begin + timedelta(minutes=36), overdue, opened, loose)


async def _unfiled(tx: Tx, house: House, now: datetime) -> UUID:
    """A case that an inspection began, and that nobody has filed."""
    return await add(
        tx,
        "cases",
        department_id=house.id,
        title="北坡冷鲜冻肉来源不明案",
        stage="opened",
        opened_at=now - timedelta(hours=3),
    )


async def _overdue(tx: Tx, house: House, now: datetime) -> UUID:
    filed = now - timedelta(days=95)
    case = await open_case(tx, house, "塞外香食品加工坊虚假标注生产日期案", filed, 7)
    await add_deadline(tx, case, filed, now - timedelta(days=5), "overdue", now)
    await raise_flag(
        tx,
        Finding(
            kind="deadline_overdue",
            department_id=house.id,
            case_id=case,
            subject_kind="case",
            subject_id=case,
            key="case.decide",
            severity="serious",
            article="行政处罚法 第60条",
            explanation={
                "zh": "应于立案之日起 90 日内作出处罚决定，已超期 5 天",
                "en": "the decision was due within 90 days of filing; 5 days over",
            },
        ),
        now,
    )
    return case


async def _stall(tx: Tx, house: House, now: datetime) -> UUID:
    begin = _yesterday(now) + timedelta(hours=5)
    case = await open_case(tx, house, "通道北街占道经营案", begin, 31)
    visit = await add(
        tx,
        "inspections",
        department_id=house.id,
        case_id=case,
        kind="check",
        title="占道经营现场检查",
        place="通道北街 12 号前",
        started_at=begin,
        ended_at=begin + timedelta(minutes=20),
    )
    end = begin + timedelta(minutes=20)
    step = await add_step(tx, visit, "examine", begin, end, covered=((begin, end, None),))
    await raise_flag(
        tx,
        Finding(
            kind="missing_recording",
            department_id=house.id,
            case_id=case,
            subject_kind="step",
            subject_id=step,
            severity="serious",
            article="内蒙古令244 第17条",
            explanation={
                "zh": "现场检查应当录音录像，1200 秒全无记录",
                "en": "the examination must be recorded; all 1200 s are missing",
                "size": 1200,
            },
        ),
        now,
    )
    return case
