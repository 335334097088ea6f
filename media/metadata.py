"""Upload-Metadata and file names: what a device says of its file, cleaned. Pure."""

from __future__ import annotations

import base64
import binascii
import mimetypes
import re
import unicodedata
from datetime import datetime
from pathlib import PurePosixPath
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

MOST_NAME_BYTES = 200
MOST_KEY = 200  # characters of an idempotency key
SHANGHAI = ZoneInfo("Asia/Shanghai")
SHA256 = re.compile(r"[0-9a-fA-F]{64}")
MEDIA_KINDS = {"video": "video", "audio": "audio", "image": "photo"}
KINDS = frozenset({"video", "audio", "photo", "unknown"})


class BadMetadata(ValueError):
    """Says which key is wrong and why."""


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What a device claims of a file it uploads. Nothing of it is believed, all of it is kept.

    `begin` is aware; a claim without a zone is Shanghai's. `monotonic_ms` counts since the boot
    `boot_id`. `key` is the device's own name for the file: creation is idempotent by it."""

    file_name: str
    media_kind: str
    media_type: str
    sha256: bytes | None = None
    begin: datetime | None = None
    boot_id: str | None = None
    monotonic_ms: int | None = None
    case_id: UUID | None = None
    key: str | None = None


def parse_metadata(header: str) -> dict[str, str]:
    """`key base64,key base64` → values by key. Empty is fine, so is a key without a value.

    Raises BadMetadata for a key twice, a key that isn't one, and a value that isn't base64.
    """
    found: dict[str, str] = {}
    for pair in header.split(",") if header.strip() else []:
        key, _, encoded = pair.strip().partition(" ")
        if not key or not key.isascii() or not key.isprintable():
            raise BadMetadata(f"a key must be printable ASCII: {key!r}")
        if key in found:
            raise BadMetadata(f"{key} is given twice")
        found[key] = _text(key, encoded.strip())
    return found


def read_claims(metadata: dict[str, str]) -> Claims:
    """Raises BadMetadata, naming the key, for a claim that can't be what it says."""
    name = clean_name(metadata.get("filename") or metadata.get("name") or "")
    media_type = metadata.get("filetype") or mimetypes.guess_type(name)[0] or ""
    return Claims(
        file_name=name,
        media_type=media_type if re.fullmatch(r"[\w.+-]+/[\w.+-]+", media_type) else "",
        media_kind=_media_kind(metadata.get("media_kind"), media_type),
        sha256=_sha256(metadata.get("sha256")),
        begin=_moment(metadata.get("begin")),
        boot_id=metadata.get("boot_id") or None,
        monotonic_ms=_count(metadata.get("monotonic_ms")),
        case_id=_uuid(metadata.get("case_id")),
        key=_key(metadata.get("key")),
    )


def clean_name(name: str) -> str:
    """The last component of a path, of whichever system, without control and direction characters
    and short enough for any file system; never empty. `../../etc/passwd` → `passwd`."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    kept = "".join(c for c in last if unicodedata.category(c)[0] != "C").strip(" .")
    return _shortened(kept) or "unnamed"


def suffix_of(name: str) -> str:
    """`.mp4`, lower case, or nothing."""
    return PurePosixPath(name).suffix.lower()


def _shortened(name: str) -> str:
    """Cut in the stem, so that the suffix survives."""
    suffix = suffix_of(name) if len(suffix_of(name).encode()) <= 16 else ""
    stem = name[: len(name) - len(suffix)] if suffix else name
    room = MOST_NAME_BYTES - len(suffix.encode())
    cut = stem.encode()[:room].decode(errors="ignore").strip(" .")
    return unicodedata.normalize("NFC", cut + name[len(name) - len(suffix) :] if suffix else cut)


def _text(key: str, encoded: str) -> str:
    """Cameras sold in China name files in GB 18030 as well as in UTF-8."""
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as e:
        raise BadMetadata(f"the value of {key} is not base64") from e
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("gb18030", errors="replace")
    return text.replace("\0", "")  # PostgreSQL keeps no NUL


def _media_kind(said: str | None, media_type: str) -> str:
    if said:
        if said not in KINDS:
            raise BadMetadata(f"media_kind is one of {', '.join(sorted(KINDS))}, not {said!r}")
        return said
    return MEDIA_KINDS.get(media_type.partition("/")[0], "unknown")


def _sha256(text: str | None) -> bytes | None:
    if not text:
        return None
    if not SHA256.fullmatch(text):
        raise BadMetadata("sha256 is 64 hexadecimal digits")
    return bytes.fromhex(text)


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as e:
        raise BadMetadata(f"begin is an ISO 8601 time, not {text!r}") from e
    if not 1970 < moment.year < 2200:
        raise BadMetadata(f"begin is no time of this world: {text!r}")
    return moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)


def _count(text: str | None) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise BadMetadata("monotonic_ms is a whole number of milliseconds")
    return int(text)


def _uuid(text: str | None) -> UUID | None:
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError as e:
        raise BadMetadata(f"case_id is a UUID, not {text!r}") from e


def _key(text: str | None) -> str | None:
    if not text:
        return None
    if len(text) > MOST_KEY or not text.isprintable():
        raise BadMetadata(f"key is at most {MOST_KEY} printable characters")
    return text
