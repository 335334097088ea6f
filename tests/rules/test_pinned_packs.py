"""A filed case keeps the law it was filed under, whatever becomes of that law."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from msgspec.structs import replace

from backend.cases import filing, packs
from backend.cases.filing import file_case
from backend.cases.packs import pin, pinned_pack, pinned_packs
from backend.cases.stages import check_stage, lock_case
from backend.database import Database
from backend.evidence import files, judging
from backend.evidence.queue import queue_judging
from backend.rules.calendar import SHANGHAI
from backend.rules.errors import PackRefused
from backend.rules.pack import Pack, PackData, load_pack
from tests.evidence.scene import EVENING, Scene

FILED = datetime(2026, 3, 2, 10, 0, tzinfo=SHANGHAI)
TODAY = date(2026, 3, 2)
STRICT = """
[[rule]]
id = "case.decide"
limit = 60
basis = ["处罚60"]

[[rule]]
id = "media.upload"
limit = 2
basis = ["244-20"]

[[checklist]]
id = "seizure"
officers = 3
basis = ["244-19"]
""".encode()


@pytest.fixture
async def scene(database: Database) -> Scene:
    return await Scene.begin(database)


@pytest.fixture(autouse=True)
def restored_anew() -> Iterator[None]:
    """Every test reads its packs from its own database."""
    packs._restored.clear()
    yield
    packs._restored.clear()


class Law:
    """Stands in for `load_pack` where a case looks its law up by date."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pack: Pack | None = load_pack("shijian", TODAY)
        for module in (filing, packs, judging, files):
            monkeypatch.setattr(module, "load_pack", self._load)

    def _load(self, sector: str | None, on: date, layer: bytes | None = None) -> Pack:
        if self.pack is None:
            raise PackRefused("(withdrawn)", "this law is gone")
        return self.pack


@pytest.fixture
def law(monkeypatch: pytest.MonkeyPatch) -> Law:
    return Law(monkeypatch)


async def file_the_case(scene: Scene) -> str:
    async with scene.database.transaction() as tx:
        return (await file_case(tx, scene.supervisor, scene.case, FILED, FILED)).pack_id


async def deadline(scene: Scene, rule: str) -> Any:
    return await scene.row("select * from deadlines where rule_id = $1", rule)


async def stage_check(scene: Scene, to_stage: str) -> tuple[str, ...]:
    async with scene.database.transaction() as tx:
        case = await lock_case(tx, scene.case)
        found = await check_stage(tx, case, to_stage, EVENING)
    return tuple(one.gate for one in found.missing)


async def test_filing_keeps_the_pack_word_for_word(scene: Scene) -> None:
    pack_id = await file_the_case(scene)
    kept = await scene.row("select * from rule_packs")
    pack = load_pack("shijian", TODAY)
    assert (kept["id"], kept["sector"], kept["content"]) == (pack_id, "shijian", pack.dump())
    assert kept["pinned_at"] == FILED
    assert load_pack("shijian", kept["in_force"]) is pack
    assert load_pack("shijian", kept["in_force"] - timedelta(days=1)) is not pack


async def test_two_cases_of_one_day_share_one_pack(scene: Scene) -> None:
    await file_the_case(scene)
    async with scene.database.transaction() as tx:
        second = await scene.new_case(tx)
        await file_case(tx, scene.supervisor, second, FILED, FILED)
    assert len(await scene.rows("select id from rule_packs")) == 1


async def test_a_filing_that_fails_keeps_no_pack(scene: Scene) -> None:
    with pytest.raises(RuntimeError):
        async with scene.database.transaction() as tx:
            await file_case(tx, scene.supervisor, scene.case, FILED, FILED)
            raise RuntimeError("the power went")
    assert await scene.rows("select id from rule_packs") == []


async def test_a_pack_changed_after_filing_does_not_change_the_deadlines(
    scene: Scene, law: Law
) -> None:
    await file_the_case(scene)
    await scene.sweep(FILED)
    before = dict(await deadline(scene, "case.decide"))
    law.pack = load_pack("shijian", TODAY, STRICT)
    packs._restored.clear()
    async with scene.database.transaction() as tx:
        await file_case(tx, scene.supervisor, await scene.new_case(tx), FILED, FILED)
    async with scene.database.transaction() as tx:
        await queue_judging(tx, "case", [scene.case], FILED)
    await scene.sweep(FILED)
    rows = await scene.rows("select * from deadlines where rule_id = 'case.decide' order by due_at")
    assert [row["due_at"].astimezone(SHANGHAI).date() for row in rows] == [
        date(2026, 5, 6),  # 60 days end on 1 May
        date(2026, 6, 1),
    ]
    assert {**dict(rows[1]), "judged_at": None} == {**before, "judged_at": None}


async def test_a_case_that_is_not_filed_follows_the_law_of_today(scene: Scene, law: Law) -> None:
    await scene.step("seize", "10:02:10", "10:31:40")
    law.pack = load_pack("shijian", TODAY, STRICT)
    await scene.sweep(EVENING)
    assert "too_few_officers" in await scene.flags(EVENING)


async def test_evidence_of_a_filed_case_is_judged_by_its_own_law(scene: Scene, law: Law) -> None:
    """The new law asks for three officers, and for the upload within two hours."""
    await file_the_case(scene)
    law.pack = load_pack("shijian", TODAY, STRICT)
    await scene.step("seize", "10:02:10", "10:31:40")
    await scene.film(scene.camera, "10:02:00", "10:32:00")
    found = await scene.flags(EVENING)
    assert not {"too_few_officers", "late_upload", "recording_gap"} & found.keys()


async def test_a_withdrawn_pack_still_judges_its_cases(scene: Scene, law: Law) -> None:
    await file_the_case(scene)
    await scene.step("seize", "10:02:10", "10:31:40")
    law.pack = None
    packs._restored.clear()
    found = await scene.flags(EVENING + timedelta(days=2))
    assert {"missing_recording", "deadline_overdue"} <= found.keys()
    assert (await deadline(scene, "case.decide"))["state"] == "overdue"
    assert await stage_check(scene, "decided")


async def test_gates_are_those_of_the_pinned_pack(scene: Scene, law: Law) -> None:
    await file_the_case(scene)
    async with scene.database.transaction() as tx:
        await tx.execute("update cases set stage = 'noticed' where id = $1", scene.case)
    assert law.pack is not None
    data = law.pack.data
    law.pack = Pack(replace(data, process=replace(data.process, gates=())))
    missing = await stage_check(scene, "deciding")
    assert missing and set(missing) <= {gate.id for gate in data.process.gates}


async def test_a_case_filed_before_packs_were_kept_follows_its_filing_date(scene: Scene) -> None:
    async with scene.database.transaction() as tx:
        await tx.execute(
            """update cases set number = '1', year = 2026, seq = 1, filed_at = $2, stage = 'filed',
                      pack_id = 'shijian-of-old' where id = $1""",
            scene.case,
            FILED,
        )
        case = await lock_case(tx, scene.case)
        assert await pinned_pack(tx, case) is load_pack("shijian", TODAY)


async def test_a_kept_pack_is_read_once(scene: Scene) -> None:
    pack_id = await file_the_case(scene)
    async with scene.database.transaction() as tx:
        first = (await pinned_packs(tx, [pack_id, None]))[pack_id]
        assert (await pinned_packs(tx, [pack_id]))[pack_id] is first
    assert first.rules == load_pack("shijian", TODAY).rules


@pytest.mark.parametrize(
    "change",
    ["update rule_packs set sector = null", "delete from rule_packs", "truncate rule_packs"],
)
async def test_a_kept_pack_cannot_be_changed_or_removed(scene: Scene, change: str) -> None:
    await file_the_case(scene)
    with pytest.raises(asyncpg.RestrictViolationError):
        async with scene.database.transaction() as tx:
            await tx.execute(change)
    assert len(await scene.rows("select id from rule_packs")) == 1


async def test_bytes_that_are_not_what_their_id_says_are_never_kept(scene: Scene) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        async with scene.database.transaction() as tx:
            await tx.execute(
                "insert into rule_packs values ('shijian-0123456789abcdef', 'x', $1, $2, $3)",
                TODAY,
                b"{}",
                FILED,
            )


async def test_an_id_of_another_sector_is_found_out_on_reading(scene: Scene) -> None:
    """What the table's own check can't see, reading does."""
    pack = load_pack("shijian", TODAY)
    lying = pack.id.replace("shijian", "zhujian")
    async with scene.database.transaction() as tx:
        await tx.execute(
            "insert into rule_packs values ($1, 'zhujian', $2, $3, $4)",
            lying,
            TODAY,
            pack.dump(),
            FILED,
        )
        with pytest.raises(PackRefused, match=lying):
            await pinned_packs(tx, [lying])


async def test_the_law_that_has_always_been_so_can_be_kept(scene: Scene) -> None:
    always = Pack(PackData("", (), (), load_pack(None, TODAY).process))
    async with scene.database.transaction() as tx:
        await pin(tx, always, date(1990, 5, 5), datetime.now(UTC))
    row = await scene.row("select * from rule_packs")
    assert (row["sector"], row["in_force"]) == (None, date.min)
