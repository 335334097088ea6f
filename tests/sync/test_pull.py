"""What phones pull: everything once, nothing skipped, nothing that is not theirs."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest

from backend.cases.placing import join_case, leave_case
from backend.database import Database, Tx, new_id
from sync.client import SyncClient
from sync.feed import pull
from sync.ops import PullAnswer
from tests.sync.cast import MORNING, Bureau, open_visit

SCOPE = "case:00000000-0000-7000-8000-000000000001"
WRITERS = 16
EACH = 25


async def test_small_pages_tell_everything_once_and_then_nothing(bureau: Bureau) -> None:
    _, visit = open_visit(bureau.bateer)
    for n in range(25):
        bureau.bateer.client.append_fact(visit, "note", {"text": f"第 {n} 条"}, at=MORNING)
    await bureau.bateer.client.push()
    seen, cursor, more = list[tuple[str, str, UUID]](), None, True
    while more:
        page = await pulled(bureau, cursor, limit=7)
        seen += [(c.scope, c.entity, c.id) for c in page.changes]
        cursor, more = page.cursor, page.more
    assert len(seen) == len(set(seen))
    assert {entity for _, entity, _ in seen} >= {"party", "case", "inspection", "fact"}
    assert (await pulled(bureau, cursor)).changes == []


async def pulled(bureau: Bureau, cursor: str | None, limit: int = 1000) -> PullAnswer:
    return await pull(bureau.database, bureau.bateer.actor, cursor, datetime.now(UTC), limit=limit)


async def test_checksums_agree_and_a_spoiled_copy_is_sent_again(bureau: Bureau) -> None:
    client = bureau.bateer.client
    _, visit = open_visit(bureau.bateer)
    await client.sync()
    client.outbox._db.execute("delete from rows where entity = 'inspection'")
    client.append_fact(visit, "note", {"text": "又一条"}, at=MORNING)
    await client.sync()
    assert client.get("inspection", visit) is not None
    for scope in client.outbox.scopes():
        assert client.outbox.checksum(scope)


async def test_joining_a_case_sends_all_of_it_and_leaving_purges_it(bureau: Bureau) -> None:
    _, visit = open_visit(bureau.bateer)
    await bureau.bateer.client.push()
    other: SyncClient = bureau.xiuying.client
    await other.sync()
    assert other.rows("inspection") == []
    case_id = await bureau.one("select case_id from inspections where id = $1", visit)
    async with bureau.database.transaction() as tx:
        await join_case(tx, case_id, bureau.xiuying.officer_id, datetime.now(UTC))
    await other.sync()
    assert [row["id"] for row in other.rows("inspection")] == [str(visit)]
    async with bureau.database.transaction() as tx:
        await leave_case(tx, case_id, bureau.xiuying.officer_id, datetime.now(UTC))
    report = await other.sync()
    assert report.purged == [f"case:{case_id}"]
    assert other.rows("inspection") == other.rows("party") == []
    await bureau.neighbour.client.sync()
    assert bureau.neighbour.client.rows("case") == []


async def test_after_a_restore_phones_push_again_what_the_server_lost(bureau: Bureau) -> None:
    client = bureau.bateer.client
    _, visit = open_visit(bureau.bateer)
    await client.sync()
    client.append_fact(visit, "finding", {"text": "备份之后"}, at=MORNING)
    await client.sync()
    await bureau.execute("delete from facts")
    await bureau.execute("delete from operations where entity = 'fact'")
    await bureau.execute("delete from feed where entity = 'fact'")
    await bureau.execute("update device_chains set seq = 2")
    await bureau.execute("insert into sync_epochs (epoch) values (gen_random_uuid())")
    await client.sync()
    assert await bureau.one("select body->>'text' from facts") == "备份之后"
    assert [fact["body"]["text"] for fact in client.rows("fact")] == ["备份之后"]
    assert await bureau.one("select count(*) from inspections") == 1


async def test_what_the_server_has_backed_up_phones_forget(bureau: Bureau) -> None:
    client = bureau.bateer.client
    open_visit(bureau.bateer)
    await client.sync()
    assert len(client.outcomes()) == 2
    await bureau.execute("update sync_epochs set durable_at = now() + interval '1 minute'")
    await client.sync()
    assert client.outcomes() == []
    bureau.bateer.client.create("party", {"kind": "citizen", "name": "某人"}, at=MORNING)
    assert (await client.sync()).counts == {"applied": 1}


async def test_a_cursor_that_is_none_of_ours_is_refused(bureau: Bureau) -> None:
    response = await bureau.bateer.client.http.get(
        "/api/device/sync/pull", params={"cursor": "AAAA"}
    )
    assert response.status_code == 400
    assert response.json()["where"] == "cursor"


async def counted(tx: Tx, entity_id: UUID) -> None:
    """As everything in Quanji does it."""
    tx.touch(SCOPE, "fact", entity_id)


async def serial(tx: Tx, entity_id: UUID) -> None:
    """As a `bigserial` column does it: the number is taken when the row is written."""
    await tx.execute(
        "insert into feed (scope, n, entity, entity_id) values ($1, nextval('unsafe'), 'fact', $2)",
        SCOPE,
        entity_id,
    )


async def skipped(database_url: str, numbering) -> int:  # type: ignore[no-untyped-def]
    """How many of the rows that 16 writers commit a reader who follows its cursor never sees."""
    database = await Database.connect(database_url, most=WRITERS + 2)
    async with database.transaction() as tx:
        await tx.execute("create sequence unsafe")
        await tx.execute("insert into feed_counters (scope) values ($1)", SCOPE)
    writing = True
    seen: set[UUID] = set()

    async def write() -> None:
        for n in range(EACH):
            async with database.transaction() as tx:
                await numbering(tx, new_id())
                # Some transactions have more to do after their number was taken.
                await tx.execute("select pg_sleep($1)", 0.002 if n % 3 else 0.0)

    async def read() -> None:
        cursor, last_look = 0, False
        while not last_look:
            last_look = not writing
            async with database.snapshot() as tx:
                rows = await tx.fetch(
                    "select n, entity_id from feed where scope = $1 and n > $2", SCOPE, cursor
                )
            seen.update(row["entity_id"] for row in rows)
            cursor = max([cursor, *(row["n"] for row in rows)])

    reader = asyncio.create_task(read())
    await asyncio.gather(*(write() for _ in range(WRITERS)))
    writing = False
    await reader
    await database.close()
    return WRITERS * EACH - len(seen)


async def test_no_cursor_skips_a_row_that_was_committed_late(database_url: str) -> None:
    assert await skipped(database_url, counted) == 0


async def test_the_same_reader_does_skip_rows_numbered_by_a_sequence(database_url: str) -> None:
    """Shows that the test above can fail: number order is not commit order there."""
    assert await skipped(database_url, serial) > 0


async def test_the_append_only_text_of_a_record_cannot_be_changed(bureau: Bureau) -> None:
    client = bureau.bateer.client
    _, visit = open_visit(bureau.bateer)
    record = client.append_record(visit, "笔录", "现场笔录", "初稿", at=MORNING)
    client.append_record(visit, "笔录", "现场笔录", "定稿", record_id=record, at=MORNING)
    await client.sync()
    versions = client.get("record", record)["versions"]  # type: ignore[index]
    assert [(v["number"], v["text"]) for v in versions] == [(1, "初稿"), (2, "定稿")]
    with pytest.raises(asyncpg.RestrictViolationError):
        await bureau.execute("update record_versions set body = '改'")
