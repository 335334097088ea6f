"""The recurring cast in a real database: two departments that must not see each other."""

from __future__ import annotations

import secrets
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import msgspec

from backend.database import Database, new_id
from backend.people.access import ROLES
from backend.people.accounts import create_account
from backend.people.devices import enrol, issue_code, register_device
from backend.people.staff import create_department, create_officer
from backend.people.tokens import digest

NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
PASSWORD = secrets.token_urlsafe(12)


class House(msgspec.Struct):
    """One department with a session token per role, an officer, and an enrolled handheld."""

    department_id: UUID
    tokens: dict[str, str]
    officer_id: UUID
    device_id: UUID
    device_token: str


async def bureau(database: Database) -> UUID:
    async with database.transaction() as tx:
        return await create_department(tx, code="sfj", name="司法局", name_en="Justice Bureau")


async def build_house(database: Database, parent: UUID, code: str, name: str, who: str) -> House:
    async with database.transaction() as tx:
        department = await create_department(tx, code=code, name=name, parent_id=parent)
        officer = await create_officer(
            tx,
            department_id=department,
            employee_no="001",
            name=who,
            certificate=(f"{code}-001", date(2025, 1, 1), date(2029, 12, 31)),
        )
        device = await register_device(
            tx, department_id=department, kind="handheld", name=f"{who}的手持机"
        )
        enrolled = await enrol(tx, await issue_code(tx, device, NOW), NOW)
    tokens = {role: await _signed_in(database, department, role, code) for role in sorted(ROLES)}
    return House(department, tokens, officer, device, enrolled.token)


async def _signed_in(database: Database, department: UUID, role: str, code: str) -> str:
    """A session of an account with one role; the password's hashing is not what is tested."""
    token = secrets.token_urlsafe(16)
    async with database.transaction() as tx:
        account = new_id()
        await tx.execute(
            """insert into accounts (id, department_id, login, name, password_hash, roles)
               values ($1, $2, $3, $4, '!', $5)""",
            account,
            department,
            f"{code}.{role.replace('_', '-')}",
            role,
            [role],
        )
        await tx.execute(
            "insert into account_sessions values ($1, $2, $3, $4)",
            digest(token),
            account,
            datetime.now(UTC),
            datetime.now(UTC) + timedelta(hours=1),
        )
    return token


async def account_with_password(database: Database, department: UUID, login: str) -> UUID:
    async with database.transaction() as tx:
        return await create_account(
            tx,
            department_id=department,
            login=login,
            name="赵敏",
            password=PASSWORD,
            roles=["supervisor"],
        )
