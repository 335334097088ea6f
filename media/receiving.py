"""Takes a request body into the store, part by part, without ever holding more than two parts.

The order is always: the store has it → PostgreSQL says so → the device is told. Whatever breaks
in between, the offset counts durable bytes only. One part is stored while the next is received.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from uuid import UUID

import msgspec

from backend.database import Transactions
from backend.errors import Refusal
from media import tus, uploads
from media.keys import tail_key
from media.store import (
    MIN_PART,
    ObjectStore,
    Part,
    PartsRefused,
    StoreError,
    StoreUnavailable,
    UploadUnknown,
)
from media.turns import IDLE_S, Silent, Turn
from media.uploads import LeaseLost, Progress, Terms, Upload

MOST_NUMBER = 10_000  # S3's last part number

log = logging.getLogger("quanji.uploads")


class Disconnected(Exception):
    """The sender is gone; all bytes that arrived were handed over before this was raised."""


class Server(msgspec.Struct, frozen=True):
    """Where bytes and offsets go. `clock` is asked when things are durable, not when they began."""

    database: Transactions
    store: ObjectStore
    terms: Terms
    clock: Callable[[], datetime]


class Received(msgspec.Struct, frozen=True):
    """How the upload stands after a body."""

    offset: int
    finished: bool
    recording_id: UUID | None


# What this process is receiving; only so that a newer request finds an older one quickly. The
# lease in the database is what keeps the two apart, here and across processes.
_receiving: dict[UUID, Turn] = {}


async def receive(
    server: Server, upload_id: UUID, grant: tus.Append, body: AsyncIterator[bytes]
) -> Received:
    """Appends `body` as `grant` allows, and completes the object with its last byte.

    Refuses `checksum_mismatch` and `too_large` with the offset unmoved by what came after the last
    commit, `locked` when a newer request took over, `offset_mismatch` when the upload moved, and
    `store_unavailable`; Disconnected when the sender went away, with all it sent kept.
    """
    turn = Turn()
    older, _receiving[upload_id] = _receiving.get(upload_id), turn
    try:
        if older is not None:
            await older.end(keep=False)
        async with server.database.transaction() as tx:
            lease, upload = await uploads.take_lease(
                tx, upload_id, grant, server.terms, server.clock()
            )
        return await _Receiver(server, upload, lease, grant, turn).run(body)
    except LeaseLost as e:
        detail = "另一请求已接手 / a newer request took over"
        raise Refusal("locked", detail=detail, where="upload") from e
    except Silent as e:
        detail = f"{IDLE_S:.0f} 秒内没有数据 / nothing came for {IDLE_S:.0f} s"
        raise Refusal("timeout", detail=detail, where="body") from e
    except StoreError as e:
        log.warning("upload %s: %s", upload_id, e)
        detail = "对象存储没有应答，已存字节无损 / the store failed; what was stored stays"
        raise Refusal("store_unavailable", detail=detail, where="store") from e
    finally:
        turn.done.set()
        if _receiving.get(upload_id) is turn:
            del _receiving[upload_id]


async def end_older(upload_id: UUID, *, keep: bool) -> bool:
    """Asks this process's older request for the upload to end: with its bytes made durable
    (`keep`) or dropped. False when it hasn't within ENDING_S."""
    older = _receiving.get(upload_id)
    return older is None or await older.end(keep=keep)


async def settle(server: Server, upload: Upload) -> Upload:
    """An upload whose bytes are all here but whose end was lost to a crash is ended now."""
    if upload.state != "open" or upload.length is None or upload.offset != upload.length:
        return upload
    grant = tus.Append(offset=upload.offset, room=0, length=upload.length)
    await receive(server, upload.id, grant, _nothing())
    async with server.database.snapshot() as tx:
        return await uploads.stored_row(tx, upload.id)


async def free(server: Server, upload: Upload) -> None:
    """Gives back what the store holds of an upload that ended without an object."""
    if upload.store_upload_id is not None:
        await server.store.abort_parts(upload.object_key, upload.store_upload_id)
    if upload.tail_key is not None:
        await server.store.delete(upload.tail_key)
    if upload.concat == "partial" and upload.object_key:
        await server.store.delete(upload.object_key)


class _Receiver:
    """One body on its way into the store."""

    def __init__(
        self, server: Server, upload: Upload, lease: UUID, grant: tus.Append, turn: Turn
    ) -> None:
        self.server, self.upload, self.lease, self.grant = server, upload, lease, grant
        self.turn = turn
        self.store_upload_id = upload.store_upload_id
        self.in_parts = upload.offset - upload.tail_size  # bytes, stored parts included
        self.buffer = bytearray()
        self.received = 0
        self.hash = grant.checksum.start() if grant.checksum else None
        self.unproven: list[Part] = []  # stored, but the checksum is still to come
        self.storing: asyncio.Task[None] | None = None
        self.tail_key = upload.tail_key

    async def run(self, body: AsyncIterator[bytes]) -> Received:
        try:
            await self._load_tail()
            ended = await self._take_all(body)
            return await self._conclude(ended)
        finally:
            if self.storing is not None:
                await asyncio.gather(self.storing, return_exceptions=True)

    async def _load_tail(self) -> None:
        """The bytes that didn't fill a part go before the new ones."""
        if self.upload.tail_key is not None:
            async for chunk in self.server.store.open(
                self.upload.tail_key, 0, self.upload.tail_size
            ):
                self.buffer += chunk

    async def _take_all(self, body: AsyncIterator[bytes]) -> Exception | None:
        """Why the body ended, None when it came to its end."""
        try:
            async for chunk in self.turn.chunks(body):
                await self._take(chunk)
        except (Disconnected, LeaseLost, Silent) as e:
            return e
        return None

    async def _take(self, chunk: bytes) -> None:
        self.received += len(chunk)
        if self.received > self.grant.room:
            raise Refusal(
                "too_large",
                detail=f"超出长度 / more bytes than there is room for, {self.grant.room}",
                where="body",
                extra={"headers": {"Tus-Resumable": tus.VERSION}},
            )
        if self.hash is not None:
            self.hash.update(chunk)
        self.buffer += chunk
        # Strictly more: a file of one part is put in one go, without a multipart upload.
        while len(self.buffer) > self.upload.part_size:
            await self._settle_storing()
            part = bytes(memoryview(self.buffer)[: self.upload.part_size])
            del self.buffer[: self.upload.part_size]
            self.storing = asyncio.create_task(self._store(part))

    async def _settle_storing(self) -> None:
        if self.storing is not None:
            storing, self.storing = self.storing, None
            await storing

    async def _conclude(self, ended: Exception | None) -> Received:
        await self._settle_storing()
        if isinstance(ended, LeaseLost) and not self.turn.keep:
            raise ended
        if self.hash is not None and self.grant.checksum is not None:
            if ended is not None:
                raise ended  # what no checksum vouches for doesn't count
            self._prove(self.hash.digest(), self.grant.checksum)
        if self.grant.length == self.in_parts + len(self.buffer):
            return await self._finish()
        await self._keep_rest()
        if ended is not None:
            raise ended
        return Received(self.in_parts + len(self.buffer), False, self.upload.recording_id)

    def _prove(self, digest: bytes, checksum: tus.Checksum) -> None:
        if digest != checksum.digest:
            raise Refusal(
                "checksum_mismatch",
                detail=f"{checksum.algorithm} 不符，偏移未动 / differs; the offset has not moved",
                where="Upload-Checksum",
                extra={"headers": tus.standing(self.upload.standing)},
            )

    async def _store(self, part: bytes) -> None:
        store, key = self.server.store, self.upload.object_key
        begun = None
        if self.store_upload_id is None:
            begun = await store.begin_parts(key, content_type=self.upload.media_type)
            self.store_upload_id = begun
        number = await self._reserve(begun)
        try:
            stored = await store.put_part(key, self.store_upload_id, number, part)
        except UploadUnknown as e:
            raise await self._fallen_back(e) from e
        self.in_parts += len(part)
        self.unproven.append(stored)
        if self.hash is None:
            await self._commit(Progress(offset=self.in_parts, parts=self.unproven))

    async def _reserve(self, begun: str | None) -> int:
        try:
            return await uploads.reserve_part(
                self.server.database, self.upload.id, self.lease, begun
            )
        except LeaseLost:
            if begun is not None:
                await self.server.store.abort_parts(self.upload.object_key, begun)
            raise

    async def _commit(self, made: Progress) -> None:
        await uploads.commit(
            self.server.database, self.upload.id, self.lease, made, self.server.clock()
        )
        self.unproven = []
        old, self.tail_key = self.tail_key, made.tail_key
        if old is not None:
            await self._drop(old)

    async def _keep_rest(self) -> None:
        """What came after the last full part: a part if the store takes it as one and numbers
        last, a tail of its own otherwise."""
        if not self.received:
            return
        if self._may_be_part():
            rest = bytes(self.buffer)
            self.buffer.clear()
            await self._store(rest)
        if self.buffer or self.unproven:
            await self._commit_tail(await self._tail())

    async def _commit_tail(self, made: Progress) -> None:
        """A tail that came too late is nobody's: its key names this lease, so it can go."""
        try:
            await self._commit(made)
        except LeaseLost:
            if made.tail_key is not None:
                await self._drop(made.tail_key)
            raise

    def _may_be_part(self) -> bool:
        if len(self.buffer) < MIN_PART:
            return False
        most = self.server.terms.most if self.grant.length is None else self.grant.length
        used = self.upload.next_part + self.received // self.upload.part_size + 1
        return (MOST_NUMBER - used) * self.upload.part_size >= most - self.in_parts

    async def _tail(self) -> Progress:
        """The key names the lease: a late write of an older request can't touch a newer tail."""
        offset = self.in_parts + len(self.buffer)
        if not self.buffer:
            return Progress(offset=offset, parts=self.unproven)
        key = f"{tail_key(self.upload.id)}-{self.lease.hex}"
        await self.server.store.put(key, bytes(self.buffer))
        return Progress(
            offset=offset, parts=self.unproven, tail_key=key, tail_size=len(self.buffer)
        )

    async def _finish(self) -> Received:
        rest, size = bytes(self.buffer), self.in_parts + len(self.buffer)
        if not await self._put_at_once(rest):
            if rest:
                await self._store(rest)
            if self.unproven:
                await self._commit(Progress(offset=size, parts=self.unproven))
            await self._complete(size)
        await uploads.finish(
            self.server.database, self.upload, self.lease, size, self.server.clock()
        )
        if self.tail_key is not None:
            await self._drop(self.tail_key)
        return Received(size, True, self.upload.recording_id)

    async def _put_at_once(self, body: bytes) -> bool:
        """Small files need no multipart upload. Only the first request of all may do so: a second
        put of the same key could arrive after the first was verified."""
        if self.in_parts or self.store_upload_id is not None:
            return False
        if await self._reserve(None) > 1 and body:
            return False
        key, media_type = self.upload.object_key, self.upload.media_type
        await self.server.store.put(key, body, content_type=media_type)
        return True

    async def _complete(self, size: int) -> None:
        """Also after a crash between completing and saying so: then the object stands already."""
        store, key = self.server.store, self.upload.object_key
        try:
            await store.complete_parts(key, self.store_upload_id or "", await self._counted())
        except (UploadUnknown, PartsRefused) as e:
            facts = await store.stat(key)
            if facts is None or facts.size != size:
                raise await self._fallen_back(e) from e

    async def _counted(self) -> list[Part]:
        async with self.server.database.snapshot() as tx:
            return await uploads.parts_of(tx, self.upload.id)

    async def _fallen_back(self, e: StoreError) -> StoreUnavailable:
        """Parts that we counted are gone: from now on only what the store still has counts."""
        log.error("upload %s: the store lost parts: %s", self.upload.id, e)
        key, counted = self.upload.object_key, await self._counted()
        try:
            stored = set(await self.server.store.list_parts(key, self.store_upload_id or ""))
        except UploadUnknown:
            stored = set()
        kept = counted[: _held(counted, stored)]
        async with self.server.database.transaction() as tx:
            await uploads.fall_back(tx, self.upload.id, self.lease, kept, gone=not stored)
        return StoreUnavailable(f"{key}: parts are missing, back at {sum(p.size for p in kept)}")

    async def _drop(self, key: str) -> None:
        """An old tail that stays behind costs space, not data: the store is swept for it."""
        try:
            await self.server.store.delete(key)
        except StoreError as e:
            log.warning("tail %s stays behind: %s", key, e)


def _held(parts: list[Part], stored: set[Part]) -> int:
    """How many of `parts`, from the first, the store holds unchanged."""
    return next((i for i, part in enumerate(parts) if part not in stored), len(parts))


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield
