"""Serves the built console: hashed assets for ever, the page itself always fresh."""

from __future__ import annotations

import asyncio
import mimetypes
from pathlib import Path

from litestar import Response, get

from backend.errors import not_found
from backend.people.access import ANYONE

DIST = Path(__file__).parents[2] / "console" / "web" / "dist"
_NOT_PAGES = ("api/", "media/", "schema/", "health", ".well-known/")
_SECURITY = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
        "style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@get(["/", "/{path:path}"], opt={"who": ANYONE}, include_in_schema=False)
async def console_page(path: str = "") -> Response[bytes]:
    """A file of the built app, or its page for the routes that the app itself knows."""
    asked = path.lstrip("/")
    if asked.startswith(_NOT_PAGES):
        raise not_found("page")
    return await asyncio.to_thread(_read, asked)


def _read(asked: str) -> Response[bytes]:
    file = (DIST / asked).resolve()
    is_asset = bool(asked) and file.is_relative_to(DIST) and file.is_file()
    shown = file if is_asset else DIST / "index.html"
    if not shown.is_file():
        raise not_found("console; build it with: make web")
    lasts = "public, max-age=31536000, immutable" if is_asset else "no-cache"
    return Response(
        shown.read_bytes(),
        media_type=mimetypes.guess_type(shown.name)[0] or "application/octet-stream",
        headers={"Cache-Control": lasts, **_SECURITY},
    )
