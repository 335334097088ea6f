"""运行定时巡查 / run the sweeps: what changed is judged, what fell due is flagged

可同时运行多个；由数据库咨询锁选出一个执行，其余待命，数秒内接替。
Run as many as you like: an advisory lock elects one, the others take over within seconds.

例 / examples:
  quanji scheduler
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys

from backend.settings import Settings, SettingsError, read_settings
from deploy.app import open_store
from deploy.scheduler import SWEEPS, run_scheduler, sweep_of_uploads


def arguments(parser: argparse.ArgumentParser) -> None:
    """None: everything comes from the settings."""


def run(chosen: argparse.Namespace) -> int:
    try:
        settings = read_settings()
    except SettingsError as error:
        print(f"quanji scheduler:\n{error}", file=sys.stderr)
        return 2
    asyncio.run(_until_stopped(settings))
    return 0


async def _until_stopped(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    store = open_store(settings)
    try:
        await run_scheduler(settings, stop, table=(*SWEEPS, sweep_of_uploads(store, settings)))
    finally:
        store.close()
