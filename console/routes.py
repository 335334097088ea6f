"""All routes of the desk."""

from __future__ import annotations

from litestar.handlers import HTTPRouteHandler

from console.case_acts import CASE_ACT_ROUTES
from console.cases import CASE_ROUTES
from console.conflicts import CONFLICT_ROUTES
from console.flags import FLAG_ROUTES
from console.inbox import INBOX_ROUTES
from console.people import PEOPLE_ROUTES
from console.playback import PLAYBACK_ROUTES
from console.session import SESSION_ROUTES

ROUTES: list[HTTPRouteHandler] = [
    *SESSION_ROUTES,
    *CASE_ROUTES,
    *CASE_ACT_ROUTES,
    *CONFLICT_ROUTES,
    *FLAG_ROUTES,
    *INBOX_ROUTES,
    *PEOPLE_ROUTES,
    *PLAYBACK_ROUTES,
]
