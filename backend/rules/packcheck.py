"""What a merged pack must satisfy. The first row that doesn't is refused by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from backend.rules.errors import PackRefused
from backend.rules.events import EVENT_KINDS, OFFICE_KINDS, STEP_KINDS, SUSPENSION_REASONS
from backend.rules.periods import UNITS
from backend.rules.rows import MEDIA, RULE_KINDS, ChecklistItem, Gate, Rule, Settings

CONFIDENCES = ("V", "S", "M", "M-H", "M-Md", "M-L")
STAGES = (
    "filed",
    "investigating",
    "reviewing",
    "noticed",
    "hearing",
    "deciding",
    "decided",
    "served",
    "executing",
    "closed",
    "archived",
)
# Filled by backend.rules.process; named here so that a pack can be checked without it.
GATE_CHECKS = frozenset(
    {
        "one_lead",
        "two_officers",
        "id_shown",
        "evidence_complete",
        "notice_given",
        "plea_window",
        "hearing_window",
        "hearing_called",
        "legal_review",
        "collective_discussion",
        "first_offence",
        "correction_order",
        "decision_recorded",
        "decision_served",
        "execution_ended",
        "published",
        "correction_rechecked",
        "summary_limits",
        "case_closed",
        "monitoring_reviewed",
    }
)


def check_pack(
    rules: Sequence[Rule],
    checklist: Sequence[ChecklistItem],
    gates: Sequence[Gate],
    settings: Settings,
    ever: frozenset[str],
) -> None:
    """Raise `PackRefused` for the first contradiction. `ever`: rule ids of any date."""
    by_id = {row.id: row for row in rules}
    for row in rules:
        _check_words(row)
        _check_limit(row)
        _check_links(row, by_id)
        _known(row.id, "conflicts_with", row.conflicts_with, ever)
    _refuse_circles(by_id)
    for item in checklist:
        _check_item(item)
    for gate in gates:
        _check_gate(gate)
    if settings.min_officers < 2:
        raise PackRefused("settings.min_officers", "不得少于两人 / below two (行政处罚法42)")


def _known(row_id: str, field: str, words: Iterable[str], vocabulary: Iterable[str]) -> None:
    allowed = frozenset(vocabulary)
    for word in words:
        if word not in allowed:
            raise PackRefused(row_id, f"{field} 的值未知 / has an unknown value {word!r}")


def _check_confidence(row: Rule | ChecklistItem | Gate) -> None:
    _known(row.id, "confidence", [row.confidence], CONFIDENCES)
    if row.enabled and row.confidence != "V" and not row.verified_by:
        raise PackRefused(
            row.id,
            "未核实的规则不得启用 / an unverified row cannot be switched on",
            "Name in `verified_by` who in the legal office read the text.",
        )


def _check_words(row: Rule) -> None:
    _check_confidence(row)
    _known(row.id, "kind", [row.kind], RULE_KINDS)
    _known(row.id, "unit", [row.unit], UNITS)
    _known(row.id, "alarm", [row.alarm], ("due", "strict"))
    _known(row.id, "emits_at", [row.emits_at], ("due", "strict", "start"))
    _known(row.id, "actor", [row.actor], ("department", "party"))
    emitted = [row.emits] if row.emits else []
    _known(row.id, "trigger/met_by/emits", [row.trigger, *row.met_by, *emitted], EVENT_KINDS)
    _known(row.id, "suspended_by", row.suspended_by, SUSPENSION_REASONS)


def _check_limit(row: Rule) -> None:
    for bad, why in (
        (
            row.limit < 1 and row.unit != "DATE" and not row.upto,
            "期限须为正数 / needs a positive limit",
        ),
        (
            row.unit in ("H", "DATE") and row.rolls,
            "小时与固定日期不顺延 / hours and fixed dates never roll",
        ),
        (
            row.clear and not row.before,
            "clear 只用于倒推 / only a limit counted back has clear days",
        ),
        (row.before and row.unit not in ("WD", "ND"), "倒推只用日 / only days are counted back"),
        (row.before and bool(row.suspended_by), "倒推不得中止 / a limit counted back cannot stop"),
        (
            row.unit == "DATE" and not _is_month_day(row.month_day),
            "须为 MM-DD / needs month_day MM-DD",
        ),
        (row.trigger in row.met_by, "由同一事件开始和完成 / opened and met by one event"),
        (bool(set(row.when) & set(row.unless)), "when 与 unless 矛盾 / contradict each other"),
        (any(days < 0 for days in row.warn), "warn 不得为负 / is negative"),
    ):
        if bad:
            raise PackRefused(row.id, why)


def _is_month_day(text: str) -> bool:
    try:
        return bool(date.fromisoformat(f"2024-{text}")) and text != "02-29"
    except ValueError:
        return False


def _check_links(row: Rule, by_id: Mapping[str, Rule]) -> None:
    if not row.extends:
        return
    base = by_id.get(row.extends)
    if base is None:
        raise PackRefused(row.id, f"延长的规则不存在 / extends {row.extends!r}, which isn't there")
    if base.extends:
        raise PackRefused(
            row.id, f"延长另一延长 / extends {base.id!r}, itself an extension; use order"
        )
    if row.unit not in ("WD", "ND", "MO"):
        raise PackRefused(row.id, "延长须以日或月计 / an extension counts days or months")
    twin = [r.id for r in by_id.values() if r.extends == row.extends and r.order == row.order]
    if len(twin) > 1:
        raise PackRefused(row.id, f"延长次序重复 / has the same order as {twin}")


def _refuse_circles(by_id: Mapping[str, Rule]) -> None:
    """A rule whose passing would, through what it emits, open itself again never ends."""
    opened: dict[str, list[str]] = {}
    for row in by_id.values():
        opened.setdefault(row.trigger, []).append(row.id)
    for start in by_id:
        path, current = [start], [start]
        while current:
            current = [
                nxt
                for here in current
                if by_id[here].emits
                for nxt in opened.get(by_id[here].emits, [])
            ]
            if start in current:
                raise PackRefused(start, f"循环 / circular: {' → '.join([*path, start])}")
            current = [here for here in dict.fromkeys(current) if here not in path]
            path += current


def _check_item(item: ChecklistItem) -> None:
    _check_confidence(item)
    _known(item.id, "step_kind", [item.step_kind], [*STEP_KINDS, *OFFICE_KINDS])
    _known(item.id, "media", [kind for any_of in item.media for kind in any_of], MEDIA)
    _known(item.id, "mode", [item.mode], ("continuous", "point"))
    _known(item.id, "scope", [item.scope], ("step", "inspection"))
    _known(item.id, "when", [item.when], ("", "disputed"))
    if not 0 < item.min_coverage <= 1:
        raise PackRefused(item.id, "min_coverage 须在0与1之间 / must lie between 0 and 1")
    if item.mode == "continuous" and any("photo" in any_of for any_of in item.media):
        raise PackRefused(item.id, "照片不能连续 / a photo cannot be continuous")


def _check_gate(gate: Gate) -> None:
    _check_confidence(gate)
    _known(gate.id, "to", gate.to, STAGES)
    _known(gate.id, "check", [gate.check], GATE_CHECKS)
    _known(gate.id, "procedures", gate.procedures, ("ordinary", "simple"))
    if gate.check == "legal_review" and not (gate.hard and gate.on):
        raise PackRefused(
            gate.id, "法制审核不得绕过 / legal review is hard: it can be neither off nor soft"
        )
