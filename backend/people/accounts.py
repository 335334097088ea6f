"""Accounts and browser sessions: argon2id passwords, lock-out, tokens kept as digests."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from asyncpg import Record

from backend.database import Database, Tx, new_id
from backend.errors import Refusal
from backend.ledger.events import note
from backend.people.access import Actor
from backend.people.tokens import digest, new_token

# Ten guesses a quarter of an hour: slow enough for guessing, quick enough for a person who erred.
MOST_FAILURES = 10
LOCKED_FOR = timedelta(minutes=15)
SHORTEST_PASSWORD = 10

_hasher = PasswordHasher()


@cache
def _nobodys_hash() -> str:
    """Verified for unknown logins too, so that the time taken does not tell who exists."""
    return _hasher.hash("nobody has this password")


def _fits(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except VerifyMismatchError:
        return False


async def create_account(
    tx: Tx,
    *,
    department_id: UUID,
    login: str,
    name: str,
    password: str,
    roles: Sequence[str],
    officer_id: UUID | None = None,
) -> UUID:
    """A new account; `bad_request` for a short password, `conflict` for a login in use."""
    if len(password) < SHORTEST_PASSWORD:
        raise Refusal(
            "bad_request",
            detail=f"密码至少 {SHORTEST_PASSWORD} 位 / "
            f"a password has at least {SHORTEST_PASSWORD} characters",
            where="password",
        )
    password_hash = await asyncio.to_thread(_hasher.hash, password)
    account_id = await tx.fetchval(
        """insert into accounts
               (id, department_id, officer_id, login, name, password_hash, roles)
           values ($1, $2, $3, $4, $5, $6, $7) on conflict (login) do nothing returning id""",
        new_id(),
        department_id,
        officer_id,
        login,
        name,
        password_hash,
        list(roles),
    )
    if account_id is None:
        raise Refusal("conflict", detail=f"账号已存在 / login in use: {login}", where="login")
    return account_id


async def sign_in(
    database: Database, login: str, password: str, now: datetime, *, lasts: timedelta
) -> tuple[Actor, str]:
    """Actor and session token, or `wrong_login` / `too_many`; every failure is counted."""
    async with database.snapshot() as tx:
        account = await tx.fetchrow("select * from accounts where login = $1", login)
    if account and account["locked_until"] and account["locked_until"] > now:
        raise Refusal(
            "too_many",
            detail="多次输错，账号已暂时锁定 / too many failures, locked for a while",
            where="login",
            extra={"retry_after": int((account["locked_until"] - now).total_seconds()) + 1},
        )
    known = account["password_hash"] if account else _nobodys_hash()
    fits = await asyncio.to_thread(_fits, known, password)
    if account is None or account["disabled_at"] is not None or not fits:
        if account is not None:
            await _count_failure(database, account, now)
        raise Refusal("wrong_login", detail="账号或密码不正确 / wrong login or password")
    return await _begin_session(database, account, now, lasts)


async def _count_failure(database: Database, account: Record, now: datetime) -> None:
    async with database.transaction() as tx:
        await tx.execute(
            """update accounts
                  set failed_attempts = (failed_attempts + 1) % $2,
                      locked_until = case when failed_attempts + 1 >= $2 then $3::timestamptz end
                where id = $1""",
            account["id"],
            MOST_FAILURES,
            now + LOCKED_FOR,
        )


async def _begin_session(
    database: Database, account: Record, now: datetime, lasts: timedelta
) -> tuple[Actor, str]:
    token = new_token()
    async with database.transaction() as tx:
        await tx.execute("update accounts set failed_attempts = 0 where id = $1", account["id"])
        await tx.execute("delete from account_sessions where expires_at < $1", now)
        await tx.execute(
            """insert into account_sessions (token_digest, account_id, created_at, expires_at)
               values ($1, $2, $3, $4)""",
            digest(token),
            account["id"],
            now,
            now + lasts,
        )
        await note(
            tx,
            "signed_in",
            ("account", account["id"]),
            actor=f"account:{account['id']}",
            now=now,
            department_id=account["department_id"],
        )
    return _actor(account), token


async def sign_out(database: Database, token: str) -> None:
    """End this session alone."""
    async with database.transaction() as tx:
        await tx.execute("delete from account_sessions where token_digest = $1", digest(token))


async def account_of_session(tx: Tx, token: str, now: datetime) -> Actor | None:
    """Whose session this is, if it still runs and the account is not disabled."""
    row = await tx.fetchrow(
        """select a.* from account_sessions s join accounts a on a.id = s.account_id
            where s.token_digest = $1 and s.expires_at > $2 and a.disabled_at is null""",
        digest(token),
        now,
    )
    return _actor(row) if row else None


def _actor(account: Record) -> Actor:
    return Actor(
        kind="account",
        id=account["id"],
        department_id=account["department_id"],
        name=account["name"],
        roles=frozenset(account["roles"]),
        officer_id=account["officer_id"],
    )
