"""The first accounts of an empty database: random passwords, kept for the owner alone."""

from __future__ import annotations

import secrets
from pathlib import Path

from backend.database import Database
from backend.people.accounts import create_account
from backend.people.staff import create_department
from deploy.embedded.private import write_private

FILE = "first-logins.txt"


async def first_logins(database: Database, folder: Path) -> bool:
    """Make the first department and its administrator if there is no account yet.

    `FILE` in `folder` is written before the commit: an account whose password nobody knows can't
    come to be. Returns whether there was anything to make.
    """
    password = secrets.token_urlsafe(12)
    async with database.transaction() as tx:
        await tx.execute("lock table accounts in share row exclusive mode")
        if await tx.fetchval("select exists (select from accounts)"):
            return False
        department = await create_department(
            tx, code="sifa", name="司法局", name_en="Judicial bureau"
        )
        await create_account(
            tx,
            department_id=department,
            login="admin",
            name="系统管理员",
            password=password,
            roles=["department_admin", "bureau_supervisor"],
        )
        write_private(folder / FILE, f"账号 login: admin    密码 password: {password}\n")
    return True
