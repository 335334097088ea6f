"""Every column of the synced tables has its policy: a new one can't be forgotten."""

from __future__ import annotations

import pytest

from backend.cases.policies import (
    ENTITIES,
    ENTITY_LABELS,
    FIELD_LABELS,
    RECORD_VERSION_COLUMNS,
    REFERENCES,
)
from backend.cases.subjects import _ROW_OF
from backend.database import Database
from sync.edits import _HANDLERS
from sync.rows import ROWS

# Said in the protocol, kept elsewhere: membership rows, and the versions of a record.
NOT_COLUMNS = {
    "inspection": {"officer_ids"},
    "record": {"text", "signed_by", "signed_at"},
}


@pytest.mark.parametrize("name", sorted(ENTITIES))
async def test_every_column_is_declared(database: Database, name: str) -> None:
    entity = ENTITIES[name]
    declared = entity.fields.keys() - NOT_COLUMNS.get(name, set())
    assert declared == await columns(database, entity.table)


@pytest.mark.parametrize("name", sorted(ENTITIES))
def test_what_can_collide_has_a_name_for_people(name: str) -> None:
    assert name in ENTITY_LABELS
    assert ENTITIES[name].mutable | {"deleted"} <= FIELD_LABELS.keys()


async def test_every_column_of_a_records_version_is_declared(database: Database) -> None:
    assert RECORD_VERSION_COLUMNS.keys() == await columns(database, "record_versions")


async def columns(database: Database, table: str) -> set[str]:
    async with database.snapshot() as tx:
        rows = await tx.fetch(
            "select column_name from information_schema.columns where table_name = $1", table
        )
    return {row["column_name"] for row in rows}


def test_every_entity_has_its_handlers_its_lock_and_its_row_in_the_feed() -> None:
    assert _HANDLERS.keys() == {(n, kind) for n, e in ENTITIES.items() for kind in e.kinds}
    assert ENTITIES.keys() == _ROW_OF.keys()
    assert ENTITIES.keys() <= ROWS.keys()


def test_what_a_device_may_send_is_never_derived_and_what_ends_in_id_is_looked_up() -> None:
    for name, entity in ENTITIES.items():
        for field, declared in entity.fields.items():
            assert (declared.policy == "derived") == (declared.type is None)
            if declared.type is not None and field.endswith(("_id", "_ids")):
                assert field in REFERENCES[name]
