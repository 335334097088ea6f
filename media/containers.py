"""What can be told of a file from its bytes without decoding any: its family, and an MP4's boxes.
Pure but for reading the stream it is handed."""

from __future__ import annotations

import codecs
from typing import BinaryIO, Literal

import msgspec

HEAD = 4096  # bytes that `family` wants to see
Family = Literal["empty", "playlist", "text", "photo", "mp4", "other"]
PHOTO_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis"}
PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"[playlist]", b"<MPD", b"<smil", b"<asx", b"[Reference]")
BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"moof", b"styp"}


def family(head: bytes) -> Family:
    """What the first bytes say, whatever the file is called."""
    if not head:
        return "empty"
    if head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")):
        return "photo"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "photo"
    if head[4:8] == b"ftyp" and head[8:12] in PHOTO_BRANDS:
        return "photo"
    if head[4:8] in BOXES:
        return "mp4"
    if any(mark in head[:1024] for mark in PLAYLISTS):
        return "playlist"
    return "text" if _is_text(head) else "other"


def _is_text(head: bytes) -> bool:
    """UTF-8 or GB 18030 without control characters; the last character may be cut in two."""
    if head.startswith(b"#!AMR") or any(b < 32 and b not in b"\t\r\n\x0c\x1b" for b in head):
        return False
    return any(_decodes(head, encoding) for encoding in ("utf-8", "gb18030"))


def _decodes(head: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return False
    return True


class Boxes(msgspec.Struct, frozen=True):
    """Top-level layout of an MP4 or MOV."""

    has_index: bool
    index_first: bool
    fragmented: bool
    truncated: bool


def read_boxes(file: BinaryIO, size: int, most: int = 4096) -> Boxes:
    """Walks the top-level boxes of an MP4 (ISO 14496-12 §4.2): headers alone are read, at most
    `most` of them. `truncated` when a box reaches past the end of the file."""
    seen: list[bytes] = []
    at, truncated = 0, False
    while at + 8 <= size and len(seen) < most:
        file.seek(at)
        header = file.read(16)
        length, kind = int.from_bytes(header[:4]), header[4:8]
        if length == 1:
            length = int.from_bytes(header[8:16])
        elif length == 0:
            length = size - at
        if length < 8:
            break
        seen.append(kind)
        at += length
        truncated = at > size
    index = seen.index(b"moov") if b"moov" in seen else -1
    data = seen.index(b"mdat") if b"mdat" in seen else len(seen)
    return Boxes(index >= 0, 0 <= index < data, b"moof" in seen, truncated)
