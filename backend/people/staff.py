"""Departments, officers with certificates, and who holds which device."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import asyncpg

from backend.database import Tx, new_id
from backend.errors import Refusal
from backend.ledger.events import note
from backend.people.access import Actor


async def create_department(
    tx: Tx,
    *,
    code: str,
    name: str,
    name_en: str = "",
    sector: str | None = None,
    parent_id: UUID | None = None,
) -> UUID:
    """A department; `code` is short, lower case and unique: it stands in object keys."""
    department_id = await tx.fetchval(
        """insert into departments (id, code, name, name_en, sector, parent_id)
           values ($1, $2, $3, $4, $5, $6) on conflict (code) do nothing returning id""",
        new_id(),
        code,
        name,
        name_en,
        sector,
        parent_id,
    )
    if department_id is None:
        raise Refusal("conflict", detail=f"部门代码已存在 / code in use: {code}", where="code")
    return department_id


async def create_officer(
    tx: Tx,
    *,
    department_id: UUID,
    employee_no: str,
    name: str,
    kind: str = "officer",
    certificate: tuple[str, date, date] | None = None,
) -> UUID:
    """An officer or auxiliary; `certificate`: number, first and last day, for officers alone."""
    if certificate is not None and kind == "auxiliary":
        raise Refusal(
            "bad_request",
            detail="辅助人员不持执法证 / auxiliaries hold no certificate",
            where="certificate",
        )
    officer_id = await tx.fetchval(
        """insert into officers (id, department_id, employee_no, name, kind)
           values ($1, $2, $3, $4, $5)
           on conflict (department_id, employee_no) do nothing returning id""",
        new_id(),
        department_id,
        employee_no,
        name,
        kind,
    )
    if officer_id is None:
        raise Refusal(
            "conflict", detail=f"工号已存在 / number in use: {employee_no}", where="employee_no"
        )
    if certificate is not None:
        await tx.execute(
            """insert into certificates (id, officer_id, number, valid_from, valid_to)
               values ($1, $2, $3, $4, $5)""",
            new_id(),
            officer_id,
            *certificate,
        )
    tx.touch(f"department:{department_id}", "officer", officer_id)
    return officer_id


async def assign(
    tx: Tx,
    actor: Actor,
    *,
    device_id: UUID,
    officer_id: UUID,
    held_from: datetime,
    held_to: datetime | None,
    now: datetime,
) -> UUID:
    """领用: the officer holds the device over [held_from, held_to); two at once is a `conflict`."""
    assignment_id = new_id()
    try:
        async with tx.savepoint():
            await tx.execute(
                """insert into assignments (id, device_id, officer_id, held_from, held_to)
                   values ($1, $2, $3, $4, $5)""",
                assignment_id,
                device_id,
                officer_id,
                held_from,
                held_to,
            )
    except asyncpg.ExclusionViolationError as error:
        raise Refusal(
            "conflict",
            detail="该设备在此时段已被他人领用 / somebody else holds the device then",
            where="held_from",
        ) from error
    await note(
        tx,
        "assigned",
        ("device", device_id),
        actor=actor.label,
        now=now,
        department_id=actor.department_id,
        officer_id=officer_id,
        held_from=held_from,
        held_to=held_to,
    )
    tx.touch(f"officer:{officer_id}", "assignment", assignment_id)
    await _rejudge_recordings(tx, device_id, held_from, held_to, now)
    return assignment_id


async def _rejudge_recordings(
    tx: Tx, device_id: UUID, since: datetime, until: datetime | None, now: datetime
) -> None:
    """A late or corrected assignment changes whom the device's recordings belong to."""
    await tx.execute(
        """insert into judging_queue (subject_kind, subject_id, since)
           select 'recording', id, $4 from recordings
            where device_id = $1 and captured_to >= $2
              and ($3::timestamptz is null or captured_from < $3)
           on conflict (subject_kind, subject_id) do update set since = excluded.since""",
        device_id,
        since,
        until,
        now,
    )
