"""What can't be taken is kept as it came, and a person is told: nobody's edit just disappears."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from backend.database import Tx, new_id, to_json
from backend.flags.raising import Finding, raise_flag
from sync.lines import Line
from sync.ops import Reason
from sync.reading import Reading


async def quarantine(
    tx: Tx, line: Line, reading: Reading, reasons: Sequence[Reason], now: datetime
) -> None:
    """Once for the same content, however often it is sent."""
    kept = await tx.fetchval(
        """insert into quarantined_operations
               (id, op_id, device_id, content, content_sha256, reason, received_at)
           values ($1, $2, $3, $4, $5, $6, $7)
           on conflict (device_id, op_id, content_sha256) do nothing returning id""",
        new_id(),
        reading.op_id or "",
        line.device_id,
        to_json(reading.content),
        reading.sha256,
        to_json(reasons),
        now,
    )
    if kept is None:
        return
    finding = Finding(
        kind="operation_held",
        department_id=line.department_id,
        case_id=None,
        subject_kind="quarantined_operation",
        subject_id=kept,
        severity="warning",
        explanation={
            "zh": "操作未被采用，原样保留：" + "；".join(each.zh for each in reasons),
            "en": "Not taken, kept as it came: " + "; ".join(each.en for each in reasons),
            "device_id": str(line.device_id),
            "op_id": reading.op_id,
            "reasons": [f"{each.code} {each.field}".strip() for each in reasons],
        },
    )
    await raise_flag(tx, finding, now)
