"""The handhelds: everything is written offline, then synced, as on a real day.

A handheld's plan is the same at each start, so the length of its log says how far it came.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from deploy.demo.cast import PARTIES
from deploy.demo.day import case_opened, visit_begins
from deploy.demo.journal import Journal
from deploy.demo.scenario import (
    CASES,
    EDITED_FIELD,
    EDITED_VISIT,
    SAID_OFFLINE,
    VISITS,
)
from deploy.demo.setting_up import House
from deploy.demo.shapes import Fact, Paper, Visit
from sync.client import SyncClient


class Handheld:
    """One device with its outbox in `folder`; it writes what the scenario has it tell."""

    def __init__(
        self,
        serial: str,
        server: str,
        house: House,
        journal: Journal,
        anchor: datetime,
    ) -> None:
        folder = journal.folder / "handhelds"
        folder.mkdir(exist_ok=True, mode=0o700)
        self.serial, self._house, self._journal, self._anchor = serial, house, journal, anchor
        self.client = SyncClient.open(server, house.tokens[serial], folder / f"{serial}.sqlite")
        self._written = self.client.outbox.next_seq() - 1
        self._planned = 0

    @property
    def visits(self) -> dict[str, Visit]:
        return {name: visit for name, visit in VISITS.items() if visit.author == self.serial}

    def write_visits(self) -> None:
        """All its visits, offline."""
        for name, visit in self.visits.items():
            self._tell(name, visit)

    async def sync(self, *, whole_log: bool = False) -> None:
        """Push and pull; nothing if the log holds more than was planned so far: the operations of
        a later part must not go before their turn."""
        if whole_log or self._written <= self._planned:
            await self.client.sync()

    def edit_offline(self) -> None:
        """Change what the desk is about to change too; the base is what was pulled before."""
        visit = VISITS[EDITED_VISIT]
        at = visit_begins(visit, self._anchor) + timedelta(minutes=14)
        inspection = self._id(EDITED_VISIT)
        self._write(
            lambda: self.client.set("inspection", inspection, {EDITED_FIELD: SAID_OFFLINE}, at=at)
        )

    def _id(self, name: str) -> UUID:
        return self._journal.id_of(name)

    def _write(self, operation: Callable[[], object]) -> None:
        self._planned += 1
        if self._planned > self._written:
            operation()

    def _tell(self, name: str, visit: Visit) -> None:
        begin = visit_begins(visit, self._anchor)
        party = self._party(visit.party, begin)
        if visit.case is not None and _opens(name, visit.case):
            self._open_case(visit.case, party)
        self._open_visit(name, visit, party, begin)
        for number, step in enumerate(visit.steps):
            self._step(name, number, step.kind, begin, step.begin, step.end)
        for number, fact in enumerate(visit.facts):
            self._fact(name, number, fact, begin)
        for number, paper in enumerate(visit.papers):
            self._paper(f"{name}/paper/{number}", self._id(name), paper, begin)
        self._close_visit(name, visit, begin)

    def _party(self, name: str, at: datetime) -> UUID:
        """Each handheld has its own row of a party; the code tells that they are one."""
        party, row = PARTIES[name], self._id(f"{self.serial}/party/{name}")
        if self._first_mention(name, at):
            fields = {
                "kind": "organisation",
                "name": party.name,
                "uscc": party.uscc,
                "address": party.address,
            }
            self._write(lambda: self.client.create("party", fields, id=row, at=at))
        return row

    def _first_mention(self, party: str, at: datetime) -> bool:
        mine = [v for v in self.visits.values() if v.party == party]
        return visit_begins(mine[0], self._anchor) == at

    def _open_case(self, name: str, party: UUID) -> None:
        case, at = CASES[name], case_opened(name, self._anchor)
        fields = {
            "title": case.title,
            "cause": case.cause,
            "party_id": party,
            "lead_officer_id": self._house.officers[case.lead],
        }
        row = self._id(f"case/{name}")
        self._write(lambda: self.client.create("case", fields, id=row, at=at))

    def _open_visit(self, name: str, visit: Visit, party: UUID, begin: datetime) -> None:
        place = PARTIES[visit.party]
        fields: dict[str, Any] = {
            "kind": visit.kind,
            "title": visit.title,
            "party_id": party,
            "place": place.place,
            "latitude": place.latitude,
            "longitude": place.longitude,
            "reason": visit.reason,
            "started_at": begin,
            "officer_ids": [self._house.officers[officer] for officer in visit.officers],
        }
        if visit.case is not None:
            fields["case_id"] = self._id(f"case/{visit.case}")
        row = self._id(name)
        self._write(lambda: self.client.create("inspection", fields, id=row, at=begin))

    def _close_visit(self, name: str, visit: Visit, begin: datetime) -> None:
        ended = begin + timedelta(minutes=visit.steps[-1].end)
        fields = {"ended_at": ended, "summary": visit.summary, "result": visit.result}
        row = self._id(name)
        self._write(lambda: self.client.set("inspection", row, fields, at=ended))

    def _step(
        self, name: str, number: int, kind: str, begin: datetime, start: float, end: float
    ) -> None:
        visit, row = self._id(name), self._id(f"{name}/step/{number}")
        started, ended = begin + timedelta(minutes=start), begin + timedelta(minutes=end)
        fields = {"inspection_id": visit, "kind": kind}
        self._write(lambda: self.client.create("step", fields, id=row, at=started))
        self._write(lambda: self.client.step_started(visit, row, started))
        self._write(lambda: self.client.step_ended(visit, row, ended))

    def _fact(self, name: str, number: int, fact: Fact, begin: datetime) -> None:
        at = begin + timedelta(minutes=fact.minute)
        step = None if fact.step is None else self._id(f"{name}/step/{fact.step}")
        body = {
            key: (begin + timedelta(minutes=value)).isoformat() if key in ("from", "to") else value
            for key, value in fact.body.items()
        }
        visit, row = self._id(name), self._id(f"{name}/fact/{number}")
        self._write(
            lambda: self.client.append_fact(visit, fact.kind, body, step_id=step, id=row, at=at)
        )

    def _paper(self, name: str, visit: UUID, paper: Paper, begin: datetime) -> None:
        for number, text in enumerate(paper.versions):
            at = begin + timedelta(minutes=paper.minute + number / 2)
            self._write(partial(self._append_version, self._id(name), visit, paper, text, at))

    def _append_version(
        self, record: UUID, visit: UUID, paper: Paper, text: str, at: datetime
    ) -> None:
        self.client.append_record(
            visit,
            paper.kind,
            paper.title,
            text,
            signed_by=paper.signers,
            signed_at=at,
            record_id=record,
            at=at,
        )


def _opens(name: str, case: str) -> bool:
    """Whether this visit is the first of its case in the scenario."""
    return next(other for other, visit in VISITS.items() if visit.case == case) == name
