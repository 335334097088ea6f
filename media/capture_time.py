"""When a recording was really taken, and how sure that is. Pure.

Signs: an **offset** is device clock minus true time, in seconds. A camera that is 97 s ahead has
offset +97, and its claims are corrected by *subtracting* it. Uncertainty is a half-width: the true
begin lies within `begin ± uncertainty_s` if the device's words and the drift bound hold.

The claim comes from the best source that makes sense (declared by the device > container > EXIF >
file name); all of these are read off the same device clock, so one offset corrects each of them.
The claim itself is never changed: it is kept beside the corrected time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

Source = Literal["declared", "container", "exif", "file_name"]
RANK: tuple[Source, ...] = ("declared", "container", "exif", "file_name")
NAMES = {
    "declared": ("设备申报", "declared by the device"),
    "container": ("文件封装", "the container"),
    "exif": ("照片信息", "EXIF"),
    "file_name": ("文件名", "the file name"),
}


class Drift(msgspec.Struct, frozen=True):
    """How far to trust a clock between and beyond contacts; settings, with their reasons.

    `rate`: seconds a second. Crystal clocks keep 20–50 ppm, cold and cheap ones 100.
    `unknown_s`: without any contact the clock may be off by this much either way; body cameras
    that nobody set are commonly minutes wrong, those that a dock sets are not without contact.
    `other_boot_s`: added when only another boot's contacts are known, for clocks that lose
    seconds while the camera is off.
    """

    rate: float = 100e-6
    unknown_s: float = 300.0
    other_boot_s: float = 2.0


class Claim(msgspec.Struct, frozen=True):
    """`at` (aware) as `source` states it, by the device's clock; `precision_s` is its half-width.
    `edge` tells whether it names the beginning or the end (some cameras stamp when they close)."""

    source: Source
    at: datetime
    precision_s: float = 0.5
    edge: Literal["begin", "end"] = "begin"


class Contact(msgspec.Struct, frozen=True):
    """One exchange with the server: at `device_at` (device clock, aware) of boot `boot_id` the
    offset lay between `low_s` and `high_s`."""

    boot_id: str
    device_at: datetime
    low_s: float
    high_s: float


class Offset(msgspec.Struct, frozen=True):
    """The device clock's error at one moment: `seconds ± uncertainty_s`."""

    seconds: float
    uncertainty_s: float
    zh: str
    en: str


class CaptureTime(msgspec.Struct, frozen=True):
    """`claimed_begin` by the device's clock, `begin` and `end` in true time (UTC)."""

    claimed_begin: datetime
    source: Source
    begin: datetime
    end: datetime
    offset_s: float
    uncertainty_s: float
    zh: str
    en: str


def contact(
    boot_id: str, sent: datetime, received: datetime, answered: datetime, got: datetime
) -> Contact:
    """NTP-style exchange: `sent` and `got` by the device's clock, `received` and `answered` by
    ours. What is sent can't arrive before, so sent − received ≤ offset ≤ got − answered."""
    bounds = ((sent - received).total_seconds(), (got - answered).total_seconds())
    return Contact(boot_id, got, min(bounds), max(bounds))


def offset_at(
    contacts: Sequence[Contact], at: datetime, boot_id: str | None, drift: Drift | None = None
) -> Offset:
    """The offset when the device's clock showed `at`.

    Between two contacts of that boot it is what both allow, beyond them the nearest one is carried
    on; uncertainty grows with the distance. A clock set between two contacts leaves both
    possible. Another boot's contacts are used only when there is none of `boot_id`.
    """
    drift = drift or Drift()
    same = [c for c in contacts if boot_id is not None and c.boot_id == boot_id]
    known = sorted(same or contacts, key=lambda c: c.device_at)
    if not known:
        return Offset(
            0.0,
            drift.unknown_s,
            f"设备从未对时，按时钟误差 ±{drift.unknown_s:.0f} 秒计",
            f"no contact with this device; its clock may be off by ±{drift.unknown_s:.0f} s",
        )
    found = _between(known, at, drift)
    if same:
        return found
    return Offset(
        found.seconds,
        found.uncertainty_s + drift.other_boot_s,
        found.zh + "（取自其他开机时段）",
        found.en + " (from another boot)",
    )


def _between(known: Sequence[Contact], at: datetime, drift: Drift) -> Offset:
    before = next((c for c in reversed(known) if c.device_at <= at), None)
    after = next((c for c in known if c.device_at > at), None)
    if before and after:
        return _interpolated(before, after, at, drift)
    nearest = before or after
    if nearest is None:
        raise ValueError("no contacts")
    distance = abs((at - nearest.device_at).total_seconds())
    low, high = nearest.low_s - drift.rate * distance, nearest.high_s + drift.rate * distance
    when = ("之前", "before") if nearest is after else ("之后", "after")
    return _as_offset(
        low,
        high,
        f"最近一次对时{when[0]} {_span(distance)[0]}",
        f"{_span(distance)[1]} {when[1]} the nearest contact",
    )


def _interpolated(before: Contact, after: Contact, at: datetime, drift: Drift) -> Offset:
    """What both contacts allow: a clock that keeps its rate can only be where their cones meet.
    Where they don't meet, it was set in between, and could still or already be off by either."""
    gone = drift.rate * (at - before.device_at).total_seconds()
    left = drift.rate * (after.device_at - at).total_seconds()
    lows, highs = (
        (before.low_s - gone, after.low_s - left),
        (before.high_s + gone, after.high_s + left),
    )
    if max(lows) <= min(highs):
        return _as_offset(
            max(lows), min(highs), "前后两次对时之间内插", "interpolated between two contacts"
        )
    return _as_offset(
        min(lows),
        max(highs),
        "前后两次对时之间时钟被调整，两种误差都有可能",
        "the clock was set between the contacts before and after; either offset is possible",
    )


def capture_time(
    claims: Sequence[Claim],
    *,
    duration_s: float,
    contacts: Sequence[Contact] = (),
    boot_id: str | None = None,
    received_at: datetime | None = None,
    drift: Drift | None = None,
) -> CaptureTime | None:
    """Corrects the best claim; None when no source makes a claim that can be true.

    A claim can't be true when it is older than digital body cameras or when, corrected, it ends
    after the server had received the last byte (`received_at`), uncertainty allowed.
    """
    notes: list[tuple[str, str]] = []
    for source in RANK:
        for claim in (c for c in claims if c.source == source):
            time = _corrected(claim, duration_s, contacts, boot_id, drift)
            doubt = _impossible(time, received_at)
            if doubt is None:
                return _explained(time, claims, notes)
            notes.append(doubt)
    return None


def _corrected(
    claim: Claim,
    duration_s: float,
    contacts: Sequence[Contact],
    boot_id: str | None,
    drift: Drift | None,
) -> CaptureTime:
    length = timedelta(seconds=duration_s)
    claimed = (claim.at - length if claim.edge == "end" else claim.at).astimezone(UTC)
    offset = offset_at(contacts, claimed, boot_id, drift)
    begin = claimed - timedelta(seconds=offset.seconds)
    zh, en = NAMES[claim.source]
    return CaptureTime(
        claimed_begin=claimed,
        source=claim.source,
        begin=begin,
        end=begin + length,
        offset_s=offset.seconds,
        uncertainty_s=offset.uncertainty_s + claim.precision_s,
        zh=f"时间取自{zh}；{_ahead(offset.seconds)[0]}：{offset.zh}",
        en=f"time from {en}; {_ahead(offset.seconds)[1]}: {offset.en}",
    )


EARLIEST = datetime(2010, 1, 1, tzinfo=UTC)  # a camera with a dead battery says 1904, 1970, 2000


def _impossible(time: CaptureTime, received_at: datetime | None) -> tuple[str, str] | None:
    zh, en = NAMES[time.source]
    stated = time.claimed_begin.isoformat(timespec="seconds")
    if time.begin < EARLIEST:
        return (f"不采信{zh}的 {stated}：过早", f"{en} says {stated}, which is too long ago")
    slack = timedelta(seconds=time.uncertainty_s)
    if received_at is not None and time.end - slack > received_at:
        return (
            f"不采信{zh}的 {stated}：晚于上传完成时间",
            f"{en} says {stated}, which ends after the upload did",
        )
    return None


def _explained(
    time: CaptureTime, claims: Sequence[Claim], notes: Sequence[tuple[str, str]]
) -> CaptureTime:
    """Adds what was not believed, and who contradicts the source that was."""
    said = list(notes)
    for claim in claims:
        apart = abs((claim.at - time.claimed_begin).total_seconds())
        if claim.source != time.source and claim.edge == "begin" and apart > 5:
            zh, en = NAMES[claim.source]
            note = (f"{zh}与之相差 {_span(apart)[0]}", f"{en} differs by {_span(apart)[1]}")
            said += [note] if not any(zh in old[0] for old in notes) else []
    return msgspec.structs.replace(
        time,
        zh="；".join([time.zh, *(zh for zh, _ in said)]),
        en="; ".join([time.en, *(en for _, en in said)]),
    )


class NameScheme(msgspec.Struct, frozen=True):
    """How a make of camera writes time into file names. `pattern` has the groups year, month,
    day, hour, minute and, if the name has them, second."""

    name: str
    pattern: str
    zone: str = "Asia/Shanghai"
    edge: Literal["begin", "end"] = "begin"


# Order matters: the first that matches and makes a real date speaks.
NAME_SCHEMES: tuple[NameScheme, ...] = (
    NameScheme(
        "compact",  # DSJ_0007_20260302141503_0001.MP4, VID_20260302_141503.mp4, DJI_2026…
        r"(?<!\d)(?P<year>20\d\d)(?P<month>\d\d)(?P<day>\d\d)[-_T ]?"
        r"(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)(?!\d)",
    ),
    NameScheme(
        "pixel",  # PXL_20260302_061503123.mp4: milliseconds, and in UTC
        r"PXL_(?P<year>20\d\d)(?P<month>\d\d)(?P<day>\d\d)_"
        r"(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)\d{3}",
        zone="UTC",
    ),
    NameScheme(
        "dashed",  # 2026-03-02_14-15-03.mp4, 2026-03-02 14.15.03.jpg
        r"(?<!\d)(?P<year>20\d\d)[-_.](?P<month>\d\d)[-_.](?P<day>\d\d)[-_T ]"
        r"(?P<hour>\d\d)[-_.:](?P<minute>\d\d)[-_.:](?P<second>\d\d)(?!\d)",
    ),
    NameScheme(
        "to the minute",  # 20260302_1415.amr
        r"(?<!\d)(?P<year>20\d\d)(?P<month>\d\d)(?P<day>\d\d)[-_T ]"
        r"(?P<hour>\d\d)(?P<minute>\d\d)(?!\d)",
    ),
)


def name_claim(file_name: str, schemes: Sequence[NameScheme] = NAME_SCHEMES) -> Claim | None:
    """The claim that a file's name makes, by the first scheme that reads it."""
    for scheme in schemes:
        found = re.search(scheme.pattern, file_name)
        at = _moment(found.groupdict(), scheme.zone) if found else None
        if found and at:
            exact = found.groupdict().get("second") is not None
            # A name cut to the minute lies up to a minute after what it says: middle and half.
            late = timedelta(0) if exact else timedelta(seconds=30)
            return Claim("file_name", at + late, 1.0 if exact else 30.0, scheme.edge)
    return None


def _moment(parts: dict[str, str | None], zone: str) -> datetime | None:
    order = ("year", "month", "day", "hour", "minute", "second")
    try:
        local = datetime(*(int(parts.get(name) or 0) for name in order), tzinfo=ZoneInfo(zone))  # type: ignore[misc,arg-type]
    except ValueError:
        return None  # digits that are no date: a serial number
    return local.astimezone(UTC)


def _as_offset(low: float, high: float, zh: str, en: str) -> Offset:
    return Offset((low + high) / 2, (high - low) / 2, zh, en)


def _ahead(seconds: float) -> tuple[str, str]:
    if abs(seconds) < 0.05:
        return "时钟未见偏差", "clock on time"
    word = ("快", "ahead") if seconds > 0 else ("慢", "behind")
    return f"时钟{word[0]} {abs(seconds):.1f} 秒", f"clock {abs(seconds):.1f} s {word[1]}"


def _span(seconds: float) -> tuple[str, str]:
    for size, zh, en in ((86400, "天", "d"), (3600, "小时", "h"), (60, "分钟", "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {zh}", f"{seconds / size:.1f} {en}"
    return f"{seconds:.0f} 秒", f"{seconds:.0f} s"
