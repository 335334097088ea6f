"""The inbox's routes: what a department sees there, and a person's word on a recording."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from litestar import Litestar

from backend.database import Database, Tx, new_id
from backend.flags.raising import Finding, raise_flag
from tests.api.cast import NOW, House


def bearer(house: House, role: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {house.tokens[role]}"}


@pytest.fixture
def database(app: Litestar) -> Database:
    found: Database = app.state.database
    return found


async def put_step(tx: Tx, house: House) -> UUID:
    case, visit, step = new_id(), new_id(), new_id()
    await tx.execute(
        "insert into cases (id, department_id, title, opened_at) values ($1, $2, '青城烧烤店', $3)",
        case,
        house.department_id,
        NOW,
    )
    await tx.execute(
        """insert into inspections (id, department_id, case_id, kind, started_at, ended_at)
           values ($1, $2, $3, 'check', $4, $5)""",
        visit,
        house.department_id,
        case,
        NOW,
        NOW + timedelta(minutes=30),
    )
    await tx.execute(
        """insert into steps (id, inspection_id, kind, started_at, ended_at)
           values ($1, $2, 'examine', $3, $4)""",
        step,
        visit,
        NOW,
        NOW + timedelta(minutes=20),
    )
    return step


async def put_recording(tx: Tx, house: House) -> UUID:
    recording = new_id()
    await tx.execute(
        """insert into recordings (id, department_id, device_id, file_name, media_kind, state,
               object_key, captured_from, captured_to, size, sha256, received_at, verified_at)
           values ($1, $2, $3, 'BTR_0001.mp4', 'video', 'ready', 'originals/x', $4, $5, 1,
               sha256('x'), $5, $5)""",
        recording,
        house.department_id,
        house.device_id,
        NOW + timedelta(minutes=5),
        NOW + timedelta(minutes=25),
    )
    finding = Finding(
        kind="unattributed_recording",
        department_id=house.department_id,
        case_id=None,
        subject_kind="recording",
        subject_id=recording,
        explanation={"zh": "未能归集", "en": "belongs to no step"},
    )
    await raise_flag(tx, finding, NOW)
    return recording


async def put_held(tx: Tx, house: House) -> UUID:
    operation = new_id()
    await tx.execute(
        """insert into operations (op_id, device_id, device_seq, entity, kind, content,
               content_sha256, received_at, status, outcome, decided_at, waits_for)
           values ($1, $2, 1, 'fact', 'append', '{"entity": "fact", "kind": "append"}',
               sha256('x'), $3, 'held', '{"reasons": [{"code": "waits_for_gap"}]}', $3, 'gap')""",
        operation,
        house.device_id,
        NOW,
    )
    return operation


async def test_a_department_sees_its_own_inbox_alone(
    client: httpx.AsyncClient, houses: tuple[House, House], database: Database
) -> None:
    mine, other = houses
    async with database.transaction() as tx:
        recording = await put_recording(tx, mine)
        held = await put_held(tx, mine)

    async def get(path: str, house: House) -> Any:
        return (await client.get(path, headers=bearer(house, "supervisor"))).json()

    (item,) = (await get("/api/inbox", mine))["items"]
    assert item["recording"]["id"] == str(recording)
    assert item["recording"]["file_name"] == "BTR_0001.mp4"
    assert item["flag"]["department"]["name"] == "市场监管局"
    assert [one["id"] for one in await get("/api/operations", mine)] == [str(held)]
    assert await get("/api/operations?state=rejected", mine) == []
    assert await get("/api/inbox/count", mine) == 1
    assert await get("/api/inbox", other) == {"items": [], "total": 0}
    assert await get("/api/operations", other) == []
    assert await get("/api/inbox/count", other) == 0


async def test_a_supervisor_gives_a_recording_to_a_step_of_the_same_department(
    client: httpx.AsyncClient, houses: tuple[House, House], database: Database
) -> None:
    mine, other = houses
    async with database.transaction() as tx:
        recording = await put_recording(tx, mine)
        step, foreign = await put_step(tx, mine), await put_step(tx, other)
    path = f"/api/recordings/{recording}"
    headers = bearer(mine, "supervisor")
    (offered,) = (await client.get(f"{path}/suggestions", headers=headers)).json()
    assert (offered["step_id"], offered["case_title"]) == (str(step), "青城烧烤店")

    async def say(step_id: UUID, reason: str, role: str = "supervisor") -> int:
        body = {"step_id": str(step_id), "shows": True, "reason": reason}
        answer = await client.post(f"{path}/attributions", json=body, headers=bearer(mine, role))
        return answer.status_code

    assert await say(step, "画面为该环节", "inspector") == 403
    assert await say(step, " ") == 400
    assert await say(foreign, "画面为该环节") == 404
    assert await say(step, "画面为该环节") == 204
    async with database.snapshot() as tx:
        rows = await tx.fetch("select * from attributions")
    (row,) = rows
    assert (row["step_id"], row["decided_by"], row["rejected"]) == (step, "person", False)
    assert row["begins_at"] == NOW + timedelta(minutes=5)
    assert row["ends_at"] == NOW + timedelta(minutes=20)


async def test_the_kinds_of_event_tell_what_must_come_with_them(
    client: httpx.AsyncClient, houses: tuple[House, House]
) -> None:
    answer = await client.get("/api/event-kinds", headers=bearer(houses[0], "inspector"))
    kinds = {one["kind"]: one for one in answer.json()}
    asks = {kind: [ask["key"] for ask in one["asks"]] for kind, one in kinds.items()}
    assert asks["hearing_set"] == ["on"]
    assert asks["clock_stopped"] == ["reason"]
    assert "hearing_right" in asks["notice_served"]
    assert "case_filed" not in kinds
    assert (kinds["notice_served"]["zh"], kinds["notice_served"]["en"]) == (
        "告知书送达",
        "notice served",
    )
