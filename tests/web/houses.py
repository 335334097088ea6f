"""Departments with their people, cameras and cases, for the story."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from backend.database import Tx
from backend.people.accounts import create_account
from backend.people.devices import register_device
from backend.people.staff import create_department, create_officer
from tests.web.seeding import add

SUPERVISOR = ("zhaomin", "the-supervisor-of-tests")
BUREAU = ("wulan", "the-bureau-of-tests")


@dataclass(frozen=True)
class House:
    id: UUID
    code: str
    officers: dict[str, UUID]
    cameras: dict[str, UUID]


async def open_house(
    tx: Tx, top: UUID, code: str, name: str, name_en: str, people: tuple[str, ...]
) -> House:
    department = await create_department(
        tx, code=code, name=name, name_en=name_en, sector=code, parent_id=top
    )
    officers, cameras = {}, {}
    for number, person in enumerate(people, start=1):
        auxiliary = person == "李强"
        officers[person] = await create_officer(
            tx,
            department_id=department,
            employee_no=f"{number:03}",
            name=person,
            kind="auxiliary" if auxiliary else "officer",
            certificate=None
            if auxiliary
            else (f"{code}-{number:03}", date(2025, 1, 1), date(2029, 12, 31)),
        )
        cameras[person] = await register_device(
            tx, department_id=department, kind="body_camera", name=f"执法记录仪 {number:02}"
        )
        await add(
            tx,
            "assignments",
            device_id=cameras[person],
            officer_id=officers[person],
            held_from=datetime(2026, 1, 1, tzinfo=UTC),
        )
    return House(department, code, officers, cameras)


async def open_account(
    tx: Tx, department: UUID, login: tuple[str, str], name: str, role: str
) -> None:
    await create_account(
        tx, department_id=department, login=login[0], name=name, password=login[1], roles=[role]
    )


async def open_case(
    tx: Tx, house: House, title: str, filed: datetime, seq: int, **more: Any
) -> UUID:
    lead = next(iter(house.officers.values()))
    case = await add(
        tx,
        "cases",
        department_id=house.id,
        number=f"{house.code}〔{filed.year}〕{seq}号",
        year=filed.year,
        seq=seq,
        title=title,
        lead_officer_id=lead,
        stage="investigating",
        pack_id="tests",
        filed_at=filed,
        opened_at=filed,
        **more,
    )
    for officer in house.officers.values():
        await tx.execute("insert into case_officers values ($1, $2, $3)", case, officer, filed)
    return case


async def add_deadline(
    tx: Tx, case: UUID, filed: datetime, due: datetime, state: str, now: datetime
) -> None:
    await add(
        tx,
        "deadlines",
        case_id=case,
        rule_id="case.decide",
        key="case.decide",
        triggered_at=filed,
        due_at=due,
        strict_at=due,
        provisional=False,
        state=state,
        article="行政处罚法 第60条",
        explanation={
            "title": {"zh": "作出处罚决定", "en": "Decision"},
            "steps": (
                {
                    "zh": f"立案：{filed:%Y-%m-%d} 为第0日，次日起算（民法典第201条）",
                    "en": f"case filed: {filed:%Y-%m-%d} is day 0 (Civil Code art. 201)",
                },
                {"zh": "期限 90 日（自然日）", "en": "limit 90 natural days"},
                {"zh": f"第90日为 {due:%Y-%m-%d}", "en": f"day 90 is {due:%Y-%m-%d}"},
            ),
        },
        judged_at=now,
    )
