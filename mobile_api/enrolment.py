"""A device enrols with a one-time code, tells its clock, and asks who it is."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import get, post

from backend.database import Database
from backend.errors import Refusal
from backend.people.access import ANYONE, DEVICE, Actor
from backend.people.devices import Contact, enrol, record_contact
from backend.settings import Settings

_PURPOSE = b"quanji clock ticket v1"


class Enrolment(msgspec.Struct, forbid_unknown_fields=True):
    code: str


class Enrolment201(msgspec.Struct):
    """The token is told this once; keep it where only the device can read it."""

    server: str
    device_id: UUID
    token: str


class ClockReport(msgspec.Struct, forbid_unknown_fields=True):
    """What the device saw of one clock exchange: its own wall clock before and after."""

    boot_id: str
    monotonic_ms: int
    sent_at: datetime
    received_at: datetime
    ticket: str


@post("/api/device/enrol", opt={"who": ANYONE})
async def enrol_device(
    data: Enrolment, database: Database, settings: Settings, now: datetime
) -> Enrolment201:
    """One-time code → device token."""
    async with database.transaction() as tx:
        enrolled = await enrol(tx, data.code, now)
    return Enrolment201(settings.public_url, enrolled.device_id, enrolled.token)


@get("/api/device/me", opt={"who": DEVICE})
async def who_am_i(actor: Actor, database: Database) -> dict[str, Any]:
    """The device as the server knows it."""
    async with database.snapshot() as tx:
        device = await tx.fetchrow(
            """select d.id, d.kind, d.name, d.serial, d.enrolled_at, d.last_seen_at,
                      p.code as department, p.name as department_name
                 from devices d join departments p on p.id = d.department_id where d.id = $1""",
            actor.id,
        )
    return dict(device)


@get("/api/device/clock", opt={"who": DEVICE})
async def tell_time(actor: Actor, secret: bytes, now: datetime) -> dict[str, Any]:
    """The server's time, with a ticket that proves it was told to this device."""
    return {"server_time": now, "ticket": _ticket(actor.id, now, secret)}


@post("/api/device/clock", opt={"who": DEVICE}, status_code=200)
async def report_clock(
    data: ClockReport, actor: Actor, database: Database, secret: bytes
) -> dict[str, int]:
    """Keep the interval in which the device's clock offset lies (NTP style)."""
    server_time = _time_of(data.ticket, actor.id, secret)
    contact = Contact(data.boot_id, data.monotonic_ms, data.sent_at, data.received_at, server_time)
    async with database.transaction() as tx:
        low, high = await record_contact(tx, actor.id, contact)
    return {"offset_low_ms": low, "offset_high_ms": high}


def _ticket(device_id: UUID, told: datetime, secret: bytes) -> str:
    stamp = told.isoformat()
    return f"{stamp}~{_seal(device_id, stamp, secret)}"


def _time_of(ticket: str, device_id: UUID, secret: bytes) -> datetime:
    """The server's own word, so that no device can invent what time we told it."""
    stamp, _, seal = ticket.partition("~")
    if not hmac.compare_digest(seal, _seal(device_id, stamp, secret)):
        raise Refusal(
            "bad_request", detail="时间凭据无效 / not a ticket of this server", where="ticket"
        )
    return datetime.fromisoformat(stamp)


def _seal(device_id: UUID, stamp: str, secret: bytes) -> str:
    mac = hmac.new(secret, _PURPOSE + device_id.bytes + stamp.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(mac.digest()).decode()


ENROLMENT_ROUTES = [enrol_device, who_am_i, tell_time, report_clock]
