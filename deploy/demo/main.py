"""The demo on a terminal: progress, then a table of what each situation became."""

from __future__ import annotations

import argparse
import asyncio
import re
from pathlib import Path

import httpx
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from deploy.demo.journal import DemoFailed, open_journal
from deploy.demo.play import Shown, Wanted, play
from deploy.demo.scenario import VISITS
from deploy.first_logins import FILE as FIRST_LOGINS


def demo(chosen: argparse.Namespace) -> int:
    """Play it, or tell again how it ended; the exit code."""
    console = Console()
    try:
        return _play(_wanted(chosen), console)
    except (DemoFailed, httpx.HTTPError) as failure:
        console.print(f"quanji demo: {failure}", style="red", markup=False, soft_wrap=True)
    except ExceptionGroup as failures:
        for one in _leaves(failures):
            console.print(f"quanji demo: {one}", style="red", markup=False, soft_wrap=True)
    return 1


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    """What failed, one line each; what nobody foresaw is raised with its trace."""
    found: list[BaseException] = []
    for one in group.exceptions:
        found += _leaves(one) if isinstance(one, BaseExceptionGroup) else [one]
    if not all(isinstance(one, DemoFailed | httpx.HTTPError) for one in found):
        raise group
    return found


def _wanted(chosen: argparse.Namespace) -> Wanted:
    work = chosen.work or (chosen.data / "demo" if chosen.data else None)
    if work is None:
        raise DemoFailed("请给出 --work 或 --data / give --work or --data")
    return Wanted(chosen.url.rstrip("/"), chosen.login, _password(chosen), work, chosen.seed)


def _password(chosen: argparse.Namespace) -> str:
    """The one in its file, or that of the first logins."""
    if chosen.password_file is None and chosen.data is None:
        raise DemoFailed("请给出 --password-file 或 --data / give --password-file or --data")
    path: Path = chosen.password_file or chosen.data / FIRST_LOGINS
    try:
        text = path.read_text()
    except OSError as error:
        raise DemoFailed(f"读不到密码 / the password can't be read: {error}") from error
    if chosen.password_file:
        return text.strip()
    told = re.search(rf"login: {re.escape(chosen.login)}\s+.*password: (\S+)", text)
    if told is None:
        raise DemoFailed(f"{path} 里没有账号 {chosen.login} / does not name this login")
    return told[1]


def _play(wanted: Wanted, console: Console) -> int:
    with open_journal(wanted.work) as journal:
        if journal.get("finished"):
            console.print(
                f"演示数据已在 / the demo's day is in already: {wanted.server}", highlight=False
            )
            return 0
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
            shown = asyncio.run(play(wanted, journal, progress))
        missed = sum(not one.zh for one in shown)
        if not missed:
            journal.put("finished", True)
    console.print(_table(shown))
    console.print(f"{len(VISITS)} 次检查 / visits: {wanted.server}", soft_wrap=True)
    console.print(f"演示账号 / the demo's logins: {wanted.work / 'logins.txt'}", soft_wrap=True)
    return 1 if missed else 0


def _table(shown: list[Shown]) -> Table:
    """Addresses stand alone in their line, so that a terminal can open them."""
    table = Table("", pad_edge=False)
    table.add_column("情形与结果 / situations and what they became", overflow="fold")
    for one in shown:
        became = (
            f"{escape(one.zh)}\n[dim]{escape(one.en)}[/dim]"
            if one.zh
            else "[red]未如期 / not so[/red]"
        )
        heading = f"[bold]{one.situation.zh}[/bold]  [dim]{one.situation.en}[/dim]"
        mark = "[green]✓[/green]" if one.zh else "[red]✗[/red]"
        table.add_row(mark, f"{heading}\n{became}\n{one.page}", end_section=True)
    return table
