"""What uploads leave behind: ends lost to a crash, uploads that nobody came back to, and what the
store still holds of either. A sweep: run again it does nothing more, run twice at once no harm."""

from __future__ import annotations

import logging
from datetime import datetime
from uuid import UUID

from backend.errors import Refusal
from media import uploads
from media.receiving import Server, free, settle
from media.store import StoreError

MOST = 200  # uploads a sweep and kind of work
log = logging.getLogger("quanji.uploads")


async def tidy_uploads(server: Server, now: datetime) -> int:
    """Ends what is complete, expires what is overdue, frees what ended; how many it treated.

    An upload that someone writes to (its lease still runs) is left alone."""
    ended = [await _settled(server, upload_id) for upload_id in await _complete(server, now)]
    async with server.database.transaction() as tx:
        expired = await uploads.expire(tx, now, MOST)
    freed = [await release(server, upload_id) for upload_id in await _held(server)]
    return sum(ended) + expired + sum(freed)


async def _complete(server: Server, now: datetime) -> list[UUID]:
    """All bytes are here, and the process died before it could say so."""
    async with server.database.snapshot() as tx:
        rows = await tx.fetch(
            """select id from uploads
                where state = 'open' and offset_bytes = length
                  and coalesce(lease_until, created_at) < $1 order by created_at limit $2""",
            now,
            MOST,
        )
    return [row["id"] for row in rows]


async def _settled(server: Server, upload_id: UUID) -> bool:
    try:
        async with server.database.snapshot() as tx:
            upload = await uploads.stored_row(tx, upload_id)
        return (await settle(server, upload)).state == "finished"
    except Refusal as refusal:
        log.warning("upload %s can't be ended now: %s", upload_id, refusal)
        return False


async def _held(server: Server) -> list[UUID]:
    async with server.database.snapshot() as tx:
        rows = await tx.fetch(
            """select id from uploads u
                where (state in ('expired', 'terminated')
                       and coalesce(store_upload_id, tail_key, object_key) is not null)
                   or (object_key is not null and exists (
                         select from uploads f where f.id = u.final_id and f.state = 'finished'))
                limit $1""",
            MOST,
        )
    return [row["id"] for row in rows]


async def release(server: Server, upload_id: UUID) -> bool:
    """Frees what the store holds of an ended upload; False when that has to wait.

    The store first: a crash in between frees it once more."""
    async with server.database.snapshot() as tx:
        upload = await uploads.stored_row(tx, upload_id)
    try:
        await free(server, upload)
    except StoreError as e:
        log.warning("upload %s can't be freed now: %s", upload_id, e)
        return False
    async with server.database.transaction() as tx:
        await uploads.freed(tx, upload_id)
    return True
