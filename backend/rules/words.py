"""The codes that checklist rows use for things, papers, people and words, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "video": ("视频", "video"),
        "audio": ("录音", "audio"),
        "photo": ("照片", "photo"),
        "transcript": ("笔录", "transcript"),
        "item_list": ("清单", "list of items"),
        "items": ("每件物品", "each item"),
        "inventory": ("财物清点", "inventory"),
        "decision": ("决定书", "decision"),
        "decision_read": ("宣读决定", "decision read"),
        "seal": ("封条", "seal"),
        "label": ("标签", "label"),
        "address": ("送达地址", "address"),
        "document": ("文书", "document"),
        "refusal": ("拒收情形", "refusal"),
        "site": ("每处张贴点", "each site"),
        "reason_note": ("公告原因记录", "note of the reason"),
        "consent": ("同意书", "signed consent"),
        "arrival_log": ("到达凭证", "proof of arrival"),
        "minutes": ("书面记录", "minutes"),
        "party": ("当事人", "party"),
        "party_or_witness": ("当事人或见证人", "party or witness"),
        "one_interviewee": ("单独询问", "one interviewee at a time"),
        "supervisor": ("现场负责人", "supervisor"),
        "agent_if_used": ("代履行人（如有）", "the substitute, if used"),
        "host_not_investigator": ("主持人非调查人员", "host is not an investigator"),
        "reviewer_not_handler": ("审核人非承办人", "reviewer is not a handler"),
        "scan": ("扫码", "scan"),
        "id": ("出示证件", "ID shown"),
        "reason": ("事由", "reason"),
        "time": ("时间", "time"),
        "place": ("地点", "place"),
        "recording": ("告知录音录像", "that it is recorded"),
        "rights": ("权利义务", "rights"),
        "recusal": ("回避", "recusal"),
        "seven_days": ("七日内处理", "seven days"),
        "no_transfer": ("不得转移", "no transfer"),
        "purpose": ("目的", "purpose"),
        "reasons": ("理由", "reasons"),
        "basis": ("依据", "basis"),
        "remedies": ("救济途径", "remedies"),
        "posted_notice": ("张贴告示", "posted notice"),
        "facts": ("事实", "facts"),
        "plea": ("陈述申辩权", "right to plead"),
    }
)


def word_zh(code: str) -> str:
    """The Chinese word; a department's own word, from an imported list, stands for itself."""
    return WORDS[code][0] if code in WORDS else code


def word_en(code: str) -> str:
    return WORDS[code][1] if code in WORDS else code
