"""采集站上传 / upload a camera's folder, and clear what the server has proven

逐个上传目录中的音像文件（DCIM、按日期的目录），断电断网后续传；服务器回读核验并签发回执后，
才可用 --clear 从记录仪上删除。
Uploads every recording below a folder, resumes after power loss, and deletes a file only with
--clear and only on a signed receipt that the stored bytes were read back.

例 / examples:
  quanji dock --server http://192.0.2.10:8600 --token-file camera.json --folder /media/cam1 --once
  quanji dock --server http://192.0.2.10:8600 --token-file camera.json --folder /media/cam1 --clear

--once 的最后一行输出是一个 JSON 对象 / with --once the last line of output is one JSON object:
  {"files", "receipted", "cleared", "left", "outcomes": [{"path", "state", …}]}
退出码 / exit codes: 0 全部有回执 all receipted · 1 有剩余 something is left · 2 用法 usage ·
3 连不上服务器或目录不可读 no server, or the folder can't be read
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import msgspec
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TransferSpeedColumn,
)

from media.receipts import BadReceipt
from mobile_api.dock.client import UploadFailed
from mobile_api.dock.folders import SCHEMES, Found, read_schemes
from mobile_api.dock.journal import Journal
from mobile_api.dock.runner import Outcome, Plan, Summary, run_once

JOURNAL = Path("~/.quanji/dock.sqlite")
TIMEOUT = httpx.Timeout(30, read=120)


def arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--server", required=True, metavar="URL", help="服务器网址 / the server")
    add(
        "--token-file",
        required=True,
        type=Path,
        metavar="F",
        help="令牌：device enrol 的输出，或仅含令牌 / output of `device enrol`, or the bare token",
    )
    add("--folder", required=True, type=Path, metavar="DIR", help="记录仪目录 / camera's folder")
    add("--once", action="store_true", help="只走一遍 / one pass, then a JSON line")
    add("--clear", action="store_true", help="凭有效回执删除 / delete on a valid receipt")
    add("--parallel", type=int, default=4, metavar="N", help="同时上传数 / files at once (4)")
    add("--wait", type=float, default=600, metavar="S", help="等待回执的秒数 / for a receipt (600)")
    add("--every", type=float, default=10, metavar="S", help="两遍之间的秒数 / between passes (10)")
    add("--journal", type=Path, default=JOURNAL, metavar="F", help="进度 / memory (%(default)s)")
    add(
        "--schemes", type=Path, default=SCHEMES, metavar="F", help="文件名规则表 / name table, TOML"
    )


def run(chosen: argparse.Namespace) -> int:
    try:
        token = read_token(chosen.token_file)
        schemes = read_schemes(chosen.schemes)
    except (OSError, ValueError) as e:
        print(f"无法读取 / can't read: {e}", file=sys.stderr)
        return 2
    plan = Plan(
        folder=chosen.folder,
        schemes=schemes,
        parallel=max(1, chosen.parallel),
        clear=chosen.clear,
        wait_s=chosen.wait,
    )
    journal = Journal(chosen.journal.expanduser(), chosen.server.rstrip("/"))
    try:
        return asyncio.run(_dock(chosen, plan, token, journal))
    except KeyboardInterrupt:
        return 130
    finally:
        journal.close()


def read_token(file: Path) -> str:
    """From what `quanji device enrol` prints, or from a file with the token alone."""
    text = file.read_text().strip()
    return str(json.loads(text)["token"]) if text.startswith("{") else text


async def _dock(chosen: argparse.Namespace, plan: Plan, token: str, journal: Journal) -> int:
    bearer = {"Authorization": f"Bearer {token}"}
    limits = httpx.Limits(max_connections=plan.parallel + 2)
    async with httpx.AsyncClient(
        base_url=chosen.server, headers=bearer, timeout=TIMEOUT, limits=limits
    ) as http:
        while True:
            status = await _pass(http, journal, plan, chosen.once)
            if chosen.once:
                return status
            await asyncio.sleep(chosen.every)


async def _pass(http: httpx.AsyncClient, journal: Journal, plan: Plan, once: bool) -> int:
    try:
        with _Shown() as shown:
            summary = await run_once(http, journal, plan, shown)
    except (UploadFailed, BadReceipt, OSError) as e:
        print(f"无法开始 / can't begin: {e}", file=sys.stderr)
        return 3
    if once:
        print(msgspec.json.encode(summary).decode())
    return _status(summary)


def _status(summary: Summary) -> int:
    return 1 if summary.left else 0


class _Shown:
    """Progress for people, on standard error; a plain line a file when that is no terminal."""

    def __init__(self) -> None:
        self.console = Console(stderr=True)
        self.bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self.tasks: dict[str, TaskID] = {}

    def __enter__(self) -> _Shown:
        self.bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bars.stop()

    def begin(self, found: Found) -> Callable[[int], None]:
        task = self.bars.add_task(found.relative, total=found.size)
        self.tasks[found.relative] = task
        return lambda offset: self.bars.update(task, completed=offset)

    def end(self, found: Found, outcome: Outcome) -> None:
        if found.relative in self.tasks:
            self.bars.remove_task(self.tasks.pop(found.relative))
        if outcome.state == "left":
            self.console.print(f"✗ {outcome.path}：{outcome.error}", markup=False)
        elif outcome.state == "receipted" or outcome.cleared:
            done = "已清除 cleared" if outcome.cleared else "已核验 verified"
            self.console.print(f"✓ {outcome.path} {done}", markup=False)
