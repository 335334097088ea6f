"""The sweep over uploads: what is complete is ended, what nobody came back to is let go."""

from __future__ import annotations

from datetime import timedelta

import pytest

from backend.database import utc_now
from media import uploads
from media.tidying import tidy_uploads
from tests.uploads.test_faults import MIB, Bench, bench

__all__ = ["bench"]  # a fixture


async def held(bench: Bench) -> list[str]:
    return [facts.key async for facts in bench.store.store.list_keys("")]


async def test_an_upload_that_nobody_came_back_to_expires_and_frees_the_store(
    bench: Bench, noise: bytes
) -> None:
    upload_id = await bench.begin(len(noise))
    await bench.append(upload_id, noise, upto=12 * MIB)
    assert await tidy_uploads(bench.server, utc_now()) == 0
    later = utc_now() + timedelta(days=15)
    assert await tidy_uploads(bench.server, later) == 2  # expired, and freed
    upload = await bench.standing(upload_id)
    assert (upload.state, upload.store_upload_id, upload.tail_key) == ("expired", None, None)
    assert await held(bench) == []
    async with bench.server.database.snapshot() as tx:
        row = await tx.fetchrow("select state, state_reason ->> 'code' as code from recordings")
    assert tuple(row) == ("rejected", "upload_expired")  # nobody waits for it any longer
    assert await tidy_uploads(bench.server, later) == 0


async def test_what_cannot_be_freed_now_is_freed_next_time(bench: Bench, noise: bytes) -> None:
    upload_id = await bench.begin(len(noise))
    await bench.append(upload_id, noise, upto=1 * MIB)
    bench.store.fails = {"delete": 1}
    later = utc_now() + timedelta(days=15)
    assert await tidy_uploads(bench.server, later) == 1
    assert len(await held(bench)) == 1
    assert await tidy_uploads(bench.server, later) == 1
    assert await held(bench) == []


async def test_an_upload_whose_end_was_lost_to_a_crash_is_ended(
    bench: Bench, noise: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_id = await bench.begin(len(noise))

    async def crash(*_: object) -> None:
        raise KeyError("the process died here")

    with monkeypatch.context() as patched:
        patched.setattr(uploads, "finish", crash)
        with pytest.raises(KeyError):
            await bench.append(upload_id, noise)
    # Long after: complete uploads are evidence and never expire.
    assert await tidy_uploads(bench.server, utc_now() + timedelta(days=30)) == 1
    assert (await bench.standing(upload_id)).state == "finished"
    assert await bench.stored(upload_id) == noise
