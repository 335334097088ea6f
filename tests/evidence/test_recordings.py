"""A recording's states: each step checks where it comes from, and says so in the ledger."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from hashlib import sha256
from uuid import UUID

import pytest

from backend.database import Tx, from_json, new_id
from backend.errors import Refusal
from backend.evidence import intake, recordings
from backend.evidence.intake import NewRendition
from tests.evidence.scene import EVENING, Scene, said

DIGEST = sha256(b"frames").digest()


def proxy(recording: UUID) -> NewRendition:
    key = f"renditions/{recording}/proxy.mp4"
    return NewRendition("proxy", key, "video/mp4", 3, DIGEST, "ffmpeg -i …")


async def announced(scene: Scene, case: UUID | None = None) -> UUID:
    recording = new_id()
    async with scene.database.transaction() as tx:
        await recordings.create_recording(
            tx,
            id=recording,
            department_id=scene.department,
            device_id=scene.camera,
            file_name="DSJ_0001.MP4",
            media_kind="video",
            object_key=f"originals/{recording}",
            declared_sha256=DIGEST,
            case_id=case,
            now=EVENING,
        )
    return recording


async def probed(tx: Tx, recording: UUID) -> None:
    await intake.probed(
        tx,
        recording,
        facts={},
        media_kind="video",
        duration_ms=None,
        claimed_begin=None,
        claimed_source=None,
        captured_from=None,
        captured_to=None,
        clock_offset_ms=None,
        uncertainty_ms=None,
        time_explanation={"zh": "没有可信的时间", "en": "no believable time"},
        now=EVENING,
    )


Step = Callable[[Tx, UUID], Awaitable[object]]
STEPS: dict[str, Step] = {
    "received": lambda tx, id_: recordings.received(tx, id_, 6, EVENING),
    "verified": lambda tx, id_: recordings.verified(tx, id_, DIGEST, 6, EVENING),
    "probed": probed,
    "ready": lambda tx, id_: intake.ready(
        tx, id_, renditions=[proxy(id_)], quality=[], now=EVENING
    ),
    "rejected": lambda tx, id_: intake.rejected(
        tx, id_, reason={"code": "no_frames", "zh": "没有画面", "en": "no frames"}, now=EVENING
    ),
}
ALLOWED = {
    "received": {"uploading"},
    "verified": {"received", "verified", "probed", "ready"},
    "probed": {"verified", "probed"},
    "ready": {"probed", "ready"},
    "rejected": {"received", "verified", "probed", "rejected"},
}
WAY = ("uploading", "received", "verified", "probed", "ready")


async def taken_to(scene: Scene, state: str) -> UUID:
    recording = await announced(scene)
    way = [*WAY[1:3], "rejected"] if state == "rejected" else WAY[1 : WAY.index(state) + 1]
    for one in way:
        async with scene.database.transaction() as tx:
            await STEPS[one](tx, recording)
    return recording


async def state_of(scene: Scene, recording: UUID) -> str:
    row = await scene.row("select state from recordings where id = $1", recording)
    return str(row["state"])


@pytest.mark.parametrize("state", [*WAY, "rejected"])
async def test_each_step_is_taken_from_its_own_states_alone(scene: Scene, state: str) -> None:
    for step, sources in ALLOWED.items():
        recording = await taken_to(scene, state)
        try:
            async with scene.database.transaction() as tx:
                await STEPS[step](tx, recording)
        except Refusal as refusal:
            assert (refusal.kind, refusal.extra) == ("conflict", {"state": state})
            assert state not in sources, step
            assert await state_of(scene, recording) == state
        else:
            assert state in sources, step


async def test_a_repeated_verification_is_noted_and_another_digest_refused(scene: Scene) -> None:
    recording = await taken_to(scene, "ready")
    async with scene.database.transaction() as tx:
        assert not await recordings.verified(tx, recording, DIGEST, 6, EVENING)
    with pytest.raises(Refusal):
        async with scene.database.transaction() as tx:
            await recordings.verified(tx, recording, sha256(b"other").digest(), 6, EVENING)
    told = await scene.rows(
        "select kind from ledger_events where subject_id = $1 order by id", recording
    )
    assert [row["kind"] for row in told] == [
        "announced",
        "received",
        "verified",
        "probed",
        "rendered",
        "reverified",
    ]


async def test_renditions_made_again_replace_the_older(scene: Scene) -> None:
    recording = await taken_to(scene, "ready")
    async with scene.database.transaction() as tx:
        await STEPS["ready"](tx, recording)
    row = await scene.row("select * from renditions where recording_id = $1", recording)
    assert (row["kind"], row["parent_sha256"]) == ("proxy", DIGEST)


async def test_nothing_is_found_for_an_unknown_id(scene: Scene) -> None:
    for step in STEPS.values():
        with pytest.raises(Refusal) as refused:
            async with scene.database.transaction() as tx:
                await step(tx, new_id())
        assert refused.value.kind == "not_found"


async def test_a_wrong_case_tag_does_not_stop_an_upload(scene: Scene) -> None:
    tag = new_id()
    recording = await announced(scene, tag)
    row = await scene.row("select case_id from recordings where id = $1", recording)
    assert row["case_id"] is None
    told = await scene.row("select body from ledger_events where subject_id = $1", recording)
    assert from_json(told["body"])["declared_case"] == str(tag)


async def test_a_declared_case_hears_of_its_recording(scene: Scene) -> None:
    recording = await announced(scene, scene.case)
    fed = await scene.rows("select scope from feed where entity_id = $1", recording)
    assert [row["scope"] for row in fed] == [f"case:{scene.case}"]


async def test_a_rejected_file_and_one_without_time_are_flagged(scene: Scene) -> None:
    await taken_to(scene, "rejected")
    await taken_to(scene, "probed")
    flags = await scene.flags()
    assert sorted(flags) == ["bad_recording", "clock_unreliable"]
    assert "没有画面" in said(flags["bad_recording"])


async def test_bytes_that_were_known_before_are_no_bad_recording(scene: Scene) -> None:
    recording = await taken_to(scene, "verified")
    reason = {"code": "known_bytes", "zh": "字节相同", "en": "same bytes"}
    async with scene.database.transaction() as tx:
        await intake.rejected(tx, recording, reason=reason, now=EVENING)
    assert await scene.flags() == {}
