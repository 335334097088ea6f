"""Which times a recording claims for itself. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from media.capture_time import NAME_SCHEMES as SCHEMES
from media.capture_time import Claim, NameScheme, name_claim
from media.facts import Facts

CHINA = timedelta(hours=8)
SLACK_S = 120.0  # how far container and name may lie apart and still mean the same moment


def claims_of(
    facts: Facts,
    file_name: str,
    declared_begin: datetime | None,
    schemes: tuple[NameScheme, ...] = SCHEMES,
) -> list[Claim]:
    """All claims, in no order; `capture_time` ranks them."""
    name = name_claim(file_name, schemes)
    claims = [name] if name else []
    if declared_begin is not None:
        claims.append(Claim("declared", declared_begin))
    if facts.container_time is not None:
        stated = Claim("container", facts.container_time, precision_s=1.0)
        claims.append(_understood(stated, name, facts.duration_s))
    if facts.exif_time is not None:
        claims.append(Claim("exif", facts.exif_time, precision_s=1.0))
    return claims


def _understood(stated: Claim, name: Claim | None, duration_s: float) -> Claim:
    """Containers should hold the begin in UTC; many cameras write local time, or the moment they
    closed the file. The file's name, which is local and says the begin, gives either away."""
    if name is None or name.edge == "end":
        return stated
    apart = (stated.at - name.at).total_seconds()
    if abs(apart - CHINA.total_seconds()) <= SLACK_S + duration_s:
        stated = msgspec.structs.replace(stated, at=stated.at - CHINA)
        apart -= CHINA.total_seconds()
    if duration_s > 30 and abs(apart - duration_s) <= 3:
        stated = msgspec.structs.replace(stated, edge="end")
    return stated
