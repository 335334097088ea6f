"""Three-way merge per field: pure. Neither side's edit is ever lost, and no clock is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class Seen(msgspec.Struct, frozen=True):
    """A field as the server has it.

    `version` last changed it; `foreign` is the last version that another hand than the device's
    own log wrote (0: none). A device knows its own edits, so only foreign ones can surprise it.
    """

    value: Any
    version: int
    foreign: int


class Merged(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be written, what was so already, what collides, and what others changed.

    `conflicts` maps a field to its reason's code. `soft` names fields that the operation leaves
    alone and that another hand changed since the editor looked.
    """

    applied: dict[str, Any]
    unchanged: tuple[str, ...] = ()
    conflicts: dict[str, str]
    soft: tuple[str, ...] = ()


def merge(base: Mapping[str, int], fields: Mapping[str, Any], server: Mapping[str, Seen]) -> Merged:
    """`base`: the version of each field that the editor saw; a field never seen has none."""
    applied: dict[str, Any] = {}
    unchanged: list[str] = []
    conflicts: dict[str, str] = {}
    for field, value in fields.items():
        verdict = _field(base.get(field, 0), value, server[field])
        if verdict == "apply":
            applied[field] = value
        elif verdict == "same":
            unchanged.append(field)
        else:
            conflicts[field] = verdict
    return Merged(
        applied=applied,
        unchanged=tuple(unchanged),
        conflicts=conflicts,
        soft=_soft(base, fields, server),
    )


def _field(base: int, value: Any, seen: Seen) -> str:
    if seen.value == value:
        return "same"
    if base > seen.version:
        return "base_from_future"
    return "apply" if seen.foreign <= base else "changed_meanwhile"


def _soft(
    base: Mapping[str, int], fields: Mapping[str, Any], server: Mapping[str, Seen]
) -> tuple[str, ...]:
    if not base:
        return ()
    looked = max(base.values())
    return tuple(f for f, seen in server.items() if f not in fields and seen.foreign > looked)
