"""Stages, gates: who may move a case where, and everything that stops it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

import msgspec

from backend.rules.deadlines import deadlines_of
from backend.rules.events import Label
from backend.rules.facts import CaseFacts
from backend.rules.gates import CHECKS, View
from backend.rules.pack import Pack
from backend.rules.rows import Gate

STAGES: Mapping[str, Label] = MappingProxyType(
    {
        "filed": Label("立案", "filed"),
        "investigating": Label("调查取证", "investigating"),
        "reviewing": Label("审核", "reviewing"),
        "noticed": Label("告知", "noticed"),
        "hearing": Label("听证", "hearing"),
        "deciding": Label("审查决定", "deciding"),
        "decided": Label("已决定", "decided"),
        "served": Label("已送达", "served"),
        "executing": Label("执行", "executing"),
        "closed": Label("结案", "closed"),
        "archived": Label("归档", "archived"),
    }
)
_BACK = "investigating"  # 退回补充调查
_ORDINARY = {
    "filed": ("investigating",),
    "investigating": ("reviewing",),
    "reviewing": ("noticed", _BACK),
    "noticed": ("hearing", "deciding", _BACK),
    "hearing": ("deciding", _BACK),
    "deciding": ("decided", _BACK),
    "decided": ("served",),
    "served": ("executing",),
    "executing": ("closed",),
    "closed": ("archived",),
    "archived": (),
}
_SIMPLE = {**_ORDINARY, "filed": ("decided",)}
NEXT: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"ordinary": _ORDINARY, "simple": _SIMPLE}
)
_BEFORE_DECISION = frozenset(
    {"filed", "investigating", "reviewing", "noticed", "hearing", "deciding"}
)


class Missing(msgspec.Struct, frozen=True):
    """One thing that stops a transition. `gate` is the pack's row; `hard`: nobody may waive it."""

    code: str
    article: str
    zh: str
    en: str
    gate: str = ""
    hard: bool = True


class Prompt(msgspec.Struct, frozen=True):
    """Something that people must think of; it stops nothing."""

    code: str
    article: str
    zh: str
    en: str


class Transition(msgspec.Struct, frozen=True):
    """Allowed, or refused with everything that is missing."""

    allowed: bool
    missing: tuple[Missing, ...] = ()
    prompts: tuple[Prompt, ...] = ()


def check_transition(pack: Pack, case: CaseFacts, to_stage: str, now: datetime) -> Transition:
    """Whether a case may enter `to_stage` now, by the pack that it pinned.

    Raises `BadEvent` for events that can't be counted. The answer lists all that is missing at
    once; there is no parameter by which a head could override it.
    """
    blocked = _order(case, to_stage, now)
    if blocked:
        return Transition(False, (blocked,))
    if to_stage == _BACK and case.stage != "filed":
        return Transition(True)  # sending a case back needs no gate: nothing is decided by it
    dues = deadlines_of(pack, tuple(e for e in case.events if e.at <= now), now)
    missing = tuple(
        Missing(code, f"{gate.article_zh} / {gate.article_en}", zh, en, gate.id, gate.hard)
        for gate in pack.process.gates
        if gate.on and to_stage in gate.to and case.procedure in gate.procedures
        for code, zh, en in CHECKS[gate.check](View(pack, gate, case, dues, now))
    )
    return Transition(not missing, missing, _prompts(pack, case, to_stage))


def _order(case: CaseFacts, to_stage: str, now: datetime) -> Missing | None:
    """Stages follow each other; a dropped or transferred case may close from any before."""
    allowed = NEXT[case.procedure].get(case.stage, ())
    if to_stage in allowed:
        return None
    if to_stage == "closed" and case.stage in _BEFORE_DECISION:
        if any(case.happened(kind, now) for kind in ("case_dropped", "case_transferred")):
            return None
        zh, en = "未作出决定，且未终止或移送", "neither decided nor dropped nor transferred"
        return Missing(
            "stage_order", "《行政处罚法》第57条 / Administrative Penalty Law, art. 57", zh, en
        )
    here, there = STAGES.get(case.stage), STAGES.get(to_stage)
    zh = f"不能由“{here.zh if here else case.stage}”转入“{there.zh if there else to_stage}”"
    en = f"a case cannot go from {case.stage} to {to_stage}; next: {', '.join(allowed) or 'none'}"
    return Missing("stage_order", "", zh, en)


def _prompts(pack: Pack, case: CaseFacts, to_stage: str) -> tuple[Prompt, ...]:
    if not case.first_offence or to_stage not in ("noticed", "deciding", "decided"):
        return ()
    gate = _gate(pack, "first_offence")
    article = f"{gate.article_zh} / {gate.article_en}" if gate else ""
    zh = "初次违法且后果轻微并及时改正的，可以不予行政处罚；是否适用由人决定"
    en = "a first offence, slight and corrected, may go unpunished; people decide"
    return (Prompt("first_offence", article, zh, en),)


def _gate(pack: Pack, check: str) -> Gate | None:
    return next((gate for gate in pack.process.gates if gate.check == check), None)
