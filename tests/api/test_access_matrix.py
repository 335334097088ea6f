"""Every route × every role × own and other department, enumerated from the application itself.

A new route without a declaration fails here, and so does one that takes the id of an object this
file does not know how to make in another department.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import UUID

import httpx
import pytest
from litestar import Litestar

from backend.database import Database, new_id
from backend.people.access import ACROSS, ROLES, Who
from tests.api.cast import NOW, House

KINDS = ("case", "inspection", "event", "recording", "upload", "flag", "conflict")
# What a body must hold to be well formed, by method and path: access is asked after form.
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/api/cases/{case_id}/file"): {"filed_at": NOW.isoformat()},
    ("POST", "/api/cases/{case_id}/events"): {"kind": "notice_served", "at": NOW.isoformat()},
    ("POST", "/api/cases/{case_id}/verdict"): {"verdict": "accept", "seen_version": 1},
    ("POST", "/api/events/{event_id}/retract"): {"reason": "日期录错"},
    ("POST", "/api/flags/{flag_id}/acknowledge"): {},
    ("POST", "/api/flags/{flag_id}/waive"): {"reason": "设备故障，已书面说明"},
    ("POST", "/api/conflicts/{conflict_id}/close"): {"choice": "server"},
    ("POST", "/api/recordings/{recording_id}/attributions"): {
        "step_id": "01a20be1-0000-7000-8000-000000000000",
        "shows": True,
        "reason": "画面为该环节",
    },
    ("POST", "/api/device/direct/{upload_id}/parts"): {"numbers": [1]},
    ("PATCH", "/api/edits/{entity}/{entity_id}"): {"base": {"title": 1}, "fields": {"title": "x"}},
}


class Route(NamedTuple):
    method: str
    path: str
    who: Who | None

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.path)


def routes_of(app: Litestar) -> Iterator[Route]:
    for route in app.routes:
        for handler in getattr(route, "route_handlers", []):
            path = re.sub(r"{(\w+):\w+}", r"{\1}", route.path)
            for method in handler.http_methods:
                # Litestar answers OPTIONS by itself, with the methods and nothing else.
                if method != "OPTIONS" or "who" in handler.opt:
                    yield Route(method, path, handler.opt.get("who"))


def guarded(app: Litestar) -> list[Route]:
    return [route for route in routes_of(app) if route.who is not None and not route.who.public]


async def call(client: httpx.AsyncClient, route: Route, path: str, token: str | None) -> int:
    answer = await client.request(
        route.method,
        path,
        headers={"Authorization": f"Bearer {token}"} if token else {},
        json=BODIES.get((route.method, route.path), {}) if route.method != "GET" else None,
    )
    return answer.status_code


def with_ids(route: Route, ids: dict[str, str]) -> str:
    for name in route.parameters:
        if name not in ids:
            pytest.fail(f"{route.path}: make a foreign {name} in this file")
    return route.path.format(**ids)


@pytest.fixture
async def foreign(app: Litestar, houses: tuple[House, House]) -> dict[str, str]:
    """Ids of one object of each kind, all of the second department."""
    house = houses[1]
    database: Database = app.state.database
    ids = {name: new_id() for name in KINDS}
    async with database.transaction() as tx:
        await _put_case(tx, house, ids)
        await _put_evidence(tx, house, ids)
    return {
        **{f"{name}_id": str(value) for name, value in ids.items()},
        "entity": "case",
        "entity_id": str(ids["case"]),
        "device_id": str(house.device_id),
    }


async def _put_case(tx: Any, house: House, ids: dict[str, UUID]) -> None:
    await tx.execute(
        "insert into cases (id, department_id, title, opened_at) values ($1, $2, '他局案件', $3)",
        ids["case"],
        house.department_id,
        NOW,
    )
    await tx.execute(
        """insert into inspections (id, department_id, case_id, kind, started_at)
           values ($1, $2, $3, 'check', $4)""",
        ids["inspection"],
        house.department_id,
        ids["case"],
        NOW,
    )
    await tx.execute(
        """insert into case_events (id, case_id, kind, at, actor, recorded_at)
           values ($1, $2, 'notice_served', $3, 'test', $3)""",
        ids["event"],
        ids["case"],
        NOW,
    )
    operation = new_id()
    await tx.execute(
        """insert into operations (op_id, device_id, device_seq, entity, kind, content,
               content_sha256, received_at, status, outcome, decided_at)
           values ($1, $2, 1, 'case', 'set', '{}', sha256('x'), $3, 'conflict', '{}', $3)""",
        operation,
        house.device_id,
        NOW,
    )
    await tx.execute(
        """insert into conflicts (id, department_id, case_id, entity, entity_id, field, op_id, base,
               server_value, server_actor, device_value, device_actor, created_at)
           values ($1, $2, $3, 'case', $3, 'title', $4, '"a"', '"b"', 'x', '"c"', 'y', $5)""",
        ids["conflict"],
        house.department_id,
        ids["case"],
        operation,
        NOW,
    )


async def _put_evidence(tx: Any, house: House, ids: dict[str, UUID]) -> None:
    await tx.execute(
        """insert into recordings (id, department_id, device_id, file_name, media_kind, state,
               object_key) values ($1, $2, $3, 'x.mp4', 'video', 'received', 'originals/x')""",
        ids["recording"],
        house.department_id,
        house.device_id,
    )
    await tx.execute(
        """insert into uploads (id, recording_id, device_id, direct, length, part_size, state,
               created_at, expires_at) values ($1, $2, $3, true, 9, 9, 'open', $4, $4)""",
        ids["upload"],
        ids["recording"],
        house.device_id,
        NOW,
    )
    await tx.execute(
        """insert into flags (id, kind, department_id, case_id, subject_kind, subject_id, severity,
               state, explanation, opened_at, changed_at)
           values ($1, 'recording_gap', $2, $3, 'case', $3, 'serious', 'open',
               '{"zh": "缺", "en": "gap"}', $4, $4)""",
        ids["flag"],
        house.department_id,
        ids["case"],
        NOW,
    )


async def test_every_route_says_who_may_call_it(app: Litestar) -> None:
    undeclared = [f"{route.method} {route.path}" for route in routes_of(app) if route.who is None]
    assert undeclared == []


async def test_nobody_gets_in_without_a_token_or_with_an_unknown_one(
    app: Litestar, client: httpx.AsyncClient, foreign: dict[str, str]
) -> None:
    for route in guarded(app):
        for token in (None, "not a token of ours"):
            assert await call(client, route, with_ids(route, foreign), token) == 401, route


async def test_a_role_that_a_route_does_not_name_is_refused(
    app: Litestar, client: httpx.AsyncClient, houses: tuple[House, House], foreign: dict[str, str]
) -> None:
    house = houses[0]
    for route in guarded(app):
        path = with_ids(route, foreign)
        assert route.who is not None
        for role in ROLES - route.who.roles:
            assert await call(client, route, path, house.tokens[role]) == 403, (route, role)
        if not route.who.device:
            assert await call(client, route, path, house.device_token) == 403, route


async def test_another_departments_object_answers_as_if_it_did_not_exist(
    app: Litestar, client: httpx.AsyncClient, houses: tuple[House, House], foreign: dict[str, str]
) -> None:
    mine = houses[0]
    for route in guarded(app):
        if not route.parameters:
            continue
        assert route.who is not None
        tokens = [mine.tokens[role] for role in sorted(route.who.roles - ACROSS)]
        tokens += [mine.device_token] if route.who.device else []
        nothing = {
            name: value if name == "entity" else str(new_id()) for name, value in foreign.items()
        }
        for token in tokens:
            for ids in (foreign, nothing):
                assert await call(client, route, with_ids(route, ids), token) == 404, route


async def test_a_bureau_sees_across_departments(
    client: httpx.AsyncClient, houses: tuple[House, House], foreign: dict[str, str]
) -> None:
    path = f"/api/cases/{foreign['case_id']}"
    seen = {}
    for role in ("supervisor", "bureau_supervisor", "auditor"):
        bearer = {"Authorization": f"Bearer {houses[0].tokens[role]}"}
        seen[role] = (await client.get(path, headers=bearer)).status_code
    assert seen == {"supervisor": 404, "bureau_supervisor": 200, "auditor": 200}
