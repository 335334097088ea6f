"""The recurring cast with their phones, each a real client over the real application."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
from litestar import Litestar

from backend.cases.apply import edit_at_desk
from backend.database import Database, from_json, new_id
from backend.people.access import Actor
from backend.people.devices import enrol, issue_code, register_device
from backend.people.staff import create_department, create_officer
from sync.client import SyncClient

MORNING = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
USCC = "91150102MA0N8Y7X3K"


class Phone(msgspec.Struct):
    """A handheld, who holds it, and its client."""

    device_id: UUID
    officer_id: UUID
    actor: Actor
    client: SyncClient


class Bureau(msgspec.Struct):
    """市场监管局: 巴特尔 and 王秀英 with a phone each, 赵敏 at the desk; 住建局 next door."""

    database: Database
    app: Litestar
    folder: Path
    department_id: UUID
    other_department_id: UUID
    bateer: Phone
    xiuying: Phone
    neighbour: Phone
    zhao_min: Actor
    clients: list[SyncClient]

    async def fetch(self, sql: str, *args: Any) -> list[dict[str, Any]]:
        async with self.database.snapshot() as tx:
            return [dict(row) for row in await tx.fetch(sql, *args)]

    async def one(self, sql: str, *args: Any) -> Any:
        async with self.database.snapshot() as tx:
            return await tx.fetchval(sql, *args)

    async def execute(self, sql: str, *args: Any) -> None:
        async with self.database.transaction() as tx:
            await tx.execute(sql, *args)

    async def at_desk(self, entity: str, entity_id: UUID, fields: dict[str, Any]) -> int:
        """赵敏 edits what she has just looked at."""
        table = {"inspection": "inspections", "case": "cases", "party": "parties"}[entity]
        async with self.database.transaction() as tx:
            seen = from_json(
                await tx.fetchval(f"select field_versions from {table} where id = $1", entity_id)
            )
            now = datetime.now(UTC)
            return await edit_at_desk(tx, self.zhao_min, entity, entity_id, seen, fields, now)


async def build_bureau(app: Litestar, database: Database, folder: Path) -> Bureau:
    async with database.transaction() as tx:
        ours = await create_department(tx, code="shijian", name="市场监管局")
        theirs = await create_department(tx, code="zhujian", name="住建局")
    bateer = await phone(app, database, folder, ours, "001", "巴特尔")
    xiuying = await phone(app, database, folder, ours, "002", "王秀英")
    neighbour = await phone(app, database, folder, theirs, "003", "李娜")
    zhao_min = await _account(database, ours)
    return Bureau(
        database=database,
        app=app,
        folder=folder,
        department_id=ours,
        other_department_id=theirs,
        bateer=bateer,
        xiuying=xiuying,
        neighbour=neighbour,
        zhao_min=zhao_min,
        clients=[bateer.client, xiuying.client, neighbour.client],
    )


async def phone(
    app: Litestar, database: Database, folder: Path, department: UUID, number: str, who: str
) -> Phone:
    async with database.transaction() as tx:
        officer = await create_officer(
            tx,
            department_id=department,
            employee_no=number,
            name=who,
            certificate=(f"C-{number}", date(2025, 1, 1), date(2029, 12, 31)),
        )
        device = await register_device(
            tx, department_id=department, kind="handheld", name=f"{who}的手持机"
        )
        enrolled = await enrol(tx, await issue_code(tx, device, MORNING), MORNING)
        await tx.execute(
            "insert into assignments (id, device_id, officer_id, held_from) values ($1,$2,$3,$4)",
            new_id(),
            device,
            officer,
            MORNING - timedelta(days=30),
        )
    client = SyncClient.open(
        "http://quanji.test",
        enrolled.token,
        folder / f"{device}.sqlite",
        transport=httpx.ASGITransport(app, raise_app_exceptions=False),
    )
    actor = Actor(kind="device", id=device, department_id=department, name=who)
    return Phone(device, officer, actor, client)


async def _account(database: Database, department: UUID) -> Actor:
    account = new_id()
    async with database.transaction() as tx:
        await tx.execute(
            """insert into accounts (id, department_id, login, name, password_hash, roles)
               values ($1, $2, 'zhao.min', '赵敏', '!', '{supervisor}')""",
            account,
            department,
        )
    return Actor(
        kind="account",
        id=account,
        department_id=department,
        name="赵敏",
        roles=frozenset({"supervisor"}),
    )


def open_visit(phone: Phone, **fields: Any) -> tuple[UUID, UUID]:
    """A check of 青城烧烤店, party and all, as one officer's phone writes it: (party, visit)."""
    client = phone.client
    party = client.create(
        "party", {"kind": "organisation", "name": "青城烧烤店", "uscc": USCC}, at=MORNING
    )
    visit = client.create(
        "inspection",
        {
            "kind": "check",
            "title": "餐饮检查",
            "place": "中山西路 12 号",
            "party_id": party,
            "started_at": MORNING,
            **fields,
        },
        at=MORNING,
    )
    return party, visit
