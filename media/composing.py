"""Makes a final upload of its partials, within the store as far as it can (`media.concat`).

Part by part, each committed like a part that was received: whatever breaks, the same request goes
on where it stood.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from uuid import UUID

from backend.database import Tx
from backend.errors import Refusal, not_found
from backend.people.access import Actor
from media import tus, uploads
from media.concat import Step, plan_parts, size_of
from media.receiving import Server, settle
from media.store import Part, StoreError, UploadUnknown
from media.uploads import LeaseLost, Progress, Upload

log = logging.getLogger("quanji.uploads")


async def finished_partials(
    server: Server, actor: Actor, partial_ids: Sequence[UUID]
) -> list[Upload]:
    """The device's partial uploads, all complete. `not_found` for another device's, `bad_request`
    for one that is no partial, `conflict` naming the first that is not finished, `gone`."""
    found = []
    async with server.database.snapshot() as tx:
        known = {partial_id: await _own(tx, actor, partial_id) for partial_id in set(partial_ids)}
    for number, partial_id in enumerate(partial_ids, start=1):
        partial = await settle(server, known[partial_id])
        if partial.state in ("expired", "terminated"):
            detail = f"第 {number} 个分段已失效 / partial upload {number} has ended"
            raise Refusal("gone", detail=detail, where="Upload-Concat")
        if partial.state != "finished":
            detail = f"第 {number} 个分段未传完 / partial upload {number} is not finished"
            raise Refusal("conflict", detail=detail, where="Upload-Concat")
        found.append(partial)
    return found


async def _own(tx: Tx, actor: Actor, partial_id: UUID) -> Upload:
    partial = await uploads.find(tx, partial_id)
    if partial.device_id != actor.id:
        raise not_found("upload")
    if partial.concat != "partial":
        detail = "只有 partial 上传可以合并 / only partial uploads are concatenated"
        raise Refusal("bad_request", detail=detail, where="Upload-Concat")
    return partial


async def compose(server: Server, final: Upload) -> Upload:
    """The final, finished. `locked` when another request composes it now, `store_unavailable`
    with all that was copied kept."""
    try:
        done = await settle(server, await _copy(server, final))
    except LeaseLost as e:
        detail = "另一请求已接手 / a newer request took over"
        raise Refusal("locked", detail=detail, where="upload") from e
    except StoreError as e:
        log.warning("final upload %s: %s", final.id, e)
        detail = "对象存储没有应答，已存字节无损 / the store failed; what was stored stays"
        raise Refusal("store_unavailable", detail=detail, where="store") from e
    return done


async def _copy(server: Server, final: Upload) -> Upload:
    """The final with all its parts in the store."""
    grant = tus.Append(offset=final.offset, room=0, length=final.length)
    async with server.database.transaction() as tx:
        lease, final = await uploads.take_lease(tx, final.id, grant, server.terms, server.clock())
        partials = [await uploads.stored_row(tx, one) for one in final.partials]
    end = 0
    for step in plan_parts([partial.offset for partial in partials]):
        end += size_of(step)
        if end <= final.offset:
            continue
        part = await _part(server, final, lease, step, partials)
        made = Progress(offset=end, parts=[part])
        await uploads.commit(server.database, final.id, lease, made, server.clock())
    async with server.database.snapshot() as tx:
        return await uploads.stored_row(tx, final.id)


async def _part(
    server: Server, final: Upload, lease: UUID, step: Step, partials: Sequence[Upload]
) -> Part:
    store, key = server.store, final.object_key
    begun, number = await _reserve(server, final.id, lease)
    try:
        if len(step) == 1:
            [piece] = step
            source = partials[piece.index].object_key
            return await store.copy_part(key, begun, number, source, piece.start, piece.length)
        body = bytearray()
        for piece in step:
            source = partials[piece.index].object_key
            async for chunk in store.open(source, piece.start, piece.length):
                body += chunk
        return await store.put_part(key, begun, number, bytes(body))
    except UploadUnknown:
        # The store lost the parts; the partials are there still, so all is copied again.
        async with server.database.transaction() as tx:
            await uploads.fall_back(tx, final.id, lease, [], gone=True)
        raise


async def _reserve(server: Server, final_id: UUID, lease: UUID) -> tuple[str, int]:
    """The multipart upload in the store, begun if it wasn't, and a number for a part."""
    async with server.database.snapshot() as tx:
        final = await uploads.stored_row(tx, final_id)
    begun = final.store_upload_id
    new = begun is None
    if begun is None:
        begun = await server.store.begin_parts(final.object_key, content_type=final.media_type)
    try:
        number = await uploads.reserve_part(
            server.database, final_id, lease, begun if new else None
        )
    except LeaseLost:
        if new:
            await server.store.abort_parts(final.object_key, begun)
        raise
    return begun, number
