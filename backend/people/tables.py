"""People and devices: what identifies who did what, with which device, and when.

The migrations hold the checks, keys and triggers; a test holds these classes to the live schema.
Tables with a key of several columns are written with SQL alone and have no class.
"""

from __future__ import annotations

from piccolo.columns import UUID, Array, BigInt, Bytea, Date, Integer, Text, Timestamptz
from piccolo.table import Table


class Department(Table, tablename="departments"):
    id = UUID(primary_key=True, default=None)
    parent_id = UUID(null=True, default=None)
    code = Text(default=None)
    name = Text(default=None)
    name_en = Text(default=None)
    sector = Text(null=True, default=None)
    created_at = Timestamptz(default=None)


class Officer(Table, tablename="officers"):
    id = UUID(primary_key=True, default=None)
    department_id = UUID(default=None)
    employee_no = Text(default=None)
    name = Text(default=None)
    kind = Text(default=None)
    created_at = Timestamptz(default=None)


class Certificate(Table, tablename="certificates"):
    id = UUID(primary_key=True, default=None)
    officer_id = UUID(default=None)
    number = Text(default=None)
    valid_from = Date(default=None)
    valid_to = Date(default=None)
    suspended_from = Timestamptz(null=True, default=None)
    revoked_from = Timestamptz(null=True, default=None)


class Account(Table, tablename="accounts"):
    id = UUID(primary_key=True, default=None)
    department_id = UUID(default=None)
    officer_id = UUID(null=True, default=None)
    login = Text(default=None)
    name = Text(default=None)
    password_hash = Text(default=None)
    roles = Array(base_column=Text(), default=None)
    failed_attempts = Integer(default=None)
    locked_until = Timestamptz(null=True, default=None)
    disabled_at = Timestamptz(null=True, default=None)
    created_at = Timestamptz(default=None)


class AccountSession(Table, tablename="account_sessions"):
    token_digest = Bytea(primary_key=True, default=None)
    account_id = UUID(default=None)
    created_at = Timestamptz(default=None)
    expires_at = Timestamptz(default=None)


class Device(Table, tablename="devices"):
    id = UUID(primary_key=True, default=None)
    department_id = UUID(default=None)
    kind = Text(default=None)
    name = Text(default=None)
    serial = Text(null=True, default=None)
    token_digest = Bytea(null=True, default=None)
    public_key = Bytea(null=True, default=None)
    enrolled_at = Timestamptz(null=True, default=None)
    revoked_at = Timestamptz(null=True, default=None)
    last_seen_at = Timestamptz(null=True, default=None)
    created_at = Timestamptz(default=None)


class EnrolmentCode(Table, tablename="enrolment_codes"):
    code_digest = Bytea(primary_key=True, default=None)
    device_id = UUID(default=None)
    expires_at = Timestamptz(default=None)
    used_at = Timestamptz(null=True, default=None)


class DeviceContact(Table, tablename="device_contacts"):
    id = UUID(primary_key=True, default=None)
    device_id = UUID(default=None)
    boot_id = Text(default=None)
    monotonic_ms = BigInt(default=None)
    device_time = Timestamptz(default=None)
    server_time = Timestamptz(default=None)
    offset_low_ms = BigInt(default=None)
    offset_high_ms = BigInt(default=None)


class Assignment(Table, tablename="assignments"):
    id = UUID(primary_key=True, default=None)
    device_id = UUID(default=None)
    officer_id = UUID(default=None)
    held_from = Timestamptz(default=None)
    held_to = Timestamptz(null=True, default=None)


TABLES = (
    Department,
    Officer,
    Certificate,
    Account,
    AccountSession,
    Device,
    EnrolmentCode,
    DeviceContact,
    Assignment,
)
