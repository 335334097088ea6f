"""Commands are values: asserted on without running ffmpeg."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from media.facts import Facts, Problem, Stream
from media.plan import plan, video_method

SOURCE = Path("/work/original")
MOV = "mov,mp4,m4a,3gp,3g2,mj2"
PICTURE = Stream(
    index=0, kind="video", codec="h264", profile="High", pixel_format="yuv420p", width=1920,
    height=1080, fps=30.0,
)  # fmt: skip
SOUND = Stream(index=1, kind="audio", codec="aac", sample_rate=48_000, channels=2)
BODY_CAMERA = Facts(
    kind="video", container=MOV, size=10**9, duration_s=1800.0, streams=(PICTURE, SOUND),
    width=1920, height=1080, longest_keyframe_s=2.0, index_first=False,
)  # fmt: skip


def but(**changes) -> Facts:
    return msgspec.structs.replace(BODY_CAMERA, **changes)


def picture(**changes) -> Facts:
    return but(streams=(msgspec.structs.replace(PICTURE, **changes), SOUND))


@pytest.mark.parametrize(
    ("facts", "method"),
    [
        pytest.param(BODY_CAMERA, "own_proxy", id="H.264/AAC in MP4 plays as it is"),
        pytest.param(but(streams=(PICTURE,)), "own_proxy", id="so does one without sound"),
        pytest.param(but(container="matroska,webm"), "remux", id="Matroska is copied over"),
        pytest.param(but(fragmented=True), "remux", id="fragments can't be seeked by range"),
        pytest.param(
            but(problems=(Problem("truncated", "", ""),)),
            "remux",
            id="a cut file needs a new index",
        ),
        pytest.param(
            but(streams=(PICTURE, msgspec.structs.replace(SOUND, codec="pcm_s16le"))),
            "remux",
            id="sound alone is encoded when it alone is strange",
        ),
        pytest.param(but(longest_keyframe_s=60.0), "transcode", id="keyframes too rare to seek"),
        pytest.param(picture(codec="hevc"), "transcode", id="HEVC"),
        pytest.param(picture(height=2160, width=3840), "transcode", id="4K stutters"),
        pytest.param(picture(profile="High 10"), "transcode", id="ten bits"),
        pytest.param(picture(pixel_format="yuv422p"), "transcode", id="4:2:2"),
    ],
)
def test_the_cheapest_way_that_browsers_play_is_taken(facts, method):
    assert video_method(facts) == method


@pytest.mark.parametrize("facts", [BODY_CAMERA, but(container="avi"), picture(codec="hevc")])
def test_every_input_is_opened_under_both_whitelists_before_its_name(facts):
    argv = plan(facts, SOURCE, "ffmpeg").argv
    before = argv[: argv.index("-i")]
    assert before[before.index("-protocol_whitelist") + 1] == "file,pipe"
    allowed = before[before.index("-format_whitelist") + 1].split(",")
    assert {"hls", "concat", "dash", "image2", "lavfi"}.isdisjoint(allowed)
    assert argv[1] == "-nostdin"
    assert argv.count("-i") == 1


def test_a_file_that_plays_as_it_is_has_its_keyframes_decoded_alone_and_is_not_copied():
    chosen = plan(BODY_CAMERA, SOURCE, "ffmpeg")
    assert chosen.proxy_type == "video/mp4"
    assert chosen.argv[chosen.argv.index("-skip_frame") + 1] == "nokey"
    assert "libx264" not in chosen.argv
    assert "copy" not in chosen.argv
    assert not chosen.exact


def test_a_transcode_makes_everything_of_one_decode():
    chosen = plan(picture(codec="hevc"), SOURCE, "ffmpeg")
    assert "-skip_frame" not in chosen.argv
    assert chosen.argv[chosen.argv.index("-force_key_frames") + 1] == "expr:gte(t,n_forced*2)"
    assert chosen.argv[chosen.argv.index("-movflags") + 1] == "+faststart"
    kinds = [output.kind for output in chosen.outputs]
    assert kinds == ["poster", "thumbnail", "sprite", "sprite_map", "proxy", "waveform"]


def test_place_and_serial_number_stay_with_the_original():
    argv = plan(picture(codec="hevc"), SOURCE, "ffmpeg").argv
    assert argv.count("-map_metadata") == 4  # poster, thumbnail, sprite, proxy
    assert argv[argv.index("-map_metadata") + 1] == "-1"


def test_a_remux_copies_what_plays_and_encodes_what_does_not():
    strange = msgspec.structs.replace(SOUND, codec="pcm_s16le")
    argv = plan(but(streams=(PICTURE, strange)), SOURCE, "ffmpeg").argv
    assert argv[argv.index("-c:v") + 1] == "copy"
    assert argv[argv.index("-c:a") + 1] == "aac"


@pytest.mark.parametrize(("hours", "least"), [(0.01, 1), (1, 1), (6, 1), (100, 0.1)])
def test_long_recordings_keep_sheet_and_waveform_small(hours, least):
    chosen = plan(but(duration_s=hours * 3600), SOURCE, "ffmpeg")
    assert hours * 3600 / (chosen.tile_s or 5) <= 100
    assert hours * 3600 * chosen.peaks_per_s <= max(6001, hours * 3600 * 0.1)
    assert chosen.peaks_per_s >= min(least, 0.1)


@pytest.mark.parametrize(
    ("container", "proxy"),
    [("jpeg", "image/jpeg"), ("mpo", "image/jpeg"), ("webp", "image/webp"), ("heif", None)],
)
def test_a_photo_is_its_own_proxy_where_browsers_show_it(container, proxy):
    chosen = plan(Facts(kind="photo", container=container, size=1), SOURCE, "ffmpeg")
    assert chosen.proxy_type == proxy
    assert [output.kind for output in chosen.outputs] == ["poster", "thumbnail"]
