"""Opening a recording: who may see it gets short-lived links, and the view goes to the ledger."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from asyncpg import Record
from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.response import Stream

from backend.database import Database, Tx
from backend.errors import not_found
from backend.ledger.events import note
from backend.people.access import ANYONE, Actor, accounts_with
from backend.people.scope import demand_visible
from backend.settings import Settings
from media.playback import GRANT_LASTS, Grant, choose_range, open_grant, seal
from media.store import ObjectStore

REVIEWERS = accounts_with(
    "inspector",
    "supervisor",
    "legal_reviewer",
    "archivist",
    "department_admin",
    "bureau_supervisor",
    "auditor",
)
# What an original is served as when nothing playable was made of it: kept, never interpreted.
_OPAQUE = "application/octet-stream"


@get("/api/recordings/{recording_id:uuid}/playback", opt={"who": REVIEWERS})
async def playback(
    recording_id: UUID,
    database: Database,
    settings: Settings,
    secret: bytes,
    actor: Actor,
    now: datetime,
) -> dict[str, Any]:
    """Links to the recording and its renditions, good for an hour; the ledger notes the view."""
    async with database.transaction() as tx:
        recording = await tx.fetchrow("select * from recordings where id = $1", recording_id)
        await demand_visible(
            tx, actor, recording["department_id"] if recording else None, "recording"
        )
        links = await _links(tx, recording, secret, settings.public_url, now)
        await note(
            tx,
            "viewed",
            ("recording", recording_id),
            actor=actor.label,
            now=now,
            department_id=recording["department_id"],
        )
    return {
        "recording_id": recording_id,
        "media_kind": recording["media_kind"],
        "state": recording["state"],
        "captured_from": recording["captured_from"],
        "captured_to": recording["captured_to"],
        "expires_at": now + GRANT_LASTS,
        **links,
    }


async def _links(
    tx: Tx, recording: Record, secret: bytes, public_url: str, now: datetime
) -> dict[str, str]:
    renditions = await tx.fetch("select * from renditions where recording_id = $1", recording["id"])
    expires = int((now + GRANT_LASTS).timestamp())
    grants = {
        row["kind"]: Grant(
            row["object_key"],
            row["media_type"],
            f"{recording['file_name']}.{row['kind']}",
            row["size"],
            row["sha256"].hex(),
            expires,
        )
        for row in renditions
    }
    if recording["sha256"] is not None:
        grants["original"] = Grant(
            recording["object_key"],
            _OPAQUE,
            recording["file_name"],
            recording["size"],
            recording["sha256"].hex(),
            expires,
        )
    base = public_url.rstrip("/")
    return {kind: f"{base}/media/{seal(grant, secret)}" for kind, grant in grants.items()}


@get("/media/{token:str}", opt={"who": ANYONE}, include_in_schema=True)
async def serve_media(
    token: str, request: Request[Any, Any, Any], store: ObjectStore, secret: bytes, now: datetime
) -> Response[Any]:
    """The granted object, whole or by one byte range (RFC 9110 §14)."""
    grant = open_grant(token, secret, now)
    headers = _headers(grant)
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(None, status_code=304, headers=headers)
    if request.headers.get("if-range") in (None, headers["ETag"]):
        wanted = choose_range(request.headers.get("range"), grant.size)
    else:
        wanted = None
    if await store.stat(grant.object_key) is None:
        raise not_found("object")
    if wanted is None:
        headers["Content-Length"] = str(grant.size)
        body = store.open(grant.object_key)
        return Stream(body, headers=headers, media_type=grant.media_type)
    headers["Content-Length"] = str(wanted.length)
    headers["Content-Range"] = f"bytes {wanted.start}-{wanted.end}/{grant.size}"
    body = store.open(grant.object_key, wanted.start, wanted.length)
    return Stream(body, status_code=206, headers=headers, media_type=grant.media_type)


def _headers(grant: Grant) -> dict[str, str]:
    shown = "attachment" if grant.media_type == _OPAQUE else "inline"
    return {
        "Accept-Ranges": "bytes",
        "ETag": f'"{grant.etag}"',
        "Cache-Control": "private, max-age=3600",
        "Content-Disposition": shown,
        # Foreign bytes must not run as a page of ours, whatever they say they are.
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }


PLAYBACK_ROUTES: list[HTTPRouteHandler] = [playback, serve_media]
