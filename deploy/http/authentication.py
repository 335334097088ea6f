"""Finds out who is asking and holds every route to its declaration. Denies by default."""

from __future__ import annotations

from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult

from backend.database import Database, Tx, utc_now
from backend.errors import Refusal
from backend.people.access import Actor, Who
from backend.people.accounts import account_of_session
from backend.people.devices import device_of_token

SESSION_COOKIE = "quanji_session"
Connection = ASGIConnection[Any, Any, Any, Any]


class Authentication(AbstractAuthenticationMiddleware):
    """`connection.user` becomes an `Actor`, or None when nobody known is asking."""

    async def authenticate_request(self, connection: Connection) -> AuthenticationResult:
        return AuthenticationResult(user=await _who_asks(connection), auth=None)


async def _who_asks(connection: Connection) -> Actor | None:
    scheme, _, bearer = connection.headers.get("authorization", "").partition(" ")
    session = connection.cookies.get(SESSION_COOKIE)
    if not session and scheme.lower() != "bearer":
        return None
    database: Database = connection.app.state.database
    async with database.snapshot() as tx:
        if scheme.lower() == "bearer":
            return await _bearer(tx, bearer.strip())
        return await account_of_session(tx, str(session), utc_now())


async def _bearer(tx: Tx, token: str) -> Actor | None:
    """A device's token, or a session's for scripts that keep no cookies."""
    return await device_of_token(tx, token) or await account_of_session(tx, token, utc_now())


def hold_to_declaration(connection: Connection, handler: BaseRouteHandler) -> None:
    """Guard of every route: its `who` must admit the actor; a route without one admits nobody."""
    who: Who = handler.opt.get("who", Who())
    actor = connection.scope.get("user")  # OPTIONS passes the middleware by: nobody asks then
    if who.admits(actor):
        return
    if actor is None:
        raise Refusal("not_signed_in", detail="需要登录或设备凭证 / sign in, or send the token")
    raise Refusal("forbidden", detail="当前身份不能使用此接口 / not for this role")
