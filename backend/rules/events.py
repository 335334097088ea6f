"""The events that open, suspend, extend and meet deadlines, and the step kinds of a scene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import msgspec

from backend.rules.errors import BadEvent


class Label(msgspec.Struct, frozen=True):
    zh: str
    en: str


def labels(text: str) -> Mapping[str, Label]:
    """A table of `kind | 中文 | English` lines."""
    rows = (line.split("|") for line in text.strip().splitlines())
    return MappingProxyType({kind.strip(): Label(zh.strip(), en.strip()) for kind, zh, en in rows})


EVENT_KINDS: Mapping[str, Label] = labels("""
clue_received                | 收到线索             | clue received
filing_extended              | 批准延长立案期限     | filing period extended
case_filed                   | 立案                 | case filed
filing_refused               | 不予立案             | filing refused
case_extended                | 批准延长办案期限     | case period extended
case_extended_again          | 集体讨论决定继续延期 | case period extended again
case_dropped                 | 终止调查或撤销案件   | case dropped
case_transferred             | 移送其他机关         | case transferred
case_closed                  | 结案                 | case closed
case_archived                | 归档                 | case archived
act_ended                    | 违法行为终了         | unlawful act ended
recording_ended              | 录制结束             | recording ended
recording_uploaded           | 录制资料上传         | recording uploaded
urgent_measure_taken         | 当场实施强制措施     | urgent on-site measure taken
measure_approved             | 强制措施补办批准     | measure approved afterwards
measure_refused              | 强制措施未获批准     | measure not approved
registered_preservation      | 先行登记保存         | registered preservation
preservation_disposed        | 先行登记保存处理     | preserved items disposed of
seizure_started              | 查封扣押             | seizure started
seizure_extended             | 批准延长查封扣押     | seizure extended
seizure_released             | 解除查封扣押         | seizure released
property_decided             | 对查封扣押财物作出处理 | seized property decided on
funds_frozen                 | 冻结存款汇款         | funds frozen
freeze_notice_served         | 冻结决定书交付       | freeze notice served
review_materials_received    | 法制审核收到材料     | legal review received materials
review_extended              | 批准延长审核期限     | legal review extended
review_opinion_given         | 出具法制审核意见     | legal review opinion given
notice_served                | 告知书送达           | notice served
plea_received                | 收到陈述申辩         | plea received
plea_waived                  | 书面放弃陈述申辩     | plea waived in writing
hearing_requested            | 申请听证             | hearing requested
hearing_waived               | 书面放弃听证         | hearing waived in writing
hearing_set                  | 确定听证日期         | hearing date set
hearing_notified             | 通知听证             | hearing notified
hearing_held                 | 举行听证             | hearing held
collective_discussion_held   | 集体讨论             | collective discussion held
first_offence_considered     | 已考虑首违不罚       | first-offence rule considered
correction_ordered           | 责令改正             | correction ordered
correction_rechecked         | 改正复查             | correction rechecked
decision_made                | 作出处罚决定         | penalty decision made
decision_served              | 处罚决定送达         | decision served
announcement_posted          | 发出公告             | announcement posted
simple_decision_made         | 作出当场处罚决定     | on-the-spot decision made
simple_decision_filed        | 当场处罚报备         | on-the-spot decision filed
major_decision_made          | 作出重大处罚决定     | major penalty decision made
major_decision_filed         | 重大处罚备案         | major penalty filed
other_decision_made          | 作出其他执法决定     | other enforcement decision made
decision_published           | 执法结果公示         | decision published
publication_exempted         | 批准不予公示         | publication exempted
decision_overturned          | 决定被变更撤销或确认违法无效 | decision changed, revoked or void
publication_withdrawn        | 撤下公示             | publication withdrawn
payment_overdue              | 逾期未缴罚款         | payment overdue
fine_paid                    | 缴清罚款             | fine paid
cash_collected               | 当场收缴罚款         | fine collected on the spot
cash_handed_in               | 罚款交至机关         | cash handed in
cash_banked                  | 罚款缴付银行         | cash banked
execution_ended              | 执行完毕             | execution ended
review_applied               | 申请行政复议         | administrative review applied for
suit_filed                   | 提起行政诉讼         | suit filed
remedies_expired             | 复议诉讼期限届满     | remedies expired
court_applied                | 申请法院强制执行     | court execution applied for
demand_served                | 催告书送达           | demand served
agent_execution_set          | 确定代履行日期       | substitute execution date set
permit_applied               | 提出许可申请         | permit applied for
permit_fix_told              | 告知补正             | told what to supplement
permit_accepted              | 受理许可申请         | permit application accepted
permit_extended              | 批准延长许可期限     | permit period extended
permit_decided               | 作出许可决定         | permit decided
permit_served                | 送达许可证件         | permit served
crime_reported               | 报告涉嫌犯罪         | suspected crime reported
crime_transfer_approved      | 批准移送             | transfer approved
crime_transfer_refused       | 不批准移送           | transfer not approved
crime_transferred            | 移送公安机关         | transferred to the police
supervision_received         | 收到监督文书         | supervision document received
supervision_replied          | 监督整改报告         | supervision answered
calendar_year                | 年度                 | calendar year
annual_stat_published        | 公布年度执法数据     | annual data published
annual_law_reported          | 依法行政年度报告     | annual law report made
inspection_plan_filed        | 检查计划备案         | inspection plan filed
clock_stopped                | 期间中止             | clock stopped
clock_restarted              | 期间恢复             | clock restarted
""")

# What may stop a clock. A rule names the reasons it listens to; others do not stop it.
SUSPENSION_REASONS: Mapping[str, Label] = labels("""
testing           | 检测、检验、检疫     | testing
appraisal         | 技术鉴定             | appraisal
expert_review     | 专家评审或认定       | expert review
hearing           | 听证                 | hearing
announcement      | 公告                 | announcement
case_suspended    | 案件中止             | case suspended
supplement        | 补充材料             | supplements
force_majeure     | 不可抗力             | force majeure
deferral          | 批准延期或分期       | approved deferral
review            | 行政复议             | administrative review
litigation        | 行政诉讼             | litigation
on_water          | 在水上当场收缴       | collected on water
remote_duty       | 偏远地区执法         | remote duty
continuous_duty   | 连续执勤             | continuous duty
continuing_act    | 违法行为连续或继续   | continuing act
declared          | 人工扣除             | excluded by hand
""")

STEP_KINDS: Mapping[str, Label] = labels("""
arrive                 | 到达               | arrival
show_id                | 出示证件           | show ID
notify                 | 告知               | notify
examine                | 现场检查           | examination
question               | 询问               | inquiry
sample                 | 抽样取证           | sampling
preserve               | 先行登记保存       | registered preservation
seize                  | 查封扣押           | seizure
demolish               | 强制拆除、代履行   | demolition, substitute execution
hearing                | 听证               | hearing
serve                  | 送达               | service
serve_by_leaving       | 留置送达           | service by leaving
serve_by_announcement  | 公告送达           | service by announcement
serve_electronic       | 电子送达           | electronic service
simple_penalty         | 简易处罚           | summary penalty
premises               | 办案场所           | case-handling premises
leave                  | 离开               | departure
""")

# Steps of the office, which no inspection carries: the checklist knows what papers they need.
OFFICE_KINDS: Mapping[str, Label] = labels("""
review                 | 审核与集体讨论     | review and discussion
""")

INSPECTION_KINDS: Mapping[str, Label] = labels("""
check    | 检查     | check
seizure  | 查封扣押 | seizure
inquiry  | 询问     | inquiry
hearing  | 听证     | hearing
service  | 送达     | service
""")


class Event(msgspec.Struct, frozen=True):
    """Something that happened, at the time it happened (never the time it was synced).

    `subject` tells several of one kind apart (a recording, a seized lot, a hearing); an event
    without one concerns the whole case. `data` holds what a rule asks for, such as
    `{"on": "2026-03-19"}` of `hearing_set` or `{"reason": "testing"}` of `clock_stopped`.
    """

    kind: str
    at: datetime
    id: str = ""
    subject: str = ""
    data: Mapping[str, Any] = {}


class Problem(msgspec.Struct, frozen=True):
    """An event that can hardly be true; a person must look. The count goes on with the others."""

    code: str
    event: Event
    zh: str
    en: str


# Before these a case has nothing to decide; a clue, an act or a recording may come first.
_AFTER_FILING = frozenset(
    {
        "case_extended",
        "case_closed",
        "notice_served",
        "hearing_set",
        "hearing_held",
        "decision_made",
        "decision_served",
        "execution_ended",
        "review_materials_received",
    }
)
_OLDEST = datetime(2000, 1, 1, tzinfo=UTC)


def check_event(event: Event) -> None:
    """Raise `BadEvent` for an unknown kind or a time without a zone."""
    if event.kind not in EVENT_KINDS:
        raise BadEvent(
            f"未知事件 / unknown event kind {event.kind!r}.", "Use a kind of backend.rules.events."
        )
    if event.at.tzinfo is None:
        raise BadEvent(f"事件 {event.kind} 的时间无时区 / has no zone.", "Give an aware datetime.")


def problems(events: Sequence[Event], now: datetime) -> tuple[Problem, ...]:
    """Events that a person must look at: before filing, of a dead clock, or not yet happened."""
    filed = min((e.at for e in events if e.kind == "case_filed"), default=None)
    found = []
    for event in events:
        if event.at < _OLDEST:
            found.append(_problem("clock_unset", event, "设备时钟未校准", "the clock was not set"))
        elif event.at > now + timedelta(minutes=5):
            found.append(_problem("in_future", event, "晚于当前时间", "lies in the future"))
        elif filed is not None and event.kind in _AFTER_FILING and event.at < filed:
            found.append(_problem("before_filing", event, "早于立案", "comes before filing"))
    return tuple(found)


def _problem(code: str, event: Event, zh: str, en: str) -> Problem:
    label = EVENT_KINDS[event.kind]
    return Problem(code, event, f"{label.zh}：{zh}", f"{label.en}: {en}")
