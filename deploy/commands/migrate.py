"""升级数据库结构 / bring the database to this version's schema

重复运行无妨；两处同时运行时，后到的会等待。
Running it again changes nothing; of two at once, one waits.

例 / examples:
  quanji migrate                                                     按 QUANJI_DATABASE_URL
  quanji migrate --url postgresql://app:secret@db.example:5432/quanji
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from backend.settings import SettingsError, read_settings
from deploy.migrate import migrate


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", help="数据库地址 / database, instead of QUANJI_DATABASE_URL")


def run(chosen: argparse.Namespace) -> int:
    try:
        url = chosen.url or read_settings().database_url
    except SettingsError as error:
        print(f"quanji migrate:\n{error}", file=sys.stderr)
        return 2
    asyncio.run(migrate(url))
    print("数据库结构已是最新 / the schema is up to date")
    return 0
