"""Whose hand an operation was: the officer who held the device then. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from sync.ops import Op


class Holding(msgspec.Struct, frozen=True):
    """An officer had the device from `since` until before `until` (None: still)."""

    officer_id: UUID
    since: datetime
    until: datetime | None


class Sighting(msgspec.Struct, frozen=True):
    """During one boot, the true time at one reading of its monotonic clock."""

    server_time: datetime
    monotonic_ms: int


def true_time(op: Op, sightings: Mapping[str, Sighting]) -> datetime:
    """The wall clock may say 1970; the monotonic clock, once seen in the same boot, knows."""
    seen = sightings.get(op.boot_id or "")
    if seen is None or op.monotonic_ms is None:
        return op.occurred_at
    try:
        return seen.server_time + timedelta(milliseconds=op.monotonic_ms - seen.monotonic_ms)
    except OverflowError:
        return op.occurred_at


def holder_at(holdings: Iterable[Holding], at: datetime) -> UUID | None:
    for holding in holdings:
        if holding.since <= at and (holding.until is None or at < holding.until):
            return holding.officer_id
    return None
