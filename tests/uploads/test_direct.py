"""Parts go straight to the store by signed URLs; what counts is what the store holds of them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from backend.database import utc_now
from media.receiving import Server
from media.tidying import tidy_uploads
from media.uploads import Terms
from media.verify import Mismatch, Verified, verify_recording
from tests.uploads.conftest import Site
from tests.uploads.test_protocol import MIB

PART = 8 * MIB  # of a file this small


def said(content: bytes, **more: Any) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    return {"file_name": "检查.mp4", "length": len(content), "sha256": digest, **more}


async def begun(http: httpx.AsyncClient, content: bytes, **more: Any) -> dict[str, Any]:
    answer = await http.post("/api/device/direct", json=said(content, **more))
    assert answer.status_code == 201, answer.text
    return answer.json()


async def urls(http: httpx.AsyncClient, upload_id: str, numbers: Iterable[int]) -> dict[int, str]:
    answer = await http.post(
        f"/api/device/direct/{upload_id}/parts", json={"numbers": list(numbers)}
    )
    assert answer.status_code == 200, answer.text
    return {part["number"]: part["url"] for part in answer.json()["parts"]}


async def put(url: str, body: bytes) -> httpx.Response:
    """As a camera does: without a token and without credentials of the store."""
    async with httpx.AsyncClient(timeout=60) as camera:
        return await camera.put(url, content=body)


def part_of(content: bytes, number: int) -> bytes:
    return content[(number - 1) * PART : number * PART]


async def send(
    http: httpx.AsyncClient, upload_id: str, content: bytes, numbers: Iterable[int]
) -> None:
    for number, url in (await urls(http, upload_id, numbers)).items():
        assert (await put(url, part_of(content, number))).status_code == 200


async def complete(http: httpx.AsyncClient, upload_id: str, *parts: Any) -> httpx.Response:
    return await http.post(f"/api/device/direct/{upload_id}/complete", json={"parts": parts})


async def standing(http: httpx.AsyncClient, upload_id: str) -> dict[str, Any]:
    return (await http.get(f"/api/device/direct/{upload_id}")).json()


async def read_back(site: Site, recording_id: str) -> Verified | Mismatch:
    """The worker's part."""
    return await verify_recording(
        site.database, site.store, site.secret, UUID(recording_id), utc_now()
    )


async def test_parts_out_of_order_make_the_file_and_the_worker_receipts_it(
    http: httpx.AsyncClient, site: Site, noise: bytes
) -> None:
    upload = await begun(http, noise, begin="2026-03-02T09:00:00+08:00")
    assert (upload["part_size"], upload["parts"], upload["held"]) == (PART, 3, [])
    await send(http, upload["upload_id"], noise, [3])
    await send(http, upload["upload_id"], noise, [2])
    assert (await standing(http, upload["upload_id"]))["held"] == [2, 3]
    await send(http, upload["upload_id"], noise, [1])
    done = await complete(http, upload["upload_id"])
    assert (done.status_code, done.json()["state"]) == (200, "finished")
    recording = await site.recording(upload["recording_id"])
    assert (recording["state"], recording["size"]) == ("received", len(noise))
    assert await site.stored(upload["recording_id"]) == noise
    verified = await read_back(site, upload["recording_id"])
    assert isinstance(verified, Verified)
    told = (await http.get(f"/api/device/recordings/{upload['recording_id']}")).json()
    assert (told["state"], told["receipt"]["body"]["size"]) == ("verified", len(noise))
    # The answer to the completion may be lost: asked again, it says the same.
    again = await complete(http, upload["upload_id"])
    assert (again.status_code, again.json()["held"]) == (200, [1, 2, 3])


async def test_an_upload_goes_on_after_days_with_what_the_store_holds(
    http: httpx.AsyncClient, site: Site, noise: bytes
) -> None:
    first = await begun(http, noise, key="card-7/0001")
    await send(http, first["upload_id"], noise, [2])
    days_later = utc_now() + timedelta(days=10)
    terms = Terms(site.settings.max_upload_bytes, site.settings.upload_days)
    await tidy_uploads(Server(site.database, site.store, terms, utc_now), days_later)
    again = await begun(http, noise, key="card-7/0001")
    assert (again["upload_id"], again["held"]) == (first["upload_id"], [2])
    await send(http, again["upload_id"], noise, [1, 3])
    assert (await complete(http, again["upload_id"])).status_code == 200
    assert await site.stored(first["recording_id"]) == noise


async def test_a_part_put_again_replaces_the_one_before(
    http: httpx.AsyncClient, site: Site, noise: bytes
) -> None:
    upload = await begun(http, noise)
    await send(http, upload["upload_id"], noise, [1, 2, 3])
    await send(http, upload["upload_id"], noise, [2])
    assert (await complete(http, upload["upload_id"])).status_code == 200
    assert await site.stored(upload["recording_id"]) == noise


async def test_a_part_put_twice_with_other_bytes_counts_by_its_etag(
    http: httpx.AsyncClient, site: Site, noise: bytes
) -> None:
    upload = await begun(http, noise)
    broken = (await urls(http, upload["upload_id"], [2]))[2]
    assert (await put(broken, bytes(PART))).status_code == 200
    await send(http, upload["upload_id"], noise, [1, 3])
    right = await put(broken, part_of(noise, 2))
    etag = right.headers["ETag"]
    done = await complete(http, upload["upload_id"], {"number": 2, "etag": etag})
    assert done.status_code == 200, done.text
    assert await site.stored(upload["recording_id"]) == noise


async def test_what_is_missing_is_named_and_the_upload_lives_on(
    http: httpx.AsyncClient, site: Site, noise: bytes
) -> None:
    upload = await begun(http, noise)
    await send(http, upload["upload_id"], noise, [2])
    short = (await urls(http, upload["upload_id"], [3]))[3]
    assert (await put(short, b"short")).status_code == 200
    refused = await complete(http, upload["upload_id"])
    problem = refused.json()
    assert (refused.status_code, problem["where"], problem["missing"]) == (409, "parts", [1])
    assert problem["wrong_size"] == [{"number": 3, "size": 5, "expected": len(noise) - 2 * PART}]
    assert (await site.recording(upload["recording_id"]))["state"] == "uploading"
    await send(http, upload["upload_id"], noise, [1, 3])
    assert (await complete(http, upload["upload_id"])).status_code == 200
    assert await site.stored(upload["recording_id"]) == noise


async def test_bytes_of_another_digest_are_rejected_flagged_and_kept(
    http: httpx.AsyncClient, site: Site, noise: bytes
) -> None:
    upload = await begun(http, noise, key="k")
    swapped = noise[:-1] + bytes([noise[-1] ^ 1])
    await send(http, upload["upload_id"], swapped, [1, 2, 3])
    assert (await complete(http, upload["upload_id"])).status_code == 200
    found = await read_back(site, upload["recording_id"])
    assert isinstance(found, Mismatch)
    assert found.code == "digest_mismatch"
    assert (await site.recording(upload["recording_id"]))["state"] == "rejected"
    assert await site.stored(upload["recording_id"]) == swapped
    flag = await site.one("select kind, severity, state from flags")
    assert flag == {"kind": "digest_mismatch", "severity": "serious", "state": "open"}
    # The device still has its file: the same key begins it anew.
    assert (await begun(http, noise, key="k"))["upload_id"] != upload["upload_id"]


async def test_another_devices_upload_does_not_exist(
    http: httpx.AsyncClient, site: Site, noise: bytes
) -> None:
    upload = await begun(http, noise)
    path = f"/api/device/direct/{upload['upload_id']}"
    bearer = {"Authorization": f"Bearer {site.neighbour.device_token}"}
    async with httpx.AsyncClient(base_url=site.url, headers=bearer) as stranger:
        answers = [
            await stranger.get(path),
            await stranger.post(f"{path}/parts", json={"numbers": [1]}),
            await stranger.post(f"{path}/complete", json={}),
            await stranger.delete(path),
        ]
    assert [answer.status_code for answer in answers] == [404] * 4
    assert (await standing(http, upload["upload_id"]))["state"] == "open"


async def test_the_store_refuses_a_url_that_was_tampered_with(
    http: httpx.AsyncClient, noise: bytes
) -> None:
    upload = await begun(http, noise)
    url = (await urls(http, upload["upload_id"], [1]))[1]
    for tampered in (
        url.replace("partNumber=1", "partNumber=2"),
        url.replace("X-Amz-Expires=900", "X-Amz-Expires=90000"),
    ):
        assert tampered != url
        assert (await put(tampered, part_of(noise, 1))).status_code == 403
    assert (await standing(http, upload["upload_id"]))["held"] == []


async def test_an_aborted_upload_frees_its_parts_and_takes_no_more(
    http: httpx.AsyncClient, site: Site, noise: bytes
) -> None:
    upload = await begun(http, noise)
    late = (await urls(http, upload["upload_id"], [2]))[2]
    await send(http, upload["upload_id"], noise, [1])
    assert (await http.delete(f"/api/device/direct/{upload['upload_id']}")).status_code == 204
    assert (await put(late, part_of(noise, 2))).status_code == 404
    refused = await http.post(
        f"/api/device/direct/{upload['upload_id']}/parts", json={"numbers": [1]}
    )
    assert (refused.status_code, refused.json()["type"]) == (410, "urn:quanji:problem:gone")
    row = await site.one("select state, store_upload_id from uploads")
    assert row == {"state": "terminated", "store_upload_id": None}


async def test_a_finished_upload_cannot_be_aborted(
    http: httpx.AsyncClient, site: Site, noise: bytes
) -> None:
    upload = await begun(http, noise[:1000])
    await send(http, upload["upload_id"], noise[:1000], [1])
    await complete(http, upload["upload_id"])
    assert (await http.delete(f"/api/device/direct/{upload['upload_id']}")).status_code == 409
    assert await site.stored(upload["recording_id"]) == noise[:1000]


async def test_many_completions_at_once_finish_it_once(
    http: httpx.AsyncClient, site: Site, noise: bytes
) -> None:
    upload = await begun(http, noise)
    await send(http, upload["upload_id"], noise, [1, 2, 3])
    answers = await asyncio.gather(*(complete(http, upload["upload_id"]) for _ in range(4)))
    assert {answer.status_code for answer in answers} <= {200, 423}
    assert (await complete(http, upload["upload_id"])).status_code == 200
    jobs = await site.one("select count(*) as n from procrastinate_jobs")
    assert jobs == {"n": 1}
    assert await site.stored(upload["recording_id"]) == noise


@pytest.mark.parametrize(
    ("change", "status", "where"),
    [
        ({"length": 0}, 400, "length"),
        ({"length": 10**12}, 413, "length"),
        ({"media_kind": "hologram"}, 400, "body"),
        ({"sha256": "abc"}, 400, ""),
        ({"key": "x" * 300}, 400, "body"),
    ],
    ids=["nothing", "more than the server takes", "an unknown kind", "no digest", "a long key"],
)
async def test_what_cannot_be_begun_says_why(
    http: httpx.AsyncClient, change: dict[str, Any], status: int, where: str
) -> None:
    answer = await http.post("/api/device/direct", json={**said(b"evidence"), **change})
    assert answer.status_code == status
    assert where in answer.json()["where"]


async def test_a_key_of_another_file_is_a_conflict(http: httpx.AsyncClient) -> None:
    await begun(http, b"evidence", key="one")
    answer = await http.post("/api/device/direct", json=said(b"evidencE", key="one"))
    assert (answer.status_code, answer.json()["where"]) == (409, "key")


async def test_part_numbers_outside_the_file_are_refused(
    http: httpx.AsyncClient, noise: bytes
) -> None:
    upload = await begun(http, noise)
    for numbers in ([], [0], [4], list(range(1, 200))):
        answer = await http.post(
            f"/api/device/direct/{upload['upload_id']}/parts", json={"numbers": numbers}
        )
        assert (answer.status_code, answer.json()["where"]) == (400, "numbers")
