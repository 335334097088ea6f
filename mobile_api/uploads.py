"""tus over HTTP: reads the request, asks `media.tus`, lets `media.receiving` carry it out.

An upload's URL is a capability: who has it may write, so a client that forgets its token on HEAD
still learns the offset, and a revoked device's URLs stop working all the same.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Request, Response, delete, get, head, patch, post, route
from litestar.exceptions import InternalServerException

from backend.database import UNAVAILABLE, Database, utc_now
from backend.errors import Refusal
from backend.people.access import ANYONE, DEVICE, Actor
from backend.settings import Settings
from media import composing, creation, receiving, tus, uploads
from media.concat import PATH
from media.receipts import published_keys
from media.receiving import Disconnected, Received, Server
from media.store import ObjectStore, StoreUnavailable
from media.tidying import release
from media.uploads import Terms, Upload
from media.verify import SMALL, told_of, verify_recording

Incoming = Request[Any, Any, Any]
Outgoing = Response[None]
log = logging.getLogger("quanji.uploads")


@route(
    ["/api/uploads", "/api/uploads/{token:str}"],
    http_method=["OPTIONS"],
    opt={"who": ANYONE},
    status_code=204,
)
async def upload_options(settings: Settings) -> Outgoing:
    """The extensions, checksums and largest size that this server offers."""
    return _answer(tus.tell_options(_terms(settings).limits))


@post("/api/uploads", opt={"who": DEVICE}, status_code=201, request_max_body_size=None)
async def create_upload(
    request: Incoming,
    actor: Actor,
    database: Database,
    store: ObjectStore,
    settings: Settings,
    secret: bytes,
    now: datetime,
) -> Outgoing:
    """Begin an upload, with or without its first bytes; `Location` is where it goes on."""
    terms = _terms(settings)
    decided = tus.decide_create(_read(request), terms.limits)
    if isinstance(decided, tus.Refuse):
        raise _refusal(decided)
    server = Server(database, store, terms, utc_now)
    if isinstance(decided, tus.Compose):
        final = await _compose(server, actor, decided, secret, now)
        headers = {**_headers(final), "Location": _location(final.id, settings, secret)}
        return Response(None, status_code=201, headers=headers)
    async with database.transaction() as tx:
        upload_id = await creation.begin(tx, actor, decided, terms, now)
        upload = await uploads.find(tx, upload_id)
    headers = {**_headers(upload), "Location": _location(upload_id, settings, secret)}
    # A creation asked for again finds its upload further on: then its body is not needed.
    if decided.append is None or upload.offset or upload.state != "open":
        return Response(None, status_code=201, headers=headers)
    try:
        done = await _take(server, upload_id, decided.append, request, secret)
    except Refusal as refusal:
        refusal.extra["headers"] = {**refusal.extra.get("headers", {}), **headers}
        raise
    return Response(None, status_code=201, headers={**headers, "Upload-Offset": str(done.offset)})


def _ask_again(request: Incoming, error: Exception) -> Outgoing:
    """Nobody can tell now whether the upload lives: tus-js-client would start over on a 5xx."""
    log.warning("database unavailable: HEAD %s: %s", request.url.path, error)
    return Response(None, status_code=423, headers={"Tus-Resumable": tus.VERSION})


@head(
    "/api/uploads/{token:str}",
    opt={"who": ANYONE},
    exception_handlers=dict.fromkeys(UNAVAILABLE, _ask_again),
)
async def upload_offset(
    token: str,
    request: Incoming,
    database: Database,
    store: ObjectStore,
    settings: Settings,
    secret: bytes,
    now: datetime,
) -> Outgoing:
    """How far the upload is. Whoever asks means to go on: an older request's lease ends here."""
    upload_id = uploads.upload_of(token, secret)
    server = Server(database, store, _terms(settings), utc_now)
    ended = await receiving.end_older(upload_id, keep=True)
    async with database.transaction() as tx:
        upload = await (uploads.end_lease if ended else uploads.find)(tx, upload_id)
    decided = tus.decide_head(_read(request), upload.standing, now)
    if isinstance(decided, tus.Refuse):
        raise _refusal(decided)
    if not ended:
        return Response(None, status_code=423, headers={"Tus-Resumable": tus.VERSION})
    try:
        upload = await receiving.settle(server, upload)
    except Refusal as refusal:
        log.warning("upload %s can't be ended now: %s", upload_id, refusal)
        return Response(None, status_code=423, headers={"Tus-Resumable": tus.VERSION})
    headers = {**decided.headers, **_headers(upload), **_concat(upload, secret)}
    return Response(None, status_code=200, headers=headers)


@patch("/api/uploads/{token:str}", opt={"who": ANYONE}, status_code=204, request_max_body_size=None)
async def append_to_upload(
    token: str,
    request: Incoming,
    database: Database,
    store: ObjectStore,
    settings: Settings,
    secret: bytes,
    now: datetime,
) -> Outgoing:
    """Take the next bytes. What can be refused is refused before the body is read."""
    server = Server(database, store, _terms(settings), utc_now)
    return await _append(uploads.upload_of(token, secret), request, server, secret, now)


@delete("/api/uploads/{token:str}", opt={"who": ANYONE}, status_code=204)
async def terminate_upload(
    token: str,
    request: Incoming,
    database: Database,
    store: ObjectStore,
    settings: Settings,
    secret: bytes,
) -> Outgoing:
    """End an unfinished upload and free what it holds."""
    server = Server(database, store, _terms(settings), utc_now)
    return await _terminate(uploads.upload_of(token, secret), request, server)


@post("/api/uploads/{token:str}", opt={"who": ANYONE}, status_code=204, request_max_body_size=None)
async def override_method(
    token: str,
    request: Incoming,
    database: Database,
    store: ObjectStore,
    settings: Settings,
    secret: bytes,
    now: datetime,
) -> Outgoing:
    """PATCH or DELETE for networks that let neither through: X-HTTP-Method-Override."""
    server = Server(database, store, _terms(settings), utc_now)
    upload_id, method = uploads.upload_of(token, secret), _read(request).method
    if method == "PATCH":
        return await _append(upload_id, request, server, secret, now)
    if method == "DELETE":
        return await _terminate(upload_id, request, server)
    raise Refusal(
        "method_not_allowed",
        detail="PATCH 或 DELETE / only PATCH or DELETE",
        where="X-HTTP-Method-Override",
    )


@get("/api/device/recordings/{recording_id:uuid}", opt={"who": DEVICE})
async def recording_of_device(
    recording_id: UUID, actor: Actor, database: Database
) -> dict[str, Any]:
    """State of a recording that this device uploaded, and its receipt when there is one."""
    async with database.snapshot() as tx:
        return await told_of(tx, recording_id, actor.id)


@get("/.well-known/quanji-receipts.json", opt={"who": ANYONE})
async def receipt_keys(secret: bytes) -> dict[str, Any]:
    """The public keys that receipts are checked with, a JWK set."""
    return published_keys(secret)


async def _compose(
    server: Server, actor: Actor, wanted: tus.Compose, secret: bytes, now: datetime
) -> Upload:
    """The final upload, made; asked for again it goes on, and answers the same when it is made."""
    ids = [uploads.upload_of(token, secret) for token in wanted.tokens]
    partials = await composing.finished_partials(server, actor, ids)
    async with server.database.transaction() as tx:
        final_id = await creation.begin_final(tx, actor, wanted, partials, server.terms, now)
        final = await uploads.find(tx, final_id)
    if final.state == "open":
        final = await composing.compose(server, final)
        for one in set(ids):
            await release(server, one)
    if final.recording_id is not None:
        await _verify_small(server, final.recording_id, final.offset, secret)
    return final


async def _append(
    upload_id: UUID, request: Incoming, server: Server, secret: bytes, now: datetime
) -> Outgoing:
    async with server.database.snapshot() as tx:
        upload = await uploads.find(tx, upload_id)
    decided = tus.decide_patch(_read(request), upload.standing, now, server.terms.limits)
    if isinstance(decided, tus.Refuse):
        raise _refusal(decided)
    if isinstance(decided, tus.Tell):
        return _answer(decided)
    done = await _take(server, upload_id, decided, request, secret)
    expires = server.terms.expiry(now)
    after = tus.Upload(
        offset=done.offset,
        length=None,
        state="finished" if done.finished else "open",
        expires_at=expires,
    )
    headers = {**tus.standing(after), **_recording(upload)}
    return Response(None, status_code=204, headers=headers)


async def _take(
    server: Server, upload_id: UUID, grant: tus.Append, request: Incoming, secret: bytes
) -> Received:
    """Receives the body; a small file is verified before the answer, so its receipt is ready."""
    try:
        done = await receiving.receive(server, upload_id, grant, _body(request))
    except Disconnected as e:
        raise Refusal("client_gone", detail="发送方已断开 / the sender went away") from e
    if done.finished and done.recording_id is not None:
        await _verify_small(server, done.recording_id, done.offset, secret)
    return done


async def _verify_small(server: Server, recording_id: UUID, size: int, secret: bytes) -> None:
    if size > SMALL:
        return
    try:
        await verify_recording(server.database, server.store, secret, recording_id, utc_now())
    except StoreUnavailable as e:
        # All bytes are durable and its job is queued: the worker reads it back.
        log.warning("recording %s is verified later: %s", recording_id, e)


async def _terminate(upload_id: UUID, request: Incoming, server: Server) -> Outgoing:
    async with server.database.snapshot() as tx:
        upload = await uploads.find(tx, upload_id)
    decided = tus.decide_delete(_read(request), upload.standing)
    if isinstance(decided, tus.Refuse):
        raise _refusal(decided)
    await receiving.end_older(upload_id, keep=False)
    async with server.database.transaction() as tx:
        await uploads.terminate(tx, upload_id, server.clock())
    await release(server, upload_id)
    return Response(None, status_code=204, headers={"Tus-Resumable": tus.VERSION})


async def _body(request: Incoming) -> AsyncIterator[bytes]:
    """Litestar yields every byte that arrived, then raises when the sender had gone."""
    try:
        async for chunk in request.stream():
            if chunk:
                yield chunk
    except InternalServerException as e:
        raise Disconnected from e


def _read(request: Incoming) -> tus.Request:
    return tus.read_request(request.method, request.headers)


def _terms(settings: Settings) -> Terms:
    return Terms(settings.max_upload_bytes, settings.upload_days)


def _headers(upload: Upload) -> dict[str, str]:
    return {**tus.standing(upload.standing), **_recording(upload)}


def _recording(upload: Upload) -> dict[str, str]:
    return {"Quanji-Recording": str(upload.recording_id)} if upload.recording_id else {}


def _concat(upload: Upload, secret: bytes) -> dict[str, str]:
    """Upload-Concat as it was said, with the partials' paths."""
    paths = " ".join(f"{PATH}{uploads.token_of(one, secret)}" for one in upload.partials)
    told = {"partial": "partial", "final": f"final;{paths}"}
    return {"Upload-Concat": told[upload.concat]} if upload.concat else {}


def _location(upload_id: UUID, settings: Settings, secret: bytes) -> str:
    return f"{settings.public_url.rstrip('/')}{PATH}{uploads.token_of(upload_id, secret)}"


def _answer(told: tus.Tell) -> Outgoing:
    return Response(None, status_code=told.status, headers=told.headers)


def _refusal(refuse: tus.Refuse) -> Refusal:
    headers = {"Tus-Resumable": tus.VERSION, **refuse.headers}
    return Refusal(
        refuse.kind, detail=refuse.detail, where=refuse.where, extra={"headers": headers}
    )


UPLOAD_ROUTES = [
    upload_options,
    create_upload,
    upload_offset,
    append_to_upload,
    terminate_upload,
    override_method,
    recording_of_device,
    receipt_keys,
]
