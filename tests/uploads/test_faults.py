"""What may go wrong between a camera and the store does, and no byte is lost or counted twice."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from backend.database import Database, utc_now
from backend.errors import Refusal
from backend.people.access import Actor
from media import creation, receiving, tus, uploads
from media.receiving import Received, Server, receive, settle
from media.s3_store import S3Store
from media.store import StoreUnavailable
from media.uploads import Terms
from media.verify import Verified, verify_recording
from mobile_api.dock.client import settled_recording, upload
from tests.api.cast import House
from tests.uploads.conftest import Site
from tests.uploads.test_protocol import MIB, create, once_there, raw_patch, recording_of, send

TERMS = Terms(most=300 * MIB, days=14)


@pytest.fixture
async def camera(granian: Site) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        base_url=granian.url, headers=granian.device, timeout=60
    ) as client:
        yield client


@pytest.mark.parametrize("size", [1000, 6 * MIB, 13 * MIB])
async def test_a_disconnect_keeps_every_byte_that_arrived(
    camera: httpx.AsyncClient, granian: Site, noise: bytes, size: int
) -> None:
    url = await create(camera, len(noise))
    _, writer = await raw_patch(granian, url, 0, len(noise), noise[:size])
    writer.close()
    await writer.wait_closed()
    await once_there(granian, url, size)
    assert (await send(camera, url, size, noise[size:])).status_code == 204
    assert await granian.stored(await recording_of(granian, url)) == noise


class Faulty:
    """The real store, until it is told to fail: `fails` maps a method's name to how many of its
    calls fail from now on, `after` those that do their work first and fail to say so."""

    def __init__(self, store: S3Store) -> None:
        self.store = store
        self.fails: dict[str, int] = {}
        self.after: dict[str, int] = {}

    def __getattr__(self, name: str) -> Any:
        real = getattr(self.store, name)
        if name not in self.fails and name not in self.after:
            return real

        async def faulty(*values: Any, **named: Any) -> Any:
            if self._due(self.fails, name):
                raise StoreUnavailable(f"{name}: no answer")
            done = await real(*values, **named)
            if self._due(self.after, name):
                raise StoreUnavailable(f"{name}: the answer was lost")
            return done

        return faulty

    def _due(self, left: dict[str, int], name: str) -> bool:
        left[name] = left.get(name, 0) - 1
        return left[name] >= 0


class Bench:
    """Uploads without HTTP, on a store that fails when told to."""

    def __init__(self, database: Database, store: S3Store, house: House) -> None:
        self.store = Faulty(store)
        self.server = Server(database, self.store, TERMS, utc_now)
        self.actor = Actor(
            kind="device", id=house.device_id, department_id=house.department_id, name="巴特尔"
        )

    async def begin(self, length: int) -> UUID:
        request = tus.Request(method="POST", tus_resumable="1.0.0", upload_length=str(length))
        wanted = tus.decide_create(request, TERMS.limits)
        assert isinstance(wanted, tus.Create)
        async with self.server.database.transaction() as tx:
            return await creation.begin(tx, self.actor, wanted, TERMS, utc_now())

    async def standing(self, upload_id: UUID) -> uploads.Upload:
        async with self.server.database.snapshot() as tx:
            return await uploads.find(tx, upload_id)

    async def append(self, upload_id: UUID, data: bytes, upto: int | None = None) -> Received:
        """Sends `data` from where the upload stands, up to `upto`."""
        upload = await self.standing(upload_id)
        rest = data[upload.offset : upto]
        grant = tus.Append(
            offset=upload.offset, room=len(data) - upload.offset, length=upload.length
        )
        return await receive(self.server, upload_id, grant, in_chunks(rest))

    async def stored(self, upload_id: UUID) -> bytes:
        key = (await self.standing(upload_id)).object_key
        return b"".join([chunk async for chunk in self.store.store.open(key)])


async def in_chunks(data: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(data), 100_000):
        yield data[at : at + 100_000]


@pytest.fixture
async def bench(database: Database, store: S3Store, houses: tuple[House, House]) -> Bench:
    return Bench(database, store, houses[0])


@pytest.mark.parametrize("size", [1000, 21 * MIB])
@pytest.mark.parametrize("when", ["fails", "after"])
@pytest.mark.parametrize("call", ["put", "begin_parts", "put_part", "complete_parts"])
async def test_whatever_the_store_fails_at_the_upload_goes_on_and_is_whole(
    bench: Bench, noise: bytes, call: str, when: str, size: int
) -> None:
    data = noise[:size]
    upload_id = await bench.begin(size)
    setattr(bench.store, when, {call: 1})
    for _ in range(4):
        try:
            done = await bench.append(upload_id, data)
        except Refusal as refusal:
            assert refusal.kind == "store_unavailable"
        else:
            break
    assert done.finished
    assert await bench.stored(upload_id) == data


async def test_a_failing_store_loses_nothing_that_was_told_durable(
    bench: Bench, noise: bytes
) -> None:
    upload_id = await bench.begin(len(noise))
    await bench.append(upload_id, noise, upto=9 * MIB)
    bench.store.fails = {"put_part": 99, "put": 99}
    with pytest.raises(Refusal, match="store"):
        await bench.append(upload_id, noise)
    assert (await bench.standing(upload_id)).offset == 9 * MIB
    bench.store.fails = {}
    assert (await bench.append(upload_id, noise)).finished
    assert await bench.stored(upload_id) == noise


async def test_a_crash_between_the_stores_end_and_ours_is_healed_by_asking(
    bench: Bench, noise: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_id = await bench.begin(len(noise))

    async def crash(*_: object) -> None:
        raise KeyError("the process died here")

    with monkeypatch.context() as patched:
        patched.setattr(uploads, "finish", crash)
        with pytest.raises(KeyError):
            await bench.append(upload_id, noise)
    before = await bench.standing(upload_id)
    assert (before.state, before.offset) == ("open", len(noise))
    after = await settle(bench.server, before)
    assert after.state == "finished"
    assert await bench.stored(upload_id) == noise


async def test_parts_that_the_store_lost_are_sent_again(bench: Bench, noise: bytes) -> None:
    upload_id = await bench.begin(len(noise))
    await bench.append(upload_id, noise, upto=20 * MIB)
    upload = await bench.standing(upload_id)
    assert upload.store_upload_id is not None
    await bench.store.abort_parts(upload.object_key, upload.store_upload_id)
    with pytest.raises(Refusal, match="store"):
        await bench.append(upload_id, noise)
    assert (await bench.standing(upload_id)).offset == 0
    assert (await bench.append(upload_id, noise)).finished
    assert await bench.stored(upload_id) == noise


class Hanging:
    """The store, as a request in another process sees it: one call hangs on the way and lands
    late, with other bytes than were sent by then."""

    def __init__(self, store: S3Store, call: str) -> None:
        self.store, self.call = store, call
        self.begun, self.let_go = asyncio.Event(), asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        real = getattr(self.store, name)
        if name != self.call:
            return real

        async def late(*values: Any, **named: Any) -> Any:
            self.begun.set()
            await self.let_go.wait()
            *where, body = values
            return await real(*where, b"\0" * len(body), **named)

        return late


@pytest.mark.parametrize(
    ("call", "older_upto", "newer_upto"),
    [("put_part", 18 * MIB, 20 * MIB), ("put", 10 * MIB, 11 * MIB)],
    ids=["a part", "a tail"],
)
async def test_what_a_request_stores_after_it_lost_its_lease_changes_nothing(
    bench: Bench,
    houses: tuple[House, House],
    noise: bytes,
    call: str,
    older_upto: int,
    newer_upto: int,
) -> None:
    upload_id = await bench.begin(len(noise))
    await bench.append(upload_id, noise, upto=9 * MIB)
    elsewhere = Bench(bench.server.database, bench.store.store, houses[0])
    hanging = Hanging(bench.store.store, call)
    elsewhere.server = Server(bench.server.database, hanging, TERMS, utc_now)
    older = asyncio.create_task(elsewhere.append(upload_id, noise, upto=older_upto))
    await hanging.begun.wait()
    receiving._receiving.clear()  # it runs in another process, as far as ours knows
    assert (await bench.append(upload_id, noise, upto=newer_upto)).offset == newer_upto
    hanging.let_go.set()
    with pytest.raises(Refusal, match="newer request"):
        await older
    assert (await bench.append(upload_id, noise)).finished
    assert await bench.stored(upload_id) == noise


async def test_a_killed_server_goes_on_where_it_stood_when_it_is_back(
    camera: httpx.AsyncClient, granian: Site, tmp_path: Path
) -> None:
    data = secrets.token_bytes(60 * MIB)
    path = tmp_path / "long.mp4"
    path.write_bytes(data)
    assert granian.process is not None
    reached = asyncio.Event()

    def progress(offset: int) -> None:
        if offset >= 16 * MIB:
            reached.set()

    sending = asyncio.create_task(upload(camera, path, metadata={}, progress=progress))
    await reached.wait()
    granian.process.kill()
    granian.process.start()
    result = await sending
    assert await granian.stored(result.recording_id) == data
    assert (await granian.one("select count(*) as n from recordings"))["n"] == 1
    # Too large to be verified before the last answer: the worker does it, here by hand.
    verified = await verify_recording(
        granian.database, granian.store, granian.secret, result.recording_id, utc_now()
    )
    assert isinstance(verified, Verified)
    assert verified.sha256 == result.sha256
    told = await settled_recording(camera, result.recording_id, 0)
    assert told["receipt"] == verified.receipt


async def test_a_large_upload_in_one_request_never_stands_whole_in_memory(
    camera: httpx.AsyncClient, granian: Site
) -> None:
    assert granian.process is not None
    size = 200 * MIB

    async def body() -> AsyncIterator[bytes]:
        block = secrets.token_bytes(MIB)
        for _ in range(size // MIB):
            yield block

    await send(camera, await create(camera, 9 * MIB), 0, secrets.token_bytes(9 * MIB))  # warm
    before = granian.process.memory()
    url = await create(camera, size)
    answer = await send(camera, url, 0, body())
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, str(size))
    assert granian.process.memory() - before < 100 * MIB
