"""Signing in, enrolling, revoking, assigning: who may do what, and what is left behind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from litestar import Litestar

from backend.database import Database
from backend.errors import Refusal
from backend.people.accounts import MOST_FAILURES, account_of_session, sign_in, sign_out
from tests.api.cast import PASSWORD, House, account_with_password


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def new_code(client: httpx.AsyncClient, house: House) -> str:
    answer = await client.post(
        f"/api/devices/{house.device_id}/code", headers=bearer(house.tokens["department_admin"])
    )
    return answer.json()["code"]


async def test_a_code_enrols_one_device_once(
    client: httpx.AsyncClient, houses: tuple[House, House]
) -> None:
    code = await new_code(client, houses[0])
    typed_by_a_person = code.lower().replace("-", " ")
    first = await client.post("/api/device/enrol", json={"code": typed_by_a_person})
    second = await client.post("/api/device/enrol", json={"code": code})
    assert (first.status_code, second.status_code) == (201, 401)
    assert second.json()["type"] == "urn:quanji:problem:bad_enrolment_code"
    me = await client.get("/api/device/me", headers=bearer(first.json()["token"]))
    assert me.json()["name"] == "巴特尔的手持机"


async def test_enrolling_again_ends_the_older_token(
    client: httpx.AsyncClient, houses: tuple[House, House]
) -> None:
    code = await new_code(client, houses[0])
    await client.post("/api/device/enrol", json={"code": code})
    old = await client.get("/api/device/me", headers=bearer(houses[0].device_token))
    assert old.status_code == 401
    assert old.headers["www-authenticate"] == 'Bearer realm="quanji"'


async def test_a_revoked_device_is_nobody_at_once(
    client: httpx.AsyncClient, houses: tuple[House, House]
) -> None:
    house = houses[0]
    admin = bearer(house.tokens["department_admin"])
    before = await client.get("/api/device/me", headers=bearer(house.device_token))
    revoked = await client.post(f"/api/devices/{house.device_id}/revoke", headers=admin)
    after = await client.get("/api/device/me", headers=bearer(house.device_token))
    assert (before.status_code, revoked.status_code, after.status_code) == (200, 204, 401)


async def test_a_device_97_s_ahead_is_measured_so(
    client: httpx.AsyncClient, houses: tuple[House, House]
) -> None:
    device = bearer(houses[0].device_token)
    told = (await client.get("/api/device/clock", headers=device)).json()
    server_time = datetime.fromisoformat(told["server_time"])
    report = {
        "boot_id": "b1",
        "monotonic_ms": 1000,
        "sent_at": (server_time + timedelta(seconds=96.95)).isoformat(),
        "received_at": (server_time + timedelta(seconds=97.05)).isoformat(),
        "ticket": told["ticket"],
    }
    kept = await client.post("/api/device/clock", headers=device, json=report)
    assert kept.json() == {"offset_low_ms": 96950, "offset_high_ms": 97050}


async def test_a_device_cannot_invent_the_time_it_was_told(
    client: httpx.AsyncClient, houses: tuple[House, House]
) -> None:
    mine, theirs = houses
    told = (await client.get("/api/device/clock", headers=bearer(mine.device_token))).json()
    stamp, _, seal = told["ticket"].partition("~")
    forged = f"{(datetime.fromisoformat(stamp) + timedelta(hours=1)).isoformat()}~{seal}"
    report = {"boot_id": "b", "monotonic_ms": 0, "sent_at": stamp, "received_at": stamp}
    for token, ticket in ((mine.device_token, forged), (theirs.device_token, told["ticket"])):
        answer = await client.post(
            "/api/device/clock", headers=bearer(token), json={**report, "ticket": ticket}
        )
        assert (answer.status_code, answer.json()["where"]) == (400, "ticket")


async def test_two_officers_cannot_hold_one_device_at_one_time(
    client: httpx.AsyncClient, houses: tuple[House, House], app: Litestar
) -> None:
    house = houses[0]
    admin = bearer(house.tokens["department_admin"])
    morning = {
        "device_id": str(house.device_id),
        "officer_id": str(house.officer_id),
        "held_from": "2026-03-02T00:00:00Z",
        "held_to": "2026-03-02T04:00:00Z",
    }
    overlapping = {**morning, "held_from": "2026-03-02T03:59:59Z", "held_to": None}
    afterwards = {**overlapping, "held_from": "2026-03-02T04:00:00Z"}
    answers = [
        await client.post("/api/assignments", headers=admin, json=body)
        for body in (morning, overlapping, afterwards)
    ]
    assert [answer.status_code for answer in answers] == [201, 409, 201]
    async with app.state.database.snapshot() as tx:
        assert await tx.fetchval("select count(*) from assignments") == 2


async def test_roles_that_see_across_are_given_at_the_top_alone(
    client: httpx.AsyncClient, houses: tuple[House, House]
) -> None:
    house = houses[0]
    account = {
        "department_id": str(house.department_id),
        "login": "climber",
        "name": "某人",
        "password": "a long password",
        "roles": ["bureau_supervisor"],
    }
    admin = bearer(house.tokens["department_admin"])
    answer = await client.post("/api/accounts", headers=admin, json=account)
    assert (answer.status_code, answer.json()["where"]) == (403, "roles")


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"code": "x y", "name": "坏代码"}, "code"),
        ({"code": "fine", "nam": "字段名写错"}, "data"),
        ({"code": "fine", "name": "缺上级"}, "parent_id"),
    ],
    ids=["a code with a space", "an unknown field", "a missing field"],
)
async def test_a_malformed_body_is_refused_naming_the_field(
    client: httpx.AsyncClient, houses: tuple[House, House], body: dict[str, str], where: str
) -> None:
    if where == "code":
        body = {**body, "parent_id": str(houses[0].department_id)}
    admin = bearer(houses[0].tokens["department_admin"])
    answer = await client.post("/api/departments", headers=admin, json=body)
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert where in answer.text


async def test_a_session_lasts_until_it_is_signed_out(
    app: Litestar, houses: tuple[House, House]
) -> None:
    database: Database = app.state.database
    await account_with_password(database, houses[0].department_id, "zhaomin")
    now = datetime.now(UTC)
    actor, token = await sign_in(database, "zhaomin", PASSWORD, now, lasts=timedelta(hours=1))
    async with database.snapshot() as tx:
        assert await account_of_session(tx, token, now) == actor
        assert await account_of_session(tx, token, now + timedelta(hours=1)) is None
    await sign_out(database, token)
    async with database.snapshot() as tx:
        assert await account_of_session(tx, token, now) is None


async def test_guessing_locks_the_account_for_a_while(
    app: Litestar, houses: tuple[House, House]
) -> None:
    database: Database = app.state.database
    await account_with_password(database, houses[0].department_id, "zhaomin")
    now = datetime.now(UTC)

    async def attempt(password: str, at: datetime) -> str:
        try:
            await sign_in(database, "zhaomin", password, at, lasts=timedelta(hours=1))
        except Refusal as refusal:
            return refusal.kind
        return "in"

    guesses = [await attempt("wrong", now) for _ in range(MOST_FAILURES)]
    assert set(guesses) == {"wrong_login"}
    assert await attempt(PASSWORD, now) == "too_many"
    assert await attempt(PASSWORD, now + timedelta(minutes=16)) == "in"


async def test_an_unknown_login_is_answered_like_a_wrong_password(
    app: Litestar, houses: tuple[House, House]
) -> None:
    with pytest.raises(Refusal) as refused:
        await sign_in(
            app.state.database, "nobody", "x", datetime.now(UTC), lasts=timedelta(hours=1)
        )
    assert refused.value.kind == "wrong_login"
