"""The push: what a device sends becomes rows, one outcome for each operation, in one go or not
at all per chunk.

1. Take the device's chain: its pushes come one at a time.
2. Keep every operation as received, before anything is decided: held, for no reason yet.
3. What was here before answers with its stored outcome; a re-used id or number is quarantined.
4. In the order of the log: order → merge → apply. One that breaks is singled out by a savepoint.
5. Release what waited for what has landed.
6. Write the outcomes; flag what a person must see. The feed's numbers are taken last of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from asyncpg import Record

from backend.database import Database, Tx, new_id, to_json
from backend.errors import Refusal
from backend.people.access import Actor
from sync.holds import Landing, settle_landing
from sync.lines import Line, keep_chain, open_line, take_chain
from sync.operate import LOST, TRANSIENT, Result, held_for_gap, operate
from sync.ops import Outcome, Push, PushAnswer
from sync.order import in_chain
from sync.quarantine import quarantine
from sync.reading import Reading, read_operation, readable_id
from sync.reasons import reason

CHUNK = 200
TRIES = 6


async def accept(database: Database, actor: Actor, push: Push, now: datetime) -> PushAnswer:
    """Every operation gets an outcome, in the order sent. What is answered is on disk.

    Refuses `not_signed_in` when the device is revoked meanwhile; chunks answered before stay.
    """
    readings = [read_operation(bytes(raw), push.schema) for raw in push.operations]
    outcomes: list[Outcome] = []
    for begin in range(0, max(len(readings), 1), CHUNK):
        chunk = readings[begin : begin + CHUNK]
        outcomes += await _accept_patiently(database, actor, push.log, chunk, now)
    async with database.snapshot() as tx:
        epoch = await tx.fetchval("select epoch from sync_epochs order by begun_at desc limit 1")
    return PushAnswer(outcomes=outcomes, epoch=epoch)


async def _accept_patiently(
    database: Database, actor: Actor, log: str, chunk: Sequence[Reading], now: datetime
) -> list[Outcome]:
    """Two pushes that locked each other out are nobody's fault: the loser starts again. If an
    operation breaks, the chunk starts again with a savepoint around each, to single it out."""
    careful = False
    for _ in range(TRIES):
        try:
            return await _accept_chunk(database, actor, log, chunk, now, careful=careful)
        except TRANSIENT:
            continue
        except (Refusal, *LOST):
            raise
        except Exception:
            if careful:
                raise
            careful = True
    raise Refusal("too_many", detail="同时写入过多，请重试 / too much at once", where="operations")


async def _accept_chunk(
    database: Database,
    actor: Actor,
    log: str,
    chunk: Sequence[Reading],
    now: datetime,
    *,
    careful: bool,
) -> list[Outcome]:
    async with database.transaction() as tx:
        await _demand_enrolled(tx, actor)
        chain = await take_chain(tx, actor.id, log)
        boots = {each.op.boot_id for each in chunk if each.op and each.op.boot_id}
        line = await open_line(tx, actor.id, log, boots, chain=chain)
        line.careful = careful
        fresh = await _keep_as_received(tx, line, chunk, now)
        landing = Landing(line)
        for reading in sorted(fresh.values(), key=lambda each: each.device_seq or 0):
            await _take_up(tx, landing, reading, now)
        await settle_landing(tx, landing, now)
        await keep_chain(tx, line)
        return [await _answer(tx, line, landing, fresh, each, now) for each in chunk]


async def _demand_enrolled(tx: Tx, actor: Actor) -> None:
    """Holds off a revocation until this chunk is done; the next chunk will find it."""
    enrolled = await tx.fetchval(
        "select 1 from devices where id = $1 and revoked_at is null for key share", actor.id
    )
    if not enrolled:
        raise Refusal("not_signed_in", detail="设备已停用 / the device is revoked", where="token")


async def _keep_as_received(
    tx: Tx, line: Line, chunk: Sequence[Reading], now: datetime
) -> dict[int, Reading]:
    """Write what is new; keyed by its number. An id or number that is taken is not new.

    What has a number but no id is kept under an id of ours, so that the chain goes on.
    """
    ids: dict[UUID, Reading] = {}
    for reading in chunk:
        if reading.device_seq is not None:
            ids.setdefault(readable_id(reading.op_id) or new_id(), reading)
    rows = await tx.fetch(
        """insert into operations (op_id, device_id, log, device_seq, entity, entity_id, kind,
               content, content_sha256, occurred_at, received_at, status, outcome, decided_at)
           select op_id, $1, $2, seq, entity, entity_id, kind, content::jsonb, sha256,
                  occurred_at, $3, 'held', '{}', $3
             from unnest($4::uuid[], $5::bigint[], $6::text[], $7::uuid[], $8::text[],
                         $9::text[], $10::bytea[], $11::timestamptz[])
                  as t (op_id, seq, entity, entity_id, kind, content, sha256, occurred_at)
           on conflict do nothing returning op_id, device_seq""",
        line.device_id,
        line.log,
        now,
        *_columns(ids),
    )
    return {row["device_seq"]: ids[UUID(int=row["op_id"].int)] for row in rows}


def _columns(ids: dict[UUID, Reading]) -> list[list[Any]]:
    return [
        list(ids),
        [each.device_seq for each in ids.values()],
        [each.op.entity if each.op else "?" for each in ids.values()],
        [each.op.id if each.op else None for each in ids.values()],
        [each.op.kind if each.op else "?" for each in ids.values()],
        [to_json(each.content) for each in ids.values()],
        [each.sha256 for each in ids.values()],
        [each.op.occurred_at if each.op else None for each in ids.values()],
    ]


async def _take_up(tx: Tx, landing: Landing, reading: Reading, now: datetime) -> None:
    line, seq = landing.line, reading.device_seq or 0
    turn = in_chain(seq, line.chain)
    if reading.reasons or reading.op is None:
        landing.results[seq] = Result(outcome=_rejection(reading, now), flagged=True)
        await quarantine(tx, line, reading, reading.reasons, now)
    elif turn.action == "hold":
        landing.results[seq] = held_for_gap(line, reading.op, now)
        return
    else:
        result = await operate(tx, line, reading, now, now)
        landing.land(reading.op, result)
    if turn.action == "apply":
        line.chain = seq


def _rejection(reading: Reading, now: datetime) -> Outcome:
    op = reading.op
    return Outcome(
        op_id=reading.op_id,
        device_seq=reading.device_seq,
        status="rejected",
        entity=op.entity if op else None,
        id=str(op.id) if op else None,
        reasons=reading.reasons,
        received_at=now,
    )


async def _answer(
    tx: Tx,
    line: Line,
    landing: Landing,
    fresh: dict[int, Reading],
    reading: Reading,
    now: datetime,
) -> Outcome:
    seq = reading.device_seq
    if seq is not None and seq in fresh and fresh[seq].sha256 == reading.sha256:
        return landing.results[seq].outcome
    stored = await _stored(tx, line, reading)
    if stored is not None and stored["content_sha256"] == reading.sha256:
        return msgspec.json.decode(stored["outcome"], type=Outcome)
    if reading.reasons:
        await quarantine(tx, line, reading, reading.reasons, now)
        return _rejection(reading, now)
    why = (reason("op_id_reused" if stored or await _taken(tx, reading) else "seq_used"),)
    await quarantine(tx, line, reading, why, now)
    return msgspec.structs.replace(_rejection(reading, now), reasons=why)


async def _stored(tx: Tx, line: Line, reading: Reading) -> Record | None:
    """This device's own; another's operations are not told of."""
    return await tx.fetchrow(
        """select content_sha256, outcome from operations
            where device_id = $1 and (op_id = $2
                  or (log = $3 and device_seq = $4 and content_sha256 = $5))""",
        line.device_id,
        readable_id(reading.op_id),
        line.log,
        reading.device_seq,
        reading.sha256,
    )


async def _taken(tx: Tx, reading: Reading) -> bool:
    found = await tx.fetchval(
        "select 1 from operations where op_id = $1", readable_id(reading.op_id)
    )
    return found is not None
