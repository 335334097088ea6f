"""Writes custody events, in the transaction that did what they tell of."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from backend.database import Tx, new_id, to_json


async def note(
    tx: Tx,
    kind: str,
    subject: tuple[str, UUID],
    *,
    actor: str,
    now: datetime,
    department_id: UUID | None = None,
    **body: Any,
) -> None:
    """Append one event: `kind` in the past tense (received, verified, viewed, judged …).

    `subject` is (kind, id), `actor` an `Actor.label` or the name of a part of the system.
    """
    await tx.execute(
        """insert into ledger_events
               (id, at, kind, department_id, subject_kind, subject_id, actor, body)
           values ($1, $2, $3, $4, $5, $6, $7, $8)""",
        new_id(),
        now,
        kind,
        department_id,
        *subject,
        actor,
        to_json(body),
    )
