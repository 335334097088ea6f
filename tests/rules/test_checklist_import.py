"""A department's published checklist, as it is found on its site."""

from __future__ import annotations

import io
from datetime import date

import pytest
from openpyxl import Workbook

from backend.rules.checklist_import import import_rows, layer_toml, read_sheet
from backend.rules.checklists import required_for
from backend.rules.errors import ChecklistRefused
from backend.rules.pack import load_pack

HEADER = [
    "序号",
    "类别",
    "执法环节",
    "记录方式",
    "记录地点",
    "起始",
    "记录内容",
    "终止",
    "记录人",
    "保存期限",
]
LIST = [
    ["市场监管局音像记录事项清单", "", "", "", "", "", "", "", "", ""],
    HEADER,
    [
        "1",
        "行政检查",
        "现场检查",
        "拍照",
        "经营场所",
        "进入现场",
        "环境；货架",
        "离开",
        "执法人员",
        "3年",
    ],
    [
        "2",
        "行政强制",
        "查封、扣押",
        "全程录音录像",
        "现场",
        "宣布决定",
        "物品；封条。",
        "签收",
        "执法人员",
        "长期",
    ],
    ["3", "", "", "录音", "现场", "宣布决定", "当事人陈述", "签收", "执法人员", "长期"],
    ["", "", "", "", "", "", "", "", "", ""],
    [
        "4",
        "行政处罚",
        "询问当事人",
        "录音或录像",
        "办案区",
        "开始",
        "问答",
        "签名",
        "执法人员",
        "2年",
    ],
]


def xlsx(rows: list[list[str]]) -> bytes:
    book = Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_list_becomes_rows_with_kind_medium_and_triggers() -> None:
    found = import_rows(LIST)
    assert found.refused == ()
    got = [
        (i.line, i.fields["step_kind"], i.fields["media"], i.fields["mode"]) for i in found.items
    ]
    assert got == [
        (3, "examine", [["photo"]], "point"),
        (4, "seize", [["video"]], "continuous"),
        (5, "seize", [["audio"], ["video"]], "continuous"),
        (7, "question", [["video"], ["audio"]], "continuous"),
    ]
    first = found.items[1].fields
    assert (first["start_trigger"], first["end_trigger"]) == ("宣布决定", "签收")
    assert first["speech"] == ["物品", "封条"]


@pytest.mark.parametrize("name", ["list.csv", "list.CSV", "list.xlsx"])
def test_csv_and_xlsx_read_alike(name: str) -> None:
    text = "\r\n".join(",".join(row) for row in LIST)
    content = xlsx(LIST) if name.endswith("xlsx") else text.encode("utf-8-sig")
    assert import_rows(read_sheet(content, name)) == import_rows(LIST)
    if not name.endswith("xlsx"):
        assert read_sheet(text.encode("gb18030"), name) == read_sheet(content, name)


def test_an_imported_list_is_a_layer_that_loads() -> None:
    found = import_rows(LIST)
    off = load_pack("shijian", date(2026, 3, 2), layer_toml(found, "shijian", "局〔2021〕3号清单"))
    assert required_for(off, "seize") == load_pack("shijian", date(2026, 3, 2)).checklist["seizure"]
    vouched = layer_toml(found, "shijian", '局〔2021〕3号"清单"', "法制科 赵敏")
    row = required_for(load_pack("shijian", date(2026, 3, 2), vouched), "question")
    assert (
        row is not None and row.title_zh == "询问当事人" and row.article_zh == '局〔2021〕3号"清单"'
    )


def test_a_reordered_list_keeps_its_ids() -> None:
    ids = {i.fields["id"] for i in import_rows(LIST).items}
    assert {i.fields["id"] for i in import_rows([HEADER, *LIST[6:], *LIST[2:5]]).items} == ids


LINES = [
    (["9", "行政检查", "喝茶", "录像", "", "", "", "", "", ""], "喝茶", "no step kind"),
    (["9", "行政检查", "现场检查", "口头", "", "", "", "", "", ""], "口头", "no medium"),
    (LIST[2], "line 3", "the same line twice"),
]


@pytest.mark.parametrize(("row", "named", "why"), LINES)
def test_an_unclear_line_is_refused_by_number_and_the_others_go_on(
    row: list[str], named: str, why: str
) -> None:
    found = import_rows([*LIST, row])
    assert len(found.items) == 4, why
    assert [r.line for r in found.refused] == [8]
    assert named in str(found.refused[0]) and found.refused[0].mend


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ([["序号", "环节", "方式", "星座"], ["1", "询问", "录音", "白羊"]], "星座"),
        ([["环节", "方式", "执法环节"], ["询问", "录音", "x"]], "执法环节"),
        ([["环节", "内容"], ["询问", "x"]], "header"),
        ([], "header"),
        ([["环节", "方式"], *[["询问", "录音"]] * 2001], "2000"),
    ],
    ids=["unknown column", "column twice", "no medium column", "empty", "too long"],
)
def test_a_list_without_the_usual_columns_is_refused(rows: list[list[str]], named: str) -> None:
    with pytest.raises(ChecklistRefused, match=named):
        import_rows(rows)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"PK\x03\x04 broken", "a.xlsx"),
        (b"\xff\xfe\x00\xff\xff", "a.csv"),
        (b"x", "a.pdf"),
        (b" " * 6_000_000, "a.csv"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused(content: bytes, name: str) -> None:
    with pytest.raises(ChecklistRefused):
        read_sheet(content, name)


def test_half_a_table_survives_odd_headers() -> None:
    rows = [["环 节", "方式（媒介）"], ["留置送达", "拍照、录像"]]
    assert import_rows(rows).items[0].fields["media"] == [["photo"], ["video"]]
