"""`quanji due` on a terminal: fast, without a database, the same words for people and programs."""

from __future__ import annotations

import json

import pytest

from deploy.cli import main

JSON = [
    pytest.param(
        ["case.decide", "2026-03-02"], "2026-06-01", "2026-05-31", id="90 days, rolled off a Sunday"
    ),
    pytest.param(
        ["case.decide", "2026-03-02", "--exclude", "2026-04-13..2026-04-27"],
        "2026-06-15",
        "2026-06-15",
        id="15 days of a hearing left out, both ends",
    ),
]


@pytest.mark.parametrize(("arguments", "due", "strict"), JSON)
def test_due_as_json_is_one_object(
    arguments: list[str], due: str, strict: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["due", *arguments, "--json"]) == 0
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    answer = json.loads(said)
    assert list(answer) == ["rule", "due", "strict", "provisional", "steps"]
    assert (answer["rule"], answer["due"], answer["strict"]) == ("case.decide", due, strict)
    assert answer["provisional"] is False


def test_due_prints_the_count_the_article_and_the_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["due", "case.decide", "2026-03-02", "--exclude", "2026-04-13..2026-04-27"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("case.decide 作出处罚决定（《行政处罚法》第60条）")
    assert "90日" in "".join(said)
    assert "15 days left out" in "".join(said)
    assert said[-1] == "届满：2026-06-15（周一） / due: 2026-06-15 (Mon)"


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        pytest.param(["case.decid", "2026-03-02"], "case.decide", id="a rule nearly right"),
        pytest.param(["case.decide", "2026-02-30"], "YYYY-MM-DD", id="a day that is none"),
        pytest.param(["case.decide", "2026-03-02", "--exclude", "x"], "A..B", id="no period"),
        pytest.param(["case.decide", "2026-03-02", "--at", "25:00"], "HH:MM", id="no time"),
    ],
)
def test_due_says_what_to_mend(
    arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        status = main(["due", *arguments])
    except SystemExit as ended:  # argparse's own way out
        status = int(str(ended.code))
    said = capsys.readouterr()
    assert (status, said.out) == (2, "")
    assert hint in said.err


def test_help_names_every_command_with_both_languages(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    for command in ("up", "serve", "worker", "scheduler", "migrate", "admin", "device", "due"):
        assert f"    {command}" in [line[: 4 + len(command)] for line in said.splitlines()]
    assert "计算办案期限 / count a legal deadline" in said
