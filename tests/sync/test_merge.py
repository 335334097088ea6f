"""Three ways, per field: nothing written by either hand is ever lost."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.merge import Seen, merge


@pytest.mark.parametrize(
    ("base", "value", "seen", "verdict"),
    [
        pytest.param(3, "new", Seen("old", 3, 3), "applied", id="nobody else wrote since"),
        pytest.param(1, "new", Seen("old", 3, 1), "applied", id="only this phone wrote since"),
        pytest.param(1, "new", Seen("old", 3, 2), "changed_meanwhile", id="both wrote"),
        pytest.param(1, "same", Seen("same", 3, 3), "unchanged", id="both wrote the same"),
        pytest.param(0, "new", Seen("", 1, 0), "applied", id="never pulled, never written"),
        pytest.param(0, "new", Seen("old", 1, 1), "changed_meanwhile", id="never pulled, written"),
        pytest.param(9, "new", Seen("old", 3, 3), "base_from_future", id="a base we never gave"),
    ],
)
def test_a_field_merges(base: int, value: str, seen: Seen, verdict: str) -> None:
    merged = merge({"f": base}, {"f": value}, {"f": seen})
    found = (
        "applied" if merged.applied else "unchanged" if merged.unchanged else merged.conflicts["f"]
    )
    assert found == verdict


def test_other_fields_written_by_others_since_the_look_are_a_soft_note() -> None:
    server = {"a": Seen("", 3, 3), "b": Seen("x", 5, 5), "c": Seen("y", 4, 0)}
    merged = merge({"a": 3}, {"a": "new"}, server)
    assert (merged.applied, merged.soft) == ({"a": "new"}, ("b",))


NAMES = st.sampled_from("abcd")
VALUES = st.sampled_from(["", "甲", "乙", None, 1])


@st.composite
def seen_fields(draw: st.DrawFn) -> Seen:
    version = draw(st.integers(0, 6))
    return Seen(draw(VALUES), version, draw(st.integers(0, version)))


@given(
    base=st.dictionaries(NAMES, st.integers(0, 8)),
    fields=st.dictionaries(NAMES, VALUES),
    server=st.fixed_dictionaries({name: seen_fields() for name in "abcd"}),
)
def test_every_value_is_applied_or_there_already_or_kept_as_a_conflict(
    base: dict[str, int], fields: dict[str, Any], server: dict[str, Seen]
) -> None:
    merged = merge(base, fields, server)
    parts = [set(merged.applied), set(merged.unchanged), set(merged.conflicts)]
    assert set.union(*parts) == set(fields)
    assert sum(map(len, parts)) == len(fields)
    assert not set(merged.soft) & set(fields)
    for field, value in merged.applied.items():
        assert value == fields[field] != server[field].value
        assert server[field].foreign <= base.get(field, 0)
