"""The administrator's routes: departments, officers, accounts, devices and who holds them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import get, post

from backend.database import Database, Tx
from backend.errors import Refusal, not_found
from backend.people.access import ACROSS, Actor, Role, accounts_with
from backend.people.accounts import create_account
from backend.people.devices import issue_code, register_device, revoke
from backend.people.scope import demand_visible, visible_departments
from backend.people.staff import assign, create_department, create_officer

ADMINISTRATORS = accounts_with("department_admin")
LOOKERS = accounts_with("department_admin", "supervisor", "bureau_supervisor", "auditor")


Code = Annotated[str, msgspec.Meta(pattern="^[a-z0-9-]{2,40}$")]
Login = Annotated[str, msgspec.Meta(pattern="^[a-z0-9._-]{2,60}$")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class NewDepartment(msgspec.Struct, forbid_unknown_fields=True):
    code: Code
    name: Name
    parent_id: UUID
    name_en: str = ""
    sector: Literal["shijian", "zhujian", "chengguan"] | None = None


class NewCertificate(msgspec.Struct, forbid_unknown_fields=True):
    number: Name
    valid_from: date
    valid_to: date


class NewOfficer(msgspec.Struct, forbid_unknown_fields=True):
    department_id: UUID
    employee_no: Name
    name: Name
    kind: Literal["officer", "auxiliary"] = "officer"
    certificate: NewCertificate | None = None


class NewAccount(msgspec.Struct, forbid_unknown_fields=True):
    department_id: UUID
    login: Login
    name: Name
    password: str
    roles: Annotated[list[Role], msgspec.Meta(min_length=1)]
    officer_id: UUID | None = None


class NewDevice(msgspec.Struct, forbid_unknown_fields=True):
    department_id: UUID
    kind: Literal["handheld", "body_camera", "fixed_camera", "dock"]
    name: Name
    serial: str | None = None


class NewAssignment(msgspec.Struct, forbid_unknown_fields=True):
    device_id: UUID
    officer_id: UUID
    held_from: datetime
    held_to: datetime | None = None


class Created(msgspec.Struct):
    id: UUID


class EnrolmentCode(msgspec.Struct):
    """Type it on the device within a day; it works once."""

    code: str


async def _demand_device(tx: Tx, actor: Actor, device_id: UUID) -> None:
    department_id = await tx.fetchval("select department_id from devices where id = $1", device_id)
    await demand_visible(tx, actor, department_id, "device")


@post("/api/departments", opt={"who": ADMINISTRATORS})
async def add_department(data: NewDepartment, database: Database, actor: Actor) -> Created:
    """A department below one that the administrator's subtree holds."""
    async with database.transaction() as tx:
        await demand_visible(tx, actor, data.parent_id, "department")
        fields = msgspec.structs.asdict(data)
        return Created(await create_department(tx, **fields))


@get("/api/departments", opt={"who": LOOKERS})
async def list_departments(database: Database, actor: Actor) -> list[dict[str, Any]]:
    """The departments that the caller may know of."""
    async with database.snapshot() as tx:
        rows = await tx.fetch(
            """select id, parent_id, code, name, name_en, sector from departments
                where id = any($1) order by code""",
            await visible_departments(tx, actor),
        )
    return [dict(row) for row in rows]


@post("/api/officers", opt={"who": ADMINISTRATORS})
async def add_officer(data: NewOfficer, database: Database, actor: Actor) -> Created:
    """An officer with the certificate, or an auxiliary without one."""
    held = data.certificate
    async with database.transaction() as tx:
        await demand_visible(tx, actor, data.department_id, "department")
        officer_id = await create_officer(
            tx,
            department_id=data.department_id,
            employee_no=data.employee_no,
            name=data.name,
            kind=data.kind,
            certificate=(held.number, held.valid_from, held.valid_to) if held else None,
        )
    return Created(officer_id)


@get("/api/officers", opt={"who": LOOKERS})
async def list_officers(database: Database, actor: Actor) -> list[dict[str, Any]]:
    """Officers and auxiliaries with the last day of their certificate."""
    async with database.snapshot() as tx:
        rows = await tx.fetch(
            """select o.id, o.department_id, o.employee_no, o.name, o.kind,
                      (select max(valid_to) from certificates c where c.officer_id = o.id)
                          as certificate_valid_to
                 from officers o where o.department_id = any($1) order by o.employee_no""",
            await visible_departments(tx, actor),
        )
    return [dict(row) for row in rows]


@post("/api/accounts", opt={"who": ADMINISTRATORS})
async def add_account(data: NewAccount, database: Database, actor: Actor) -> Created:
    """An account; roles that see across departments are given at the top of the tree alone."""
    async with database.transaction() as tx:
        await demand_visible(tx, actor, data.department_id, "department")
        if ACROSS & set(data.roles):
            await _demand_top(tx, actor)
        return Created(await create_account(tx, **msgspec.structs.asdict(data)))


async def _demand_top(tx: Tx, actor: Actor) -> None:
    parent = await tx.fetchval(
        "select parent_id from departments where id = $1", actor.department_id
    )
    if parent is not None:
        raise Refusal(
            "forbidden",
            detail="跨部门角色只能由最上级管理员授予 / only the top department gives such roles",
            where="roles",
        )


@post("/api/devices", opt={"who": ADMINISTRATORS})
async def add_device(data: NewDevice, database: Database, actor: Actor) -> Created:
    """A device; it can do nothing before it is enrolled."""
    async with database.transaction() as tx:
        await demand_visible(tx, actor, data.department_id, "department")
        return Created(await register_device(tx, **msgspec.structs.asdict(data)))


@get("/api/devices", opt={"who": LOOKERS})
async def list_devices(database: Database, actor: Actor) -> list[dict[str, Any]]:
    """Devices, who holds each now, and when it was last heard of."""
    async with database.snapshot() as tx:
        rows = await tx.fetch(
            """select d.id, d.department_id, d.kind, d.name, d.serial, d.enrolled_at,
                      d.revoked_at, d.last_seen_at, o.name as holder
                 from devices d
                 left join assignments a on a.device_id = d.id
                      and tstzrange(a.held_from, a.held_to) @> now()
                 left join officers o on o.id = a.officer_id
                where d.department_id = any($1) order by d.name""",
            await visible_departments(tx, actor),
        )
    return [dict(row) for row in rows]


@post("/api/devices/{device_id:uuid}/code", opt={"who": ADMINISTRATORS})
async def code_for_device(
    device_id: UUID, database: Database, actor: Actor, now: datetime
) -> EnrolmentCode:
    """A one-time enrolment code, good for a day; earlier codes of the device stop working."""
    async with database.transaction() as tx:
        await _demand_device(tx, actor, device_id)
        return EnrolmentCode(await issue_code(tx, device_id, now))


@post("/api/devices/{device_id:uuid}/revoke", opt={"who": ADMINISTRATORS}, status_code=204)
async def revoke_device(device_id: UUID, database: Database, actor: Actor, now: datetime) -> None:
    """End the device's token at once."""
    async with database.transaction() as tx:
        await _demand_device(tx, actor, device_id)
        await revoke(tx, actor, device_id, now)


@post("/api/assignments", opt={"who": accounts_with("department_admin", "supervisor")})
async def add_assignment(
    data: NewAssignment, database: Database, actor: Actor, now: datetime
) -> Created:
    """领用: who holds the device from when to when; recordings are judged again by it."""
    async with database.transaction() as tx:
        await _demand_device(tx, actor, data.device_id)
        seen = await visible_departments(tx, actor)
        officer = await tx.fetchrow(
            "select department_id from officers where id = $1", data.officer_id
        )
        if officer is None or officer["department_id"] not in seen:
            raise not_found("officer")
        fields = msgspec.structs.asdict(data)
        return Created(await assign(tx, actor, now=now, **fields))


PEOPLE_ROUTES = [
    add_department,
    list_departments,
    add_officer,
    list_officers,
    add_account,
    add_device,
    list_devices,
    code_for_device,
    revoke_device,
    add_assignment,
]
