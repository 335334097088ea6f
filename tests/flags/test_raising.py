"""A flag's life: raised once, settled, acknowledged, waived, and back when its cause is."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from backend.database import from_json
from backend.errors import Refusal
from backend.flags.raising import Finding, acknowledge, raise_flag, settle, waive
from tests.evidence.scene import EVENING, Scene

LATER = EVENING + timedelta(hours=1)


def finding(scene: Scene, size: float = 60, **more: Any) -> Finding:
    found = Finding(
        kind="recording_gap",
        department_id=scene.department,
        case_id=scene.case,
        subject_kind="inspection",
        subject_id=scene.inspection,
        explanation={"zh": f"缺 {size} 秒", "en": f"{size} s missing", "size": size},
    )
    return msgspec.structs.replace(found, **more)


async def settled(scene: Scene, *findings: Finding) -> int:
    async with scene.database.transaction() as tx:
        return await settle(
            tx, "inspection", scene.inspection, ["recording_gap"], findings, EVENING
        )


async def flag(scene: Scene) -> Any:
    return await scene.row("select * from flags")


async def history(scene: Scene) -> list[tuple[str, str]]:
    rows = await scene.rows("select state, reason from flag_events order by id")
    return [(row["state"], row["reason"]) for row in rows]


async def waived(scene: Scene) -> None:
    async with scene.database.transaction() as tx:
        await waive(tx, scene.supervisor, (await flag(scene))["id"], "设备故障已报修", EVENING)


async def test_the_same_finding_raises_one_flag_and_tells_it_once(scene: Scene) -> None:
    assert await settled(scene, finding(scene)) == 1
    assert await settled(scene, finding(scene)) == 0
    assert await history(scene) == [("open", "")]
    fed = await scene.rows("select * from feed where entity = 'flag'")
    assert [row["scope"] for row in fed] == [f"case:{scene.case}"]
    told = await scene.rows("select * from ledger_events where kind = 'flagged'")
    assert [from_json(row["body"])["flag"] for row in told] == ["recording_gap"]


async def test_it_is_resolved_when_the_cause_is_gone_and_reopened_when_it_is_back(
    scene: Scene,
) -> None:
    await settled(scene, finding(scene))
    first = (await flag(scene))["id"]
    await settled(scene)
    assert (await flag(scene))["state"] == "resolved"
    await settled(scene, finding(scene))
    assert ((await flag(scene))["state"], (await flag(scene))["id"]) == ("open", first)
    assert [state for state, _ in await history(scene)] == ["open", "resolved", "open"]


async def test_two_keys_are_two_flags(scene: Scene) -> None:
    await settled(scene, finding(scene, key="a"), finding(scene, key="b"))
    assert await settled(scene, finding(scene, key="b")) == 1
    rows = await scene.rows("select key, state from flags order by key")
    assert [tuple(row) for row in rows] == [("a", "resolved"), ("b", "open")]


async def test_what_was_waived_stays_waived_while_its_cause_does_not_grow(scene: Scene) -> None:
    await settled(scene, finding(scene, 60))
    await waived(scene)
    await settled(scene, finding(scene, 30))
    await settled(scene, finding(scene, 60))
    assert (await flag(scene))["state"] == "waived"
    await settled(scene, finding(scene, 480))
    assert (await flag(scene))["state"] == "open"
    assert [state for state, _ in await history(scene)] == ["open", "waived", "open"]


async def test_a_waiver_needs_a_reason(scene: Scene) -> None:
    await settled(scene, finding(scene))
    with pytest.raises(Refusal) as refused:
        async with scene.database.transaction() as tx:
            await waive(tx, scene.supervisor, (await flag(scene))["id"], " ", EVENING)
    assert refused.value.where == "reason"
    assert (await flag(scene))["state"] == "open"


async def test_a_person_acknowledges_once(scene: Scene) -> None:
    await settled(scene, finding(scene))
    flag_id = (await flag(scene))["id"]
    async with scene.database.transaction() as tx:
        await acknowledge(tx, scene.supervisor, flag_id, "正在核实", EVENING)
    with pytest.raises(Refusal) as refused:
        async with scene.database.transaction() as tx:
            await acknowledge(tx, scene.supervisor, flag_id, "", EVENING)
    assert refused.value.kind == "conflict"
    assert await history(scene) == [("open", ""), ("acknowledged", "正在核实")]
    await settled(scene)
    assert (await flag(scene))["state"] == "resolved"


async def test_two_that_raise_it_at_once_raise_it_once(scene: Scene) -> None:
    async def one() -> UUID:
        async with scene.database.transaction() as tx:
            return await raise_flag(tx, finding(scene), EVENING)

    ids = await asyncio.gather(*(one() for _ in range(6)))
    assert set(ids) == {(await flag(scene))["id"]}
    assert await history(scene) == [("open", "")]


async def test_a_finding_about_somebody_else_is_a_mistake(scene: Scene) -> None:
    with pytest.raises(ValueError, match="a finding about"):
        await settled(scene, finding(scene, subject_id=scene.case))
