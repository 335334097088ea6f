"""Every failure leaves as an RFC 9457 problem document, the unexpected ones with an id to quote."""

from __future__ import annotations

import logging
from typing import Any

import asyncpg
import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from backend.database import UNAVAILABLE, new_id
from backend.errors import KINDS, Refusal
from media.store import StoreUnavailable

log = logging.getLogger("quanji.http")

_OF_STATUS = {kind.status: name for name, kind in reversed(KINDS.items())}
AnyRequest = Request[Any, Any, Any]


def _answer(problem: dict[str, Any], headers: dict[str, str] | None = None) -> Response[bytes]:
    return Response(
        msgspec.json.encode(problem),
        status_code=problem["status"],
        media_type="application/problem+json",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def refused(_: AnyRequest, refusal: Refusal) -> Response[bytes]:
    headers = {}
    if refusal.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="quanji"'
    if refusal.status in (429, 503, 507):
        headers["Retry-After"] = str(refusal.extra.get("retry_after", 5))
    if refusal.status == 416:
        headers["Content-Range"] = f"bytes */{refusal.extra['size']}"
    headers |= refusal.extra.get("headers", {})
    problem = refusal.problem()
    problem.pop("headers", None)
    return _answer(problem, headers)


def http_refused(request: AnyRequest, error: HTTPException) -> Response[bytes]:
    """Litestar's own refusals: unknown routes, malformed bodies, wrong methods."""
    if error.status_code >= 500:
        return unexpected(request, error)
    kind = _OF_STATUS.get(error.status_code, "bad_request")
    extra = error.extra if isinstance(error.extra, list) else []
    where = ", ".join(str(each.get("key", "")) for each in extra if isinstance(each, dict))
    messages = [str(each.get("message", "")) for each in extra if isinstance(each, dict)]
    refusal = Refusal(kind, detail="; ".join([error.detail, *messages]), where=where)
    return refused(request, refusal)


def store_down(request: AnyRequest, error: StoreUnavailable) -> Response[bytes]:
    log.warning("store unavailable: %s", error)
    return refused(request, Refusal("store_unavailable", detail="对象存储没有应答 / store is down"))


def database_down(request: AnyRequest, error: Exception) -> Response[bytes]:
    log.warning("database unavailable: %s %s: %s", request.method, request.url.path, error)
    return refused(
        request, Refusal("database_unavailable", detail="数据库没有应答 / database is down")
    )


def broke_a_constraint(
    _: AnyRequest, error: asyncpg.IntegrityConstraintViolationError
) -> Response[bytes]:
    """The schema's own no: a reference to nothing, a value out of bounds, a thing there twice."""
    twice = isinstance(error, asyncpg.UniqueViolationError | asyncpg.ExclusionViolationError)
    where = error.column_name or error.constraint_name or ""
    detail = f"数据库约束不允许 / the schema does not allow it: {error.constraint_name}"
    return refused(_, Refusal("conflict" if twice else "bad_request", detail=detail, where=where))


def unexpected(request: AnyRequest, error: Exception) -> Response[bytes]:
    """Nothing of the inside is told; the id finds the log line."""
    incident = str(new_id())
    log.error("incident %s: %s %s", incident, request.method, request.url.path, exc_info=error)
    return refused(
        request, Refusal("internal", detail=f"incident {incident}", extra={"incident": incident})
    )


HANDLERS: ExceptionHandlersMap = {
    Refusal: refused,
    HTTPException: http_refused,
    StoreUnavailable: store_down,
    **dict.fromkeys(UNAVAILABLE, database_down),
    asyncpg.IntegrityConstraintViolationError: broke_a_constraint,
    Exception: unexpected,
}
