"""The facts of a case that the gates ask for, and who counts as an officer when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime

import msgspec

from backend.rules.calendar import law_date
from backend.rules.events import Event


class Certificate(msgspec.Struct, frozen=True):
    """An enforcement certificate (执法证): valid from `first` to `last`, both days included."""

    first: date
    last: date


class Suspended(msgspec.Struct, frozen=True):
    """A certificate withheld from an instant on (`end` None: still)."""

    begin: datetime
    end: datetime | None = None


class Person(msgspec.Struct, frozen=True):
    """`kind`: officer | auxiliary. Auxiliaries never count, whatever they carry."""

    id: str
    kind: str = "officer"
    certificates: tuple[Certificate, ...] = ()
    suspended: tuple[Suspended, ...] = ()
    name: str = ""

    def certified(self, at: datetime) -> bool:
        """Whether this is an officer whose certificate was valid at the event's time."""
        if self.kind != "officer":
            return False
        day = law_date(at)
        valid = any(one.first <= day <= one.last for one in self.certificates)
        held = any(s.begin <= at and (s.end is None or at < s.end) for s in self.suspended)
        return valid and not held


def certified_officers(people: Iterable[Person], at: datetime) -> frozenset[str]:
    """Ids of those who count as officers at an instant; somebody with two devices counts once."""
    return frozenset(person.id for person in people if person.certified(at))


class StepFacts(msgspec.Struct, frozen=True):
    """A step of an inspection as it happened. `people` are person ids, doubles allowed."""

    id: str
    kind: str
    begin: datetime
    end: datetime
    people: tuple[str, ...] = ()
    inspection: str = ""
    label: str = ""


class EvidenceGap(msgspec.Struct, frozen=True):
    """A finding of `checklists.judge_step` on a mandatory item, and its waiver if there is one."""

    step: str
    zh: str
    en: str
    waived_by_role: str = ""
    waived_reason: str = ""


class LegalReview(msgspec.Struct, frozen=True):
    """The opinion of 法制审核. There is no field by which anybody could override it."""

    passed: bool
    reviewer: str
    at: datetime


class CaseFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A case as the gates see it.

    `leads` should hold exactly one; `handlers` those who handled it (a reviewer is none of them).
    `needs_review`, `needs_discussion`, `first_offence`, `correction_required` are answers of the
    review catalogue and look-ups made elsewhere. `fine` in yuan. `unreviewed` are ids of
    monitoring records that nobody reviewed.
    """

    stage: str
    procedure: str = "ordinary"
    leads: tuple[str, ...] = ()
    handlers: tuple[str, ...] = ()
    people: tuple[Person, ...] = ()
    steps: tuple[StepFacts, ...] = ()
    events: tuple[Event, ...] = ()
    evidence_gaps: tuple[EvidenceGap, ...] = ()
    needs_review: bool = True
    review: LegalReview | None = None
    needs_discussion: bool = False
    first_offence: bool = False
    correction_required: bool = False
    party_kind: str = "organisation"
    fine: int = 0
    unreviewed: tuple[str, ...] = ()

    def happened(self, kind: str, now: datetime) -> Event | None:
        """The latest event of a kind up to now."""
        found = [e for e in self.events if e.kind == kind and e.at <= now]
        return max(found, key=lambda e: e.at) if found else None

    def person(self) -> Mapping[str, Person]:
        return {person.id: person for person in self.people}
