"""处理音像记录 / process recordings: verify, probe, render

可运行多个；被强行终止后，手头的工作由别的进程接着做。
Run as many as you like; the work of a killed one is taken up by another.

例 / examples:
  quanji worker
  quanji worker --concurrency 4      同时处理四个 / four recordings at once
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys

from backend.settings import SettingsError, read_settings
from deploy.worker import run_worker


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--concurrency", type=int, metavar="N", help="同时处理数 / recordings at once (cores)"
    )


def run(chosen: argparse.Namespace) -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        settings = read_settings()
    except SettingsError as error:
        print(f"quanji worker:\n{error}", file=sys.stderr)
        return 2
    asyncio.run(run_worker(settings, concurrency=chosen.concurrency))
    return 0
