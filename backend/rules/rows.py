"""The rows of a rule pack, as values. Field by field what the TOML says.

Pinned packs leave out what has its default, so a default here may never change its meaning: a new
choice is a new field. `Settings` are pinned whole.
"""

from __future__ import annotations

from datetime import date

import msgspec

from backend.rules.periods import Limit

MEDIA = ("video", "audio", "photo")
RULE_KINDS = ("duty", "window", "bar", "accrual")


class Law(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A law by the short code that rows cite."""

    code: str
    zh: str
    en: str
    unit: str = "条"


class Rule(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True
):
    """A deadline.

    `kind`: duty = someone must act by then (else `overdue`); window = time that must pass or in
    which a right lives (then `elapsed`); bar = after it the act is barred; accrual = from then on
    something grows. `actor` is whose limit it is: `department` or `party`.
    """

    id: str
    title_zh: str
    title_en: str
    trigger: str  # event kind that opens it
    limit: int = 0
    unit: str
    month_day: str = ""  # MM-DD for unit DATE
    roll: bool | None = None  # None: as the unit does
    before: bool = False
    clear: bool = False
    kind: str = "duty"
    actor: str = "department"
    warn: tuple[int, ...] = ()  # in the rule's unit: working days, days or hours
    alarm: str = "due"  # or "strict": which date warns and turns overdue
    met_by: tuple[str, ...] = ()
    suspended_by: tuple[str, ...] = ()
    when: tuple[str, ...] = ()  # opened only if the event's data has all of these true
    unless: tuple[str, ...] = ()  # and none of these
    from_data: str = ""  # the day counted from stands in the event's data under this key
    extends: str = ""  # this row is an extension of that one, opened by its trigger
    order: int = 1  # first, second … extension
    upto: bool = False  # the event's data "days" gives the length, at most `limit` (0: no cap)
    emits: str = ""  # event that its passing brings about
    emits_at: str = "due"  # due | strict | start
    daily_percent: float = 0.0
    cap_percent: float = 0.0
    unit_unstated: bool = False
    conflicts_with: tuple[str, ...] = ()
    consequence_zh: str = ""
    consequence_en: str = ""
    note_zh: str = ""
    note_en: str = ""
    basis: tuple[str, ...]
    article_zh: str = ""  # filled from `basis` when the pack is merged
    article_en: str = ""
    confidence: str
    verified_by: str = ""  # who in the department vouches for a row that is not V
    enabled: bool | None = None  # None: on if V
    in_force: date | None = None
    until: date | None = None

    @property
    def rolls(self) -> bool:
        return self.unit in ("ND", "MO", "Y") if self.roll is None else self.roll

    @property
    def on(self) -> bool:
        """Whether the row counts: V rows unless switched off, others only if switched on."""
        return self.confidence == "V" if self.enabled is None else self.enabled

    def as_limit(self, length: int | None = None) -> Limit:
        return Limit(
            length=self.limit if length is None else length,
            unit=self.unit,
            roll=self.rolls and not self.before,
            before=self.before,
            clear=self.clear,
            month_day=self.month_day,
        )


class ChecklistItem(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True
):
    """What must be recorded at a step.

    `media` is any-of: each inner tuple is one set of recording kinds that suffices. `points` are
    the things a point item must show, one photo at least each. `min_coverage` is the share of
    the interval, less explained gaps, that continuous recordings must cover.
    """

    id: str
    step_kind: str
    title_zh: str
    title_en: str
    when: str = ""  # "" always; "disputed": where the activity is open to dispute
    scope: str = "step"  # or "inspection": from arrival to exit
    media: tuple[tuple[str, ...], ...] = ()
    mode: str = "continuous"
    min_coverage: float = 1.0
    points: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    officers: int = 2
    people: tuple[str, ...] = ()
    speech: tuple[str, ...] = ()
    start_trigger: str = ""
    end_trigger: str = ""
    witness_or_video: bool = False
    mandatory: bool = True
    recorder: str = ""
    place: str = ""
    retention: str = ""
    basis: tuple[str, ...] = ()
    article_zh: str = ""
    article_en: str = ""
    confidence: str
    verified_by: str = ""
    enabled: bool | None = None
    in_force: date | None = None
    until: date | None = None

    @property
    def article(self) -> str:
        return f"{self.article_zh} / {self.article_en}"

    @property
    def on(self) -> bool:
        return self.confidence == "V" if self.enabled is None else self.enabled


class Gate(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True
):
    """What must hold before a case enters one of the stages `to`; `check` names the test."""

    id: str
    to: tuple[str, ...]
    check: str
    title_zh: str
    title_en: str
    procedures: tuple[str, ...] = ("ordinary",)
    hard: bool = True  # nobody may override it
    basis: tuple[str, ...]
    article_zh: str = ""
    article_en: str = ""
    confidence: str
    verified_by: str = ""
    enabled: bool | None = None
    in_force: date | None = None
    until: date | None = None

    @property
    def on(self) -> bool:
        return self.confidence == "V" if self.enabled is None else self.enabled


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Choices that the law leaves open or to the department, with their defaults."""

    min_officers: int = 2
    waive_roles: tuple[str, ...] = ("supervisor",)  # who may waive missing evidence, with reasons
    simple_citizen_max: int = 200  # yuan, 处罚51
    simple_organisation_max: int = 3000
    retention_years: int = 30
    simple_retention_years: int = 10
    unlinked_media_days: int = 183


class YearNotice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The State Council's arrangement of one year, for a year the library does not know yet."""

    year: int
    holidays: tuple[date, ...]
    make_up: tuple[date, ...] = ()
    source: str
