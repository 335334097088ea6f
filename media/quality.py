"""What can be seen and heard of a recording: black, frozen, silent, missing. Pure: it reads what
ffmpeg printed, and makes the small text renditions out of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

import msgspec

from media.facts import Facts

Defect = Literal["black", "frozen", "silent", "no_sound", "gap"]
NUMBER = r"(-?\d+(?:\.\d+)?)"
BLACK = re.compile(rf"black_start:\s*{NUMBER}\s+black_end:\s*{NUMBER}")
EDGE = re.compile(rf"(freeze|silence)_(start|end):\s*{NUMBER}")
NAMES: dict[str, Defect] = {"freeze": "frozen", "silence": "silent"}
PEAK = re.compile(r"Overall\.Peak_level=(\S+)")


class Interval(msgspec.Struct, frozen=True):
    """Seconds from the recording's beginning. `exact` is False where keyframes alone were looked
    at: the true edges lie up to a keyframe's distance outside."""

    kind: Defect
    begin_s: float
    end_s: float
    exact: bool = True


def defects(log: str, facts: Facts, *, exact: bool) -> tuple[Interval, ...]:
    """All intervals found by blackdetect, freezedetect and silencedetect in ffmpeg's `log`, and
    the holes and the missing sound that the probe saw, by begin."""
    found = [*_black(log, exact), *_edges(log, facts.duration_s, exact)]
    found += [Interval("gap", begin, end) for begin, end in facts.gaps]
    if facts.kind == "video" and facts.first("audio") is None:
        found.append(Interval("no_sound", 0.0, facts.duration_s))
    return tuple(sorted(found, key=lambda i: (i.begin_s, i.kind)))


def _black(log: str, exact: bool) -> Iterable[Interval]:
    for begin, end in BLACK.findall(log):
        yield Interval("black", float(begin), float(end), exact)


def _edges(log: str, duration_s: float, exact: bool) -> Iterable[Interval]:
    """Pairs starts with ends; what never ended lasts to the recording's end."""
    began: dict[str, float] = {}
    for word, edge, at in EDGE.findall(log):
        if edge == "start":
            began[word] = max(0.0, float(at))
        elif word in began:
            yield _interval(word, began.pop(word), float(at), exact)
    for word, begin in began.items():
        yield _interval(word, begin, max(begin, duration_s), exact)


def _interval(word: str, begin: float, end: float, exact: bool) -> Interval:
    return Interval(NAMES[word], begin, end, exact or word == "silence")


def peaks(printed: str) -> list[float]:
    """Linear peaks 0…1 out of astats' decibels, three decimals; `-inf` is silence."""
    return [round(min(1.0, 10 ** (float(db) / 20)), 3) for db in PEAK.findall(printed)]


def waveform(printed: str, per_s: float) -> bytes:
    """`{"per_s": 10, "peaks": [0…1]}`, as the console draws it."""
    return msgspec.json.encode({"per_s": per_s, "peaks": peaks(printed)})


def sprite_map(duration_s: float, tile_s: float, columns: int, width: int, height: int) -> bytes:
    """WebVTT: each cue names its tile of the sheet by media fragment (`sprite.jpg#xywh=…`)."""
    lines = ["WEBVTT", ""]
    count = max(1, -int(-duration_s // tile_s))
    for n in range(count):
        begin, end = n * tile_s, min(duration_s, (n + 1) * tile_s)
        x, y = n % columns * width, n // columns * height
        lines += [f"{_stamp(begin)} --> {_stamp(end)}", f"sprite.jpg#xywh={x},{y},{width},{height}"]
        lines.append("")
    return "\n".join(lines).encode()


def _stamp(seconds: float) -> str:
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{thousandths:03}"
