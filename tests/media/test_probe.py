"""Real files, real decoders: what a file is, and what it only says it is."""

from __future__ import annotations

import asyncio
import struct
import subprocess
import zlib
from pathlib import Path

import pytest
from PIL import Image

from deploy.demo.samples import make_audio, make_photo, make_video
from media.facts import Facts, Rejected
from media.probe import probe
from media.render import ffmpeg_path
from tests.media.cast import BEGIN


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("media") / "v.mp4"
    return make_video(path, BEGIN, 12, fps=5, clock_offset_s=97, location=(40.842, 111.749))


async def look(path: Path, tmp_path: Path) -> Facts | Rejected:
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    return await probe(path, scratch)


def remake(source: Path, target: Path, *options: str) -> Path:
    command = [ffmpeg_path(), "-v", "error", "-y", "-i", str(source), *options, str(target)]
    subprocess.run(command, check=True, capture_output=True)
    return target


async def test_a_video_tells_its_streams_time_and_place(video, tmp_path):
    facts = await look(video, tmp_path)
    assert isinstance(facts, Facts)
    assert (facts.kind, facts.width, facts.height) == ("video", 640, 360)
    assert facts.duration_s == pytest.approx(12, abs=0.1)
    assert (facts.first("video").codec, facts.first("audio").codec) == ("h264", "aac")
    assert facts.first("video").fps == 5
    assert facts.longest_keyframe_s == pytest.approx(5, abs=0.5)
    assert (facts.container_time - BEGIN).total_seconds() == 97
    assert (facts.latitude, facts.longitude) == (40.842, 111.749)
    assert facts.problems == ()


@pytest.mark.parametrize("name", ["v.mov", "v.mkv", "v.avi", "v.ts", "v.mpg", "v.webm"])
async def test_containers_of_cameras_are_read(video, tmp_path, name):
    extra = ["-c:v", "libvpx", "-deadline", "realtime"] if name == "v.webm" else []
    facts = await look(remake(video, tmp_path / name, "-r", "25", *extra), tmp_path)
    assert isinstance(facts, Facts)
    assert facts.kind == "video"
    assert facts.duration_s == pytest.approx(12, abs=0.3)


@pytest.mark.parametrize("name", ["a.m4a", "a.aac", "a.mp3", "a.wav", "a.ogg", "a.flac", "a.amr"])
async def test_sound_is_read(tmp_path, name):
    source = make_audio(tmp_path / "source.m4a", BEGIN, 8)
    facts = await look(remake(source, tmp_path / name, "-ar", "8000", "-ac", "1"), tmp_path)
    assert isinstance(facts, Facts)
    assert facts.kind == "audio"
    assert facts.duration_s == pytest.approx(8, abs=0.3)


async def test_a_turned_video_tells_its_rotation(video, tmp_path):
    turned = tmp_path / "turned.mp4"
    command = ["-v", "error", "-display_rotation", "90", "-i", str(video), "-c", "copy"]
    await asyncio.to_thread(
        subprocess.run, [ffmpeg_path(), *command, str(turned)], check=True, capture_output=True
    )
    facts = await look(turned, tmp_path)
    assert abs(facts.first("video").rotation) == 90


@pytest.mark.parametrize("name", ["p.jpg", "p.png", "p.webp", "p.heic"])
async def test_a_photo_tells_time_and_place(tmp_path, name):
    facts = await look(make_photo(tmp_path / name, BEGIN, 40.842, 111.749), tmp_path)
    assert isinstance(facts, Facts)
    assert (facts.kind, facts.width, facts.height) == ("photo", 1600, 900)
    assert (facts.exif_time, facts.exif_zone_known) == (BEGIN, True)
    assert facts.latitude == pytest.approx(40.842, abs=1e-6)
    assert facts.longitude == pytest.approx(111.749, abs=1e-6)
    assert (facts.make, facts.model, facts.serial) == ("Quanji", "CAM-01", "SN-CAM-01")


async def test_exif_without_a_zone_is_read_as_shanghai_time_and_said_so(tmp_path):
    path = make_photo(tmp_path / "p.jpg", BEGIN)
    path.write_bytes(path.read_bytes().replace(b"+08:00\x00", b"\x00" * 7))
    facts = await look(path, tmp_path)
    assert (facts.exif_time, facts.exif_zone_known) == (BEGIN, False)


async def test_broken_exif_does_not_lose_the_photo(tmp_path):
    path = make_photo(tmp_path / "p.jpg", BEGIN, 40.842, 111.749)
    body = bytearray(path.read_bytes())
    at = body.index(b"Exif\x00\x00") + 14
    body[at : at + 40] = b"\xff" * 40
    path.write_bytes(body)
    facts = await look(path, tmp_path)
    assert isinstance(facts, Facts)
    assert facts.exif_time is None


# --- what is not what it says ---


def png(width: int, height: int, body: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(body, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


HOSTILE = {
    "empty.mp4": (b"", "empty"),
    "text.mp4": ("检查记录\n".encode() * 400, "text"),
    "gbk.mp4": ("检查记录，二〇二六年。\n".encode("gbk") * 400, "text"),
    "letter.jpg": (b"Dear officer,\r\n" * 20, "text"),
    "playlist.mp4": (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "playlist"),
    "concat.mkv": (b"ffconcat version 1.0\nfile /etc/passwd\n", "playlist"),
    "dash.mp4": (b'<?xml version="1.0"?><MPD><BaseURL>http://x/</BaseURL></MPD>', "playlist"),
    "noise.mp4": (bytes(range(1, 256)) * 40, "unknown_format"),
    "zip.mp4": (b"PK\x03\x04" + b"\x00" * 200, "unknown_format"),
    "bomb.png": (png(12_000, 12_000, b"\0" * (1501 * 12_000)), "too_many_pixels"),
    "huge.png": (png(50_000, 50_000, b"\0" * 100), "too_many_pixels"),
    "no_index.mp4": (
        b"\x00\x00\x00\x14ftypmp42\0\0\0\0mp42\x00\x00\xff\xffmdat" + b"\1" * 999,
        "no_index",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_file_that_is_not_what_it_says_is_rejected_with_the_reason(tmp_path, name):
    body, code = HOSTILE[name]
    (tmp_path / name).write_bytes(body)
    found = await look(tmp_path / name, tmp_path)
    assert isinstance(found, Rejected)
    assert found.code == code
    assert found.zh
    assert found.en


async def test_a_video_cut_before_its_index_says_so(video, tmp_path):
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    found = await look(cut, tmp_path)
    assert isinstance(found, Rejected)
    assert found.code == "no_index"


async def test_a_video_cut_after_its_index_is_used_as_far_as_it_goes(video, tmp_path):
    fast = remake(video, tmp_path / "fast.mp4", "-c", "copy", "-movflags", "+faststart")
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(fast.read_bytes()[: fast.stat().st_size * 2 // 3])
    facts = await look(cut, tmp_path)
    assert isinstance(facts, Facts)
    assert facts.has_problem("truncated")
    assert 4 < facts.duration_s < 11


async def test_a_container_that_claims_ten_years_is_not_believed(video, tmp_path):
    body = bytearray(video.read_bytes())
    at = body.index(b"mvhd")
    scale = int.from_bytes(body[at + 16 : at + 20])
    body[at + 20 : at + 24] = min(2**32 - 1, scale * 4_000_000).to_bytes(4)
    liar = tmp_path / "liar.mp4"
    liar.write_bytes(body)
    facts = await look(liar, tmp_path)
    assert isinstance(facts, Facts)
    assert facts.duration_s == pytest.approx(12, abs=0.5)


async def test_a_photo_cut_in_half_is_used_and_marked(tmp_path):
    whole = make_photo(tmp_path / "p.jpg", BEGIN)
    half = tmp_path / "half.jpg"
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    facts = await look(half, tmp_path)
    assert isinstance(facts, Facts)
    assert facts.has_problem("truncated")


async def test_a_film_strip_of_five_hundred_streams_is_refused(tmp_path):
    sources = [part for _ in range(40) for part in ("-f", "lavfi", "-i", "sine=d=0.1:r=8000")]
    maps = [part for n in range(40) for part in ("-map", str(n))]
    path = tmp_path / "many.mkv"
    command = [ffmpeg_path(), "-v", "error", *sources, *maps, "-c:a", "pcm_s16le", str(path)]
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    found = await look(path, tmp_path)
    assert isinstance(found, Rejected)
    assert found.code == "too_many_streams"


async def test_a_photo_is_a_photo_whatever_it_is_called(tmp_path):
    photo = make_photo(tmp_path / "p.jpg", BEGIN).rename(tmp_path / "p.mp4")
    facts = await look(photo, tmp_path)
    assert isinstance(facts, Facts)
    assert facts.kind == "photo"
    with Image.open(photo) as image:
        assert image.format == "JPEG"
