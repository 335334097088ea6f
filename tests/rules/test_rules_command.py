"""`quanji rules` as a department's legal office uses it on a terminal."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from backend.rules.checklists import required_for
from backend.rules.pack import load_pack
from tests.rules.test_checklist_import import HEADER, LIST, xlsx

LAYER = """\
sector = "shijian"

[[rule]]
id = "case.decide"
warn = [40, 20]

[[rule]]
id = "own.notice"
title_zh = "内部通报"
title_en = "Internal notice"
trigger = "case_filed"
limit = 5
unit = "WD"
basis = ["处罚54"]
confidence = "V"
in_force = 2027-01-01
"""


def quanji(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Exit code, what it printed, what it complained of; a warning is an error."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "deploy.cli", "rules", *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


def answer(folder: Path, *arguments: str) -> tuple[int, Any]:
    status, said, complained = quanji(folder, *arguments, "--json")
    assert said.count("\n") == 1, complained
    return status, json.loads(said)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "layer.toml").write_text(LAYER)
    return tmp_path


def write_list(folder: Path, rows: list[list[str]]) -> None:
    (folder / "清单.csv").write_text("\r\n".join(",".join(row) for row in rows))


def test_check_says_what_a_layer_changes_and_from_when(folder: Path) -> None:
    own = LAYER.encode()
    now, later = (load_pack("shijian", date(year, 1, 1), own).id for year in (2026, 2027))
    status, said, complained = quanji(folder, "check", "layer.toml", "--on", "2026-03-02")
    assert (status, complained) == (0, "")
    assert said == (
        "layer.toml：可以使用 / may be used\n"
        f"2026-03-02 起 / from then on  {now}  改动1处 / changes: 1\n"
        "  ~ rule case.decide  warn: [30, 15, 5] → [40, 20]\n"
        f"2027-01-01 起 / from then on  {later}  改动2处 / changes: 2\n"
        "  ~ rule case.decide  warn: [30, 15, 5] → [40, 20]\n"
        "  + rule own.notice  内部通报 / Internal notice\n"
    )


CIRCLE = """
[[rule]]
id = "a"
title_zh = "甲"
title_en = "a"
trigger = "case_filed"
emits = "notice_served"
limit = 5
unit = "WD"
basis = ["处罚54"]
confidence = "V"

[[rule]]
id = "b"
title_zh = "乙"
title_en = "b"
trigger = "notice_served"
emits = "case_filed"
limit = 5
unit = "WD"
basis = ["处罚54"]
confidence = "V"
"""
REFUSED = [
    pytest.param("warn = [40, 20]", "limit = 60", "case.decide", "basis", id="no article"),
    pytest.param('"WD"', '"weeks"', "own.notice", "weeks", id="unknown unit, of 2027 only"),
    pytest.param("limit = 5", "limit = -5", "own.notice", "positive", id="negative"),
    pytest.param("warn = [40, 20]", "warn = [40, 20", "department", "TOML", id="no TOML"),
    pytest.param(LAYER, CIRCLE, "a", "circular", id="two rules that open each other"),
    pytest.param(
        'id = "own.notice"', 'id = "case.decide"', "case.decide", "重叠", id="dates that overlap"
    ),
    pytest.param("shijian", "gongan", "gongan", "shijian", id="a sector nobody knows"),
]


@pytest.mark.parametrize(("old", "new", "row", "word"), REFUSED)
def test_a_layer_that_cannot_hold_is_refused_by_its_row(
    folder: Path, old: str, new: str, row: str, word: str
) -> None:
    assert old in LAYER
    (folder / "layer.toml").write_text(LAYER.replace(old, new))
    status, found = answer(folder, "check", "layer.toml", "--on", "2026-03-02")
    assert (status, found["ok"], found["refusal"]["row"]) == (1, False, row)
    assert word in found["refusal"]["detail"] + found["refusal"]["mend"]


def test_the_refusal_of_a_layer_is_told_to_people_too(folder: Path) -> None:
    (folder / "layer.toml").write_text(LAYER.replace("warn = [40, 20]", "limit = 60"))
    status, said, complained = quanji(folder, "check", "layer.toml")
    assert (status, said) == (1, "")
    assert complained.startswith("quanji rules check: layer.toml: 规则包 case.decide: ")
    assert "basis" in complained


def test_diff_of_two_days_tells_how_the_law_has_changed(folder: Path) -> None:
    days = ("shijian@2020-03-31", "shijian@2020-04-01")
    status, said, _ = quanji(folder, "diff", *days)
    lines = said.splitlines()
    assert status == 1
    assert "+ rule media.upload  音像资料上传 / Upload of a recording" in lines
    status, found = answer(folder, "diff", *days)
    assert (status, list(found)) == (1, ["a", "b", "changes"])
    assert {row["section"] for row in found["changes"]} >= {"rule", "checklist"}
    assert quanji(folder, "diff", days[0], days[0]) == (
        0,
        f"{found['a']} → {found['a']}\n无差异 / no difference\n",
        "",
    )


def test_diff_takes_a_layer_on_a_day_to_come(folder: Path) -> None:
    today = answer(folder, "diff", "shijian@2026-03-02", "layer.toml@2026-03-02")
    assert [(c["id"], c["field"], c["new"]) for c in today[1]["changes"]] == [
        ("case.decide", "warn", [40, 20])
    ]
    later = answer(folder, "diff", "layer.toml@2026-03-02", "layer.toml@2027-01-01")
    assert [(c["id"], c["field"], c["old"]) for c in later[1]["changes"]] == [
        ("own.notice", "", None)
    ]


def test_an_imported_list_is_a_layer_that_says_who_vouches(folder: Path) -> None:
    write_list(folder, LIST)
    taken = ("import", "清单.csv", "--sector", "shijian", "--out", "new.toml")
    assert quanji(folder, *taken, "--source", "局〔2021〕3号清单") == (
        0,
        "new.toml：4 项 / 4 items\n"
        "未核实，暂不启用 / unverified, so they are off: --verified-by NAME\n"
        "下一步 / next: quanji rules check new.toml\n",
        "",
    )
    off = load_pack("shijian", date(2026, 3, 2), (folder / "new.toml").read_bytes())
    assert required_for(off, "seize") == off.checklist["seizure"]
    assert quanji(folder, *taken, "--force", "--verified-by", "法制科 赵敏")[0] == 0
    on = load_pack("shijian", date(2026, 3, 2), (folder / "new.toml").read_bytes())
    row = required_for(on, "question")
    assert row is not None
    assert (row.title_zh, row.article_zh, row.verified_by) == ("询问当事人", "清单", "法制科 赵敏")
    assert quanji(folder, "check", "new.toml")[0] == 0


def test_a_sheet_imports_as_its_csv_does(folder: Path) -> None:
    write_list(folder, LIST)
    (folder / "清单.xlsx").write_bytes(xlsx(LIST))
    layers = []
    for name in ("清单.csv", "清单.xlsx"):
        out = f"{name}.toml"
        status, found = answer(folder, "import", name, "--sector", "shijian", "--out", out)
        assert (status, found["written"], found["refused"]) == (0, True, [])
        assert [item["line"] for item in found["items"]] == [3, 4, 5, 7]
        layers.append((folder / out).read_bytes())
    assert layers[0] == layers[1]


UNCLEAR = [*LIST, ["9", "行政检查", "喝茶", "录像", "", "", "", "", "", ""]]


def test_one_unclear_line_and_nothing_is_written(folder: Path) -> None:
    write_list(folder, UNCLEAR)
    taken = ("import", "清单.csv", "--sector", "shijian", "--out", "new.toml")
    status, said, complained = quanji(folder, *taken)
    assert status == 1 and "nothing written" in said and "--skip-unclear" in said
    assert "第8行 / line 8" in complained and "喝茶" in complained
    assert not (folder / "new.toml").exists()
    status, found = answer(folder, *taken, "--skip-unclear")
    assert (status, found["written"], len(found["items"])) == (1, True, 4)
    assert [row["line"] for row in found["refused"]] == [8]
    assert (folder / "new.toml").exists()


UNUSABLE = [
    pytest.param([["环节", "方式", "星座"], ["询问", "录音", "白羊"]], "星座", id="a column"),
    pytest.param([["环节", "内容"], ["询问", "x"]], "header", id="no header"),
    pytest.param([], "header", id="empty"),
]


@pytest.mark.parametrize(("rows", "named"), UNUSABLE)
def test_a_list_that_cannot_be_read_at_all_is_refused(
    folder: Path, rows: list[list[str]], named: str
) -> None:
    write_list(folder, rows)
    taken = ("import", "清单.csv", "--sector", "shijian", "--out", "new.toml")
    status, said, complained = quanji(folder, *taken)
    assert (status, said) == (2, "") and named in complained
    assert not (folder / "new.toml").exists()


def test_a_list_without_a_line_writes_nothing(folder: Path) -> None:
    write_list(folder, [HEADER])
    taken = ("import", "清单.csv", "--sector", "shijian", "--out", "new.toml")
    status, said, _ = quanji(folder, *taken)
    assert status == 1 and "清单没有内容" in said
    assert not (folder / "new.toml").exists()


WRONG = [
    pytest.param(["check", "none.toml"], "none.toml", id="no such file"),
    pytest.param(["check", "layer.toml", "--on", "2026-02-30"], "YYYY-MM-DD", id="no such day"),
    pytest.param(["diff", "shijian@2026-02-30", "layer.toml"], "YYYY-MM-DD", id="nor here"),
    pytest.param(["diff", "gongan", "layer.toml"], "shijian、zhujian", id="unknown sector"),
    pytest.param(["list", "--sector", "gongan"], "shijian", id="unknown sector of a list"),
    pytest.param(
        ["import", "layer.toml", "--sector", "shijian", "--out", "x.toml"], ".csv", id="no sheet"
    ),
    pytest.param(
        ["import", "清单.csv", "--sector", "shijian", "--out", "layer.toml"], "--force", id="exists"
    ),
    pytest.param(
        ["import", "清单.csv", "--sector", "shijian", "--out", "no/x.toml"], "no/x", id="no folder"
    ),
    pytest.param([], "ACTION", id="nothing to do"),
]


@pytest.mark.parametrize(("arguments", "hint"), WRONG)
def test_wrong_use_ends_with_2_and_says_what_to_mend(
    folder: Path, arguments: list[str], hint: str
) -> None:
    write_list(folder, LIST)
    status, said, complained = quanji(folder, *arguments)
    assert (status, said) == (2, "")
    assert hint in complained and "Traceback" not in complained
    assert (folder / "layer.toml").read_text() == LAYER


def test_list_tells_every_rule_with_its_limit_and_article(folder: Path) -> None:
    status, found = answer(folder, "list", "--sector", "shijian", "--on", "2026-03-02")
    rows = {row["id"]: row for row in found["rules"]}
    assert status == 0
    assert rows.keys() == load_pack("shijian", date(2026, 3, 2)).rules.keys()
    told = {name: (row["limit"], row["on"]) for name, row in rows.items()}
    assert told["case.decide"] == ("90 ND", True)
    assert told["seize.ext"] == ("+30 ND", True)
    assert told["hear.notify"] == ("7 WD before", True)
    assert told["annual.stat"] == ("01-31", True)
    assert told["file.major"] == ("15 ND", False)
    assert rows["media.upload"]["article_en"] == "Inner Mongolia Government Order 244, art. 20"


def test_list_without_a_sector_adds_what_each_sector_has(folder: Path) -> None:
    status, said, _ = quanji(folder, "list", "--on", "2026-03-02")
    lines = {line.split()[0]: line for line in said.splitlines()}
    assert status == 0 and len(lines) == len(said.splitlines())
    assert {"lead.sj", "lead.zj", "case.decide", "media.upload"} <= lines.keys()
    assert "shijian" in lines["lead.sj"] and "《行政处罚法》第60条" in lines["case.decide"]
    assert lines["file.major"].endswith("[未启用 / off]")


@pytest.mark.parametrize("action", ["check", "diff", "import", "list"])
def test_every_action_teaches_in_both_languages(folder: Path, action: str) -> None:
    status, said, _ = quanji(folder, action, "--help")
    assert status == 0
    title = next(line for line in said.splitlines() if " / " in line)
    assert any("一" <= letter <= "鿿" for letter in title)
    assert len(said.splitlines()) > 12
