"""One suite for every object store, the fake included."""

from __future__ import annotations

import hashlib
import io
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
import pytest

from media.memory_store import MemoryStore
from media.s3_store import S3Settings, S3Store
from media.store import (
    CHUNK,
    MIN_PART,
    ObjectMissing,
    Part,
    PartsRefused,
    StoreError,
    StoreRefused,
    StoreUnavailable,
    UploadUnknown,
    read_back,
)

KEY = "originals/shijian/2026/03/02/r1.mp4"
BIG = bytes(range(256)) * 4096 * 6  # 6 MiB


@pytest.fixture(params=["memory", "s3"])
def store(request):
    if request.param == "memory":
        return MemoryStore()
    return request.getfixturevalue("s3")


async def whole(store, *args) -> bytes:
    return b"".join([chunk async for chunk in store.open(*args)])


async def test_what_was_put_is_read_back(store):
    await store.put(KEY, b"evidence", content_type="video/mp4")
    assert await whole(store, KEY) == b"evidence"
    facts = await store.stat(KEY)
    assert (facts.key, facts.size, facts.content_type) == (KEY, 8, "video/mp4")
    assert facts.modified_at.utcoffset() is not None


async def test_a_stream_of_known_length_is_put(store):
    await store.put(KEY, io.BytesIO(BIG), length=len(BIG))
    digest = await read_back(store, KEY)
    assert (digest.sha256, digest.size) == (hashlib.sha256(BIG).hexdigest(), len(BIG))
    assert await whole(store, KEY) == BIG


async def test_a_stream_shorter_than_announced_stores_nothing(store):
    with pytest.raises(StoreError):
        await store.put(KEY, io.BytesIO(b"short"), length=10)
    assert await store.stat(KEY) is None


async def test_an_empty_object_is_an_object(store):
    await store.put(KEY, b"")
    assert (await store.stat(KEY)).size == 0
    assert await whole(store, KEY) == b""


async def test_a_second_put_replaces_the_first(store):
    await store.put(KEY, b"first")
    await store.put(KEY, b"second")
    assert await whole(store, KEY) == b"second"


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [
        pytest.param(0, None, BIG, id="all of it"),
        pytest.param(CHUNK - 1, 2, BIG[CHUNK - 1 : CHUNK + 1], id="across a chunk"),
        pytest.param(len(BIG) - 3, None, BIG[-3:], id="the tail"),
        pytest.param(len(BIG) - 3, 100, BIG[-3:], id="past the end is cut"),
        pytest.param(len(BIG) + 5, None, b"", id="beyond the end is nothing"),
        pytest.param(10, 0, b"", id="nothing asked"),
    ],
)
async def test_ranges(store, start, length, expected):
    await store.put(KEY, BIG)
    assert await whole(store, KEY, start, length) == expected


async def test_chunks_are_bounded(store):
    await store.put(KEY, BIG)
    assert max([len(chunk) async for chunk in store.open(KEY)]) <= CHUNK


async def test_a_reader_may_leave_early(store):
    await store.put(KEY, BIG)
    for _ in range(40):  # more often than there are connections
        reader = store.open(KEY)
        assert len(await anext(reader)) <= CHUNK
        await reader.aclose()
    assert await whole(store, KEY, 0, 3) == BIG[:3]


async def test_a_missing_object_is_none_to_stat_and_an_error_to_read(store):
    assert await store.stat("originals/none") is None
    with pytest.raises(ObjectMissing):
        await whole(store, "originals/none")


async def test_deleting_twice_is_no_error(store):
    await store.put(KEY, b"x")
    await store.delete(KEY)
    await store.delete(KEY)
    assert await store.stat(KEY) is None


async def test_keys_are_listed_by_prefix_in_order(store):
    for key in ("a/2", "b/1", "a/1", "a/1.x"):
        await store.put(key, key.encode())
    assert [f.key async for f in store.list_keys("a/")] == ["a/1", "a/1.x", "a/2"]
    assert [f.size async for f in store.list_keys("b/")] == [3]
    assert [f async for f in store.list_keys("c/")] == []


async def test_parts_out_of_order_make_one_object(store):
    upload = await store.begin_parts(KEY, content_type="video/mp4")
    last = await store.put_part(KEY, upload, 2, b"tail")
    first = await store.put_part(KEY, upload, 1, BIG)
    assert await store.list_parts(KEY, upload) == [first, last]
    assert await store.stat(KEY) is None
    await store.complete_parts(KEY, upload, [last, first])
    assert await whole(store, KEY) == BIG + b"tail"
    assert (await store.stat(KEY)).content_type == "video/mp4"


async def test_the_same_part_again_replaces_it(store):
    upload = await store.begin_parts(KEY)
    await store.put_part(KEY, upload, 1, b"old")
    new = await store.put_part(KEY, upload, 1, b"new bytes")
    assert new in await store.list_parts(KEY, upload)
    await store.complete_parts(KEY, upload, [new])
    assert await whole(store, KEY) == b"new bytes"


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([], id="none"),
        pytest.param([Part(1, "0" * 32, 4)], id="another etag"),
        pytest.param([Part(7, "0" * 32, 4)], id="never stored"),
    ],
)
async def test_wrong_parts_are_refused_and_the_upload_lives_on(store, parts):
    upload = await store.begin_parts(KEY)
    right = await store.put_part(KEY, upload, 1, b"data")
    with pytest.raises(PartsRefused):
        await store.complete_parts(KEY, upload, parts)
    await store.complete_parts(KEY, upload, [right])
    assert await whole(store, KEY) == b"data"


async def test_one_wrong_part_among_right_ones_is_refused(store):
    upload = await store.begin_parts(KEY)
    parts = [await store.put_part(KEY, upload, n, BIG) for n in (1, 2)]
    wrong = [parts[0], Part(2, "0" * 32, len(BIG)), Part(3, "1" * 32, 5)]
    with pytest.raises(PartsRefused):
        await store.complete_parts(KEY, upload, wrong)
    with pytest.raises(PartsRefused):
        await store.complete_parts(KEY, upload, [*parts, wrong[2]])
    assert await store.stat(KEY) is None


async def test_a_small_part_before_the_last_is_refused(store):
    upload = await store.begin_parts(KEY)
    parts = [await store.put_part(KEY, upload, n, b"x" * (MIN_PART - 1)) for n in (1, 2)]
    with pytest.raises(PartsRefused):
        await store.complete_parts(KEY, upload, parts)


async def test_an_ended_upload_is_unknown(store):
    upload = await store.begin_parts(KEY)
    part = await store.put_part(KEY, upload, 1, b"data")
    await store.complete_parts(KEY, upload, [part])
    with pytest.raises(UploadUnknown):
        await store.list_parts(KEY, upload)
    with pytest.raises(UploadUnknown):
        await store.put_part(KEY, upload, 2, b"late")
    with pytest.raises(UploadUnknown):
        await store.complete_parts(KEY, upload, [part])


async def test_aborting_leaves_nothing_and_may_be_repeated(store):
    upload = await store.begin_parts(KEY)
    await store.put_part(KEY, upload, 1, b"data")
    await store.abort_parts(KEY, upload)
    await store.abort_parts(KEY, upload)
    assert await store.stat(KEY) is None
    with pytest.raises(UploadUnknown):
        await store.list_parts(KEY, upload)


async def test_an_unfinished_upload_is_not_listed(store):
    await store.begin_parts(KEY)
    assert [f async for f in store.list_keys("originals/")] == []


async def test_presigned_urls_name_the_key_and_the_part(store):
    url = urlsplit(await store.presign_get(KEY, expires_s=60))
    assert url.path.endswith(KEY)
    part = parse_qs(urlsplit(await store.presign_part(KEY, "u1", 3, expires_s=60)).query)
    assert (part["partNumber"], part["uploadId"]) == (["3"], ["u1"])


async def test_anyone_with_the_url_reads_ranges_with_our_headers(s3):
    await s3.put(KEY, BIG)
    url = await s3.presign_get(
        KEY, expires_s=60, content_type="video/mp4", disposition='inline; filename="a.mp4"'
    )
    async with httpx.AsyncClient() as anyone:
        answer = await anyone.get(url, headers={"Range": "bytes=5-8"})
    assert (answer.status_code, answer.content) == (206, BIG[5:9])
    assert answer.headers["Content-Type"] == "video/mp4"
    assert answer.headers["Content-Disposition"] == 'inline; filename="a.mp4"'


async def test_a_changed_url_opens_nothing(s3):
    await s3.put(KEY, b"mine")
    await s3.put(KEY + "x", b"yours")
    url = (await s3.presign_get(KEY, expires_s=60)).replace(KEY, KEY + "x")
    async with httpx.AsyncClient() as anyone:
        assert (await anyone.get(url)).status_code == 403


async def test_a_camera_puts_its_part_without_credentials(s3):
    upload = await s3.begin_parts(KEY)
    url = await s3.presign_part(KEY, upload, 1, expires_s=60)
    async with httpx.AsyncClient() as camera:
        assert (await camera.put(url, content=b"part")).status_code == 200
    await s3.complete_parts(KEY, upload, await s3.list_parts(KEY, upload))
    assert await whole(s3, KEY) == b"part"


async def test_a_store_that_is_away_is_unavailable():
    store = S3Store(S3Settings("http://127.0.0.1:9", "k", "s", "evidence", timeout_s=1))
    with pytest.raises(StoreUnavailable, match="can't be reached"):
        await store.stat(KEY)
    store.close()


async def test_wrong_credentials_are_refused_not_unavailable(s3):
    stranger = S3Store(msgspec.structs.replace(s3.settings, secret_key="x" * 40))
    with pytest.raises(StoreRefused):
        await stranger.put(KEY, b"x")
    stranger.close()


async def test_parts_copied_from_other_objects_make_the_object(store):
    await store.put("partials/甲 1", BIG)
    await store.put("partials/b", b"tail")
    upload = await store.begin_parts(KEY)
    parts = [
        await store.copy_part(KEY, upload, 2, "partials/甲 1", 11, MIN_PART),
        await store.copy_part(KEY, upload, 5, "partials/b", 1, 3),
    ]
    assert await store.list_parts(KEY, upload) == parts
    await store.complete_parts(KEY, upload, parts)
    assert await whole(store, KEY) == BIG[11 : 11 + MIN_PART] + b"ail"


async def test_a_part_copied_from_nothing_is_told_so(store):
    upload = await store.begin_parts(KEY)
    with pytest.raises(ObjectMissing):
        await store.copy_part(KEY, upload, 1, "partials/none", 0, 10)
