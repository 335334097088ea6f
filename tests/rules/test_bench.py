"""`make bench-rules` ends with one JSON object, whatever its parts print."""

from __future__ import annotations

import json

import pytest

from tests.bench import rules, rules_counting


def test_the_bench_prints_a_table_and_ends_with_one_object(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rules_counting, "SECONDS", 0.001)
    monkeypatch.setattr(rules, "PARTS", (rules_counting.measure,))
    rules.main()
    *table, last = capsys.readouterr().out.splitlines()
    assert any(line.split()[:1] == ["case.decide"] for line in table)
    found = json.loads(last)
    assert list(found) == ["bench", "ratios", "absolute"]
    assert found["bench"] == "rules"
    assert found["absolute"]["due_per_s"] > 0 and found["ratios"]["case_vs_single"] > 0
