"""What a recording is, as found by opening it in the fence. Plain values, kept as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

Kind = Literal["video", "audio", "photo"]


class Problem(msgspec.Struct, frozen=True):
    """Something wrong with a file that can still be used. `code` is stable."""

    code: str
    zh: str
    en: str


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """One stream of a container. `rotation` in degrees counter-clockwise, as FFmpeg counts."""

    index: int
    kind: str
    codec: str
    profile: str | None = None
    pixel_format: str | None = None
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    rotation: int = 0
    sample_rate: int | None = None
    channels: int | None = None


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Times in seconds from the recording's beginning, sizes in bytes and pixels.

    `duration_s` was counted over all packets (`counted`) and is 0 for a photo; `declared_s` is
    what the container says of itself. `container_time` and `exif_time` are the device's claims;
    `exif_zone_known` is False where EXIF gave a local time that was read as Shanghai's.
    `index_first` tells whether an MP4's index precedes its media (fast start).
    """

    kind: Kind
    container: str
    size: int
    duration_s: float = 0.0
    declared_s: float | None = None
    streams: tuple[Stream, ...] = ()
    width: int | None = None
    height: int | None = None
    orientation: int = 1
    bit_rate: int | None = None
    longest_keyframe_s: float | None = None
    index_first: bool | None = None
    fragmented: bool = False
    gaps: tuple[tuple[float, float], ...] = ()
    container_time: datetime | None = None
    exif_time: datetime | None = None
    exif_zone_known: bool = True
    latitude: float | None = None
    longitude: float | None = None
    make: str | None = None
    model: str | None = None
    serial: str | None = None
    problems: tuple[Problem, ...] = ()

    def first(self, kind: str) -> Stream | None:
        """The first stream of that kind: the one that is shown or heard."""
        return next((s for s in self.streams if s.kind == kind), None)

    def has_problem(self, code: str) -> bool:
        return any(problem.code == code for problem in self.problems)


class Rejected(msgspec.Struct, frozen=True, tag="rejected"):
    """The file can't be used as a recording, and why. The original is kept all the same."""

    code: str
    zh: str
    en: str


REASONS: dict[str, tuple[str, str]] = {
    "empty": ("文件为空（0 字节）", "the file is empty (0 bytes)"),
    "playlist": (
        "这是播放列表，不是录像；播放列表会引向别处，不予打开",
        "a playlist, not a recording; it points elsewhere and is never followed",
    ),
    "text": ("这是文本文件，不是音像记录", "a text file, not a recording"),
    "unknown_format": (
        "不是可识别的音像格式，或文件头已损坏",
        "no recording format known here, or its head is damaged",
    ),
    "no_index": (
        "MP4 缺少索引（moov）：录制中断，摄像机未能正常关闭文件",
        "the MP4 has no index (moov): it was cut off before the camera closed the file",
    ),
    "no_media": ("文件中没有可用的画面或声音", "there is neither picture nor sound in it"),
    "undecodable": ("画面或声音无法解码", "neither picture nor sound can be decoded"),
    "too_many_streams": ("媒体流过多，疑为构造的文件", "more streams than any camera writes"),
    "too_many_pixels": (
        "画面尺寸超过上限，疑为解压炸弹",
        "more pixels than allowed: likely a decompression bomb",
    ),
    "absurd_duration": ("时长不合常理（超过 7 天）", "it claims to last longer than 7 days"),
    "too_expensive": (
        "解析所需的时间或内存超过上限",
        "reading it takes more time or memory than its size warrants",
    ),
    "object_missing": ("存储中找不到原始文件", "the original is not in the store"),
    "gave_up": ("多次处理均失败", "processing failed repeatedly"),
}


def rejected(code: str, detail: str = "") -> Rejected:
    """The rejection for one of REASONS, with `detail` in brackets."""
    zh, en = REASONS[code]
    return Rejected(
        code, zh + (f"（{detail}）" if detail else ""), en + (f" ({detail})" if detail else "")
    )
