"""Direct uploads over HTTP: begin → part URLs on demand → complete. Plain JSON, no tus headers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import delete, get, post

from backend.database import Database, utc_now
from backend.people.access import DEVICE, Actor
from backend.settings import Settings
from media import direct
from media.receiving import Server
from media.store import ObjectStore
from media.uploads import Terms, Upload

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-fA-F]{64}$")]


class DirectUpload(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A file to be uploaded. `length` in bytes; `begin` ISO 8601, by the device's own clock; `key`
    is the device's name for the file: the same key finds the same upload again."""

    file_name: str
    length: Count
    sha256: Sha256
    media_type: str | None = None
    media_kind: str | None = None
    begin: datetime | None = None
    boot_id: str | None = None
    monotonic_ms: Count | None = None
    case_id: UUID | None = None
    key: str | None = None

    def said(self) -> dict[str, str]:
        """As tus metadata says it."""
        given = msgspec.structs.asdict(self)
        names = {"file_name": "filename", "media_type": "filetype"}
        return {
            names.get(name, name): value.isoformat() if isinstance(value, datetime) else str(value)
            for name, value in given.items()
            if value is not None and name != "length"
        }


class Parts(msgspec.Struct, forbid_unknown_fields=True):
    """Numbers count from 1."""

    numbers: list[int]


class EtagOfPart(msgspec.Struct, forbid_unknown_fields=True):
    number: int
    etag: str


class Completion(msgspec.Struct, forbid_unknown_fields=True):
    """ETags as the store answered them: needed only for parts that were put twice with other
    bytes, checked wherever they are given."""

    parts: list[EtagOfPart] = []


class Standing(msgspec.Struct):
    """How an upload stands. `held` are the part numbers that the store has and that fit."""

    upload_id: UUID
    recording_id: UUID | None
    state: str
    length: int | None
    part_size: int
    parts: int
    held: list[int]
    wrong_size: list[int]
    expires_at: datetime


@post("/api/device/direct", opt={"who": DEVICE}, status_code=201)
async def begin_direct(
    data: DirectUpload,
    actor: Actor,
    database: Database,
    store: ObjectStore,
    settings: Settings,
    now: datetime,
) -> Standing:
    """Begin an upload straight to the store, or find the one begun under the same key."""
    server = _server(database, store, settings)
    async with database.transaction() as tx:
        upload_id = await direct.begin(tx, actor, data.length, data.said(), server.terms, now)
        upload = await direct.owned(tx, actor, upload_id)
    return await _standing(server, upload)


@get("/api/device/direct/{upload_id:uuid}", opt={"who": DEVICE})
async def direct_standing(
    upload_id: UUID, actor: Actor, database: Database, store: ObjectStore, settings: Settings
) -> Standing:
    """Which parts the store holds: what to go on with, days later too."""
    server = _server(database, store, settings)
    return await _standing(server, await _upload(database, actor, upload_id))


@post("/api/device/direct/{upload_id:uuid}/parts", opt={"who": DEVICE}, status_code=200)
async def direct_part_urls(
    upload_id: UUID,
    data: Parts,
    actor: Actor,
    database: Database,
    store: ObjectStore,
    settings: Settings,
    now: datetime,
) -> dict[str, Any]:
    """Short-lived URLs to PUT these parts to, each with the bytes it must hold."""
    server = _server(database, store, settings)
    upload = await _upload(database, actor, upload_id)
    urls = await direct.part_urls(server, upload, data.numbers, now)
    return {"parts": urls, "expires_at": now + direct.URL_LASTS}


@post("/api/device/direct/{upload_id:uuid}/complete", opt={"who": DEVICE}, status_code=200)
async def complete_direct(
    upload_id: UUID,
    data: Completion,
    actor: Actor,
    database: Database,
    store: ObjectStore,
    settings: Settings,
    now: datetime,
) -> Standing:
    """All parts are there: make the object. GET /api/device/recordings/{recording_id} has the
    receipt once the server has read it back."""
    server = _server(database, store, settings)
    upload = await _upload(database, actor, upload_id)
    etags = {part.number: part.etag.strip('"') for part in data.parts}
    await direct.complete(server, upload, etags, now)
    return await _standing(server, await _upload(database, actor, upload_id))


@delete("/api/device/direct/{upload_id:uuid}", opt={"who": DEVICE}, status_code=204)
async def abort_direct(
    upload_id: UUID, actor: Actor, database: Database, store: ObjectStore, settings: Settings
) -> None:
    """End an unfinished upload and free its parts."""
    upload = await _upload(database, actor, upload_id)
    await direct.abort(_server(database, store, settings), upload)


def _server(database: Database, store: ObjectStore, settings: Settings) -> Server:
    terms = Terms(settings.max_upload_bytes, settings.upload_days)
    return Server(database, store, terms, utc_now)


async def _upload(database: Database, actor: Actor, upload_id: UUID) -> Upload:
    async with database.snapshot() as tx:
        return await direct.owned(tx, actor, upload_id)


async def _standing(server: Server, upload: Upload) -> Standing:
    found = await direct.held(server, upload)
    count = direct.count_of(upload)
    return Standing(
        upload_id=upload.id,
        recording_id=upload.recording_id,
        state=upload.state,
        length=upload.length,
        part_size=upload.part_size,
        parts=count,
        held=list(range(1, count + 1)) if found.complete else sorted([*found.parts, *found.twice]),
        wrong_size=sorted(found.wrong),
        expires_at=upload.expires_at,
    )


DIRECT_ROUTES = [
    begin_direct,
    direct_standing,
    direct_part_urls,
    complete_direct,
    abort_direct,
]
