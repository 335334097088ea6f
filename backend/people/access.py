"""Who is asking, and what a route says about who may: pure, so that a test can walk it all."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

import msgspec

Role = Literal[
    "inspector",
    "supervisor",
    "legal_reviewer",
    "publicity_clerk",
    "archivist",
    "department_admin",
    "bureau_supervisor",
    "auditor",
]
ROLES: frozenset[str] = frozenset(Role.__args__)  # type: ignore[attr-defined]
ACROSS: frozenset[str] = frozenset({"bureau_supervisor", "auditor"})


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """An account or a device, as authenticated. Both belong to one department."""

    kind: Literal["account", "device"]
    id: UUID
    department_id: UUID
    name: str
    roles: frozenset[str] = frozenset()
    officer_id: UUID | None = None

    @property
    def label(self) -> str:
        """How ledger, conflicts and histories name the actor."""
        return f"{self.kind}:{self.id}"

    @property
    def sees_across(self) -> bool:
        """A bureau supervisor and an auditor see beyond their own department's subtree."""
        return bool(self.roles & ACROSS)


class Who(msgspec.Struct, frozen=True):
    """A route's declaration of who may call it; a route without one is refused to all."""

    public: bool = False
    device: bool = False
    roles: frozenset[str] = frozenset()

    def admits(self, actor: Actor | None) -> bool:
        if self.public:
            return True
        if actor is None:
            return False
        return self.device if actor.kind == "device" else bool(self.roles & actor.roles)


ANYONE = Who(public=True)
DEVICE = Who(device=True)
SIGNED_IN = Who(roles=ROLES)


def accounts_with(*roles: Role) -> Who:
    """Accounts that hold at least one of `roles`."""
    return Who(roles=frozenset(roles))
