"""Uploads as PostgreSQL knows them: it alone says how far one got and who may write on.

A request that appends holds a lease. Every write of its progress names that lease, so a newer
request ends an older one by taking it, in whatever process the older one hangs.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from asyncpg import Record

from backend.database import Database, Tx, from_json, new_id, to_json
from backend.errors import Refusal, not_found
from backend.evidence.recordings import create_recording, received
from backend.people.access import Actor
from media import tus
from media.keys import original_key
from media.metadata import SHANGHAI, BadMetadata, Claims, read_claims, suffix_of
from media.queue import defer_processing
from media.store import Part

LEASE = timedelta(minutes=2)
LEAST_PART = 8 * 1024 * 1024  # bytes
PLANNED_PARTS = 9000  # of the store's 10,000: the rest is for parts whose request died
MOST_OPEN = 2000  # uploads that one device may have begun and not finished
TRY_AGAIN = ("digest_mismatch", "object_missing")  # rejections after which the same file may come
_PURPOSE = b"quanji upload url v1"


class Terms(msgspec.Struct, frozen=True):
    """What this server takes: `most` bytes an upload, which lives `days` after its last byte."""

    most: int
    days: int

    @property
    def limits(self) -> tus.Limits:
        return tus.Limits(self.most)

    def expiry(self, now: datetime) -> datetime:
        return now + timedelta(days=self.days)


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """One row, with what it needs of its recording. Sizes in bytes; `tail_size` bytes at the end
    of `offset` lie under `tail_key`, the rest in parts."""

    id: UUID
    recording_id: UUID
    device_id: UUID
    object_key: str
    media_type: str
    length: int | None
    offset: int
    part_size: int
    next_part: int
    store_upload_id: str | None
    tail_key: str | None
    tail_size: int
    lease: UUID | None
    state: str
    expires_at: datetime
    metadata: str

    @property
    def standing(self) -> tus.Upload:
        return msgspec.convert(self, tus.Upload, from_attributes=True)


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """What one commit makes true: these parts and this tail are in the store."""

    offset: int
    parts: Sequence[Part] = ()
    tail_key: str | None = None
    tail_size: int = 0


class LeaseLost(Exception):
    """A newer request writes to this upload now."""


async def begin(tx: Tx, actor: Actor, wanted: tus.Create, terms: Terms, now: datetime) -> UUID:
    """The id of a new upload with its announced recording, or of the one that this device began
    under the same key. Refuses `bad_request`, `conflict` (another length), `too_many`."""
    try:
        claims = read_claims(wanted.metadata)
    except BadMetadata as e:
        raise Refusal("bad_request", detail=str(e), where="Upload-Metadata") from e
    # One creation of a device at a time: its count is right and its keys are taken once.
    await tx.fetchval("select id from devices where id = $1 for no key update", actor.id)
    if claims.key and (known := await _known(tx, actor.id, claims.key, wanted.length, now)):
        return known
    await _within_bounds(tx, actor.id)
    return await _insert(tx, actor, wanted, claims, terms, now)


async def find(tx: Tx, upload_id: UUID) -> Upload:
    """`not_found` when there is none, `not_signed_in` when its device has been revoked."""
    row = await tx.fetchrow(f"{_SELECT} where u.id = $1", upload_id)
    if row is None:
        raise not_found("upload")
    if row["revoked_at"] is not None:
        raise Refusal("not_signed_in", detail="设备已停用 / the device is revoked", where="device")
    return _upload(row)


async def take_lease(
    tx: Tx, upload_id: UUID, grant: tus.Append, terms: Terms, now: datetime
) -> tuple[UUID, Upload]:
    """Ends whoever held it. `offset_mismatch` when the upload has moved since the decision."""
    lease = new_id()
    taken = await tx.fetchval(
        """update uploads set lease = $2, lease_until = $3, expires_at = $4, length = $5
            where id = $1 and state = 'open' and offset_bytes = $6 returning id""",
        upload_id,
        lease,
        now + LEASE,
        terms.expiry(now),
        grant.length,
        grant.offset,
    )
    upload = await find(tx, upload_id)
    if taken is None:
        detail = f"the upload stands at {upload.offset}, not at {grant.offset}"
        headers = tus.standing(upload.standing)
        raise Refusal(
            "offset_mismatch", detail=detail, where="Upload-Offset", extra={"headers": headers}
        )
    return lease, upload


async def end_lease(tx: Tx, upload_id: UUID) -> Upload:
    """Nobody writes after this, so the offset that is told stays true."""
    upload = await find(tx, upload_id)
    if upload.lease is None:
        return upload
    await tx.execute(
        "update uploads set lease = null, lease_until = null where id = $1 and state = 'open'",
        upload_id,
    )
    return await find(tx, upload_id)


async def reserve_part(
    database: Database, upload_id: UUID, lease: UUID, store_upload_id: str | None
) -> int:
    """A part number that nobody had and nobody will get again. Raises LeaseLost."""
    async with database.transaction() as tx:
        number: int | None = await tx.fetchval(
            """update uploads set next_part = next_part + 1,
                      store_upload_id = coalesce($3, store_upload_id)
                where id = $1 and lease = $2 and state = 'open' returning next_part - 1""",
            upload_id,
            lease,
            store_upload_id,
        )
    if number is None:
        raise LeaseLost
    return number


async def commit(
    database: Database, upload_id: UUID, lease: UUID, made: Progress, now: datetime
) -> None:
    """The offset moves, because what it counts is durable. Raises LeaseLost."""
    async with database.transaction() as tx:
        moved = await tx.fetchval(
            """update uploads set offset_bytes = $3, tail_key = $4, tail_size = $5, lease_until = $6
                where id = $1 and lease = $2 and state = 'open' returning id""",
            upload_id,
            lease,
            made.offset,
            made.tail_key,
            made.tail_size,
            now + LEASE,
        )
        if moved is None:
            raise LeaseLost
        await tx.executemany(
            "insert into upload_parts (upload_id, number, etag, size) values ($1, $2, $3, $4)",
            [(upload_id, part.number, part.etag, part.size) for part in made.parts],
        )


async def parts_of(tx: Tx, upload_id: UUID) -> list[Part]:
    """The parts that count, in the order in which they make the object."""
    rows = await tx.fetch(
        "select number, etag, size from upload_parts where upload_id = $1 order by number",
        upload_id,
    )
    return [Part(row["number"], row["etag"], row["size"]) for row in rows]


async def finish(database: Database, upload: Upload, lease: UUID, size: int, now: datetime) -> None:
    """The object stands under its key: the upload is finished, the recording received and its
    processing queued, all at once. Raises LeaseLost."""
    async with database.transaction() as tx:
        finished = await tx.fetchval(
            """update uploads
                  set state = 'finished', finished_at = $3, offset_bytes = $4, length = $4,
                      lease = null, lease_until = null, tail_key = null, tail_size = 0
                where id = $1 and lease = $2 and state = 'open' returning id""",
            upload.id,
            lease,
            now,
            size,
        )
        if finished is None:
            raise LeaseLost
        await received(tx, upload.recording_id, size, now)
        await defer_processing(tx, upload.recording_id)


async def fall_back(tx: Tx, upload_id: UUID, lease: UUID, kept: Sequence[Part], gone: bool) -> None:
    """The store lost parts that we counted: the offset goes back to the end of those it `kept`,
    and the device sends the rest again. `gone`: the whole multipart upload is."""
    await tx.execute(
        "delete from upload_parts where upload_id = $1 and number <> all($2)",
        upload_id,
        [part.number for part in kept],
    )
    await tx.execute(
        """update uploads
              set offset_bytes = $3, tail_key = null, tail_size = 0, lease = null,
                  store_upload_id = case when $4 then null else store_upload_id end
            where id = $1 and lease = $2""",
        upload_id,
        lease,
        sum(part.size for part in kept),
        gone,
    )


async def terminate(tx: Tx, upload_id: UUID) -> Upload:
    """No more bytes. What the store holds of it is the caller's to free; a finished one stays."""
    upload = await find(tx, upload_id)
    await tx.execute(
        """update uploads set state = 'terminated', lease = null, idempotency_key = null
            where id = $1 and state in ('open', 'expired')""",
        upload_id,
    )
    return upload


def token_of(upload_id: UUID, secret: bytes) -> str:
    """The last part of an upload's URL. Who has it may write: it can't be guessed from the id."""
    seal = hmac.new(secret, _PURPOSE + upload_id.bytes, hashlib.sha256).hexdigest()[:32]
    return f"{upload_id.hex}{seal}"


def upload_of(token: str, secret: bytes) -> UUID:
    """`not_found` for a token that this server never gave out."""
    try:
        upload_id = UUID(hex=token[:32])
    except ValueError:
        raise not_found("upload") from None
    if not hmac.compare_digest(token.encode(), token_of(upload_id, secret).encode()):
        raise not_found("upload")
    return upload_id


_SELECT = """
select u.id, u.recording_id, u.device_id, r.object_key, u.length, u.offset_bytes, u.part_size,
       u.next_part, u.store_upload_id, u.tail_key, u.tail_size, u.lease, u.state, u.expires_at,
       u.metadata ->> 'raw' as raw, u.metadata ->> 'media_type' as media_type, d.revoked_at
  from uploads u join recordings r on r.id = u.recording_id join devices d on d.id = u.device_id
"""


def _upload(row: Record) -> Upload:
    return Upload(
        id=row["id"],
        recording_id=row["recording_id"],
        device_id=row["device_id"],
        object_key=row["object_key"],
        media_type=row["media_type"] or "application/octet-stream",
        length=row["length"],
        offset=row["offset_bytes"],
        part_size=row["part_size"],
        next_part=row["next_part"],
        store_upload_id=row["store_upload_id"],
        tail_key=row["tail_key"],
        tail_size=row["tail_size"],
        lease=row["lease"],
        state=row["state"],
        expires_at=row["expires_at"],
        metadata=row["raw"] or "",
    )


async def _known(
    tx: Tx, device_id: UUID, key: str, length: int | None, now: datetime
) -> UUID | None:
    """The upload begun under this key, if it can go on or is done; otherwise its key is freed."""
    row = await tx.fetchrow(
        """select u.id, u.length, u.state, u.expires_at, r.state_reason
             from uploads u join recordings r on r.id = u.recording_id
            where u.device_id = $1 and u.idempotency_key = $2""",
        device_id,
        key,
    )
    if row is None:
        return None
    reason = (from_json(row["state_reason"]) or {}).get("code")
    lives = row["state"] == "open" and row["expires_at"] > now
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
    tx: Tx, actor: Actor, wanted: tus.Create, claims: Claims, terms: Terms, now: datetime
) -> UUID:
    upload_id, recording_id = new_id(), new_id()
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
    await tx.execute(
        """insert into uploads (id, recording_id, device_id, idempotency_key, length, part_size,
                                metadata, state, created_at, expires_at)
           values ($1, $2, $3, $4, $5, $6, $7, 'open', $8, $9)""",
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
    )
    return upload_id


def part_size(length: int) -> int:
    """Bytes a part: large enough that the store's 10,000 suffice, parts of dead requests too."""
    return max(LEAST_PART, -(-length // PLANNED_PARTS))
