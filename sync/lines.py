"""One device's log while a push is at work on it: who held the device, and what is held back."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import msgspec

from backend.cases.apply import Change, Hand
from backend.database import Tx
from sync.authors import Holding, Sighting, holder_at, true_time
from sync.ops import Op
from sync.order import Membership


class Line(msgspec.Struct):
    """`chain` is the last number taken in order; `held` the numbers of held operations by the
    entity they are about (those waiting for a gap not among them). `changes` is what is to be told
    when all is done; `careful`: each operation in a savepoint of its own."""

    device_id: UUID
    department_id: UUID
    log: str
    chain: int
    holdings: list[Holding]
    sightings: dict[str, Sighting]
    held: dict[UUID, set[int]]
    careful: bool = True
    changes: list[Change] = []
    memberships: dict[tuple[UUID, UUID], Membership] = {}

    @property
    def label(self) -> str:
        return f"device:{self.device_id}"

    def author(self, op: Op) -> UUID | None:
        return holder_at(self.holdings, true_time(op, self.sightings))

    def hand(self, op: Op) -> Hand:
        return Hand(
            label=self.label,
            department_id=self.department_id,
            at=op.occurred_at,
            officer_id=self.author(op),
            device_id=self.device_id,
            op_id=op.op_id,
        )

    def holds_before(self, op: Op) -> bool:
        return any(seq < op.device_seq for seq in self.held.get(op.id, ()))

    def hold(self, op: Op) -> None:
        self.held.setdefault(op.id, set()).add(op.device_seq)

    def release(self, op: Op) -> None:
        self.held.get(op.id, set()).discard(op.device_seq)


async def open_line(tx: Tx, device_id: UUID, log: str, boots: Iterable[str], *, chain: int) -> Line:
    """`boots`: the boots that the operations at hand name."""
    device = await tx.fetchrow("select department_id from devices where id = $1", device_id)
    holdings = await tx.fetch(
        "select officer_id, held_from, held_to from assignments where device_id = $1", device_id
    )
    held = await tx.fetch(
        """select entity_id, device_seq from operations
            where device_id = $1 and log = $2 and status = 'held' and waits_for <> 'gap'""",
        device_id,
        log,
    )
    line = Line(
        device_id=device_id,
        department_id=device["department_id"],
        log=log,
        chain=chain,
        holdings=[Holding(*row) for row in holdings],
        sightings=await sightings(tx, device_id, sorted(set(boots))),
        held={},
    )
    for row in held:
        line.held.setdefault(row["entity_id"], set()).add(row["device_seq"])
    return line


async def sightings(tx: Tx, device_id: UUID, boots: list[str]) -> dict[str, Sighting]:
    """The latest contact of each boot."""
    rows = await tx.fetch(
        """select distinct on (boot_id) boot_id, server_time, monotonic_ms from device_contacts
            where device_id = $1 and boot_id = any($2) order by boot_id, server_time desc""",
        device_id,
        boots,
    )
    return {row["boot_id"]: Sighting(row["server_time"], row["monotonic_ms"]) for row in rows}


async def take_chain(tx: Tx, device_id: UUID, log: str) -> int:
    """Lock the device's chain: one push of a device at a time. The last number in order.

    A log other than the last one seen starts where its own operations end.
    """
    row = await tx.fetchrow(
        """insert into device_chains (device_id, log) values ($1, $2)
           on conflict (device_id) do update set device_id = excluded.device_id
           returning seq, log""",
        device_id,
        log,
    )
    if row["log"] == log:
        return int(row["seq"])
    last = await tx.fetchval(
        """select max(device_seq) from operations
            where device_id = $1 and log = $2 and waits_for is distinct from 'gap'""",
        device_id,
        log,
    )
    return int(last or 0)


async def keep_chain(tx: Tx, line: Line) -> None:
    await tx.execute(
        "update device_chains set seq = $2, log = $3 where device_id = $1",
        line.device_id,
        line.chain,
        line.log,
    )
