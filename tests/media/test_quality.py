from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.facts import Facts, Stream
from media.quality import Interval, defects, peaks, sprite_map, waveform

SOUND = Stream(index=1, kind="audio", codec="aac")
FACTS = Facts(kind="video", container="mov", size=1, duration_s=60.0, streams=(SOUND,))
B = "[Parsed_blackdetect_1 @ 0x55] black_start:3.5 black_end:9 black_duration:5.5\n"


@pytest.mark.parametrize(
    ("log", "found"),
    [
        pytest.param("frame= 1\n", [], id="nothing"),
        pytest.param(B, [Interval("black", 3.5, 9.0)], id="black"),
        pytest.param(
            "[f] lavfi.freezedetect.freeze_start: 4\n[f] lavfi.freezedetect.freeze_duration: 2\n"
            "[f] lavfi.freezedetect.freeze_end: 6\n",
            [Interval("frozen", 4.0, 6.0)],
            id="frozen",
        ),
        pytest.param(
            "[f] lavfi.freezedetect.freeze_start: 4\n",
            [Interval("frozen", 4.0, 60.0)],
            id="what never ends lasts to the end",
        ),
        pytest.param(
            "[s] silence_start: -0.02\n[s] silence_end: 20.1 | silence_duration: 20.12\n",
            [Interval("silent", 0.0, 20.1)],
            id="silent from the first sample, which encoders put before zero",
        ),
    ],
)
def test_what_ffmpeg_says_becomes_intervals(log, found):
    assert list(defects(log, FACTS, exact=True)) == found


def test_intervals_found_on_keyframes_say_that_they_are_not_exact():
    silence = "[s] silence_start: 1\n[s] silence_end: 20 | silence_duration: 19\n"
    black, silent = sorted(defects(B + silence, FACTS, exact=False), key=lambda i: i.kind)
    assert (black.exact, silent.exact) == (False, True)


def test_holes_and_missing_sound_count_too():
    facts = msgspec.structs.replace(FACTS, streams=(), gaps=((10.0, 490.0),))
    assert [i.kind for i in defects("", facts, exact=True)] == ["no_sound", "gap"]


def test_peaks_are_linear():
    printed = "".join(f"lavfi.astats.Overall.Peak_level={db}\n" for db in ("0", "-20.0", "-inf"))
    assert peaks(printed) == [1.0, 0.1, 0.0]
    assert msgspec.json.decode(waveform(printed, 10)) == {"per_s": 10, "peaks": [1.0, 0.1, 0.0]}


@given(st.floats(0.1, 100_000), st.integers(1, 100))
def test_the_map_of_tiles_covers_the_whole_recording_without_overlap(duration, tiles):
    tile = duration / tiles
    text = sprite_map(duration, tile, 10, 160, 90).decode()
    cues = [line.split(" --> ") for line in text.splitlines() if " --> " in line]
    assert cues[0][0] == "00:00:00.000"
    assert all(a[1] == b[0] for a, b in pairwise(cues))
    assert all(len(edge) == 12 for cue in cues for edge in cue)
    hours, minutes, seconds = cues[-1][1].split(":")
    ends = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    assert abs(ends - duration) < 0.002
