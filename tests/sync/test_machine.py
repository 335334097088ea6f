"""Random days: phones edit offline, the desk edits too, answers get lost. Nothing else does."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync.client import SyncClient, SyncFailed
from tests.sync.cast import MORNING, Bureau, open_visit

FIELDS = st.sampled_from(["summary", "result", "reason"])
VALUES = st.sampled_from(["甲", "乙", "丙", "丁"])
PHONES = st.integers(0, 1)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("edit"), PHONES, FIELDS, VALUES),
        st.tuples(st.just("edit"), PHONES, FIELDS, VALUES),
        st.tuples(st.just("fact"), PHONES),
        st.tuples(st.just("desk"), FIELDS, VALUES),
        st.tuples(st.just("sync"), PHONES, st.integers(0, 6)),
    ),
    max_size=25,
)


class Lossy(httpx.AsyncBaseTransport):
    """The server hears everything; so many of its next answers never arrive."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner
        self.lose = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.inner.handle_async_request(request)
        if self.lose:
            self.lose -= 1
            raise httpx.ReadError("the answer was lost")
        return response


async def no_wait(_: float) -> None:
    return None


def with_losses(client: SyncClient) -> Lossy:
    lossy = Lossy(client.http._transport)
    client.http._transport = lossy
    client._sleep = no_wait
    return lossy


async def live_through(bureau: Bureau, visit: UUID, days: list[Any], losses: list[Lossy]) -> int:
    """Play the steps; gives how many facts were written."""
    clients = [bureau.bateer.client, bureau.xiuying.client]
    facts = 0
    for step in days:
        match step:
            case ("edit", who, field, value):
                clients[who].set("inspection", visit, {field: value}, at=MORNING)
            case ("fact", who):
                facts += 1
                clients[who].append_fact(visit, "note", {"text": f"{facts}"}, at=MORNING)
            case ("desk", field, value):
                await bureau.at_desk("inspection", visit, {field: value})
            case ("sync", who, lost):
                losses[who].lose = lost
                try:
                    await clients[who].sync()
                except SyncFailed:
                    losses[who].lose = 0
    for loss in losses:
        loss.lose = 0
    for client in [*clients, *clients]:
        await client.sync()
    return facts


async def lost_values(bureau: Bureau, visit: UUID) -> int:
    """Edits whose value was neither written, nor there already, nor kept in just one conflict."""
    found = await bureau.one(
        """select count(*) from operations o, jsonb_each(o.content->'fields') f
            where o.entity_id = $1 and o.kind = 'set' and 1 <> (
                  (select count(*) from field_writes w
                    where w.op_id = o.op_id and w.field = f.key and w.value = f.value)
                + (select count(*) from conflicts c
                    where c.op_id = o.op_id and c.field = f.key and c.device_value = f.value)
                + (o.outcome->>'status' in ('applied', 'merged') and not exists (
                       select 1 from field_writes w
                        where w.op_id = o.op_id and w.field = f.key))::int)""",
        visit,
    )
    return int(found)


async def overwritten_unseen(bureau: Bureau, visit: UUID) -> int:
    """Phone edits that replaced a value of another hand which the phone had not seen."""
    found = await bureau.one(
        """select count(*) from field_writes w join operations o on o.op_id = w.op_id
            where w.entity_id = $1 and o.kind = 'set' and exists (
                  select 1 from field_writes before
                    left join operations b on b.op_id = before.op_id
                   where before.entity_id = w.entity_id and before.field = w.field
                     and before.version < w.version
                     and before.version > coalesce((o.content->'base'->>w.field)::bigint, 0)
                     and b.device_id is distinct from o.device_id)""",
        visit,
    )
    return int(found)


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(days=STEPS)
async def test_whatever_happens_nothing_is_lost_and_all_come_to_see_the_same(
    bureau: Bureau, days: list[Any]
) -> None:
    clients = [bureau.bateer.client, bureau.xiuying.client]
    originals = [client.http._transport for client in clients]
    _, visit = open_visit(
        bureau.bateer, kind="check", officer_ids=[bureau.xiuying.officer_id], place=""
    )
    for client in clients:
        await client.sync()
    try:
        facts = await live_through(bureau, visit, days, [with_losses(each) for each in clients])
    finally:
        for client, transport in zip(clients, originals, strict=True):
            client.http._transport = transport
    assert await bureau.one("select count(*) from facts where inspection_id = $1", visit) == facts
    assert await lost_values(bureau, visit) == 0
    assert await overwritten_unseen(bureau, visit) == 0
    rows = [client.outbox.row("inspection", visit) for client in clients]
    assert rows[0] == rows[1] is not None
    assert [client.pending for client in clients] == [0, 0]
    case = f"case:{rows[0]['case_id']}"
    assert clients[0].outbox.checksum(case) == clients[1].outbox.checksum(case)
