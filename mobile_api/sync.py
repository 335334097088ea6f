"""The handheld's two routes: push what was done offline, pull what one has not seen."""

from __future__ import annotations

import zlib
from datetime import datetime
from typing import Annotated, Any

from litestar import Request, get, post
from litestar.params import Parameter

from backend.database import Database
from backend.errors import Refusal
from backend.people.access import DEVICE, Actor
from mobile_api.documents import PushOperation
from sync.envelope import read_push
from sync.feed import LARGEST_PAGE, pull
from sync.ops import PullAnswer, PushAnswer
from sync.push import accept

LARGEST_BODY = 64 << 20
"""Bytes of a push, as sent and as unpacked."""


@post(
    "/api/device/sync/push",
    opt={"who": DEVICE},
    status_code=200,
    request_max_body_size=LARGEST_BODY,
    operation_class=PushOperation,
)
async def push_operations(
    request: Request[Any, Any, Any], actor: Actor, database: Database, now: datetime
) -> PushAnswer:
    """One outcome for each operation, in the order sent; see sync/README.md.

    The body is a `Push`, plain or with `Content-Encoding: gzip`. An operation that cannot be
    read is rejected alone; more than 10,000 operations are refused with 413: send fewer at once.
    """
    body = _unpacked(await request.body(), request.headers.get("content-encoding", ""))
    return await accept(database, actor, read_push(body), now)


@get("/api/device/sync/pull", opt={"who": DEVICE})
async def pull_changes(
    actor: Actor,
    database: Database,
    now: datetime,
    cursor: str | None = None,
    limit: Annotated[int, Parameter(ge=1, le=LARGEST_PAGE)] = 1000,
    again: str = "",
) -> PullAnswer:
    """The next page of what the device has not seen. `again`: scopes, comma-separated, whose
    checksum did not match, to be sent from their beginning."""
    scopes = [scope for scope in again.split(",") if scope]
    return await pull(database, actor, cursor, now, limit=limit, again=scopes)


def _unpacked(body: bytes, encoding: str) -> bytes:
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise Refusal("unsupported_media_type", detail=encoding, where="content-encoding")
    unpacking = zlib.decompressobj(31)
    try:
        plain = unpacking.decompress(body, LARGEST_BODY)
    except zlib.error as e:
        raise Refusal("bad_request", detail=f"gzip: {e}", where="body") from e
    if unpacking.unconsumed_tail:
        raise Refusal("too_large", detail=f"> {LARGEST_BODY} bytes unpacked", where="body")
    if not unpacking.eof:
        raise Refusal("bad_request", detail="gzip: cut short", where="body")
    return plain


SYNC_ROUTES = [push_operations, pull_changes]
