"""The law of a case: pinned word for word at filing, the law of its opening day before that.

A pack that is corrected, replaced or withdrawn afterwards judges later cases, never this one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime

from asyncpg import Record

from backend.database import Tx
from backend.rules.calendar import law_date
from backend.rules.errors import PackRefused
from backend.rules.pack import Pack, in_force_since, load_pack, restore

# An id is made from its pack's content, so what it stands for never changes.
_restored: dict[str, Pack] = {}


async def pin(tx: Tx, pack: Pack, day: date, now: datetime) -> str:
    """Keep the law of `day` for the case that is being filed; the pack's id."""
    await tx.execute(
        """insert into rule_packs (id, sector, in_force, content, pinned_at)
           values ($1, $2, $3, $4, $5) on conflict (id) do nothing""",
        pack.id,
        pack.sector or None,
        in_force_since(pack.sector or None, day),
        pack.dump(),
        now,
    )
    return pack.id


async def pinned_pack(tx: Tx, case: Record) -> Pack:
    """The law of one case; `case` has pack_id, sector, filed_at and opened_at.

    Raises `PackRefused` where the kept bytes are not what was pinned.
    """
    return law_of(case, await pinned_packs(tx, [case["pack_id"]]))


async def pinned_packs(tx: Tx, pack_ids: Iterable[str | None]) -> Mapping[str, Pack]:
    """The kept packs by id, one query for any number; read from the database only once."""
    new = {pack_id for pack_id in pack_ids if pack_id is not None} - _restored.keys()
    if new:
        rows = await tx.fetch("select id, content from rule_packs where id = any($1)", sorted(new))
        _restored.update({row["id"]: _restore(row["id"], row["content"]) for row in rows})
    return _restored


def law_of(case: Record, pinned: Mapping[str, Pack]) -> Pack:
    """The case's pack out of `pinned_packs`.

    A case that is not filed follows the law of the day it was opened; one filed before packs were
    kept, that of its filing.
    """
    pack = pinned.get(case["pack_id"])
    return pack or load_pack(case["sector"], law_date(case["filed_at"] or case["opened_at"]))


def _restore(pack_id: str, content: bytes) -> Pack:
    pack = restore(content)
    if pack.id != pack_id:
        raise PackRefused(
            pack_id,
            "保存的内容已被改动 / the kept content is not what was pinned",
            "Restore the table rule_packs from a backup.",
        )
    return pack
