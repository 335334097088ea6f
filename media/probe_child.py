"""Runs inside the fence: opens one file and prints its Facts or a Rejected as JSON.

Nothing is taken from the file's name. Containers are opened by PyAV with the same whitelists as
ffmpeg's, and read packet by packet: a container's own word on its length is not believed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from media.containers import HEAD, Boxes, family, read_boxes
from media.facts import Facts, Kind, Problem, Rejected, Stream, rejected
from media.formats import DEMUXERS, PROTOCOLS

MOST_STREAMS = 32
MOST_PIXELS = 8192 * 8192
LONGEST_S = 7 * 86400.0
MOST_GAPS = 100
GAP_S = 2.0  # silence between packets of one stream from which on it is a hole


def main() -> None:
    path = Path(sys.argv[1])
    found = probe_file(path)
    sys.stdout.buffer.write(msgspec.json.encode(found))


def probe_file(path: Path) -> Facts | Rejected:
    size = path.stat().st_size
    with path.open("rb") as file:
        kind = family(file.read(HEAD))
        boxes = read_boxes(file, size) if kind == "mp4" else None
    if kind in {"empty", "playlist", "text"}:
        return rejected(kind)
    if kind == "photo":
        from media.images import photo_facts  # Pillow and PyAV are heavy: one of them is enough

        return photo_facts(path, size)
    if boxes and not boxes.has_index and not boxes.fragmented:
        return rejected("no_index")
    return _container_facts(path, size, boxes)


def _container_facts(path: Path, size: int, boxes: Boxes | None) -> Facts | Rejected:
    import av

    options = {"protocol_whitelist": PROTOCOLS, "format_whitelist": DEMUXERS}
    try:
        with av.open(str(path), options=options, metadata_errors="replace") as container:
            return _read(container, size, boxes)
    except av.error.FFmpegError as e:
        return rejected("unknown_format", _said(e))


def _read(container: Any, size: int, boxes: Boxes | None) -> Facts | Rejected:
    if len(container.streams) > MOST_STREAMS:
        return rejected("too_many_streams", str(len(container.streams)))
    pictures = [s for s in container.streams.video if not _is_cover(s)]
    if any(s.width * s.height > MOST_PIXELS for s in pictures):
        return rejected("too_many_pixels")
    if not pictures and not container.streams.audio:
        return rejected("no_media")
    scan = _Scan(container)
    if not scan.decoded:
        return rejected("undecodable", scan.error)
    if scan.duration_s > LONGEST_S:
        return rejected("absurd_duration")
    kind: Kind = "video" if pictures else "audio"
    declared = container.duration / 1e6 if container.duration else None
    return Facts(
        kind=kind,
        container=container.format.name,
        size=size,
        duration_s=scan.duration_s,
        declared_s=declared,
        streams=tuple(_stream(s, scan) for s in container.streams),
        width=pictures[0].width if pictures else None,
        height=pictures[0].height if pictures else None,
        bit_rate=round(size * 8 / scan.duration_s) if scan.duration_s else None,
        longest_keyframe_s=scan.longest_keyframe_s,
        index_first=boxes.index_first if boxes else None,
        fragmented=bool(boxes and boxes.fragmented),
        gaps=tuple((a - scan.start_s, b - scan.start_s) for a, b in scan.gaps),
        problems=tuple(_problems(scan, boxes, declared)),
        **_tags(container.metadata),
    )


class _Scan:
    """One pass over all packets: counted length, keyframes, holes, and the first frame decoded."""

    def __init__(self, container: Any) -> None:
        self.spans: dict[int, list[float]] = {}
        self.gaps: list[tuple[float, float]] = []
        self.keyframes: list[float] = []
        self.rotation: dict[int, int] = {}
        self.decoded: set[int] = set()
        self.tried: dict[int, int] = {}
        self.corrupt, self.broke_off, self.error = 0, False, ""
        picture = next((s.index for s in container.streams.video if not _is_cover(s)), None)
        sound = next((s.index for s in container.streams.audio), None)
        self._first = sound if picture is None else picture  # what the recording is
        self._walk(container)

    def _walk(self, container: Any) -> None:
        from av.error import FFmpegError

        wanted = [s for s in container.streams if s.type in {"video", "audio"}]
        try:
            for packet in container.demux(*wanted):
                if packet.size:
                    self._note(packet)
                self._try(packet)
        except FFmpegError as e:
            self.broke_off, self.error = True, _said(e)

    def _note(self, packet: Any) -> None:
        self.corrupt += packet.is_corrupt
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is None:
            return
        begin = float(stamp * packet.time_base)
        end = begin + float((packet.duration or 0) * packet.time_base)
        span = self.spans.setdefault(packet.stream.index, [begin, end])
        if packet.stream.index == self._first:
            if begin - span[1] > GAP_S and len(self.gaps) < MOST_GAPS:
                self.gaps.append((span[1], begin))
            if packet.is_keyframe and packet.stream.type == "video":
                self.keyframes.append(begin)
        span[0], span[1] = min(span[0], begin), max(span[1], end)

    def _try(self, packet: Any) -> None:
        """Decodes until the stream has given one frame; a hundred packets are patience enough."""
        from av.error import FFmpegError

        index = packet.stream.index
        if index in self.decoded or self.tried.get(index, 0) > 100:
            return
        self.tried[index] = self.tried.get(index, 0) + 1
        try:
            frames = packet.decode()
        except FFmpegError as e:
            self.error = _said(e)
            return
        if frames:
            self.decoded.add(index)
            self.rotation[index] = int(getattr(frames[0], "rotation", 0))

    @property
    def start_s(self) -> float:
        return min((span[0] for span in self.spans.values()), default=0.0)

    @property
    def duration_s(self) -> float:
        # From zero unless the recording starts later: encoder delay before zero isn't content.
        return max((s[1] for s in self.spans.values()), default=0.0) - max(self.start_s, 0.0)

    @property
    def longest_keyframe_s(self) -> float | None:
        if not self.keyframes:
            return None
        marks = [*sorted(self.keyframes), self.spans[self._first or 0][1]]
        return max(b - a for a, b in pairwise(marks))


def _stream(s: Any, scan: _Scan) -> Stream:
    codec = s.codec_context
    common = {"index": s.index, "kind": "cover" if _is_cover(s) else s.type}
    if codec is None:
        return Stream(**common, codec="unknown")
    common |= {"codec": codec.name, "profile": s.profile}
    if s.type == "video":
        rate = s.average_rate or s.base_rate
        return Stream(
            **common,
            pixel_format=codec.pix_fmt,
            width=s.width,
            height=s.height,
            fps=float(rate) if rate else None,
            rotation=scan.rotation.get(s.index, 0),
        )
    if s.type == "audio":
        return Stream(**common, sample_rate=codec.sample_rate, channels=codec.channels)
    return Stream(**common)


def _problems(scan: _Scan, boxes: Boxes | None, declared: float | None) -> Iterable[Problem]:
    if scan.broke_off or (boxes and boxes.truncated):
        yield Problem("truncated", "文件不完整，末尾被截断", "the file is cut off at its end")
    if scan.corrupt:
        yield Problem(
            "corrupt_packets", f"{scan.corrupt} 处数据损坏", f"{scan.corrupt} bad packets"
        )
    if scan.gaps:
        missing = sum(b - a for a, b in scan.gaps)
        yield Problem(
            "gaps", f"时间戳缺 {missing:.0f} 秒", f"timestamps jump over {missing:.0f} s in all"
        )
    if declared and abs(declared - scan.duration_s) > max(2.0, 0.02 * declared):
        yield Problem(
            "duration_lies",
            f"自称时长 {declared:.0f} 秒，实际 {scan.duration_s:.0f} 秒",
            f"it claims {declared:.0f} s and holds {scan.duration_s:.0f} s",
        )


def _tags(tags: dict[str, str]) -> dict[str, Any]:
    """The device's words from container metadata, by the names that QuickTime, Android, Matroska
    and AVI give them."""

    def first(*names: str) -> str | None:
        return next((tags[n].strip() for n in names if tags.get(n, "").strip()), None)

    apple = "com.apple.quicktime."
    place = first("location", "location-eng", apple + "location.ISO6709")
    latitude, longitude = iso6709(place) if place else (None, None)
    stamp = first(apple + "creationdate", "creation_time", "date", "DATE_UTC", "ICRD")
    return {
        "container_time": _instant(stamp) if stamp else None,
        "latitude": latitude,
        "longitude": longitude,
        "make": first(apple + "make", "com.android.manufacturer", "make", "manufacturer"),
        "model": first(apple + "model", "com.android.model", "model"),
        "serial": first("serial", "serial_number", "serialno", "device_id"),
    }


def iso6709(text: str) -> tuple[float | None, float | None]:
    """`+40.8420+111.7490+1050/` → degrees; (None, None) when it isn't one or is off the globe."""
    import re

    found = re.match(r"([+-]\d{1,2}(?:\.\d+)?)([+-]\d{1,3}(?:\.\d+)?)", text)
    if not found:
        return None, None
    latitude, longitude = float(found[1]), float(found[2])
    inside = abs(latitude) <= 90 and abs(longitude) <= 180
    return (latitude, longitude) if inside else (None, None)


def _instant(text: str) -> datetime | None:
    """An ISO 8601 moment; without a zone it is UTC, as the containers' standards want it."""
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)


def _is_cover(stream: Any) -> bool:
    """A picture on an audio file's sleeve is no video."""
    return stream.type == "video" and "attached_pic" in str(stream.disposition).lower()


def _said(e: Exception) -> str:
    return str(getattr(e, "strerror", None) or e)[:120]
