"""Plays the demo's day through the public API: by role, resumable, until all is judged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from rich.progress import Progress, TaskID

from deploy.demo.cameras import Cameras, Progressed, files_of_the_day
from deploy.demo.cast import DEVICES, LOGINS, PEOPLE
from deploy.demo.desk import Desk
from deploy.demo.handhelds import Handheld
from deploy.demo.journal import DemoFailed, Journal
from deploy.demo.outcome import CHECKS
from deploy.demo.paperwork import case_page, edit_at_the_desk, file_case
from deploy.demo.scenario import CASES, EDITED_VISIT, SITUATIONS, VISITS
from deploy.demo.setting_up import House, set_up
from deploy.demo.shapes import Situation
from sync.client import SyncFailed

PATIENCE_S = 180.0  # without anything new from the server before the demo gives up
HANDHELDS = [device.serial for device in DEVICES if device.kind == "handheld"]


class Wanted(NamedTuple):
    """Where to play, as whom to set up, and the folder that remembers how far it came."""

    server: str
    login: str
    password: str
    work: Path
    seed: int = 1


class Shown(NamedTuple):
    """A situation and what it became; `zh` is "" if it did not become what it should."""

    situation: Situation
    zh: str
    en: str
    page: str


class Stage(NamedTuple):
    """One line of progress; where nothing can be redrawn, a line when it is done."""

    progress: Progress
    task: TaskID

    def step(self) -> None:
        self.reach(self.progress.tasks[self.task].completed + 1)

    def reach(self, count: float) -> None:
        self.progress.update(self.task, completed=count)
        line = self.progress.tasks[self.task]
        if line.finished and not self.progress.console.is_terminal:
            self.progress.console.print(f"{line.description} {line.completed:.0f}/{line.total:.0f}")


def stage(progress: Progress, zh: str, en: str, steps: int) -> Stage:
    return Stage(progress, progress.add_task(f"{zh}  [dim]{en}[/dim]", total=steps))


async def play(wanted: Wanted, journal: Journal, progress: Progress) -> list[Shown]:
    """The whole day; what each situation became. Raises `DemoFailed`."""
    journal.once("seed", wanted.seed)
    begun = journal.once("anchor", datetime.now(UTC).isoformat(timespec="seconds"))
    anchor = datetime.fromisoformat(begun)
    async with Desk(wanted.server) as admin:
        setting = stage(progress, "开通部门、人员与设备", "departments, people, devices", 1)
        await admin.sign_in(wanted.login, wanted.password)
        house = await set_up(admin, wanted.server, journal, anchor)
        setting.step()
        async with _desks(wanted.server, journal) as desks:
            await _the_day(wanted.server, house, desks, journal, anchor, progress)
        return await _judged(admin, wanted.server, journal, progress)


@asynccontextmanager
async def _desks(server: str, journal: Journal) -> AsyncIterator[dict[str, Desk]]:
    """The supervisors, signed in, by department."""
    async with AsyncExitStack() as stack:
        desks = {}
        for one in LOGINS:
            if one.role == "supervisor":
                desks[one.department] = await stack.enter_async_context(Desk(server))
                password = journal.get(f"password:{one.login}")
                await desks[one.department].sign_in(one.login, password)
        yield desks


async def _the_day(
    server: str,
    house: House,
    desks: dict[str, Desk],
    journal: Journal,
    anchor: datetime,
    progress: Progress,
) -> None:
    """Cameras are being filled while the handhelds work; they dock after the first sync."""
    files = files_of_the_day(anchor)
    writing = stage(progress, "手持终端离线记录、同步", "handhelds sync", len(HANDHELDS))
    lines = (
        stage(progress, zh, en, len(files)).step
        for zh, en in (
            ("记录仪录制", "cameras record"),
            ("采集上传", "docked cameras upload"),
            ("校验、转码", "verified, made playable"),
        )
    )
    docked = asyncio.Event()
    cameras = Cameras(server, house.tokens, journal, Progressed(*lines))
    for camera in sorted({f.take.camera for f in files if not journal.get(f"upload:{f.name}")}):
        await cameras.tell_time(camera)
    async with asyncio.TaskGroup() as group:
        for file in files:
            group.create_task(cameras.record_and_upload(file, docked))
        group.create_task(_inspectors(server, house, desks, journal, anchor, docked, writing))


async def _inspectors(
    server: str,
    house: House,
    desks: dict[str, Desk],
    journal: Journal,
    anchor: datetime,
    docked: asyncio.Event,
    writing: Stage,
) -> None:
    """All write before any of them syncs: nobody knows what the others do."""
    async with AsyncExitStack() as stack:
        handhelds = {
            serial: Handheld(serial, server, house, journal, anchor) for serial in HANDHELDS
        }
        for handheld in handhelds.values():
            await stack.enter_async_context(handheld.client)
            handheld.write_visits()
            await asyncio.sleep(0)
        for handheld in handhelds.values():
            await _synced(handheld)
            writing.step()
        docked.set()
        await _at_the_desks(desks, journal, anchor)
        editor = handhelds[VISITS[EDITED_VISIT].author]
        editor.edit_offline()
        await edit_at_the_desk(desks[_department_of(EDITED_VISIT)], journal)
        await _synced(editor, whole_log=True)


async def _synced(handheld: Handheld, *, whole_log: bool = False) -> None:
    try:
        await handheld.sync(whole_log=whole_log)
    except SyncFailed as failed:
        raise DemoFailed(f"{handheld.serial} 未能同步 / could not sync: {failed}") from failed


async def _at_the_desks(desks: dict[str, Desk], journal: Journal, anchor: datetime) -> None:
    for name in CASES:
        visit = next(visit for visit, told in VISITS.items() if told.case == name)
        await file_case(desks[_department_of(visit)], journal, name, anchor)


def _department_of(visit: str) -> str:
    author = next(device for device in DEVICES if device.serial == VISITS[visit].author)
    return next(person.department for person in PEOPLE if person.name == author.holder)


async def _judged(admin: Desk, server: str, journal: Journal, progress: Progress) -> list[Shown]:
    """Look until every situation is what it should be, or nothing new comes any more."""
    line = stage(progress, "归集、判定", "attributed and judged", len(SITUATIONS))
    clock = asyncio.get_running_loop().time
    since, before = clock(), ""
    while True:
        pages = await _pages(admin, journal)
        shown = [_look(journal, one, pages[one.about], server) for one in SITUATIONS]
        missed = sum(not one.zh for one in shown)
        line.reach(len(shown) - missed)
        if (now := _fingerprint(pages)) != before:
            since, before = clock(), now
        if not missed or clock() - since > PATIENCE_S:
            return shown
        await asyncio.sleep(1)


async def _pages(admin: Desk, journal: Journal) -> dict[str, Any]:
    """The case pages that the situations are about; None where there is none yet."""
    pages = {}
    for one in SITUATIONS:
        case_id = await _case_of(admin, journal, one.about)
        pages[one.about] = await case_page(admin, case_id) if case_id else None
    return pages


def _look(journal: Journal, situation: Situation, page: Any, server: str) -> Shown:
    if page is None:
        return Shown(situation, "", "", server)
    words = CHECKS[situation.becomes](page, str(journal.id_of(situation.about)))
    return Shown(situation, *(words or ("", "")), f"{server}/cases/{page['case']['id']}")


def _fingerprint(pages: dict[str, Any]) -> str:
    """Changes whenever the server has got on with something."""
    states = [
        [r["state"] for r in page["recordings"]] + [f["state"] for f in page["flags"]]
        for page in pages.values()
        if page is not None
    ]
    return repr(states)


async def _case_of(admin: Desk, journal: Journal, about: str) -> str | None:
    """A visit that names no case is found by its party, as a person would look for it."""
    name = about if about in CASES else VISITS[about].case
    if name is not None:
        return str(journal.id_of(f"case/{name}"))
    listed = await admin.get("/api/cases", flagged="false", q=VISITS[about].party)
    return listed["cases"][0]["id"] if listed["cases"] else None
