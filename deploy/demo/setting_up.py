"""The administrator's morning: departments, officers, accounts, devices, who holds them.

Each thing is looked for before it is made, so that it is made once.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import httpx

from deploy.demo.cast import DEPARTMENTS, DEVICES, KIND_NAMES, LOGINS, PEOPLE, Device, Person
from deploy.demo.desk import Desk, Refused
from deploy.demo.journal import Journal, write_privately

HELD_FOR = timedelta(days=150)


class House(NamedTuple):
    """Ids by name: departments by code, officers by name, device tokens by serial."""

    departments: dict[str, str]
    officers: dict[str, str]
    tokens: dict[str, str]


async def set_up(admin: Desk, server: str, journal: Journal, anchor: datetime) -> House:
    """Everything of `cast` on the server, and a token of each device in the journal."""
    root = (await admin.get("/api/session/me"))["department_id"]
    departments = await _departments(admin, root)
    officers = await _officers(admin, departments, anchor)
    await _accounts(admin, journal, {"": root, **departments}, officers)
    devices = await _devices(admin, departments)
    await _hand_out(admin, devices, officers, anchor)
    tokens = {
        serial: journal.get(f"token:{serial}") or await _enrol(admin, server, journal, known)
        for serial, known in devices.items()
    }
    return House(departments, officers, tokens)


async def _departments(admin: Desk, root: str) -> dict[str, str]:
    known = {d["code"]: d["id"] for d in await admin.get("/api/departments")}
    for one in DEPARTMENTS:
        if one.code not in known:
            body = {**one._asdict(), "sector": one.code, "parent_id": root}
            known[one.code] = (await admin.post("/api/departments", body))["id"]
    return {one.code: known[one.code] for one in DEPARTMENTS}


async def _officers(admin: Desk, departments: dict[str, str], anchor: datetime) -> dict[str, str]:
    told = await admin.get("/api/officers")
    known = {(o["department_id"], o["employee_no"]): o["id"] for o in told}
    found = {}
    for person in PEOPLE:
        department = departments[person.department]
        if (department, person.number) not in known:
            body = _officer(person, department, anchor)
            known[department, person.number] = (await admin.post("/api/officers", body))["id"]
        found[person.name] = known[department, person.number]
    return found


def _officer(person: Person, department: str, anchor: datetime) -> dict[str, Any]:
    body: dict[str, Any] = {
        "department_id": department,
        "employee_no": person.number,
        "name": person.name,
        "kind": "auxiliary" if person.certificate_days is None else "officer",
    }
    if person.certificate_days is not None:
        ends = anchor.date() + timedelta(days=person.certificate_days)
        body["certificate"] = {
            "number": f"蒙A{person.number}",
            "valid_from": (ends - timedelta(days=1826)).isoformat(),
            "valid_to": ends.isoformat(),
        }
    return body


async def _accounts(
    admin: Desk, journal: Journal, departments: dict[str, str], officers: dict[str, str]
) -> None:
    """The password is noted before the account is made: nobody's password is lost."""
    for one in LOGINS:
        password = journal.once(f"password:{one.login}", secrets.token_urlsafe(12))
        if journal.get(f"account:{one.login}"):
            continue
        body = {
            "department_id": departments[one.department],
            "login": one.login,
            "name": one.name,
            "password": password,
            "roles": [one.role],
            "officer_id": officers.get(one.officer),
        }
        try:
            await admin.post("/api/accounts", body)
        except Refused as refused:
            if refused.status != httpx.codes.CONFLICT:
                raise
        journal.put(f"account:{one.login}", True)
    lines = (f"{one.login}\t{journal.get(f'password:{one.login}')}\t{one.name} {one.role}\n"
             for one in LOGINS)  # fmt: skip
    write_privately(journal.folder / "logins.txt", "".join(lines))


async def _devices(admin: Desk, departments: dict[str, str]) -> dict[str, dict[str, Any]]:
    """What the server tells of each device, by serial."""
    homes = {person.name: departments[person.department] for person in PEOPLE}
    known = {d["serial"] for d in await admin.get("/api/devices")}
    for device in DEVICES:
        if device.serial not in known:
            body = {
                "department_id": homes[device.holder],
                "kind": device.kind,
                "name": f"{KIND_NAMES[device.kind]} {device.serial}",
                "serial": device.serial,
            }
            await admin.post("/api/devices", body)
    told = {d["serial"]: d for d in await admin.get("/api/devices")}
    return {device.serial: told[device.serial] for device in DEVICES}


async def _hand_out(
    admin: Desk, devices: dict[str, dict[str, Any]], officers: dict[str, str], anchor: datetime
) -> None:
    for device in DEVICES:
        if devices[device.serial]["holder"] is None:
            await admin.post("/api/assignments", _assignment(device, devices, officers, anchor))


def _assignment(
    device: Device, devices: dict[str, dict[str, Any]], officers: dict[str, str], anchor: datetime
) -> dict[str, Any]:
    return {
        "device_id": devices[device.serial]["id"],
        "officer_id": officers[device.holder],
        "held_from": (anchor - HELD_FOR).isoformat(),
    }


async def _enrol(admin: Desk, server: str, journal: Journal, device: dict[str, Any]) -> str:
    """The device's side: a code that the administrator reads out, for a token it keeps."""
    code = await admin.post(f"/api/devices/{device['id']}/code")
    async with httpx.AsyncClient(base_url=server, timeout=60) as http:
        answer = await http.post("/api/device/enrol", json=code)
        answer.raise_for_status()
    token: str = answer.json()["token"]
    journal.put(f"token:{device['serial']}", token)
    return token
