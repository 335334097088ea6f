"""The device's side of the protocol: write offline, sync when there is a network.

    client = SyncClient.open("https://server", token, "phone.sqlite")
    party = client.create("party", {"kind": "organisation", "name": "青城烧烤店"})
    visit = client.create("inspection", {"kind": "check", "party_id": party, "started_at": at})
    step = client.create("step", {"inspection_id": visit, "kind": "examine"})
    client.append_fact(visit, "finding", {"text": "后厨无消毒记录"}, step_id=step)
    report = await client.sync()

Every edit is in a SQLite file before its method returns, and is sent until it is answered.
"""

from __future__ import annotations

import asyncio
import gzip
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID, uuid4

import httpx
import msgspec
import uuid6

from sync.ops import SCHEMA, Kind, Op, Outcome, PullAnswer, PushAnswer
from sync.outbox import Outbox

PUSH_PATH = "/api/device/sync/push"
PULL_PATH = "/api/device/sync/pull"
RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})


class SyncFailed(Exception):
    """The server could not be reached or refused the request as a whole; nothing is lost."""

    def __init__(self, detail: str, *, status: int | None = None) -> None:
        super().__init__(detail)
        self.status = status


class Clock(Protocol):
    """What a device knows of time; simulators pass their own."""

    boot_id: str

    def wall(self) -> datetime: ...

    def monotonic_ms(self) -> int: ...


class SystemClock:
    """This machine's clocks; one process counts as one boot."""

    def __init__(self) -> None:
        self.boot_id = str(uuid4())

    def wall(self) -> datetime:
        return datetime.now(UTC)

    def monotonic_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000


class SyncReport(msgspec.Struct, frozen=True, kw_only=True):
    """What one `sync()` did: outcomes of what it pushed, and how many rows it pulled."""

    outcomes: list[Outcome]
    changes: int
    purged: list[str]

    @property
    def counts(self) -> dict[str, int]:
        """{"applied": 12, "conflict": 1, …}"""
        return dict(Counter(outcome.status for outcome in self.outcomes))


class SyncClient:
    """One device. `http` must carry the base URL and the bearer token; `open` makes both."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        outbox: Outbox,
        *,
        clock: Clock | None = None,
        batch: int = 200,
        page: int = 1000,
        tries: int = 5,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.http = http
        self.outbox = outbox
        self.clock: Clock = clock or SystemClock()
        self._batch = batch
        self._page = page
        self._tries = tries
        self._sleep = sleep

    @classmethod
    def open(
        cls,
        base_url: str,
        token: str,
        path: Path | str,
        *,
        clock: Clock | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        **options: Any,
    ) -> SyncClient:
        """`path` is the SQLite file that holds this device's log; one file per enrolment."""
        http = httpx.AsyncClient(
            base_url=base_url,
            headers={"authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(30, connect=10),
            transport=transport,
        )
        return cls(http, Outbox(path), clock=clock, **options)

    async def close(self) -> None:
        await self.http.aclose()
        self.outbox.close()

    async def __aenter__(self) -> SyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # -- writing: offline, durable at once ------------------------------------------------

    def create(
        self,
        entity: str,
        fields: Mapping[str, Any],
        *,
        id: UUID | None = None,  # noqa: A002
        at: datetime | None = None,
    ) -> UUID:
        """A new party, case, inspection or step. `at`: when it happened, by default now."""
        return self.new_op(entity, "create", id or _new_id(), fields, at=at).id

    def set(
        self, entity: str, entity_id: UUID, fields: Mapping[str, Any], *, at: datetime | None = None
    ) -> Op:
        """Change fields; what this device last pulled of each goes along as its base."""
        seen = (self.outbox.row(entity, entity_id) or {}).get("field_versions", {})
        base = {field: seen[field] for field in fields if field in seen}
        return self.new_op(entity, "set", entity_id, fields, base=base, at=at)

    def delete(self, entity: str, entity_id: UUID, *, at: datetime | None = None) -> Op:
        """Mark a case, inspection or step as deleted; against an edit it is a conflict."""
        base = self._row_base(entity, entity_id)
        return self.new_op(entity, "delete", entity_id, {}, base=base, at=at)

    def append_fact(
        self,
        inspection_id: UUID,
        kind: str,
        body: Mapping[str, Any],
        *,
        step_id: UUID | None = None,
        id: UUID | None = None,  # noqa: A002
        at: datetime | None = None,
    ) -> UUID:
        """A finding, signature, evidence item …: nobody's fact replaces another's."""
        fields = {"inspection_id": inspection_id, "kind": kind, "body": dict(body)}
        if step_id:
            fields["step_id"] = step_id
        return self.new_op("fact", "append", id or _new_id(), fields, at=at).id

    def step_started(self, inspection_id: UUID, step_id: UUID, at: datetime) -> UUID:
        return self._step_time(inspection_id, step_id, "start", at)

    def step_ended(self, inspection_id: UUID, step_id: UUID, at: datetime) -> UUID:
        return self._step_time(inspection_id, step_id, "end", at)

    def retract_fact(self, fact_id: UUID, *, at: datetime | None = None) -> Op:
        return self.new_op("fact", "retract", fact_id, {}, at=at)

    def append_record(
        self,
        inspection_id: UUID,
        kind: str,
        title: str,
        text: str,
        *,
        signed_by: Sequence[str] = (),
        signed_at: datetime | None = None,
        record_id: UUID | None = None,
        at: datetime | None = None,
    ) -> UUID:
        """A record's first version, or with `record_id` its next one. Gives the record's id."""
        fields: dict[str, Any] = {
            "inspection_id": inspection_id,
            "kind": kind,
            "title": title,
            "text": text,
            "signed_by": list(signed_by),
            "signed_at": signed_at,
        }
        target = record_id or _new_id()
        base = self._row_base("record", target)
        return self.new_op("record", "append", target, fields, base=base, at=at).id

    def new_op(
        self,
        entity: str,
        kind: Kind,
        entity_id: UUID,
        fields: Mapping[str, Any],
        *,
        base: Mapping[str, int] | None = None,
        at: datetime | None = None,
    ) -> Op:
        """Put any operation in the log. With `at` given, its place on this boot is unknown."""
        op = Op(
            op_id=_new_id(),
            device_seq=self.outbox.next_seq(),
            entity=entity,
            id=entity_id,
            kind=kind,
            base=dict(base or {}),
            fields=msgspec.to_builtins(dict(fields)),
            occurred_at=at or self.clock.wall(),
            boot_id=None if at else self.clock.boot_id,
            monotonic_ms=None if at else self.clock.monotonic_ms(),
        )
        self.outbox.append(op)
        return op

    # -- reading: what was pulled, with this device's own unanswered edits on top ----------

    def get(self, entity: str, entity_id: UUID) -> dict[str, Any] | None:
        """The row as this device should show it, or None."""
        row = self.outbox.row(entity, entity_id)
        for op in self.outbox.unseen_edits(entity, entity_id):
            if op.kind in ("create", "set", "append"):
                row = {**(row or {"id": str(entity_id)}), **op.fields}
        return row

    def rows(self, entity: str) -> list[dict[str, Any]]:
        """Every pulled row of an entity, ordered by id."""
        return self.outbox.rows(entity)

    def outcomes(self) -> list[tuple[Op, Outcome]]:
        """What became of the operations still kept, as far as the server has said."""
        return list(self.outbox.outcomes())

    def outcome(self, op_id: UUID) -> Outcome | None:
        return next((o for op, o in self.outbox.outcomes() if op.op_id == op_id), None)

    @property
    def pending(self) -> int:
        """Operations that no answer has come to yet."""
        return self.outbox.count_unanswered()

    @property
    def complete(self) -> bool:
        """False until a first sync has come to its end."""
        return self.outbox.meta("complete") == "yes"

    # -- syncing ---------------------------------------------------------------------------

    async def sync(self) -> SyncReport:
        """Push, then pull: a purge must find nothing unsent. Raises `SyncFailed`."""
        outcomes = await self.push()
        changes, purged, renewed = await self._pull_all()
        if renewed:
            outcomes += await self.push()
            more_changes, more_purged, _ = await self._pull_all()
            changes, purged = changes + more_changes, purged + more_purged
        return SyncReport(outcomes=outcomes, changes=changes, purged=purged)

    async def push(self) -> list[Outcome]:
        """Send what is unanswered, in order, in batches; gives the outcomes in that order."""
        outcomes: list[Outcome] = []
        batch = self._batch
        while waiting := self.outbox.unanswered(batch):
            try:
                answer = await self._push_batch([body for _, body in waiting])
            except SyncFailed as failed:
                if failed.status != 413 or len(waiting) == 1:
                    raise
                batch = max(1, len(waiting) // 2)
                continue
            seqs = [seq for seq, _ in waiting]
            self.outbox.answered(zip(seqs, answer.outcomes, strict=True))
            outcomes += answer.outcomes
            self._meet_epoch(str(answer.epoch))
        return outcomes

    async def pull(self) -> int:
        """Fetch what this device has not seen; gives the number of rows."""
        changes, _, _ = await self._pull_all()
        return changes

    async def _push_batch(self, bodies: list[bytes]) -> PushAnswer:
        head = msgspec.json.encode({"schema": SCHEMA, "log": self.outbox.log})
        body = head[:-1] + b',"operations":[' + b",".join(bodies) + b"]}"
        headers = {"content-type": "application/json"}
        if len(body) > 4096:
            body, headers["content-encoding"] = gzip.compress(body, 5), "gzip"
        response = await self._ask("POST", PUSH_PATH, content=body, headers=headers)
        return msgspec.json.decode(response.content, type=PushAnswer)

    async def _pull_all(self) -> tuple[int, list[str], bool]:
        changes, purged, again = 0, list[str](), list[str]()
        asked_again: set[str] = set()
        while True:
            page = await self._pull_page(again)
            if self._meet_epoch(str(page.epoch)):
                return changes, purged, True
            self._take(page)
            changes += len(page.changes)
            purged += page.purged
            again = [s for s in self._mismatched(page.checksums) if s not in asked_again]
            asked_again.update(again)
            for scope in again:
                self.outbox.drop_scope(scope)
            if not page.more and not again:
                return changes, purged, False

    async def _pull_page(self, again: list[str]) -> PullAnswer:
        params: dict[str, str] = {"limit": str(self._page)}
        if cursor := self.outbox.meta("cursor"):
            params["cursor"] = cursor
        if again:
            params["again"] = ",".join(again)
        response = await self._ask("GET", PULL_PATH, params=params)
        return msgspec.json.decode(response.content, type=PullAnswer)

    def _take(self, page: PullAnswer) -> None:
        self.outbox.take_page(
            [(c.scope, c.entity, str(c.id), c.version, bytes(c.row)) for c in page.changes],
            page.purged,
            page.cursor,
            complete=not page.more,
            durable=page.durable.isoformat() if page.durable else None,
        )
        told = [
            msgspec.json.decode(c.row, type=Outcome)
            for c in page.changes
            if c.entity == "operation" and bytes(c.row) != b"null"
        ]
        self.outbox.heard(told)

    def _mismatched(self, checksums: Mapping[str, str]) -> list[str]:
        return [s for s, told in checksums.items() if self.outbox.checksum(s) != told]

    def _meet_epoch(self, epoch: str) -> bool:
        """True if the server was put back to an older state since we last spoke."""
        known = self.outbox.meta("epoch")
        if known == epoch:
            return False
        if known is None:
            self.outbox.note_epoch(epoch)
            return False
        self.outbox.send_all_again(epoch)
        return True

    async def _ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        for attempt in range(1, self._tries + 1):
            try:
                response = await self.http.request(method, path, **request)
            except httpx.TransportError as e:
                failed = SyncFailed(f"{method} {path}: {e!r}")
            else:
                if response.is_success:
                    return response
                failed = SyncFailed(
                    f"{method} {path}: {response.status_code} {response.text[:500]}",
                    status=response.status_code,
                )
                if response.status_code not in RETRIED:
                    raise failed
            if attempt < self._tries:
                await self._sleep(min(0.2 * 2**attempt, 10.0))
        raise failed

    def _row_base(self, entity: str, entity_id: UUID) -> dict[str, int]:
        seen = self.outbox.row(entity, entity_id)
        return {"version": seen["version"]} if seen else {}

    def _step_time(self, inspection_id: UUID, step_id: UUID, edge: str, at: datetime) -> UUID:
        body = {"edge": edge, "at": at.isoformat()}
        return self.append_fact(inspection_id, "step_time", body, step_id=step_id, at=at)


def _new_id() -> UUID:
    return UUID(int=uuid6.uuid7().int)
