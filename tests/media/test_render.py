"""Plans run by the real ffmpeg, and what foreign bytes can not make it do."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import av
import msgspec
import pytest
from PIL import Image

from deploy.demo.samples import make_photo, make_video
from media.facts import Facts, Stream
from media.fence import MIB, Limits, layers_missing, run_fenced
from media.plan import plan
from media.probe import probe
from media.render import RenderFailed, ffmpeg_path, limits_for, render
from tests.media.cast import BEGIN


async def made(path: Path, tmp_path: Path, **options):
    for name in ("probe", "render"):
        (tmp_path / name).mkdir(exist_ok=True)
    facts = await probe(path, tmp_path / "probe")
    assert isinstance(facts, Facts)
    chosen = plan(facts, path, ffmpeg_path(), **options)
    return facts, chosen, await render(chosen, facts, path, tmp_path / "render")


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("media") / "v.mp4"
    return make_video(path, BEGIN, 60, fps=5, hidden=[(20, 35)], silent=[(0, 18)])


async def test_keyframes_alone_show_the_covered_lens_and_the_silence(video, tmp_path):
    _, chosen, result = await made(video, tmp_path)
    assert chosen.method == "own_proxy"
    black, silent = (next(i for i in result.quality if i.kind == k) for k in ("black", "silent"))
    assert (black.begin_s, black.end_s, black.exact) == (20.0, 35.0, False)
    assert silent.begin_s == pytest.approx(0, abs=0.1)
    assert silent.end_s == pytest.approx(18, abs=0.5)
    poster = next(f for f in result.files if f.kind == "poster")
    with Image.open(poster.path) as image:
        assert image.size == (640, 360)
        assert image.convert("L").getextrema()[1] > 100  # not the black part


async def test_a_full_decode_finds_the_edges_to_the_frame(video, tmp_path):
    _, chosen, result = await made(video, tmp_path, decode_all=True)
    assert chosen.method == "transcode"
    black = next(i for i in result.quality if i.kind == "black")
    assert (black.begin_s, black.exact) == (pytest.approx(20, abs=0.21), True)
    proxy = next(f for f in result.files if f.kind == "proxy")
    with av.open(str(proxy.path)) as playable:
        picture = playable.streams.video[0]
        assert (picture.codec_context.name, picture.codec_context.pix_fmt) == ("h264", "yuv420p")
        keys = [float(p.pts * p.time_base) for p in playable.demux(picture) if p.is_keyframe]
    assert max(b - a for a, b in pairwise(keys)) <= 2.01


async def test_a_map_of_tiles_comes_with_the_sheet(video, tmp_path):
    _, _, result = await made(video, tmp_path)
    sheet, text = (next(f for f in result.files if f.kind == k) for k in ("sprite", "sprite_map"))
    with Image.open(sheet.path) as image:
        assert image.width == 1600
        height = image.height // 2  # 12 tiles of 5 s in two rows
    assert f"#xywh=160,{height},160,{height}" in text.path.read_text()


async def test_a_sideways_photo_is_shown_upright_and_small_ones_tell_no_place(tmp_path):
    photo = make_photo(tmp_path / "p.jpg", BEGIN, 40.8, 111.7, sideways=True)
    _, _, result = await made(photo, tmp_path)
    for file, size in zip(result.files, [(1600, 900), (320, 180)], strict=True):
        with Image.open(file.path) as image:
            assert image.size == size
            assert len(image.getexif()) == 0


async def test_ffmpeg_that_fails_is_an_error_with_its_words(video, tmp_path):
    facts, chosen, _ = await made(video, tmp_path)
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x00" * 5000)
    (tmp_path / "again").mkdir()
    argv = tuple(str(broken) if part == str(video) else part for part in chosen.argv)
    with pytest.raises(RenderFailed, match="Invalid data"):
        await render(msgspec.structs.replace(chosen, argv=argv), facts, broken, tmp_path / "again")


async def test_a_link_left_behind_is_not_followed(tmp_path):
    photo = make_photo(tmp_path / "p.jpg", BEGIN)
    facts, chosen, _ = await made(photo, tmp_path)
    trap = tmp_path / "trap"
    trap.mkdir()
    (trap / "poster.jpg").symlink_to("/etc/hostname")
    harmless = msgspec.structs.replace(chosen, argv=("/bin/true",))
    with pytest.raises(RenderFailed, match=r"poster\.jpg was not made"):
        await render(harmless, facts, photo, trap)


def test_limits_follow_the_recording():
    short, long = (
        limits_for(plan(facts, Path("/x"), "ffmpeg"), facts)
        for facts in (_facts(60.0, 10 * MIB), _facts(6 * 3600.0, 10**10))
    )
    assert short.cpu_s < 120 < long.cpu_s < 2 * 3600 * 3
    assert long.file_bytes == 2 * 10**10


def _facts(duration_s: float, size: int) -> Facts:
    picture = Stream(index=0, kind="video", codec="h264", pixel_format="yuv420p", height=720)
    return Facts(
        kind="video", container="mov", size=size, duration_s=duration_s, streams=(picture,)
    )


def leading_to(target: str, folder: Path) -> Path:
    """A playlist of one segment. This ffmpeg follows none called .mp4, older ones do: so it keeps
    its own suffix, and the whitelists alone are to stop it."""
    path = folder / "evidence.m3u8"
    head = "#EXTM3U\n#EXT-X-TARGETDURATION:60\n#EXTINF:60,\n"
    path.write_text(f"{head}{target}\n#EXT-X-ENDLIST\n")
    return path


@pytest.mark.parametrize(
    "scheme", [pytest.param("file", id="a canary file"), pytest.param("http", id="a canary socket")]
)
async def test_a_playlist_leads_nowhere_even_without_the_fence(tmp_path, scheme, video):
    """The probe refuses it; here ffmpeg itself gets it, with the whitelists of our plans alone."""
    reached = asyncio.Event()
    server = await asyncio.start_server(lambda *_: reached.set(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    target = f"file://{video}" if scheme == "file" else f"http://127.0.0.1:{port}/v.ts"
    playlist = leading_to(target, tmp_path)
    picture = Stream(index=0, kind="video", codec="hevc", height=360)
    facts = Facts(kind="video", container="avi", size=100, duration_s=10.0, streams=(picture,))
    argv = plan(facts, playlist, ffmpeg_path()).argv
    process = await asyncio.create_subprocess_exec(
        *argv, cwd=tmp_path, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    server.close()
    assert process.returncode != 0
    assert b"Format not on whitelist" in said
    assert not reached.is_set()
    assert not (tmp_path / "proxy.mp4").exists()


async def test_without_our_whitelists_the_same_playlist_would_have_been_followed(tmp_path, video):
    """Shows that the test above tests something."""
    reached = asyncio.Event()
    server = await asyncio.start_server(lambda *_: reached.set(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    playlist = leading_to(f"http://127.0.0.1:{port}/v.ts", tmp_path)
    command = [ffmpeg_path(), "-nostdin", "-v", "quiet", "-protocol_whitelist", "file,http,tcp"]
    command += ["-i", str(playlist), "-f", "null", "-"]
    process = await asyncio.create_subprocess_exec(*command, cwd=tmp_path)
    await asyncio.wait_for(reached.wait(), 20)
    process.kill()
    await process.wait()
    server.close()


async def test_the_fence_holds_where_the_whitelists_are_forgotten(tmp_path, video):
    room = tmp_path / "room"
    room.mkdir()
    playlist = leading_to(f"file://{video}", tmp_path)
    argv = [ffmpeg_path(), "-nostdin", "-i", str(playlist), "-f", "null", "-"]
    done = await run_fenced(argv, cwd=room, reads=(playlist,), limits=Limits(wall_s=30))
    assert not done.ok
    assert "Failed to open segment" in done.stderr or await layers_missing(room)
