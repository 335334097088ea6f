"""建立部门、人员、账号、设备 / create departments, officers, accounts, devices at the server

直接写入数据库，须在服务器上运行：设置取自 QUANJI_* 环境变量，或 `quanji up` 的数据目录（--data）。
Works on the database itself, at the server: settings come from QUANJI_*, or from the folder of
`quanji up` (--data). Every call prints one JSON object.

例 / examples:
  quanji admin --data data department --code shijian --name 市场监督管理局 --sector shijian
  quanji admin --data data officer --department shijian --no 001 --name 巴特尔 \\
      --certificate 15010301 --valid-from 2024-01-01 --valid-to 2028-12-31
  quanji admin --data data account --department shijian --login zhaomin --name 赵敏 \\
      --role supervisor
  quanji admin --data data device --department shijian --kind body_camera --name 执法记录仪1
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import sys
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import backend.tables
from backend.database import Database, Tx, utc_now
from backend.errors import Refusal, not_found
from backend.people.access import ROLES
from backend.people.accounts import create_account
from backend.people.devices import issue_code, register_device
from backend.people.staff import create_department, create_officer
from backend.settings import Settings, SettingsError, read_settings, variables_of_file

DEVICE_KINDS = ("handheld", "body_camera", "fixed_camera", "dock")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, metavar="DIR", help="`quanji up` 的目录 / its folder")
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    _department(what.add_parser("department", help="部门 / a department"))
    _officer(what.add_parser("officer", help="执法人员或辅助人员 / an officer or auxiliary"))
    _account(what.add_parser("account", help="登录账号 / a login for the console"))
    _device(what.add_parser("device", help="设备，并给出注册码 / a device, with its code"))


def _department(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--code", required=True, help="小写代码 / short code, lower case, stands in object keys")
    add("--name", required=True, help="名称 / name")
    add("--name-en", default="", help="英文名称 / name in English")
    add("--parent", metavar="CODE", help="上级部门代码 / the department above")
    add("--sector", choices=("shijian", "zhujian", "chengguan"), help="行业规则 / sector's rules")
    parser.set_defaults(create=_create_department)


def _officer(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--department", required=True, metavar="CODE", help="部门代码 / department's code")
    add("--no", required=True, help="工号 / employee number")
    add("--name", required=True, help="姓名 / name")
    add("--auxiliary", action="store_true", help="辅助人员，无执法证 / holds no certificate")
    add("--certificate", metavar="NUMBER", help="执法证号 / certificate number")
    add("--valid-from", type=date.fromisoformat, metavar="DATE", help="有效期起 / first day")
    add("--valid-to", type=date.fromisoformat, metavar="DATE", help="有效期止 / last day")
    parser.set_defaults(create=_create_officer)


def _account(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--department", required=True, metavar="CODE", help="部门代码 / department's code")
    add("--login", required=True, help="账号 / login")
    add("--name", required=True, help="姓名 / name")
    add("--role", action="append", required=True, choices=sorted(ROLES), help="角色，可重复 / role")
    parser.set_defaults(create=_create_account)


def _device(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--department", required=True, metavar="CODE", help="部门代码 / department's code")
    add("--kind", required=True, choices=DEVICE_KINDS, help="种类 / kind")
    add("--name", required=True, help="名称 / name")
    add("--serial", help="序列号 / serial number")
    parser.set_defaults(create=_create_device)


def run(chosen: argparse.Namespace) -> int:
    try:
        kept = variables_of_file(chosen.data / "settings.env") if chosen.data else None
        settings = read_settings(kept)
        print(json.dumps(asyncio.run(_run(settings, chosen)), ensure_ascii=False))
    except SettingsError as error:
        print(f"quanji admin:\n{error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(
            f"quanji admin: 连不上数据库 / the database does not answer: {error}", file=sys.stderr
        )
        return 3
    except Refusal as refusal:
        print(f"quanji admin: {refusal.detail} ({refusal.where})", file=sys.stderr)
        return 1
    return 0


async def _run(settings: Settings, chosen: argparse.Namespace) -> dict[str, Any]:
    create: Callable[[Tx, argparse.Namespace], Awaitable[dict[str, Any]]] = chosen.create
    database = await Database.connect(settings.database_url, tables=backend.tables.TABLES, most=1)
    try:
        async with database.transaction() as tx:
            return await create(tx, chosen)
    finally:
        await database.close()


async def _department_id(tx: Tx, code: str) -> UUID:
    department_id: UUID | None = await tx.fetchval(
        "select id from departments where code = $1", code
    )
    if department_id is None:
        raise not_found(f"department {code}")
    return department_id


async def _create_department(tx: Tx, chosen: argparse.Namespace) -> dict[str, Any]:
    department_id = await create_department(
        tx,
        code=chosen.code,
        name=chosen.name,
        name_en=chosen.name_en,
        sector=chosen.sector,
        parent_id=await _department_id(tx, chosen.parent) if chosen.parent else None,
    )
    return {"id": str(department_id), "code": chosen.code}


async def _create_officer(tx: Tx, chosen: argparse.Namespace) -> dict[str, Any]:
    certificate = (chosen.certificate, chosen.valid_from, chosen.valid_to)
    if any(certificate) and not all(certificate):
        raise Refusal(
            "bad_request",
            detail="执法证须有证号和起止日期 / a certificate has a number and both days",
            where="--certificate --valid-from --valid-to",
        )
    officer_id = await create_officer(
        tx,
        department_id=await _department_id(tx, chosen.department),
        employee_no=chosen.no,
        name=chosen.name,
        kind="auxiliary" if chosen.auxiliary else "officer",
        certificate=certificate if all(certificate) else None,
    )
    return {"id": str(officer_id), "name": chosen.name}


async def _create_account(tx: Tx, chosen: argparse.Namespace) -> dict[str, Any]:
    """The password is drawn here and told once: nobody chooses a weak one or leaves a default."""
    password = secrets.token_urlsafe(12)
    account_id = await create_account(
        tx,
        department_id=await _department_id(tx, chosen.department),
        login=chosen.login,
        name=chosen.name,
        password=password,
        roles=chosen.role,
    )
    return {"id": str(account_id), "login": chosen.login, "password": password}


async def _create_device(tx: Tx, chosen: argparse.Namespace) -> dict[str, Any]:
    device_id = await register_device(
        tx,
        department_id=await _department_id(tx, chosen.department),
        kind=chosen.kind,
        name=chosen.name,
        serial=chosen.serial,
    )
    return {"id": str(device_id), "code": await issue_code(tx, device_id, utc_now())}
