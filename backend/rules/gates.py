"""What each gate asks. A check yields one (code, zh, en) for everything that is missing.

`CHECKS` maps the names that packs use to these functions. None of them can be overridden from
outside: a waiver counts only where the pack's gate is soft and names the role.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

import msgspec

from backend.rules.calendar import law_date, midnight
from backend.rules.checklists import required_for
from backend.rules.deadlines import Due
from backend.rules.events import STEP_KINDS, Event
from backend.rules.facts import CaseFacts, StepFacts, certified_officers
from backend.rules.pack import Pack
from backend.rules.rows import Gate
from backend.rules.stops import day_in

Lack = tuple[str, str, str]

# Before these the officers must have shown their certificates.
_AFTER_ID = frozenset({"examine", "question", "sample", "preserve", "seize", "simple_penalty"})


class View(msgspec.Struct, frozen=True):
    """Everything a check may look at."""

    pack: Pack
    gate: Gate
    case: CaseFacts
    dues: tuple[Due, ...]
    now: datetime

    def happened(self, kind: str) -> Event | None:
        return self.case.happened(kind, self.now)

    def due(self, rule: str) -> Due | None:
        """The latest running of a rule."""
        return next((due for due in reversed(self.dues) if due.rule == rule), None)


def one_lead(view: View) -> Iterator[Lack]:
    leads = len(frozenset(view.case.leads))
    if leads != 1:
        yield "lead", f"须有且只有一名主办人，现有{leads}名", f"one lead wanted, {leads} named"
        return
    lead = view.case.person().get(view.case.leads[0])
    if lead is not None and not lead.certified(view.now):
        zh, en = "主办人的执法证现已无效", "the lead's certificate is not valid now"
        yield "lead_certificate", zh, en


def two_officers(view: View) -> Iterator[Lack]:
    people = view.case.person()
    for step in view.case.steps:
        if step.end < step.begin:
            yield "step_times", f"{_zh(step)}结束早于开始", f"{_en(step)} ends before it begins"
        wanted = _officers_for(view, step)
        present = [people[one] for one in step.people if one in people]
        counted = len(certified_officers(present, step.begin))
        if counted < wanted:
            yield (
                "too_few_officers",
                f"{_zh(step)}：有效持证执法人员{counted}人，须{wanted}人（辅助人员不计）",
                f"{_en(step)}: {counted} validly certified officer(s), {wanted} needed"
                " (auxiliaries don't count)",
            )


def _officers_for(view: View, step: StepFacts) -> int:
    item = required_for(view.pack, step.kind)
    return view.pack.process.settings.min_officers if item is None else item.officers


def _zh(step: StepFacts) -> str:
    day = law_date(step.begin)
    return f"{day} {step.label or STEP_KINDS[step.kind].zh}"


def _en(step: StepFacts) -> str:
    return f"{STEP_KINDS[step.kind].en} of {law_date(step.begin)}"


def id_shown(view: View) -> Iterator[Lack]:
    visits: dict[str, list[StepFacts]] = {}
    for step in view.case.steps:
        visits.setdefault(step.inspection, []).append(step)
    for steps in visits.values():
        first = min((s for s in steps if s.kind in _AFTER_ID), key=_begin, default=None)
        shown = min((s for s in steps if s.kind == "show_id"), key=_begin, default=None)
        if first is None:
            continue
        if shown is None:
            yield "id_not_shown", f"{_zh(first)}前未出示证件", f"no ID shown before {_en(first)}"
        elif shown.begin > first.begin:
            yield "id_shown_late", f"{_zh(first)}开始后才出示证件", f"ID shown after {_en(first)}"


def _begin(step: StepFacts) -> datetime:
    return step.begin


def evidence_complete(view: View) -> Iterator[Lack]:
    roles = () if view.gate.hard else view.pack.process.settings.waive_roles
    for gap in view.case.evidence_gaps:
        if gap.waived_by_role in roles and gap.waived_reason.strip():
            continue
        yield "evidence", gap.zh, gap.en


def monitoring_reviewed(view: View) -> Iterator[Lack]:
    for record in view.case.unreviewed:
        zh, en = f"监控记录{record}未经审核", f"monitoring record {record} was not reviewed"
        yield "monitoring_unreviewed", zh, en


def notice_given(view: View) -> Iterator[Lack]:
    if view.happened("notice_served") is None:
        zh, en = "未告知事实、理由、依据和权利", "no notice of facts, reasons, basis and rights"
        yield "no_notice", zh, en


def plea_window(view: View) -> Iterator[Lack]:
    notice = view.happened("notice_served")
    if notice is None or _since(view, "plea_waived", notice):
        return
    ends = _plea_ends(view, notice)
    if ends is None and not _since(view, "plea_received", notice):
        zh, en = "告知书未写明陈述申辩期限，且无陈述或放弃记录", "no term, no plea and no waiver"
        yield "plea_unknown", zh, en
    elif ends is not None and view.now < ends:
        yield (
            "plea_window_open",
            f"陈述申辩期至{_last(ends)}",
            f"the plea may come until {_last(ends)}",
        )


def _plea_ends(view: View, notice: Event) -> datetime | None:
    """The sector's window, or the term that the notice itself states; the later of both."""
    due = view.due("state.sj")
    ends = [due.ends_at] if due is not None else []
    if "plea_until" in notice.data:
        ends.append(midnight(day_in(notice, "plea_until").toordinal() + 1))
    return max(ends, default=None)


def _since(view: View, kind: str, start: Event) -> bool:
    event = view.happened(kind)
    return event is not None and event.at >= start.at


def _last(ends: datetime) -> str:
    return (law_date(ends) - timedelta(days=1)).isoformat()


def hearing_window(view: View) -> Iterator[Lack]:
    due = view.due("hear.req")
    if due is None or _since(view, "hearing_waived", due.event):
        return
    if _since(view, "hearing_requested", due.event):
        if not _since(view, "hearing_held", due.event):
            yield "hearing_not_held", "已申请听证而未听证", "a hearing was requested and not held"
    elif view.now < due.ends_at:
        last = _last(due.ends_at)
        yield (
            "hearing_window_open",
            f"听证申请期至{last}",
            f"a hearing may be requested until {last}",
        )


def hearing_called(view: View) -> Iterator[Lack]:
    if view.happened("hearing_requested") is None:
        yield "hearing_not_requested", "当事人未申请听证", "nobody requested a hearing"
    due = view.due("hear.notify")
    if due is None:
        yield "hearing_not_set", "未确定听证日期", "no date is set for the hearing"
    elif due.met_at is None or due.met_at > view.now:
        yield "hearing_not_notified", "未通知听证时间地点", "time and place were not notified"
    elif due.state == "met_late":
        zh, en = f"听证通知晚于{due.due}", f"the hearing was notified after {due.due}"
        yield "hearing_notified_late", zh, en


def legal_review(view: View) -> Iterator[Lack]:
    """Hard: without a passed review by somebody else there is no decision."""
    case = view.case
    if not case.needs_review:
        return
    if case.review is None or case.review.at > view.now:
        yield "no_legal_review", "未经法制审核", "no legal review"
    elif not case.review.passed:
        yield "legal_review_failed", "法制审核未通过", "the legal review did not pass it"
    elif case.review.reviewer in {*case.leads, *case.handlers}:
        yield "reviewer_is_handler", "审核人为本案承办人", "the reviewer handled the case"


def collective_discussion(view: View) -> Iterator[Lack]:
    if view.case.needs_discussion and view.happened("collective_discussion_held") is None:
        zh, en = (
            "情节复杂或重大，未经集体讨论",
            "complex or serious, and not discussed collectively",
        )
        yield "no_discussion", zh, en


def first_offence(view: View) -> Iterator[Lack]:
    """Art. 33 says *may*: people must have considered it; what they decide is theirs."""
    if view.case.first_offence and view.happened("first_offence_considered") is None:
        zh, en = (
            "疑似首违，须记录是否不予处罚的考虑",
            "a first offence: record that art. 33 was considered",
        )
        yield "first_offence_not_considered", zh, en


def correction_order(view: View) -> Iterator[Lack]:
    if view.case.correction_required and view.happened("correction_ordered") is None:
        yield "no_correction_order", "未责令改正", "no correction was ordered"


def summary_limits(view: View) -> Iterator[Lack]:
    settings = view.pack.process.settings
    citizen = view.case.party_kind == "citizen"
    most = settings.simple_citizen_max if citizen else settings.simple_organisation_max
    if view.case.fine > most:
        zh, en = f"罚款{view.case.fine}元，超过{most}元", f"¥{view.case.fine} is more than ¥{most}"
        yield "summary_limit", zh, en


def decision_recorded(view: View) -> Iterator[Lack]:
    made = view.happened("decision_made") or view.happened("simple_decision_made")
    if made is None:
        yield "no_decision", "无处罚决定书", "no decision was made"


def decision_served(view: View) -> Iterator[Lack]:
    if view.happened("decision_served") is None and not _deemed_served(view):
        yield "not_served", "处罚决定未送达", "the decision was not served"


def _deemed_served(view: View) -> bool:
    due = view.due("serve.pub")
    return due is not None and due.state == "elapsed"


def execution_ended(view: View) -> Iterator[Lack]:
    if _dropped(view):
        return
    if view.happened("execution_ended") is None:
        yield "not_executed", "处罚决定未执行完毕", "the decision is not executed"


def correction_rechecked(view: View) -> Iterator[Lack]:
    ordered = view.happened("correction_ordered")
    if ordered is not None and not _since(view, "correction_rechecked", ordered):
        yield "not_rechecked", "责令改正后未复查", "the correction was not rechecked"


def _dropped(view: View) -> bool:
    return any(view.happened(kind) is not None for kind in ("case_dropped", "case_transferred"))


def published(view: View) -> Iterator[Lack]:
    done = view.happened("decision_published") or view.happened("publication_exempted")
    if done is None and not _dropped(view):
        yield "not_published", "未公示且未批准免予公示", "neither published nor exempted"


def case_closed(view: View) -> Iterator[Lack]:
    if view.happened("case_closed") is None:
        yield "not_closed", "未结案", "the case is not closed"


CHECKS: Mapping[str, Callable[[View], Iterator[Lack]]] = MappingProxyType(
    {
        check.__name__: check
        for check in (
            one_lead,
            two_officers,
            id_shown,
            evidence_complete,
            monitoring_reviewed,
            notice_given,
            plea_window,
            hearing_window,
            hearing_called,
            legal_review,
            collective_discussion,
            first_offence,
            correction_order,
            summary_limits,
            decision_recorded,
            decision_served,
            execution_ended,
            correction_rechecked,
            published,
            case_closed,
        )
    }
)
