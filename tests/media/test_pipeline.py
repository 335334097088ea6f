from __future__ import annotations

import json
from datetime import UTC, timedelta

import pytest

from deploy.demo.samples import make_audio, make_photo, make_video
from media.memory_store import MemoryStore
from media.pipeline import Pipeline
from media.store import StoreUnavailable, read_back
from tests.media.cast import (
    BEGIN,
    NOW,
    SECRET,
    camera,
    recording,
    renditions,
    uploaded,
)


@pytest.fixture
def memory() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def pipeline(database, memory, tmp_path) -> Pipeline:
    return Pipeline(database, memory, SECRET, tmp_path, lambda: NOW)


@pytest.fixture
async def owner(database):
    return await camera(database)


async def test_a_video_of_a_camera_97_s_ahead_ends_ready_at_the_true_time(
    database, s3, tmp_path, owner
):
    work = tmp_path / "work"
    work.mkdir()
    pipeline = Pipeline(database, s3, SECRET, work, lambda: NOW)
    video = make_video(tmp_path / "v.mp4", BEGIN, 40, fps=2, clock_offset_s=97, hidden=[(10, 20)])
    recording_id = await uploaded(database, s3, owner, video)
    assert await pipeline.process(recording_id) == "ready"

    row = await recording(database, recording_id)
    assert (row["media_kind"], row["duration_ms"]) == ("video", 40_000)
    assert row["claimed_begin"] == BEGIN + timedelta(seconds=97)
    assert row["claimed_source"] == "container"
    assert abs(row["captured_from"] - BEGIN) <= timedelta(milliseconds=row["uncertainty_ms"])
    assert row["uncertainty_ms"] < 2000
    assert row["clock_offset_ms"] == pytest.approx(97_000, abs=100)
    assert "快 97.0 秒" in json.loads(row["time_explanation"])["zh"]
    assert [(q["kind"], q["begin_s"], q["end_s"]) for q in json.loads(row["quality"])] == [
        ("black", 10.0, 20.0)
    ]

    made = await renditions(database, recording_id)
    assert set(made) == {"proxy", "poster", "thumbnail", "sprite", "sprite_map", "waveform"}
    assert made["proxy"]["object_key"] == row["object_key"]  # plays as it is: no copy
    for one in made.values():
        found = await read_back(s3, one["object_key"])
        assert (found.sha256, found.size) == (one["sha256"].hex(), one["size"])
        assert one["parent_sha256"] == row["sha256"]
    assert str(tmp_path) not in made["poster"]["command"]
    assert list(work.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        pytest.param("v.mkv", {"proxy", "poster", "thumbnail", "waveform"}, id="remuxed"),
        pytest.param("v.avi", {"proxy", "poster", "thumbnail", "waveform"}, id="transcoded"),
        pytest.param("a.m4a", {"proxy", "waveform"}, id="audio plays as it is"),
        pytest.param("p.jpg", {"proxy", "poster", "thumbnail"}, id="photo"),
        pytest.param("p.heic", {"poster", "thumbnail"}, id="HEIC is shown by its poster"),
    ],
)
async def test_every_kind_ends_playable(database, memory, pipeline, owner, tmp_path, name, kinds):
    path = tmp_path / f"20260302141503_{name}"
    if name[0] == "v":
        make_video(path, BEGIN, 6, fps=5)
    elif name[0] == "a":
        make_audio(path, BEGIN, 6)
    else:
        make_photo(path, BEGIN, 40.8, 111.7)
    recording_id = await uploaded(database, memory, owner, path)
    assert await pipeline.process(recording_id) == "ready"
    assert set(await renditions(database, recording_id)) == kinds
    row = await recording(database, recording_id)
    assert row["captured_from"].astimezone(UTC).date() == BEGIN.date()


async def test_a_file_that_is_not_what_it_says_is_rejected_and_kept(
    database, memory, pipeline, owner, tmp_path
):
    text = tmp_path / "v.mp4"
    text.write_text("not a video\n" * 50)
    recording_id = await uploaded(database, memory, owner, text)
    assert await pipeline.process(recording_id) == "rejected"
    row = await recording(database, recording_id)
    assert json.loads(row["state_reason"])["code"] == "text"
    assert (await read_back(memory, row["object_key"])).size == text.stat().st_size


async def test_bytes_that_differ_from_the_declared_digest_are_rejected(
    database, memory, pipeline, owner, tmp_path
):
    photo = make_photo(tmp_path / "p.jpg", BEGIN)
    recording_id = await uploaded(database, memory, owner, photo, declared=b"\x01" * 32)
    assert await pipeline.process(recording_id) == "rejected"
    row = await recording(database, recording_id)
    assert json.loads(row["state_reason"])["code"] == "digest_mismatch"


async def test_a_recording_without_any_time_is_ready_and_says_so(
    database, memory, pipeline, owner, tmp_path
):
    photo = make_photo(tmp_path / "p.png", BEGIN)
    plain = tmp_path / "IMG_0001.png"
    from PIL import Image

    with Image.open(photo) as image:
        image.save(plain)
    recording_id = await uploaded(database, memory, owner, plain)
    assert await pipeline.process(recording_id) == "ready"
    row = await recording(database, recording_id)
    assert row["captured_from"] is None
    assert "没有可信的时间" in json.loads(row["time_explanation"])["zh"]


async def test_processing_twice_changes_nothing(database, memory, pipeline, owner, tmp_path):
    recording_id = await uploaded(database, memory, owner, make_photo(tmp_path / "p.jpg", BEGIN))
    await pipeline.process(recording_id)
    before = await recording(database, recording_id), await renditions(database, recording_id)
    assert await pipeline.process(recording_id) == "ready"
    assert before == (
        await recording(database, recording_id),
        await renditions(database, recording_id),
    )


async def test_a_worker_that_died_after_the_probe_is_continued(
    database, memory, pipeline, owner, tmp_path, monkeypatch
):
    recording_id = await uploaded(database, memory, owner, make_photo(tmp_path / "p.jpg", BEGIN))
    put = memory.put

    async def away(key, *args, **named):
        raise StoreUnavailable(key)

    monkeypatch.setattr(memory, "put", away)
    with pytest.raises(StoreUnavailable):
        await pipeline.process(recording_id)
    assert (await recording(database, recording_id))["state"] == "probed"
    monkeypatch.setattr(memory, "put", put)
    assert await pipeline.process(recording_id) == "ready"


async def test_an_original_that_vanished_is_rejected_with_that_reason(
    database, memory, pipeline, owner, tmp_path
):
    recording_id = await uploaded(database, memory, owner, make_photo(tmp_path / "p.jpg", BEGIN))
    await memory.delete((await recording(database, recording_id))["object_key"])
    assert await pipeline.process(recording_id) == "rejected"
    row = await recording(database, recording_id)
    assert json.loads(row["state_reason"])["code"] == "object_missing"


async def test_giving_up_never_touches_what_is_ready(database, memory, pipeline, owner, tmp_path):
    recording_id = await uploaded(database, memory, owner, make_photo(tmp_path / "p.jpg", BEGIN))
    await pipeline.process(recording_id)
    await pipeline.give_up(recording_id, "six workers died")
    assert (await recording(database, recording_id))["state"] == "ready"
