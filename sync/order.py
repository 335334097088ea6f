"""Apply now, hold, or refuse: pure. A held operation says what releases it."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

import msgspec

Action = Literal["apply", "hold", "refuse"]
Membership = Literal["member", "left", "stranger"]
WaitsFor = Literal["gap", "schema", "author", "subject", "earlier", "membership", "case", "person"]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What the server knows when an operation's turn has come.

    `missing` is an object that the operation speaks of and that has not arrived. `earlier_held`:
    an earlier operation of the same log on the same object is held. `membership` is the author's
    on the case.
    """

    speaks_newer: bool = False
    missing: UUID | None = None
    earlier_held: UUID | None = None
    author_known: bool = True
    membership: Membership = "member"
    stage: str | None = None


class Decision(msgspec.Struct, frozen=True):
    """`code` is a reason of `sync.reasons`; empty when the operation is applied."""

    action: Action
    code: str = ""
    waits_for: WaitsFor | None = None
    waits_for_id: UUID | None = None


APPLY = Decision("apply")


def in_chain(seq: int, chain: int) -> Decision:
    """Is it this number's turn? `chain` is the last number of the log taken in order.

    Out of turn nothing is decided for good: what comes before may change it all.
    """
    if seq <= chain:
        return Decision("refuse", "seq_used")
    if seq > chain + 1:
        return Decision("hold", "waits_for_gap", "gap")
    return APPLY


def decide(standing: Standing) -> Decision:
    """What must be there first; then who wrote it; then where the case stands."""
    return _presence(standing) or _authority(standing) or _stage(standing) or APPLY


def _presence(standing: Standing) -> Decision | None:
    if standing.speaks_newer:
        return Decision("hold", "newer_schema", "schema")
    if standing.missing is not None:
        return Decision("hold", "waits_for_subject", "subject", standing.missing)
    if standing.earlier_held is not None:
        return Decision("hold", "waits_for_earlier", "earlier", standing.earlier_held)
    return None


def _authority(standing: Standing) -> Decision | None:
    if not standing.author_known:
        return Decision("hold", "no_holder", "author")
    if standing.membership == "stranger":
        return Decision("refuse", "not_found")
    if standing.membership == "left":
        return Decision("hold", "left_case", "membership")
    return None


def _stage(standing: Standing) -> Decision | None:
    """A closed case may be reopened, so nothing said about it is thrown away."""
    if standing.stage == "archived":
        return Decision("refuse", "case_archived")
    if standing.stage == "closed":
        return Decision("hold", "case_closed", "case")
    return None
