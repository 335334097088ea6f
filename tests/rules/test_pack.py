"""Layers of law: merged, dated, checked, pinned, compared."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from backend.rules.errors import PackRefused
from backend.rules.events import EVENT_KINDS
from backend.rules.gates import CHECKS
from backend.rules.pack import SECTORS, diff, load_pack, restore
from backend.rules.packcheck import GATE_CHECKS, STAGES
from backend.rules.process import STAGES as STAGE_LABELS
from backend.rules.words import WORDS

TODAY = date(2026, 3, 2)

RULE = """
[[rule]]
id = "own.rule"
title_zh = "自定规则"
title_en = "own rule"
trigger = "case_filed"
limit = 5
unit = "WD"
basis = ["处罚60"]
confidence = "V"
"""


def layer(text: str) -> bytes:
    return text.encode()


@pytest.mark.parametrize("sector", [None, *SECTORS])
def test_every_shipped_pack_loads_and_cites_an_article_in_both_languages(
    sector: str | None,
) -> None:
    pack = load_pack(sector, TODAY)
    for row in [*pack.rules.values(), *pack.checklist.values(), *pack.process.gates]:
        assert row.article_zh and row.article_en and row.confidence, row.id
        assert row.title_zh and row.title_en, row.id
        assert not re.search(r"[一-鿿]", row.title_en), row.id


@pytest.mark.parametrize("sector", SECTORS)
def test_unverified_rows_ship_off(sector: str) -> None:
    pack = load_pack(sector, TODAY)
    unverified = [row.id for row in pack.rules.values() if row.confidence != "V"]
    assert {"file.major", "insp.plan"} <= set(unverified)
    on = {row.id for rows in pack.triggered.values() for row in rows}
    assert not on & set(unverified)


def test_sectors_differ_where_their_rules_do() -> None:
    shijian, zhujian = load_pack("shijian", TODAY), load_pack("zhujian", TODAY)
    assert "state.sj" in shijian.rules and "state.sj" not in zhujian.rules
    assert zhujian.rules["lead.zj.ext"].limit == 10 and shijian.rules["lead.sj.ext"].limit == 15
    assert "case_suspended" in shijian.rules["case.decide"].suspended_by
    assert "case_suspended" not in load_pack(None, TODAY).rules["case.decide"].suspended_by


def test_a_pack_is_what_was_in_force_that_day() -> None:
    assert "media.upload" not in load_pack("shijian", date(2020, 3, 31)).rules
    assert "media.upload" in load_pack("shijian", date(2020, 4, 1)).rules
    assert "review.zj" in load_pack("zhujian", date(2019, 1, 1)).rules


def test_a_pack_of_any_day_between_two_changes_is_the_same_pack() -> None:
    assert load_pack("shijian", date(2026, 3, 2)) is load_pack("shijian", date(2026, 9, 30))


def test_the_id_follows_the_content() -> None:
    plain = load_pack("shijian", TODAY)
    same = load_pack("shijian", TODAY, layer('title = "nothing of its own"'))
    other = load_pack("shijian", TODAY, layer('[[rule]]\nid = "case.decide"\nwarn = [20]'))
    assert plain.id == same.id != other.id
    assert plain.id.startswith("shijian-")
    assert plain.id != load_pack("zhujian", TODAY).id


def test_a_pinned_pack_comes_back_as_it_was() -> None:
    pack = load_pack("zhujian", TODAY, layer(RULE))
    again = restore(pack.dump())
    assert again.id == pack.id and again.rules == pack.rules and again.process == pack.process
    with pytest.raises(PackRefused):
        restore(b"{}")


def test_a_department_dates_its_own_change() -> None:
    text = layer(
        '[[rule]]\nid = "case.decide"\nwarn = [40]\nuntil = 2026-06-01\n'
        '[[rule]]\nid = "case.decide"\nwarn = [50]\nin_force = 2026-06-01\n'
    )
    assert load_pack("shijian", date(2026, 5, 31), text).rules["case.decide"].warn == (40,)
    assert load_pack("shijian", date(2026, 6, 1), text).rules["case.decide"].warn == (50,)


def test_a_legal_office_switches_on_an_unverified_row_in_its_name() -> None:
    text = layer('[[rule]]\nid = "insp.plan"\nenabled = true\nverified_by = "法制科 赵敏"')
    assert load_pack("shijian", TODAY, text).rules["insp.plan"].on


def test_a_year_the_library_does_not_know_can_be_supplied() -> None:
    text = layer(
        '[[calendar]]\nyear = 2099\nholidays = [2099-01-01]\nmake_up = []\nsource = "notice"'
    )
    calendar = load_pack("shijian", TODAY, text).calendar
    assert calendar.is_known(date(2099, 1, 1)) and not calendar.is_working(date(2099, 1, 1))


REFUSED = [
    ("no = = toml", "department", "not TOML"),
    ("[[rules]]\nid = 'x'", "department", "an unknown section"),
    ("sector = 'zhujian'", "department", "a layer of another sector"),
    ("[[rule]]\nlimit = 5", r"\[\[rule\]\]", "a row without an id"),
    (RULE + "color = 'red'", "own.rule", "an unknown field"),
    (RULE.replace('"WD"', '"weeks"'), "own.rule", "an unknown unit"),
    (RULE.replace("limit = 5", "limit = -5"), "own.rule", "a negative limit"),
    (RULE.replace("limit = 5", 'limit = "five"'), "own.rule", "a limit that is no number"),
    (RULE.replace("case_filed", "case_field"), "own.rule", "an unknown trigger"),
    (RULE.replace("处罚60", "无此法60"), "own.rule", "an unknown law"),
    (RULE + 'met_by = ["case_filed"]', "own.rule", "opened and met by one event"),
    (RULE + 'when = ["a"]\nunless = ["a"]', "own.rule", "when contradicts unless"),
    (RULE.replace('"WD"', '"H"') + "roll = true", "own.rule", "hours that roll"),
    (RULE + "clear = true", "own.rule", "clear days of a limit that runs forward"),
    (RULE + 'before = true\nsuspended_by = ["testing"]', "own.rule", "a stop of a count back"),
    (RULE.replace('"WD"', '"DATE"') + 'roll = false\nmonth_day = "02-30"', "own", "no such date"),
    (RULE + 'emits = "case_filed"', "own.rule", "circular through itself"),
    (RULE + 'emits = "act_ended"\n' + RULE.replace("own.rule", "own.back").replace(
        "case_filed", "act_ended") + 'emits = "case_filed"', "own", "circular through another"),
    (RULE + 'extends = "nothing"', "own.rule", "extends what isn't there"),
    (RULE + 'extends = "seize.ext"', "own.rule", "extends an extension"),
    (RULE + 'extends = "seize.end"', "own.rule|seize.ext", "two first extensions"),
    (RULE + RULE, "own.rule", "two versions in force at once"),
    (RULE + "in_force = 2026-06-01\nuntil = 2026-01-01", "own.rule", "ends before it begins"),
    (RULE.replace('"V"', '"sure"'), "own.rule", "an unknown confidence"),
    (RULE.replace('"V"', '"S"') + "enabled = true", "own.rule", "switched on by nobody"),
    ('[[rule]]\nid = "case.decide"\nlimit = 120', "case.decide", "longer without an article"),
    ('[[rule]]\nid = "case.decide"\nenabled = false', "case.decide", "national law switched off"),
    ('[[gate]]\nid = "legal_review"\nhard = false', "legal_review", "a soft legal review"),
    ('[[gate]]\nid = "legal_review"\nenabled = false\nbasis = ["处罚58"]', "legal_review",
     "legal review switched off even with an article"),
    ("[settings]\nmin_officers = 1", "min_officers", "one officer"),
    ("[settings]\nfine_target = 10000", "settings", "a fine target has no field"),
    ('[[checklist]]\nid = "seizure"\nmin_coverage = 1.5\nbasis = ["118"]', "seizure", "150%"),
    ('[[checklist]]\nid = "seizure"\nmedia = [["photo"]]\nbasis = ["118"]', "seizure",
     "a photo isn't continuous"),
    ("[[calendar]]\nyear = 2099", "YearNotice", "a year without its days"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "named", "why"), REFUSED, ids=[row[2] for row in REFUSED])
def test_a_pack_that_cannot_be_law_is_refused_by_the_row(text: str, named: str, why: str) -> None:
    with pytest.raises(PackRefused, match=named) as refusal:
        load_pack("shijian", TODAY, layer(text))
    assert refusal.value.row and refusal.value.mend, why


def test_an_unknown_sector_is_refused() -> None:
    with pytest.raises(PackRefused, match="gongan"):
        load_pack("gongan", TODAY)


def test_diff_names_row_and_field() -> None:
    text = layer(RULE + '\n[[rule]]\nid = "pay"\nwarn = [5]\n[settings]\nretention_years = 50')
    changes = diff(load_pack("shijian", TODAY), load_pack("shijian", TODAY, text))
    assert [(c.section, c.id, c.field) for c in changes] == [
        ("rule", "own.rule", ""),
        ("rule", "pay", "warn"),
        ("settings", "settings", "retention_years"),
    ]
    assert (changes[1].old, changes[1].new) == ((3,), (5,))


def test_the_vocabularies_agree_with_each_other() -> None:
    assert frozenset(CHECKS) == GATE_CHECKS
    assert tuple(STAGE_LABELS) == STAGES
    pack = load_pack("shijian", TODAY)
    for item in pack.checklist.values():
        for code in (*item.documents, *item.points, *item.people, *item.speech):
            assert code in WORDS, (item.id, code)


def test_every_event_kind_is_used_by_a_rule_or_a_gate() -> None:
    used = {"clock_stopped", "clock_restarted", "case_archived"}
    for sector in SECTORS:
        for row in load_pack(sector, TODAY).rules.values():
            used |= {row.trigger, *row.met_by, row.emits}
    gates = Path(__file__).parents[2] / "backend" / "rules" / "gates.py"
    used |= set(re.findall(r'"([a-z_]+)"', gates.read_text(encoding="utf-8")))
    assert EVENT_KINDS.keys() <= used
