"""Signing in at the desk: a session cookie that no script and no foreign page can use."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.datastructures import Cookie
from litestar.handlers import HTTPRouteHandler

from backend.database import Database
from backend.people.access import ANYONE, SIGNED_IN, Actor
from backend.people.accounts import sign_in, sign_out
from backend.settings import Settings

SESSION_COOKIE = "quanji_session"


class Login(msgspec.Struct, forbid_unknown_fields=True):
    login: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    password: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Me(msgspec.Struct):
    """Who is signed in, as the page names them and decides what to offer."""

    id: UUID
    name: str
    roles: list[str]
    department_id: UUID
    department_name: str
    department_name_en: str


@post("/api/session", opt={"who": ANYONE}, status_code=201)
async def begin_session(
    data: Login, database: Database, settings: Settings, now: datetime
) -> Response[Me]:
    """Login and password → the session cookie; `wrong_login` or `too_many` otherwise."""
    lasts = timedelta(hours=settings.session_hours)
    actor, token = await sign_in(database, data.login, data.password, now, lasts=lasts)
    cookie = _cookie(settings, token, int(lasts.total_seconds()))
    return Response(await _describe(database, actor), status_code=201, cookies=[cookie])


@delete("/api/session", opt={"who": SIGNED_IN}, status_code=204)
async def end_session(
    request: Request[Any, Any, Any], database: Database, settings: Settings
) -> Response[None]:
    """Ends this session alone; other browsers of the same account go on."""
    token = request.cookies.get(SESSION_COOKIE)
    if token:
        await sign_out(database, token)
    return Response(None, status_code=204, cookies=[_cookie(settings, "", 0)])


@get("/api/session/me", opt={"who": SIGNED_IN})
async def who_is_signed_in(database: Database, actor: Actor) -> Me:
    """The account behind the cookie."""
    return await _describe(database, actor)


def _cookie(settings: Settings, token: str, lasts_s: int) -> Cookie:
    return Cookie(
        key=SESSION_COOKIE,
        value=token,
        max_age=lasts_s,
        path="/",
        httponly=True,
        samesite="strict",
        secure=settings.public_url.startswith("https:"),
    )


async def _describe(database: Database, actor: Actor) -> Me:
    async with database.snapshot() as tx:
        department = await tx.fetchrow(
            "select name, name_en from departments where id = $1", actor.department_id
        )
    return Me(
        id=actor.id,
        name=actor.name,
        roles=sorted(actor.roles),
        department_id=actor.department_id,
        department_name=department["name"],
        department_name_en=department["name_en"],
    )


SESSION_ROUTES: list[HTTPRouteHandler] = [begin_session, end_session, who_is_signed_in]
