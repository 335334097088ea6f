"""Attribution against the database: what is written, re-judged, left to a person."""

from __future__ import annotations

from datetime import timedelta

import pytest

from backend.database import from_json
from backend.errors import Refusal
from backend.evidence.deciding import attribute_by_person
from backend.people.staff import assign
from tests.evidence.scene import EVENING, Scene, at, said

SHOWN = "select * from attributions where recording_id = $1 order by begins_at"


async def decide(scene: Scene, recording: object, step: object, *, shows: bool) -> None:
    async with scene.database.transaction() as tx:
        await attribute_by_person(
            tx,
            scene.supervisor,
            recording,  # type: ignore[arg-type]
            step,  # type: ignore[arg-type]
            shows=shows,
            reason="画面可见封条",
            now=EVENING,
        )


async def test_a_recording_serves_two_steps_with_reasons(scene: Scene) -> None:
    first = await scene.step("notify", "10:00:00", "10:05:00")
    second = await scene.step("seize", "10:05:00", "10:30:00")
    recording = await scene.film(scene.camera, "09:59:00", "10:31:00")
    await scene.sweep()
    rows = await scene.rows(SHOWN, recording)
    assert [(r["step_id"], r["begins_at"], r["ends_at"]) for r in rows] == [
        (first, at("10:00:00"), at("10:05:00")),
        (second, at("10:05:00"), at("10:30:00")),
    ]
    reason = from_json(rows[0]["reasons"])[0]
    assert reason["zh"] == "巴特尔 当时领用 执法记录仪1号，并参加该次检查"


async def test_a_persons_attribution_survives_re_judging(scene: Scene) -> None:
    step = await scene.step("seize", "10:02:10", "10:31:40")
    other = await scene.step("examine", "09:40:00", "09:50:00")
    recording = await scene.film(scene.camera, "10:02:00", "10:32:00")
    await scene.sweep()
    await decide(scene, recording, step, shows=False)
    await decide(scene, recording, other, shows=True)
    for _ in range(2):
        await scene.sweep()
        async with scene.database.transaction() as tx:
            await tx.execute(
                "insert into judging_queue values ('recording', $1, $2)", recording, EVENING
            )
    rows = {r["step_id"]: r for r in await scene.rows(SHOWN, recording)}
    assert (rows[step]["decided_by"], rows[step]["rejected"]) == ("person", True)
    assert (rows[other]["decided_by"], rows[other]["rejected"]) == ("person", False)
    assert sorted(await scene.flags(EVENING + timedelta(days=1))) == ["missing_recording"]
    # One row the machine lost to the person; nothing was decided again and again.
    told = await scene.rows("select * from ledger_events where kind = 'attributed'")
    assert len(told) == 1


async def test_a_person_must_say_why(scene: Scene) -> None:
    step = await scene.step("seize", "10:02:10", "10:31:40")
    recording = await scene.film(scene.camera, "10:02:00", "10:32:00")
    with pytest.raises(Refusal) as refused:
        async with scene.database.transaction() as tx:
            await attribute_by_person(
                tx, scene.supervisor, recording, step, shows=True, reason=" ", now=EVENING
            )
    assert refused.value.kind == "bad_request"


async def test_what_nobody_held_is_a_persons_after_its_grace(scene: Scene) -> None:
    step = await scene.step("seize", "10:02:10", "10:31:40")
    async with scene.database.transaction() as tx:
        camera = await scene.new_camera(tx, "备用机", None)
    recording = await scene.film(camera, "10:02:00", "10:32:00")
    assert await scene.flags() == {}
    flag = (await scene.flags(EVENING + timedelta(hours=24)))["unattributed_recording"]
    assert (flag["subject_id"], flag["case_id"]) == (recording, None)
    assert "无人领用" in said(flag)
    await decide(scene, recording, step, shows=True)
    assert await scene.flags(EVENING + timedelta(hours=25)) == {}


async def test_an_assignment_entered_late_attributes_what_lay_waiting(scene: Scene) -> None:
    step = await scene.step("seize", "10:02:10", "10:31:40")
    async with scene.database.transaction() as tx:
        camera = await scene.new_camera(tx, "备用机", None)
    recording = await scene.film(camera, "10:02:00", "10:32:00")
    await scene.sweep()
    assert await scene.rows(SHOWN, recording) == []
    async with scene.database.transaction() as tx:
        await assign(
            tx,
            scene.supervisor,
            device_id=camera,
            officer_id=scene.officer,
            held_from=at("08:00:00"),
            held_to=None,
            now=EVENING,
        )
    await scene.sweep()
    assert [r["step_id"] for r in await scene.rows(SHOWN, recording)] == [step]


async def test_a_step_time_that_was_corrected_moves_the_attribution(scene: Scene) -> None:
    step = await scene.step("seize", "14:02:10", "14:31:40")
    recording = await scene.film(scene.camera, "10:02:00", "10:32:00")
    await scene.sweep()
    assert await scene.rows(SHOWN, recording) == []
    async with scene.database.transaction() as tx:
        await tx.execute(
            "update steps set started_at = $2, ended_at = $3 where id = $1",
            step,
            at("10:02:10"),
            at("10:31:40"),
        )
        await tx.execute("insert into judging_queue values ('case', $1, $2)", scene.case, EVENING)
    assert await scene.flags() == {}
    assert [r["step_id"] for r in await scene.rows(SHOWN, recording)] == [step]


async def test_two_visits_at_one_time_leave_it_to_a_person_at_once(scene: Scene) -> None:
    await scene.step("seize", "10:02:10", "10:31:40")
    async with scene.database.transaction() as tx:
        other = await scene.visit(tx, await scene.new_case(tx))
    await scene.step("seize", "10:02:10", "10:31:40", inspection=other)
    recording = await scene.film(scene.camera, "10:02:00", "10:32:00")
    flag = (await scene.flags())["unattributed_recording"]
    assert "须由人确定" in said(flag)
    assert len(from_json(flag["explanation"])["suggestions"]) == 2
    assert await scene.rows(SHOWN, recording) == []


async def test_the_declared_case_decides_between_two_visits(scene: Scene) -> None:
    step = await scene.step("seize", "10:02:10", "10:31:40")
    async with scene.database.transaction() as tx:
        other = await scene.visit(tx, await scene.new_case(tx))
    await scene.step("question", "10:02:10", "10:31:40", inspection=other)
    recording = await scene.film(scene.camera, "10:02:00", "10:32:00", case=scene.case)
    await scene.sweep()
    assert [r["step_id"] for r in await scene.rows(SHOWN, recording)] == [step]


async def test_a_clock_nobody_can_trust_is_told(scene: Scene) -> None:
    await scene.film(scene.camera, "10:02:00", "10:32:00", doubt_s=300)
    assert "±300 秒" in said((await scene.flags())["clock_unreliable"])


async def test_what_a_person_gives_to_another_visit_leaves_the_machines(scene: Scene) -> None:
    step = await scene.step("seize", "10:02:10", "10:31:40")
    async with scene.database.transaction() as tx:
        other = await scene.visit(tx, await scene.new_case(tx))
    there = await scene.step("question", "14:02:10", "14:31:40", inspection=other)
    recording = await scene.film(scene.camera, "10:02:00", "10:32:00")
    await scene.sweep()
    assert [row["step_id"] for row in await scene.rows(SHOWN, recording)] == [step]
    await decide(scene, recording, there, shows=True)
    await scene.sweep()
    (row,) = await scene.rows(SHOWN, recording)
    assert (row["step_id"], row["decided_by"]) == (there, "person")
    assert (row["begins_at"], row["ends_at"]) == (at("14:02:10"), at("14:31:40"))
    told = await scene.rows("select * from ledger_events where kind = 'attributed'")
    await scene.sweep()
    assert told == await scene.rows("select * from ledger_events where kind = 'attributed'")
