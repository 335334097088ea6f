"""Begins uploads: a row, an announced recording, a key in the store; once per device and key."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from backend.database import Tx, from_json, new_id, to_json
from backend.errors import Refusal
from backend.evidence.recordings import create_recording
from backend.people.access import Actor
from media import tus
from media.keys import original_key, partial_key
from media.metadata import SHANGHAI, BadMetadata, Claims, read_claims, suffix_of
from media.uploads import Terms, Upload

LEAST_PART = 8 * 1024 * 1024  # bytes
PLANNED_PARTS = 9000  # of the store's 10,000: the rest is for parts whose request died
MOST_OPEN = 2000  # uploads that one device may have begun and not finished
TRY_AGAIN = ("digest_mismatch", "object_missing")  # rejections after which the same file may come


async def begin(tx: Tx, actor: Actor, wanted: tus.Create, terms: Terms, now: datetime) -> UUID:
    """The id of a new upload with its announced recording, or of the one that this device began
    under the same key. A partial has neither recording nor key: its final will.

    Refuses `bad_request`, `conflict` (another length), `too_many`."""
    claims = _claims(wanted.metadata)
    await _one_at_a_time(tx, actor)
    if wanted.partial:
        claims = msgspec.structs.replace(claims, key=None)
    elif claims.key and (known := await _known(tx, actor.id, claims.key, wanted.length, now)):
        return known
    await _within_bounds(tx, actor.id)
    return await _insert(tx, actor, wanted, claims, terms, now)


async def begin_final(
    tx: Tx,
    actor: Actor,
    wanted: tus.Compose,
    partials: Sequence[Upload],
    terms: Terms,
    now: datetime,
) -> UUID:
    """The id of a new final upload of these finished `partials`, or of the one that was begun with
    the same ones or that finished under the same key.

    Refuses `bad_request`, `too_large`, `conflict` (another final has one of them), `too_many`."""
    claims = _claims(wanted.metadata)
    length = sum(partial.offset for partial in partials)
    if length > terms.most:
        detail = f"{length} > {terms.most} 字节 / bytes"
        raise Refusal("too_large", detail=detail, where="Upload-Concat")
    await _one_at_a_time(tx, actor)
    ids = [partial.id for partial in partials]
    if begun := await _begun_of(tx, actor.id, ids, now):
        return begun
    if claims.key and (known := await _known(tx, actor.id, claims.key, length, now, final=True)):
        return known
    await _within_bounds(tx, actor.id)
    whole = tus.Create(
        length=length, metadata=wanted.metadata, raw_metadata=wanted.raw_metadata, append=None
    )
    final_id = await _insert(tx, actor, whole, claims, terms, now, ids)
    await tx.execute(
        "update uploads set final_id = $1 where id = any($2)",
        final_id,
        ids,
    )
    return final_id


async def _begun_of(tx: Tx, device_id: UUID, ids: list[UUID], now: datetime) -> UUID | None:
    """The living final of exactly these partials."""
    rows = await tx.fetch(
        """select distinct f.id, f.partials from uploads p join uploads f on f.id = p.final_id
            where p.id = any($1) and f.device_id = $2
              and (f.state = 'finished' or (f.state = 'open' and f.expires_at > $3))""",
        ids,
        device_id,
        now,
    )
    if not rows:
        return None
    if len(rows) == 1 and list(rows[0]["partials"]) == ids:
        found: UUID = rows[0]["id"]
        return found
    detail = "分段已用于另一个合并 / another final upload has some of these partials"
    raise Refusal("conflict", detail=detail, where="Upload-Concat")


def _claims(metadata: dict[str, str]) -> Claims:
    try:
        return read_claims(metadata)
    except BadMetadata as e:
        raise Refusal("bad_request", detail=str(e), where="Upload-Metadata") from e


async def _one_at_a_time(tx: Tx, actor: Actor) -> None:
    """One creation of a device at a time: its count is right and its keys are taken once."""
    await tx.fetchval("select id from devices where id = $1 for no key update", actor.id)


async def _known(
    tx: Tx, device_id: UUID, key: str, length: int | None, now: datetime, *, final: bool = False
) -> UUID | None:
    """The upload begun under this key, if it can go on or is done; otherwise its key is freed.

    Only a plain upload goes on by its key; a final is found by its partials until it is done."""
    row = await tx.fetchrow(
        """select u.id, u.length, u.state, u.expires_at, u.concat, r.state_reason
             from uploads u join recordings r on r.id = u.recording_id
            where u.device_id = $1 and u.idempotency_key = $2""",
        device_id,
        key,
    )
    if row is None:
        return None
    reason = (from_json(row["state_reason"]) or {}).get("code")
    plain = not final and row["concat"] is None
    lives = plain and row["state"] == "open" and row["expires_at"] > now
    if not lives and (row["state"] != "finished" or reason in TRY_AGAIN):
        await tx.execute("update uploads set idempotency_key = null where id = $1", row["id"])
        return None
    if None not in (length, row["length"]) and length != row["length"]:
        detail = f"key {key!r} names an upload of {row['length']} bytes"
        raise Refusal("conflict", detail=detail, where="Upload-Length")
    found: UUID = row["id"]
    return found


async def _within_bounds(tx: Tx, device_id: UUID) -> None:
    begun = await tx.fetchval(
        "select count(*) from uploads where device_id = $1 and state = 'open'", device_id
    )
    if begun >= MOST_OPEN:
        raise Refusal(
            "too_many",
            detail=f"该设备有 {begun} 个未完成的上传 / {begun} uploads are begun and not finished",
            where="device",
            extra={"retry_after": 60},
        )


async def _insert(
    tx: Tx,
    actor: Actor,
    wanted: tus.Create,
    claims: Claims,
    terms: Terms,
    now: datetime,
    partials: list[UUID] | None = None,
) -> UUID:
    upload_id = new_id()
    recording_id = None if wanted.partial else await _announce(tx, actor, claims, now)
    concat = "partial" if wanted.partial else "final" if partials else None
    await tx.execute(
        """insert into uploads (id, recording_id, device_id, idempotency_key, length, part_size,
                                metadata, state, created_at, expires_at, concat, object_key,
                                partials)
           values ($1, $2, $3, $4, $5, $6, $7, 'open', $8, $9, $10, $11, $12)""",
        upload_id,
        recording_id,
        actor.id,
        claims.key,
        wanted.length,
        part_size(terms.most if wanted.length is None else wanted.length),
        to_json(
            {
                "raw": wanted.raw_metadata,
                "media_type": claims.media_type,
                "monotonic_ms": claims.monotonic_ms,
                "said": wanted.metadata,
            }
        ),
        now,
        terms.expiry(now),
        concat,
        partial_key(upload_id) if wanted.partial else None,
        partials,
    )
    return upload_id


async def _announce(tx: Tx, actor: Actor, claims: Claims, now: datetime) -> UUID:
    recording_id = new_id()
    code = await tx.fetchval("select code from departments where id = $1", actor.department_id)
    await create_recording(
        tx,
        id=recording_id,
        department_id=actor.department_id,
        device_id=actor.id,
        file_name=claims.file_name,
        media_kind=claims.media_kind,
        object_key=original_key(
            code, now.astimezone(SHANGHAI).date(), recording_id, suffix_of(claims.file_name)
        ),
        declared_sha256=claims.sha256,
        declared_begin=claims.begin,
        declared_boot_id=claims.boot_id,
        case_id=claims.case_id,
        now=now,
    )
    return recording_id


def part_size(length: int) -> int:
    """Bytes a part: large enough that the store's 10,000 suffice, parts of dead requests too."""
    return max(LEAST_PART, -(-length // PLANNED_PARTS))
