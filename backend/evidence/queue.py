"""What is to be judged again: the change that makes it so also says so, in its own transaction."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal
from uuid import UUID

from backend.database import Tx


async def queue_judging(
    tx: Tx, kind: Literal["case", "recording"], ids: Iterable[UUID], now: datetime
) -> None:
    """Have these cases or recordings judged by the next pass; queued twice is judged once.

    Call it after the change: the row stays locked until the transaction ends, and every writer
    takes it in the order of ids.
    """
    await tx.execute(
        """insert into judging_queue (subject_kind, subject_id, since)
           select $1, id, $3 from unnest($2::uuid[]) as t (id) order by id
           on conflict (subject_kind, subject_id) do update set since = excluded.since""",
        kind,
        sorted(set(ids)),
        now,
    )
