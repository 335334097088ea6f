"""Entities as a device sees them: JSON made by PostgreSQL, spliced into the answer as it is.

Each query takes ids and gives (id, in_case, row). An entity that has moved to another case is
no longer there for the case it left.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from uuid import UUID

import msgspec
from asyncpg import Record

from backend.database import Tx

NULL = msgspec.Raw(b"null")

ROWS: dict[str, str] = {
    "party": """
        select r.id, null::uuid as in_case,
               (to_jsonb(r) || jsonb_build_object('id_digest', encode(r.id_digest, 'base64')))::text
                   as row
          from parties r where r.id = any($1)""",
    "case": """
        select r.id, r.id as in_case,
               (to_jsonb(r) || jsonb_build_object('officer_ids', array(
                    select o.officer_id from case_officers o
                     where o.case_id = r.id and o.until is null order by 1)))::text as row
          from cases r where r.id = any($1)""",
    "inspection": """
        select r.id, r.case_id as in_case,
               (to_jsonb(r) || jsonb_build_object('officer_ids', array(
                    select o.officer_id from inspection_officers o
                     where o.inspection_id = r.id order by 1)))::text as row
          from inspections r where r.id = any($1)""",
    "step": """
        select r.id, i.case_id as in_case, to_jsonb(r)::text as row
          from steps r join inspections i on i.id = r.inspection_id where r.id = any($1)""",
    "fact": """
        select r.id, i.case_id as in_case, to_jsonb(r)::text as row
          from facts r join inspections i on i.id = r.inspection_id where r.id = any($1)""",
    "record": """
        select r.id, i.case_id as in_case,
               (to_jsonb(r) || (
                    select jsonb_build_object('version', max(v.number), 'versions', jsonb_agg(
                               jsonb_build_object('number', v.number, 'text', v.body,
                                   'signed_by', v.signed_by, 'signed_at', v.signed_at,
                                   'officer_id', v.officer_id, 'created_at', v.created_at)
                               order by v.number))
                      from record_versions v where v.record_id = r.id))::text as row
          from records r join inspections i on i.id = r.inspection_id where r.id = any($1)""",
    "conflict": """
        select r.id, r.case_id as in_case, to_jsonb(r)::text as row
          from conflicts r where r.id = any($1)""",
    "operation": """
        select r.op_id as id, null::uuid as in_case, r.outcome::text as row
          from operations r where r.op_id = any($1)""",
    "officer": """
        select r.id, null::uuid as in_case, to_jsonb(r)::text as row
          from officers r where r.id = any($1)""",
    "recording": """
        select r.id, r.case_id as in_case, jsonb_build_object('id', r.id, 'case_id', r.case_id,
                   'device_id', r.device_id, 'file_name', r.file_name,
                   'media_kind', r.media_kind, 'state', r.state, 'state_reason', r.state_reason,
                   'captured_from', r.captured_from, 'captured_to', r.captured_to,
                   'received_at', r.received_at)::text as row
          from recordings r where r.id = any($1)""",
    "flag": """
        select r.id, r.case_id as in_case, to_jsonb(r)::text as row
          from flags r where r.id = any($1)""",
    "verdict": """
        select r.id, r.case_id as in_case, to_jsonb(r)::text as row
          from verdicts r where r.id = any($1)""",
    "deadline": """
        select r.id, r.case_id as in_case, to_jsonb(r)::text as row
          from deadlines r where r.id = any($1)""",
}

# A membership has no id of its own: in an officer's scope the case names it.
MEMBERSHIPS = """
    select r.case_id as id, r.officer_id, to_jsonb(r)::text as row
      from case_officers r where r.case_id = any($1) and r.officer_id = any($2)"""


async def read_rows(tx: Tx, feed: Collection[Record]) -> list[msgspec.Raw]:
    """For each line of the feed (scope, n, entity, entity_id) its row, in the same order.

    What is unknown to this version, gone, or in another case now is null.
    """
    wanted: dict[str, set[UUID]] = {}
    for line in feed:
        wanted.setdefault(line["entity"], set()).add(line["entity_id"])
    found: dict[tuple[str, UUID], Record] = {}
    for entity in sorted(wanted.keys() & ROWS.keys()):
        for row in await tx.fetch(ROWS[entity], list(wanted[entity])):
            found[entity, row["id"]] = row
    members = await _memberships(tx, feed)
    return [
        members.get((line["scope"], line["entity_id"]), NULL)
        if line["entity"] == "membership"
        else _row_in(line["scope"], found.get((line["entity"], line["entity_id"])))
        for line in feed
    ]


def _row_in(scope: str, row: Record | None) -> msgspec.Raw:
    if row is None:
        return NULL
    elsewhere = scope.startswith("case:") and row["in_case"] is not None
    if elsewhere and scope != f"case:{row['in_case']}":
        return NULL
    return msgspec.Raw(row["row"].encode())


async def _memberships(tx: Tx, feed: Iterable[Record]) -> dict[tuple[str, UUID], msgspec.Raw]:
    lines = [line for line in feed if line["entity"] == "membership"]
    if not lines:
        return {}
    rows = await tx.fetch(
        MEMBERSHIPS,
        [line["entity_id"] for line in lines],
        [UUID(line["scope"].partition(":")[2]) for line in lines],
    )
    return {
        (f"officer:{row['officer_id']}", row["id"]): msgspec.Raw(row["row"].encode())
        for row in rows
    }
