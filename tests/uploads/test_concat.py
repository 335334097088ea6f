"""Concatenation: what Upload-Concat says, how parts are planned, and finals against the server."""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.database import utc_now
from media.concat import COPY, MOST_PARTIALS, BadConcat, plan_parts, read_concat, size_of
from media.receiving import Server
from media.store import MIN_PART
from media.tidying import tidy_uploads
from media.uploads import Terms
from mobile_api.dock.client import encode_metadata
from tests.faults.clients import Trip, tus_js, with_aiotus_in_parallel
from tests.uploads.conftest import Site
from tests.uploads.test_protocol import TUS, send

MIB = 1024 * 1024
PATH = "/api/uploads/"


@pytest.mark.parametrize(
    ("header", "read"),
    [
        pytest.param("partial", None, id="a partial"),
        pytest.param("final;/api/uploads/a /api/uploads/b", ("a", "b"), id="paths"),
        pytest.param("final;https://x.example/api/uploads/a", ("a",), id="a URL"),
        pytest.param("final; /api/uploads/a  /api/uploads/a", ("a", "a"), id="one twice"),
    ],
)
def test_upload_concat_is_read(header: str, read: tuple[str, ...] | None) -> None:
    assert read_concat(header) == read


@pytest.mark.parametrize(
    "header",
    [
        pytest.param("", id="nothing"),
        pytest.param("final", id="a final of nothing"),
        pytest.param("final;", id="a final of nothing at all"),
        pytest.param("partial;/api/uploads/a", id="a partial of others"),
        pytest.param("final;/elsewhere/a", id="no upload"),
        pytest.param("final;/api/uploads/", id="no token"),
        pytest.param("final;/api/uploads/a/b", id="below an upload"),
        pytest.param("final;" + " /api/uploads/a" * (MOST_PARTIALS + 1), id="too many"),
    ],
)
def test_a_wrong_upload_concat_is_told(header: str) -> None:
    with pytest.raises(BadConcat):
        read_concat(header)


SIZES = st.lists(
    st.one_of(
        st.integers(0, 3),
        st.integers(MIN_PART - 2, MIN_PART + 2),
        st.integers(0, 3 * COPY),
        st.integers(1, 40).map(lambda n: n * MIB),
    ),
    max_size=12,
)


@given(SIZES)
def test_planned_parts_hold_every_byte_once_in_order_and_none_is_too_small(
    sizes: list[int],
) -> None:
    steps = plan_parts(sizes)
    at = dict.fromkeys(range(len(sizes)), 0)
    order = [piece.index for step in steps for piece in step]
    assert order == sorted(order)
    for piece in (piece for step in steps for piece in step):
        assert (piece.start, piece.length > 0) == (at[piece.index], True)
        at[piece.index] += piece.length
    assert list(at.values()) == sizes
    assert all(size_of(step) >= MIN_PART for step in steps[:-1])
    # What passes through us stays small, whatever the sizes; so does what one crash costs.
    assert all(size_of(step) < 2 * MIN_PART for step in steps if len(step) > 1)
    assert all(size_of(step) <= COPY for step in steps)


async def partial(http: httpx.AsyncClient, body: bytes, *, upto: int | None = None) -> str:
    """The URL of a partial upload of `body`, sent up to `upto`."""
    headers = {**TUS, "Upload-Concat": "partial", "Upload-Length": str(len(body))}
    answer = await http.post("/api/uploads", headers=headers)
    assert answer.status_code == 201, answer.text
    assert "Quanji-Recording" not in answer.headers
    url = answer.headers["Location"]
    if body:
        assert (await send(http, url, 0, body[:upto])).status_code == 204
    return url


async def final(http: httpx.AsyncClient, urls: list[str], **metadata: str) -> httpx.Response:
    headers = {**TUS, "Upload-Concat": f"final;{' '.join(urls)}"}
    if metadata:
        headers["Upload-Metadata"] = encode_metadata(metadata)
    return await http.post("/api/uploads", headers=headers)


@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param([7 * MIB, 7 * MIB, 7 * MIB], id="copied by the store"),
        pytest.param([1000, 2 * MIB, 12 * MIB, 10, 300], id="small ones between"),
        pytest.param([9 * MIB, 0, 12 * MIB - 5, 5], id="an empty one and a short end"),
        pytest.param([3, 4], id="small altogether"),
        pytest.param([0, 0], id="nothing at all"),
    ],
)
async def test_a_final_is_its_partials_one_after_another(
    http: httpx.AsyncClient, site: Site, noise: bytes, sizes: list[int]
) -> None:
    bodies, at = [], 0
    for size in sizes:
        bodies.append(noise[at : at + size])
        at += size
    urls = [await partial(http, body) for body in bodies]
    answer = await final(http, urls, filename="检查.mp4", key="one")
    assert answer.status_code == 201, answer.text
    recording_id = answer.headers["Quanji-Recording"]
    assert await site.stored(recording_id) == b"".join(bodies)
    row = await site.recording(recording_id)
    assert (row["state"], row["file_name"]) == ("verified", "检查.mp4")
    head = await site.head(answer.headers["Location"])
    assert head.headers["Upload-Length"] == head.headers["Upload-Offset"] == str(at)
    assert head.headers["Upload-Concat"].startswith(f"final;{PATH}")
    assert (await site.one("select count(*) as n from recordings"))["n"] == 1
    kept = [facts.key async for facts in site.store.list_keys("")]
    assert kept == [row["object_key"]]  # the partials' bytes were given back


async def test_a_final_whose_answer_was_lost_is_found_again(
    http: httpx.AsyncClient, site: Site, noise: bytes
) -> None:
    urls = [await partial(http, noise[: 6 * MIB]), await partial(http, noise[6 * MIB :])]
    first, again = await final(http, urls), await final(http, urls)
    assert (again.status_code, again.headers["Location"]) == (201, first.headers["Location"])
    assert (await site.head(urls[0])).headers["Upload-Concat"] == "partial"
    turned = await final(http, urls[::-1])
    assert turned.status_code == 409
    assert (await site.one("select count(*) as n from recordings"))["n"] == 1


async def test_a_final_of_an_unfinished_partial_is_refused_and_comes_later(
    http: httpx.AsyncClient, site: Site, noise: bytes
) -> None:
    done, half = await partial(http, noise[:100]), await partial(http, noise[100:], upto=50)
    early = await final(http, [done, half])
    assert (early.status_code, early.json()["where"]) == (409, "Upload-Concat")
    assert (await send(http, half, 50, noise[150:])).status_code == 204
    late = await final(http, [done, half])
    assert await site.stored(late.headers["Quanji-Recording"]) == noise


async def test_foreign_partials_do_not_exist_and_whole_uploads_are_none(
    http: httpx.AsyncClient, site: Site
) -> None:
    bearer = {"Authorization": f"Bearer {site.neighbour.device_token}"}
    mine = await partial(http, b"abc")
    async with httpx.AsyncClient(base_url=site.url, headers=bearer) as neighbour:
        foreign = await final(neighbour, [mine])
    unknown = await final(http, [f"{PATH}{'0' * 64}"])
    assert (foreign.status_code, unknown.status_code) == (404, 404)
    assert foreign.json()["detail"] == unknown.json()["detail"]
    whole = (await final(http, [mine])).headers["Location"]
    assert (await final(http, [whole])).status_code == 400


async def test_a_final_takes_no_bytes_and_no_length(http: httpx.AsyncClient, site: Site) -> None:
    one = await partial(http, b"abc")
    headers = {**TUS, "Upload-Concat": f"final;{one}"}
    told = await http.post("/api/uploads", headers={**headers, "Upload-Length": "3"})
    assert told.status_code == 400
    brought = await http.post("/api/uploads", headers=headers, content=b"x")
    assert brought.status_code == 400
    url = (await final(http, [one])).headers["Location"]
    assert (await send(http, url, 3, b"x")).status_code == 403


async def test_options_tell_of_concatenation(site: Site) -> None:
    async with httpx.AsyncClient(base_url=site.url) as anybody:
        answer = await anybody.options("/api/uploads")
    assert "concatenation" in answer.headers["Tus-Extension"].split(",")


async def test_partials_that_no_final_comes_for_expire_and_free_the_store(
    http: httpx.AsyncClient, site: Site, noise: bytes
) -> None:
    await partial(http, noise)
    await partial(http, noise[:10])
    server = Server(site.database, site.store, Terms(10**9, 14), utc_now)
    assert await tidy_uploads(server, utc_now()) == 0
    assert await tidy_uploads(server, utc_now() + timedelta(days=15)) == 4  # expired, and freed
    assert [facts.key async for facts in site.store.list_keys("")] == []
    assert (await site.one("select count(*) as n from recordings"))["n"] == 0


async def test_finals_asked_for_at_once_make_one_object(
    http: httpx.AsyncClient, site: Site, noise: bytes
) -> None:
    urls = [await partial(http, noise[at : at + 7 * MIB]) for at in range(0, 21 * MIB, 7 * MIB)]
    answers = await asyncio.gather(*(final(http, urls) for _ in range(4)))
    assert {answer.status_code for answer in answers} <= {201, 409, 423}
    last = await final(http, urls)
    assert last.status_code == 201, last.text
    assert await site.stored(last.headers["Quanji-Recording"]) == noise
    assert (await site.one("select count(*) as n from recordings"))["n"] == 1


@pytest.mark.parametrize("size", [21 * MIB, 300_000])
@pytest.mark.parametrize("client", ["tus-js-client", "aiotus"])
async def test_unmodified_clients_upload_in_parallel(
    site: Site, tmp_path: Path, size: int, client: str
) -> None:
    path = tmp_path / "检查.mp4"
    path.write_bytes(secrets.token_bytes(size))
    ways = {"tus-js-client": tus_js(parallelUploads=4), "aiotus": with_aiotus_in_parallel}
    await ways[client](Trip(site.url, site.device, path, "k"))
    row = await site.one("select id from recordings")
    assert await site.stored(str(row["id"])) == path.read_bytes()
