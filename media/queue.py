"""Puts a recording into the worker's queue, in the caller's transaction: either both happen, the
change of state and the job, or neither."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from backend.database import Tx, to_json

QUEUE, TASK = "media", "process_recording"
FLAGGED_FIRST = 10  # priority of a recording that a flagged case waits for


async def defer_processing(
    tx: Tx,
    recording_id: UUID,
    *,
    priority: int = 0,
    not_before: datetime | None = None,
    outages: int = 0,
    failures: int = 0,
) -> None:
    """One job, unless the same is waiting already. Jobs of one recording never run side by side;
    higher `priority` goes first. `outages` counts how often the store was found unavailable,
    `failures` how often the file itself made processing fail."""
    lock = f"recording:{recording_id}"
    await tx.execute(
        """select procrastinate_defer_jobs_v1(array[
               row($1, $2, $3, $4, null, $5::jsonb, $6)::procrastinate_job_to_defer_v1])
            where not exists (
               select from procrastinate_jobs
                where lock = $4 and task_name = $2 and status = 'todo' and attempts = 0
                  and priority >= $3)""",
        QUEUE,
        TASK,
        priority,
        lock,
        to_json({"recording_id": str(recording_id), "outages": outages, "failures": failures}),
        not_before,
    )
