"""Where objects live in the store: pure, readable, and fit for lifecycle rules.

    originals/shijian/2026/03/02/0195…-….mp4           the recording as it came, immutable
    renditions/shijian/2026/03/02/0195…-…/poster.jpg   beside it, made from it, may be made again
    tails/0195…-…                                      bytes of an unfinished upload under 5 MiB
    partials/0195…-…                                   a piece of a recording until it is composed

The class of object comes first, so that a rule may expire renditions and never an original; then
the department and the day (Shanghai) on which the upload began, so that retention can be read off
the key. A quarantined original keeps its key: moving evidence is copying evidence.
"""

from __future__ import annotations

import re
from datetime import date
from uuid import UUID

CODE = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def original_key(department: str, day: date, recording_id: UUID, suffix: str = "") -> str:
    """`department` is its code; `suffix` (`.mp4`) is kept for people only, and dropped when it
    isn't plainly one: file names come from devices. Raises ValueError for a bad code."""
    if not CODE.fullmatch(department):
        raise ValueError(f"not a department code: {department!r}")
    kept = suffix.lower() if SUFFIX.fullmatch(suffix.lower()) else ""
    return f"originals/{department}/{day:%Y/%m/%d}/{recording_id}{kept}"


def rendition_key(original: str, name: str) -> str:
    """Key of the rendition `name` (`poster.jpg`) of the object under `original`."""
    kind, _, rest = original.partition("/")
    if kind != "originals" or not NAME.fullmatch(name):
        raise ValueError(f"no rendition {name!r} of {original!r}")
    folder, _, file = rest.rpartition("/")
    return f"renditions/{folder}/{file.partition('.')[0]}/{name}"


def partial_key(upload_id: UUID) -> str:
    """Where a partial upload (tus concatenation) lies until its final was made of it."""
    return f"partials/{upload_id}"


def tail_key(upload_id: UUID) -> str:
    """Where an unfinished upload keeps the bytes that don't fill a part yet."""
    return f"tails/{upload_id}"
