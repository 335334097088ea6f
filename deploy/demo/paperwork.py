"""The desk's part of the day: cases are filed, events noted, and one field edited meanwhile."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import httpx

from deploy.demo.desk import Desk, Refused
from deploy.demo.journal import Journal
from deploy.demo.scenario import CASES, EDITED_FIELD, EDITED_VISIT, SAID_AT_DESK, VISITS
from deploy.demo.shapes import Case


async def file_case(desk: Desk, journal: Journal, name: str, anchor: datetime) -> None:
    """File the case and note its events, as far as that has not been done."""
    case, path = CASES[name], f"/api/cases/{journal.id_of(f'case/{name}')}"
    if case.filed_days is None:
        return
    page = await desk.get(path)
    if page["case"]["filed_at"] is None:
        filed = anchor - timedelta(days=case.filed_days)
        await desk.post(f"{path}/file", {"filed_at": filed.isoformat()})
    await _note_events(desk, path, case, page, anchor)


async def _note_events(
    desk: Desk, path: str, case: Case, page: dict[str, Any], anchor: datetime
) -> None:
    known = {event["kind"] for event in page["events"]}
    for kind, days in case.events:
        if kind not in known:
            at = anchor - timedelta(days=days)
            await desk.post(f"{path}/events", {"kind": kind, "at": at.isoformat()})


async def edit_at_the_desk(desk: Desk, journal: Journal) -> None:
    """Write the field that a handheld is editing offline, by the version on the page."""
    if journal.get("desk edit"):
        return
    inspection_id = str(journal.id_of(EDITED_VISIT))
    case_id = journal.id_of(f"case/{VISITS[EDITED_VISIT].case}")
    inspection = await _inspection(desk, str(case_id), inspection_id)
    if inspection[EDITED_FIELD] != SAID_AT_DESK:
        body = {
            "base": {EDITED_FIELD: inspection["version"]},
            "fields": {EDITED_FIELD: SAID_AT_DESK},
        }
        await desk.patch(f"/api/edits/inspection/{inspection_id}", body)
    journal.put("desk edit", True)


async def _inspection(desk: Desk, case_id: str, inspection_id: str) -> dict[str, Any]:
    page = await desk.get(f"/api/cases/{case_id}")
    found: dict[str, Any] = next(i for i in page["inspections"] if i["id"] == inspection_id)
    return found


async def case_page(desk: Desk, case_id: str) -> dict[str, Any] | None:
    """The page of a case with its `conflicts`, or None while there is none."""
    path = f"/api/cases/{case_id}"
    try:
        page: dict[str, Any] = await desk.get(path)
    except Refused as refused:
        if refused.status == httpx.codes.NOT_FOUND:
            return None
        raise
    return {**page, **await desk.get(f"{path}/conflicts")}
