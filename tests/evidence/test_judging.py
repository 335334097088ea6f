"""One visit, judged: what was recorded, what was not, and what the flag says about it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from backend.database import from_json
from tests.evidence.scene import EVENING, Scene, at, said

TOMORROW = EVENING + timedelta(hours=24)


async def test_a_seizure_recorded_well_raises_nothing(scene: Scene) -> None:
    step = await scene.step("seize", "10:02:10", "10:31:40")
    await scene.film(scene.camera, "10:01:50", "10:32:00")
    assert await scene.flags() == {}
    assert await scene.flags(TOMORROW) == {}
    covered = await scene.row("select * from coverages where step_id = $1", step)
    assert (covered["required_s"], covered["covered_s"]) == (1770.0, 1770.0)
    assert covered["complete"]
    assert covered["certain"]
    assert "强制法" in covered["article"]


async def test_an_eight_minute_hole_in_a_seizure_is_flagged_at_once_with_its_seconds(
    scene: Scene,
) -> None:
    step = await scene.step("seize", "10:02:10", "10:31:40")
    await scene.film(scene.camera, "10:02:00", "10:12:00")
    await scene.film(scene.camera, "10:20:00", "10:32:00")
    flag = (await scene.flags())["recording_gap"]
    assert said(flag).startswith(
        "查封扣押（10:02:10–10:31:40）应全程录像，缺 10:12:00–10:20:00 共 480 秒"
    )
    assert "10:12:00–10:20:00 missing, 480 s" in said(flag, "en")
    assert (flag["severity"], flag["subject_id"], flag["case_id"]) == ("serious", step, scene.case)
    assert "《行政强制法》第18条" in flag["article"]
    covered = await scene.row("select * from coverages where step_id = $1", step)
    (gap,) = from_json(covered["gaps"])
    assert (gap["seconds"], gap["cause"], gap["certain"]) == (480.0, None, True)


async def test_a_hole_with_a_recorded_cause_is_explained(scene: Scene) -> None:
    step = await scene.step("seize", "10:02:10", "10:31:40")
    await scene.film(scene.camera, "10:02:00", "10:12:00")
    await scene.film(scene.camera, "10:20:00", "10:32:00")
    await scene.explain(step, "10:11:59", "10:20:01", "更换电池")
    assert await scene.flags() == {}
    covered = await scene.row("select * from coverages where step_id = $1", step)
    assert (covered["explained_s"], covered["complete"]) == (480.0, True)


async def test_a_gap_without_a_cause_is_a_hole(scene: Scene) -> None:
    step = await scene.step("seize", "10:02:10", "10:31:40")
    await scene.film(scene.camera, "10:02:00", "10:12:00")
    await scene.film(scene.camera, "10:20:00", "10:32:00")
    await scene.explain(step, "10:11:59", "10:20:01", "   ")
    assert list(await scene.flags()) == ["recording_gap"]


async def test_a_retracted_explanation_explains_nothing(scene: Scene) -> None:
    step = await scene.step("seize", "10:02:10", "10:31:40")
    await scene.film(scene.camera, "10:02:00", "10:12:00")
    await scene.film(scene.camera, "10:20:00", "10:32:00")
    fact = await scene.explain(step, "10:12:00", "10:20:00", "更换电池")
    assert await scene.flags() == {}
    async with scene.database.transaction() as tx:
        await tx.execute("update facts set retracted_at = $2 where id = $1", fact, EVENING)
        await tx.execute("insert into judging_queue values ('case', $1, $2)", scene.case, EVENING)
    assert list(await scene.flags()) == ["recording_gap"]


async def test_a_step_never_recorded_is_missing_when_the_upload_time_is_over(
    scene: Scene,
) -> None:
    step = await scene.step("seize", "10:02:10", "10:31:40")
    assert await scene.flags(EVENING) == {}
    assert await scene.flags(at("10:31:39") + timedelta(hours=24)) == {}
    flag = (await scene.flags(at("10:31:40") + timedelta(hours=24)))["missing_recording"]
    assert flag["subject_id"] == step
    assert said(flag) == (
        "查封扣押（10:02:10–10:31:40）应全程录像，结束已超过 24 小时仍无可用音像记录"
    )


async def test_a_step_that_nobody_ended_lasts_to_the_end_of_its_visit(scene: Scene) -> None:
    step = await scene.step("seize", "10:02:10", None)
    assert await scene.flags(at("10:59:59") + timedelta(hours=24)) == {}
    flag = (await scene.flags(at("11:00:00") + timedelta(hours=24)))["missing_recording"]
    assert flag["subject_id"] == step
    assert "10:02:10–11:00:00" in said(flag)


async def test_a_camera_97_seconds_ahead_is_corrected_before_it_is_judged(scene: Scene) -> None:
    step = await scene.step("seize", "10:02:10", "10:31:40")
    recording = await scene.film(scene.camera, "10:03:37", "10:33:37", ahead_s=97)
    assert await scene.flags() == {}
    row = await scene.row("select * from recordings where id = $1", recording)
    assert row["claimed_begin"] == at("10:03:37")
    assert row["captured_from"] == at("10:02:00")
    covered = await scene.row("select * from coverages where step_id = $1", step)
    assert covered["complete"]


async def test_the_same_camera_uncorrected_would_leave_a_hole(scene: Scene) -> None:
    await scene.step("seize", "10:02:10", "10:31:40")
    await scene.film(scene.camera, "10:03:37", "10:33:37")
    assert "缺 10:02:10–10:03:37 共 87 秒" in said((await scene.flags())["recording_gap"])


async def test_two_cameras_on_one_scene_unite(scene: Scene) -> None:
    step = await scene.step("seize", "10:02:10", "10:31:40")
    await scene.film(scene.camera, "10:02:00", "10:18:00")
    assert list(await scene.flags()) == ["recording_gap"]
    await scene.film(scene.other_camera, "10:16:37", "10:34:37", ahead_s=97)
    assert await scene.flags() == {}
    shown = await scene.rows("select * from attributions where step_id = $1", step)
    assert len(shown) == 2


async def test_a_recording_received_after_24_hours_is_late(scene: Scene) -> None:
    await scene.step("seize", "10:02:10", "10:31:40")
    recording = await scene.film(
        scene.camera,
        "10:02:00",
        "10:32:00",
        received=at("10:32:01") + timedelta(hours=24, minutes=5),
    )
    flag = (await scene.flags(TOMORROW))["late_upload"]
    assert flag["subject_id"] == recording
    assert flag["case_id"] == scene.case
    assert "第244号第20条" in flag["article"]
    assert "超过 24 小时的时限 0 小时 5 分" in said(flag)


async def test_a_recording_that_its_clock_may_excuse_is_not_late(scene: Scene) -> None:
    await scene.film(
        scene.camera,
        "10:02:00",
        "10:32:00",
        doubt_s=90,
        received=at("10:33:00") + timedelta(hours=24),
    )
    assert "late_upload" not in await scene.flags(TOMORROW)


async def test_a_late_upload_that_fills_the_hole_clears_its_flag(scene: Scene) -> None:
    await scene.step("seize", "10:02:10", "10:31:40")
    await scene.film(scene.camera, "10:02:00", "10:12:00")
    await scene.film(scene.camera, "10:20:00", "10:32:00")
    hole = (await scene.flags())["recording_gap"]
    late = at("12:00:00") + timedelta(hours=26)
    await scene.film(scene.other_camera, "10:11:00", "10:21:00", received=late)
    assert list(await scene.flags(late)) == ["late_upload"]
    history = await scene.rows(
        "select state from flag_events where flag_id = $1 order by at, id", hole["id"]
    )
    assert [row["state"] for row in history] == ["open", "resolved"]


async def test_what_arrives_for_a_missing_step_clears_it(scene: Scene) -> None:
    await scene.step("seize", "10:02:10", "10:31:40")
    assert list(await scene.flags(TOMORROW)) == ["missing_recording"]
    await scene.film(scene.camera, "10:02:00", "10:32:00", received=TOMORROW)
    assert list(await scene.flags(TOMORROW)) == ["late_upload"]


async def test_black_pictures_and_holes_in_the_file_cover_nothing(scene: Scene) -> None:
    await scene.step("seize", "10:02:10", "10:31:40")
    black = [{"kind": "black", "begin_s": 120.0, "end_s": 180.0, "exact": True}]
    await scene.film(
        scene.camera, "10:02:00", "10:32:00", quality=black, facts={"gaps": [[300, 330]]}
    )
    flags = await scene.flags()
    assert sorted(flags) == ["bad_recording", "recording_gap"]
    assert "缺 10:04:00–10:05:00、10:07:00–10:07:30 共 90 秒" in said(flags["recording_gap"])


async def test_a_hole_within_the_clocks_doubt_is_a_warning_that_says_so(scene: Scene) -> None:
    await scene.step("seize", "10:02:10", "10:31:40")
    await scene.film(scene.camera, "10:02:00", "10:30:00", doubt_s=115)
    flag = (await scene.flags())["recording_gap"]
    assert flag["severity"] == "warning"
    assert "在设备时钟误差范围内" in said(flag)


@pytest.mark.parametrize(
    ("kind", "media", "why"),
    [
        ("examine", "photo", "a photo suffices for a scene"),
        ("examine", "video", "so does a clip"),
        ("question", "audio", "an inquiry may be heard alone"),
        ("hearing", "video", "a hearing is filmed"),
        ("premises", "video", "premises are filmed"),
        ("serve_by_announcement", "photo", "one photo of the site"),
    ],
)
async def test_each_step_is_satisfied_by_what_its_row_wants(
    scene: Scene, kind: str, media: str, why: str
) -> None:
    await scene.step(kind, "10:00:00", "10:10:00")
    end = "10:05:00" if media == "photo" else "10:10:30"
    begin = "10:05:00" if media == "photo" else "09:59:30"
    await scene.film(scene.camera, begin, end, kind=media)
    assert await scene.flags(TOMORROW) == {}, why


async def test_one_photo_of_three_is_not_enough_for_service_by_leaving(scene: Scene) -> None:
    await scene.step("serve_by_leaving", "10:00:00", "10:10:00")
    await scene.film(scene.camera, "10:05:00", "10:05:00", kind="photo")
    assert "应有 3 项" in said((await scene.flags())["recording_gap"])
    await scene.film(scene.camera, "10:06:00", "10:06:00", kind="photo")
    await scene.film(scene.camera, "10:10:30", "10:10:30", kind="photo")
    assert await scene.flags() == {}


async def test_an_auxiliary_does_not_count_as_the_second_officer(scene: Scene) -> None:
    await scene.step("seize", "10:02:10", "10:31:40")
    await scene.film(scene.camera, "10:02:00", "10:32:00")
    async with scene.database.transaction() as tx:
        await tx.execute("update officers set kind = 'auxiliary' where id = $1", scene.second)
    flag = (await scene.flags())["too_few_officers"]
    assert flag["subject_id"] == scene.inspection
    assert "只有 1 名" in said(flag)


async def test_a_certificate_that_had_ended_is_named(scene: Scene) -> None:
    await scene.step("seize", "10:02:10", "10:31:40")
    await scene.film(scene.camera, "10:02:00", "10:32:00")
    async with scene.database.transaction() as tx:
        await tx.execute(
            "update certificates set suspended_from = $2 where officer_id = $1",
            scene.second,
            at("10:00:00"),
        )
    flags = await scene.flags()
    assert sorted(flags) == ["certificate_invalid", "too_few_officers"]
    assert said(flags["certificate_invalid"]).startswith("王秀英 在 2026-11-23 10:02:10")


async def test_a_copy_of_the_visit_lends_its_officers(scene: Scene) -> None:
    await scene.step("seize", "10:02:10", "10:31:40")
    await scene.film(scene.other_camera, "10:02:00", "10:32:00")
    async with scene.database.transaction() as tx:
        await tx.execute(
            "delete from inspection_officers where inspection_id = $1 and officer_id = $2",
            scene.inspection,
            scene.second,
        )
        await scene.visit(tx, scene.case, duplicate_of=scene.inspection)
    assert await scene.flags(TOMORROW) == {}


async def test_a_deleted_step_owes_nothing(scene: Scene) -> None:
    step = await scene.step("seize", "10:02:10", "10:31:40")
    assert list(await scene.flags(TOMORROW)) == ["missing_recording"]
    async with scene.database.transaction() as tx:
        await tx.execute("update steps set deleted_at = $2 where id = $1", step, TOMORROW)
        await tx.execute("insert into judging_queue values ('case', $1, $2)", scene.case, TOMORROW)
    assert await scene.flags(TOMORROW) == {}
    assert await scene.rows("select * from coverages") == []


async def test_a_second_pass_finds_nothing_to_do(scene: Scene) -> None:
    await scene.step("seize", "10:02:10", "10:31:40")
    await scene.film(scene.camera, "10:02:00", "10:12:00")
    await scene.film(scene.camera, "10:20:00", "10:32:00")
    await scene.flags(TOMORROW)
    tables = ("flags", "flag_events", "attributions", "ledger_events", "feed", "coverages")
    before = [await scene.rows(f"select * from {table} order by 1, 2, 3") for table in tables]
    await scene.sweep(TOMORROW)
    after = [await scene.rows(f"select * from {table} order by 1, 2, 3") for table in tables]
    assert before == after
    assert await scene.rows("select * from judging_queue") == []
