"""A department, its cast and one visit in a real database; times read as Shanghai clocks.

scene = await Scene.begin(database)
step = await scene.step("seize", "10:02:10", "10:31:40")
await scene.film(scene.camera, "10:02:00", "10:32:00")
assert await scene.flags() == {}
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from asyncpg import Record

from backend import sweeps
from backend.database import Database, Tx, from_json, new_id, to_json
from backend.evidence import intake, recordings
from backend.evidence.queue import queue_judging
from backend.people.access import Actor
from backend.people.devices import register_device
from backend.people.staff import assign, create_department, create_officer
from backend.rules.calendar import SHANGHAI

DAY = date(2026, 11, 23)
EVENING = datetime(2026, 11, 23, 20, 0, tzinfo=SHANGHAI)


def at(clock: str, day: date = DAY) -> datetime:
    """`10:02:10` in Shanghai on the scene's day, as UTC."""
    moment = datetime.strptime(f"{day} {clock}", "%Y-%m-%d %H:%M:%S").replace(tzinfo=SHANGHAI)
    return moment.astimezone(UTC)


class Scene:
    """巴特尔 and 王秀英 inspect 青城烧烤店; 赵敏 supervises; each officer has a camera."""

    database: Database
    department: UUID
    officer: UUID
    second: UUID
    camera: UUID
    other_camera: UUID
    supervisor: Actor
    case: UUID
    inspection: UUID

    @classmethod
    async def begin(cls, database: Database, *, code: str = "shijian") -> Scene:
        scene = cls()
        scene.database = database
        async with database.transaction() as tx:
            scene.department = await create_department(
                tx, code=code, name="市场监管局", sector=code
            )
            scene.supervisor = await _supervisor(tx, scene.department)
            scene.officer = await _officer(tx, scene.department, "001", "巴特尔")
            scene.second = await _officer(tx, scene.department, "002", "王秀英")
            scene.camera = await scene.new_camera(tx, "执法记录仪1号", scene.officer)
            scene.other_camera = await scene.new_camera(tx, "执法记录仪2号", scene.second)
            scene.case = await scene.new_case(tx)
            scene.inspection = await scene.visit(tx, scene.case)
        return scene

    async def new_camera(self, tx: Tx, name: str, holder: UUID | None) -> UUID:
        camera = await register_device(
            tx, department_id=self.department, kind="body_camera", name=name
        )
        if holder is not None:
            await assign(
                tx,
                self.supervisor,
                device_id=camera,
                officer_id=holder,
                held_from=at("00:00:00"),
                held_to=at("23:59:00"),
                now=at("00:00:00"),
            )
        return camera

    async def new_case(self, tx: Tx) -> UUID:
        return await tx.fetchval(
            """insert into cases (id, department_id, title, lead_officer_id, opened_at)
               values ($1, $2, '青城烧烤店', $3, $4) returning id""",
            new_id(),
            self.department,
            self.officer,
            at("09:00:00"),
        )

    async def visit(self, tx: Tx, case: UUID, **columns: Any) -> UUID:
        values = {"started_at": at("09:30:00"), "ended_at": at("11:00:00"), **columns}
        names = "".join(f", {name}" for name in values)
        places = "".join(f", ${n}" for n in range(4, len(values) + 4))
        inspection: UUID = await tx.fetchval(
            f"""insert into inspections (id, department_id, case_id, kind{names})
                values ($1, $2, $3, 'check'{places}) returning id""",
            new_id(),
            self.department,
            case,
            *values.values(),
        )
        for officer in (self.officer, self.second):
            await tx.execute("insert into inspection_officers values ($1, $2)", inspection, officer)
        return inspection

    async def step(
        self, kind: str, begin: str, end: str | None, *, inspection: UUID | None = None
    ) -> UUID:
        async with self.database.transaction() as tx:
            step: UUID = await tx.fetchval(
                """insert into steps (id, inspection_id, kind, started_at, ended_at)
                   values ($1, $2, $3, $4, $5) returning id""",
                new_id(),
                inspection or self.inspection,
                kind,
                at(begin),
                at(end) if end else None,
            )
            case = await tx.fetchval(
                "select case_id from inspections where id = $1", inspection or self.inspection
            )
            await queue_judging(tx, "case", [case], EVENING)
        return step

    async def explain(self, step: UUID | None, begin: str, end: str, cause: str) -> UUID:
        async with self.database.transaction() as tx:
            fact: UUID = await tx.fetchval(
                """insert into facts (id, inspection_id, step_id, kind, body, occurred_at)
                   values ($1, $2, $3, 'gap_explanation', $4, $5) returning id""",
                new_id(),
                self.inspection,
                step,
                to_json({"from": at(begin), "to": at(end), "cause": cause}),
                at(end),
            )
            await queue_judging(tx, "case", [self.case], EVENING)
        return fact

    async def film(
        self,
        camera: UUID,
        begin: str,
        end: str,
        *,
        kind: str = "video",
        ahead_s: float = 0,
        doubt_s: float = 0.5,
        received: datetime = EVENING,
        case: UUID | None = None,
        quality: list[dict[str, Any]] | None = None,
        facts: dict[str, Any] | None = None,
    ) -> UUID:
        """A recording that a camera, `ahead_s` fast, claims to have made from `begin` to `end`."""
        recording, claimed = new_id(), at(begin)
        true = claimed - timedelta(seconds=ahead_s)
        length = at(end) - at(begin)
        async with self.database.transaction() as tx:
            await self._bytes(tx, recording, camera, case, received)
            await intake.probed(
                tx,
                recording,
                facts=facts or {},
                media_kind=kind,
                duration_ms=round(length.total_seconds() * 1000),
                claimed_begin=claimed,
                claimed_source="declared",
                captured_from=true,
                captured_to=true + length,
                clock_offset_ms=round(ahead_s * 1000),
                uncertainty_ms=round(doubt_s * 1000),
                time_explanation={"zh": "设备申报", "en": "declared"},
                now=received,
            )
            await intake.ready(tx, recording, renditions=[], quality=quality or [], now=received)
        return recording

    async def _bytes(
        self, tx: Tx, recording: UUID, camera: UUID, case: UUID | None, now: datetime
    ) -> None:
        await recordings.create_recording(
            tx,
            id=recording,
            department_id=self.department,
            device_id=camera,
            file_name="DSJ_0001.MP4",
            media_kind="video",
            object_key=f"originals/{recording}",
            case_id=case,
            now=now,
        )
        await recordings.received(tx, recording, 1000, now)
        await recordings.verified(tx, recording, sha256(recording.bytes).digest(), 1000, now)

    async def sweep(self, now: datetime = EVENING) -> None:
        """All that the scheduler would do at `now`."""
        for run in (sweeps.recordings_missing, sweeps.unattributed, sweeps.judge_changed):
            await run(self.database, now)
        await sweeps.deadlines_due(self.database, now)

    async def flags(self, now: datetime | None = EVENING) -> dict[str, Record]:
        """Open flags by kind, after a sweep at `now`; two of a kind become `kind#2`."""
        if now is not None:
            await self.sweep(now)
        found: dict[str, Record] = {}
        seen: dict[str, int] = defaultdict(int)
        for row in await self.rows("select * from flags where state = 'open' order by kind, id"):
            seen[row["kind"]] += 1
            nth = seen[row["kind"]]
            found[row["kind"] if nth == 1 else f"{row['kind']}#{nth}"] = row
        return found

    async def rows(self, query: str, *values: Any) -> list[Record]:
        async with self.database.snapshot() as tx:
            return await tx.fetch(query, *values)

    async def row(self, query: str, *values: Any) -> Record:
        (row,) = await self.rows(query, *values)
        return row


def said(flag: Record, language: str = "zh") -> str:
    text: str = from_json(flag["explanation"])[language]
    return text


async def _officer(tx: Tx, department: UUID, number: str, name: str) -> UUID:
    return await create_officer(
        tx,
        department_id=department,
        employee_no=number,
        name=name,
        certificate=(f"蒙A-{number}", date(2025, 1, 1), date(2029, 12, 31)),
    )


async def _supervisor(tx: Tx, department: UUID) -> Actor:
    account: UUID = await tx.fetchval(
        """insert into accounts (id, department_id, login, name, password_hash, roles)
           values ($1, $2, 'zhaomin', '赵敏', 'x', '{supervisor}') returning id""",
        new_id(),
        department,
    )
    return Actor(
        kind="account",
        id=account,
        department_id=department,
        name="赵敏",
        roles=frozenset({"supervisor"}),
    )
