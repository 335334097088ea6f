"""Devices: registered at a desk, enrolled by a one-time code, revoked at once, clocks known."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from backend.database import Tx, new_id
from backend.errors import Refusal, not_found
from backend.ledger.events import note
from backend.people.access import Actor
from backend.people.tokens import code_digest, digest, new_code, new_token

CODE_LASTS = timedelta(hours=24)


class Enrolled(msgspec.Struct, frozen=True):
    """What a device keeps: the token is told once and never again."""

    device_id: UUID
    token: str


class Contact(msgspec.Struct, frozen=True):
    """One exchange with a device's clock (NTP style, RFC 5905 §8).

    `sent_at` and `received_at` are the device's wall clock before its request and after the
    answer; `server_time` is what the server answered in between.
    """

    boot_id: str
    monotonic_ms: int
    sent_at: datetime
    received_at: datetime
    server_time: datetime


async def register_device(
    tx: Tx, *, department_id: UUID, kind: str, name: str, serial: str | None = None
) -> UUID:
    """A device that may be enrolled; `conflict` when the serial is known already."""
    device_id = await tx.fetchval(
        """insert into devices (id, department_id, kind, name, serial)
           values ($1, $2, $3, $4, $5) on conflict (serial) do nothing returning id""",
        new_id(),
        department_id,
        kind,
        name,
        serial,
    )
    if device_id is None:
        raise Refusal("conflict", detail=f"设备已登记 / serial in use: {serial}", where="serial")
    return device_id


async def issue_code(tx: Tx, device_id: UUID, now: datetime) -> str:
    """A one-time code; codes issued earlier for the device stop working."""
    await tx.execute(
        "delete from enrolment_codes where device_id = $1 and used_at is null", device_id
    )
    code = new_code()
    await tx.execute(
        "insert into enrolment_codes (code_digest, device_id, expires_at) values ($1, $2, $3)",
        code_digest(code),
        device_id,
        now + CODE_LASTS,
    )
    return code


async def enrol(tx: Tx, code: str, now: datetime) -> Enrolled:
    """Spend the code and give the device its token; an older token of the device ends."""
    device_id = await tx.fetchval(
        """update enrolment_codes set used_at = $2
            where code_digest = $1 and used_at is null and expires_at > $2
            returning device_id""",
        code_digest(code),
        now,
    )
    if device_id is None:
        raise Refusal(
            "bad_enrolment_code",
            detail="注册码不存在、已使用或已过期 / unknown, used or expired code",
            where="code",
        )
    token = new_token()
    department_id = await tx.fetchval(
        """update devices set token_digest = $2, enrolled_at = $3, revoked_at = null
            where id = $1 returning department_id""",
        device_id,
        digest(token),
        now,
    )
    await note(
        tx,
        "enrolled",
        ("device", device_id),
        actor=f"device:{device_id}",
        now=now,
        department_id=department_id,
    )
    return Enrolled(device_id, token)


async def revoke(tx: Tx, actor: Actor, device_id: UUID, now: datetime) -> None:
    """From this moment the device's token opens nothing; what it sent stays."""
    department_id = await tx.fetchval(
        """update devices set revoked_at = coalesce(revoked_at, $2)
            where id = $1 returning department_id""",
        device_id,
        now,
    )
    if department_id is None:
        raise not_found("device")
    await note(
        tx,
        "revoked",
        ("device", device_id),
        actor=actor.label,
        now=now,
        department_id=department_id,
    )


async def device_of_token(tx: Tx, token: str) -> Actor | None:
    """Whose token this is, if the device has not been revoked."""
    row = await tx.fetchrow(
        """select id, department_id, name from devices
            where token_digest = $1 and revoked_at is null""",
        digest(token),
    )
    if row is None:
        return None
    return Actor(kind="device", id=row["id"], department_id=row["department_id"], name=row["name"])


async def record_contact(tx: Tx, device_id: UUID, contact: Contact) -> tuple[int, int]:
    """Keep the interval in which the device's clock offset lies: (low, high) ms, device − true.

    The server's time fell somewhere between sending and receiving, so the device was ahead by at
    least `sent − server` and at most `received − server`; the round trip is the uncertainty.
    """
    low = round((contact.sent_at - contact.server_time) / timedelta(milliseconds=1))
    high = round((contact.received_at - contact.server_time) / timedelta(milliseconds=1))
    if high < low:
        raise Refusal(
            "bad_request",
            detail="received_at 早于 sent_at / received_at lies before sent_at",
            where="received_at",
        )
    await tx.execute(
        """insert into device_contacts
               (id, device_id, boot_id, monotonic_ms, device_time, server_time,
                offset_low_ms, offset_high_ms)
           values ($1, $2, $3, $4, $5, $6, $7, $8)""",
        new_id(),
        device_id,
        contact.boot_id,
        contact.monotonic_ms,
        contact.received_at,
        contact.server_time,
        low,
        high,
    )
    await tx.execute(
        "update devices set last_seen_at = greatest(last_seen_at, $2) where id = $1",
        device_id,
        contact.server_time,
    )
    return low, high
