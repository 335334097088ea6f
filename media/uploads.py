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

from backend.database import Transactions, Tx, new_id
from backend.errors import Refusal, not_found
from backend.evidence.intake import never_came
from backend.evidence.recordings import received
from media import tus
from media.queue import defer_processing
from media.store import Part

LEASE = timedelta(minutes=2)
# What a person reads of a recording whose upload ended without all bytes, by the upload's state.
NEVER_CAME = {
    "expired": {
        "code": "upload_expired",
        "zh": "上传逾期未完成，未收到全部字节",
        "en": "the upload expired before all bytes had come",
    },
    "terminated": {
        "code": "upload_terminated",
        "zh": "上传被设备取消，未收到全部字节",
        "en": "the device ended the upload before all bytes had come",
    },
}
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
    recording_id: UUID | None  # a partial is no recording
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
    concat: str | None = None
    partials: tuple[UUID, ...] = ()

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


async def find(tx: Tx, upload_id: UUID) -> Upload:
    """`not_found` when there is none, `not_signed_in` when its device has been revoked."""
    revoked_at = await tx.fetchval(
        "select d.revoked_at from uploads u join devices d on d.id = u.device_id where u.id = $1",
        upload_id,
    )
    if revoked_at is not None:
        raise Refusal("not_signed_in", detail="设备已停用 / the device is revoked", where="device")
    return await stored_row(tx, upload_id)


async def stored_row(tx: Tx, upload_id: UUID) -> Upload:
    """`find` for the server's own work: a revoked device's bytes are bytes all the same."""
    row = await tx.fetchrow(f"{_SELECT} where u.id = $1", upload_id)
    if row is None:
        raise not_found("upload")
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
    upload = await stored_row(tx, upload_id)
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
    database: Transactions, upload_id: UUID, lease: UUID, store_upload_id: str | None
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
    database: Transactions, upload_id: UUID, lease: UUID, made: Progress, now: datetime
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


async def finish(
    database: Transactions, upload: Upload, lease: UUID, size: int, now: datetime
) -> None:
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
        if upload.recording_id is not None:
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


async def terminate(tx: Tx, upload_id: UUID, now: datetime) -> None:
    """No more bytes. What the store holds of it is the caller's to free; a finished one stays."""
    recording_id = await tx.fetchval(
        """update uploads set state = 'terminated', lease = null, idempotency_key = null
            where id = $1 and state in ('open', 'expired') returning recording_id""",
        upload_id,
    )
    if recording_id is not None:
        await never_came(tx, recording_id, reason=NEVER_CAME["terminated"], now=now)


async def expire(tx: Tx, now: datetime, most: int) -> int:
    """Ends at most `most` uploads whose time is over and that nobody writes to; how many.

    A finished partial waits for its final, as long as any upload waits for its bytes."""
    rows = await tx.fetch(
        """update uploads set state = 'expired', lease = null, lease_until = null
            where id in (
                select id from uploads u
                 where expires_at <= $1 and coalesce(lease_until, $1) <= $1
                   and ((state = 'open' and offset_bytes is distinct from length)
                     or (concat = 'partial' and state = 'finished' and not exists (
                           select from uploads f
                            where f.id = u.final_id and f.state in ('open', 'finished'))))
                 order by expires_at limit $2 for update skip locked)
            returning recording_id""",
        now,
        most,
    )
    for recording_id in [row["recording_id"] for row in rows if row["recording_id"]]:
        await never_came(tx, recording_id, reason=NEVER_CAME["expired"], now=now)
    return len(rows)


async def freed(tx: Tx, upload_id: UUID) -> None:
    """The store holds nothing of it any more."""
    await tx.execute("delete from upload_parts where upload_id = $1", upload_id)
    await tx.execute(
        """update uploads
              set store_upload_id = null, tail_key = null, tail_size = 0, object_key = null
            where id = $1 and (state in ('expired', 'terminated') or concat = 'partial')""",
        upload_id,
    )


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
select u.id, u.recording_id, u.device_id, coalesce(r.object_key, u.object_key) as object_key,
       u.concat, u.partials, u.length, u.offset_bytes, u.part_size,
       u.next_part, u.store_upload_id, u.tail_key, u.tail_size, u.lease, u.state, u.expires_at,
       u.metadata ->> 'raw' as raw, u.metadata ->> 'media_type' as media_type
  from uploads u left join recordings r on r.id = u.recording_id
"""


def _upload(row: Record) -> Upload:
    return Upload(
        id=row["id"],
        recording_id=row["recording_id"],
        device_id=row["device_id"],
        object_key=row["object_key"] or "",
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
        concat=row["concat"],
        partials=tuple(row["partials"] or ()),
    )
