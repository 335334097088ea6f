"""What must be recorded at a step, and what of it is there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import msgspec

from backend.rules.coverage import Coverage, ExplainedGap, Interval, coverage, points
from backend.rules.pack import Pack
from backend.rules.rows import ChecklistItem
from backend.rules.words import word_en, word_zh


class Recorded(msgspec.Struct, frozen=True):
    """A usable recording that is attributed to the step: `kind` video | audio | photo."""

    kind: str
    span: Interval
    uncertainty: timedelta = timedelta()


class StepEvidence(msgspec.Struct, frozen=True):
    """All that is known of one step. `officers`: valid certified ones, counted once each."""

    span: Interval
    recorded: tuple[Recorded, ...] = ()
    explained: tuple[ExplainedGap, ...] = ()
    documents: tuple[str, ...] = ()
    officers: int = 0
    witness: bool = False


class Finding(msgspec.Struct, frozen=True):
    """One thing that the law wanted and that isn't there.

    Codes: missing_recording, recording_gap, too_few_officers, document_missing, witness_missing.
    """

    code: str
    item: str
    article_zh: str
    article_en: str
    zh: str
    en: str
    certain: bool = True


class Judgement(msgspec.Struct, frozen=True):
    """`coverage` is of the best alternative medium; None where the item wants no recording."""

    item: ChecklistItem
    coverage: Coverage | None
    findings: tuple[Finding, ...]

    @property
    def complete(self) -> bool:
        return not self.findings


def required_for(pack: Pack, step_kind: str, when: str = "") -> ChecklistItem | None:
    """The row for a step kind; `when="disputed"` prefers the row for disputed activity.

    A row of the department comes before the region's. None: nothing need be recorded.
    """
    rows = [r for r in pack.checklist.values() if r.step_kind == step_kind and r.on]
    exact = [row for row in rows if row.when == when] or [row for row in rows if not row.when]
    return exact[-1] if exact else None


def judge_step(item: ChecklistItem, evidence: StepEvidence) -> Judgement:
    """Judge one step by its checklist row; findings are listed even where the row only advises."""
    best = _best(item, evidence)
    findings = [] if best is None else _media_findings(item, best)
    findings += [_document(item, name) for name in item.documents if name not in evidence.documents]
    if evidence.officers < item.officers:
        findings.append(_too_few(item, evidence.officers))
    if item.witness_or_video and not _witnessed(evidence):
        zh, en = "无见证人且无视频", "neither a witness nor a video"
        findings.append(_finding("witness_missing", item, zh, en))
    return Judgement(item, best, tuple(findings))


def _best(item: ChecklistItem, evidence: StepEvidence) -> Coverage | None:
    """Of the alternatives the one that comes closest; within one, its weakest medium."""
    judged = [
        min((_cover(item, kind, evidence) for kind in any_of), key=_worth) for any_of in item.media
    ]
    return max(judged, key=_worth) if judged else None


def _worth(one: Coverage) -> tuple[bool, float, bool]:
    return one.complete, one.share, one.certain


def _cover(item: ChecklistItem, kind: str, evidence: StepEvidence) -> Coverage:
    mine = [r for r in evidence.recorded if r.kind == kind]
    doubt = max((r.uncertainty for r in mine), default=timedelta())
    spans = [r.span for r in mine]
    if item.mode == "continuous":
        return coverage(evidence.span, spans, evidence.explained, doubt)
    needed = max(1, len(item.points)) if kind == "photo" else 1
    return points(evidence.span, spans, needed, doubt)


def _media_findings(item: ChecklistItem, best: Coverage) -> list[Finding]:
    if best.complete or (item.min_coverage < 1 and best.share >= item.min_coverage):
        return []
    kinds_zh = "或".join("+".join(map(word_zh, any_of)) for any_of in item.media)
    kinds_en = " or ".join(" + ".join(map(word_en, any_of)) for any_of in item.media)
    if best.covered_s == 0:
        zh, en = f"缺少{kinds_zh}", f"no {kinds_en}"
        return [_finding("missing_recording", item, zh, en, best.certain)]
    lost = sum(gap.seconds for gap in best.unexplained)
    count = len(best.unexplained)
    return [
        _finding(
            "recording_gap",
            item,
            f"{kinds_zh}中断{count}处，共{_clock(lost)}无说明",
            f"{kinds_en}: {count} unexplained gap(s), {_clock(lost)} in all",
            best.certain,
        )
    ]


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def _document(item: ChecklistItem, name: str) -> Finding:
    return _finding("document_missing", item, f"缺少{word_zh(name)}", f"{word_en(name)} is missing")


def _too_few(item: ChecklistItem, officers: int) -> Finding:
    return _finding(
        "too_few_officers",
        item,
        f"持证执法人员{officers}人，少于{item.officers}人",
        f"{officers} certified officer(s), fewer than {item.officers}",
    )


def _witnessed(evidence: StepEvidence) -> bool:
    return evidence.witness or any(
        r.kind == "video" and r.span.end > evidence.span.begin and r.span.begin < evidence.span.end
        for r in evidence.recorded
    )


def _finding(code: str, item: ChecklistItem, zh: str, en: str, certain: bool = True) -> Finding:
    return Finding(
        code,
        item.id,
        item.article_zh,
        item.article_en,
        f"{item.title_zh}：{zh}",
        f"{item.title_en}: {en}",
        certain,
    )


def inspection_items(pack: Pack, step_kinds: Sequence[str]) -> tuple[ChecklistItem, ...]:
    """What a whole visit demands, for the handheld to show before the officer leaves."""
    items = (required_for(pack, kind) for kind in dict.fromkeys(step_kinds))
    return tuple(item for item in items if item is not None)
