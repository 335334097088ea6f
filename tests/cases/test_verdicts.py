"""A supervisor accepts or returns a case as she saw it, through the gates of the law."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from backend.cases.stages import lock_case, move_case
from backend.cases.verdicts import Judged, judge_case_by_person
from backend.cases.view import case_page, loose_flags
from backend.errors import Refusal
from backend.flags.raising import waive
from tests.evidence.scene import EVENING, Scene

TOMORROW = EVENING + timedelta(hours=24)


async def judge(scene: Scene, verdict: str, seen: int, reason: str = "") -> Judged:
    async with scene.database.transaction() as tx:
        return await judge_case_by_person(
            tx,
            scene.supervisor,
            scene.case,
            verdict,  # type: ignore[arg-type]
            reason,
            seen,
            TOMORROW,
        )


async def with_a_hole(scene: Scene) -> None:
    await scene.step("seize", "10:02:10", "10:31:40")
    await scene.film(scene.camera, "10:02:00", "10:12:00")
    await scene.film(scene.camera, "10:20:00", "10:32:00")
    await scene.sweep()


async def test_a_returned_case_tells_the_phone_the_reason(scene: Scene) -> None:
    await with_a_hole(scene)
    judged = await judge(scene, "return", 1, "补录查封现场或说明中断原因")
    verdict = await scene.row("select * from verdicts where id = $1", judged.id)
    assert (verdict["verdict"], verdict["seen_version"]) == ("return", 1)
    fed = await scene.rows(
        "select entity_id from feed where scope = $1 and entity = 'verdict'", f"case:{scene.case}"
    )
    assert [row["entity_id"] for row in fed] == [judged.id]
    assert await scene.rows("select * from ledger_events where kind = 'judged'") != []


async def test_a_return_needs_a_reason(scene: Scene) -> None:
    with pytest.raises(Refusal) as refused:
        await judge(scene, "return", 1, " ")
    assert refused.value.where == "reason"


async def test_what_is_missing_stops_an_acceptance_and_is_listed(scene: Scene) -> None:
    await with_a_hole(scene)
    with pytest.raises(Refusal) as refused:
        await judge(scene, "accept", 1)
    assert refused.value.kind == "gate_closed"
    (missing,) = refused.value.extra["missing"]
    assert "共 480 秒" in missing["zh"]
    assert await scene.rows("select * from verdicts") == []


async def test_a_waived_hole_stops_nothing(scene: Scene) -> None:
    await with_a_hole(scene)
    async with scene.database.transaction() as tx:
        flag = await tx.fetchval("select id from flags where kind = 'recording_gap'")
        await waive(tx, scene.supervisor, flag, "设备故障已报修", TOMORROW)
    assert (await judge(scene, "accept", 1)).stage == "opened"


async def test_of_two_reviewers_the_second_must_look_again(scene: Scene) -> None:
    both = await asyncio.gather(
        judge(scene, "accept", 1), judge(scene, "return", 1, "重审"), return_exceptions=True
    )
    (refused,) = [one for one in both if isinstance(one, Refusal)]
    assert (refused.kind, refused.extra) == ("stale_version", {"version": 2})
    assert len(await scene.rows("select * from verdicts")) == 1


async def test_a_stage_out_of_order_is_refused_with_its_reason(scene: Scene) -> None:
    with pytest.raises(Refusal) as refused:
        async with scene.database.transaction() as tx:
            await move_case(tx, await lock_case(tx, scene.case), "decided", "test", TOMORROW)
    assert refused.value.kind == "gate_closed"
    assert refused.value.extra["missing"][0]["code"] == "stage_order"


async def test_the_page_holds_all_that_one_timeline_needs(scene: Scene) -> None:
    await with_a_hole(scene)
    ahead = await scene.film(scene.other_camera, "10:04:00", "10:14:00", ahead_s=97)
    await scene.sweep()
    await judge(scene, "return", 1, "补录")
    async with scene.database.snapshot() as tx:
        page = await case_page(tx, scene.case)
    (inspection,) = page.inspections
    (step,) = inspection.steps
    assert step.coverage is not None
    assert [gap.seconds for gap in step.coverage.gaps] == [457.0]
    recording = next(one for one in page.recordings if one.id == ahead)
    assert recording.claimed_begin is not None
    assert recording.captured_from is not None
    assert recording.claimed_begin - recording.captured_from == timedelta(seconds=97)
    assert (recording.holder and recording.holder.name, recording.device.name) == (
        "王秀英",
        "执法记录仪2号",
    )
    assert [one.step_id for one in recording.attributions] == [step.id]
    assert recording.attributions[0].reasons[0]["code"] == "holder"
    assert page.bounds is not None
    assert page.bounds.begin == inspection.started_at
    assert [flag.kind for flag in page.flags] == ["recording_gap"]
    assert [event.state for event in page.flags[0].history] == ["open", "open"]
    assert [verdict.by for verdict in page.verdicts] == ["赵敏"]
    assert {officer.name for officer in inspection.officers} == {"巴特尔", "王秀英"}


async def test_flags_of_no_case_stand_in_the_inbox(scene: Scene) -> None:
    async with scene.database.transaction() as tx:
        camera = await scene.new_camera(tx, "备用机", None)
    recording = await scene.film(camera, "10:02:00", "10:32:00")
    await scene.sweep(TOMORROW)
    async with scene.database.snapshot() as tx:
        (loose,) = await loose_flags(tx, [scene.department])
    assert (loose.kind, loose.subject_id) == ("unattributed_recording", recording)
