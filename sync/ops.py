"""The frozen shapes of the sync protocol: what a device sends and what it gets back.

This file is the definition; `sync/README.md` tells it to somebody who writes a client.
JSON throughout: ids are UUIDs as text, times are ISO 8601 with an offset, numbers are integers
unless a field says otherwise.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

SCHEMA = 1
"""The protocol version that this server speaks; a device names its own in every push."""

MOST_OPERATIONS = 10_000
"""Operations in one push; more is refused as a whole (413), and the device splits."""

Kind = Literal["create", "set", "append", "retract", "delete"]
KINDS: frozenset[str] = frozenset(Kind.__args__)  # type: ignore[attr-defined]

Status = Literal["applied", "merged", "conflict", "held", "rejected"]


class Push(msgspec.Struct, frozen=True, kw_only=True):
    """One request. Operations stay undecoded, so that a malformed one fails alone.

    `log` names the device's outbox: made once with it, so that a wiped phone that counts from 1
    again is a new log and not a liar.
    """

    schema: int = SCHEMA
    log: Annotated[str, msgspec.Meta(max_length=64)] = ""
    operations: list[msgspec.Raw]


class Op(msgspec.Struct, frozen=True, kw_only=True):
    """One edit, as the device made it.

    `base` says what the editor saw: for `set` the version of each field (`field_versions` of the
    row last pulled), for `delete` and `append` of a record `{"version": n}`. A field never pulled
    has no base. `occurred_at` is the device's wall clock; boot and monotonic time let the server
    correct it; none of the three ever chooses a winner.
    """

    op_id: UUID
    device_seq: Annotated[int, msgspec.Meta(ge=1, le=2**53)]
    entity: str
    id: UUID
    kind: str
    base: dict[str, Annotated[int, msgspec.Meta(ge=0, le=2**53)]] = {}
    fields: dict[str, Any] = {}
    occurred_at: Annotated[datetime, msgspec.Meta(tz=True)]
    boot_id: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    monotonic_ms: int | None = None


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why: a stable code for programs, the field it is about, and words for people."""

    code: str
    field: str = ""
    zh: str
    en: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one operation. The same operation sent again gets the same outcome.

    applied: as asked · merged: done, somebody else changed other things meanwhile · conflict: the
    server's value stands and the device's is kept in `conflicts` until a person closes them ·
    held: kept, waiting for what `reasons` says · rejected: kept, never applied.
    """

    op_id: str | None
    device_seq: int | None = None
    status: Status
    entity: str | None = None
    id: str | None = None
    reasons: tuple[Reason, ...] = ()
    version: int | None = None
    conflicts: tuple[UUID, ...] = ()
    placement: dict[str, Any] | None = None
    received_at: datetime | None = None


class PushAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One outcome for each operation, in the order sent."""

    outcomes: list[Outcome]
    epoch: UUID
    schema: int = SCHEMA


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """An entity as it stands now. `version` is its feed number in `scope`, for the checksum.

    `row` is null when the entity is no longer there.
    """

    scope: str
    entity: str
    id: UUID
    version: int
    row: msgspec.Raw


class PullAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A page of what the device has not seen.

    Apply `purged` and `changes`, keep `cursor`, all in one local transaction; ask again while
    `more`. `checksums` covers the scopes that changed and are now complete. Operations received
    by the server up to `durable` may be forgotten; null: keep them all.
    """

    changes: list[Change]
    purged: list[str]
    cursor: str
    more: bool
    epoch: UUID
    checksums: dict[str, str]
    durable: datetime | None = None
    schema: int = SCHEMA
