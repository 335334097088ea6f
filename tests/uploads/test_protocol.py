"""The running server against clients that lie, break off, repeat themselves and interfere."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from base64 import b64encode
from collections.abc import AsyncIterator

import httpx
import pytest

from mobile_api.dock.client import checksum, encode_metadata
from tests.uploads.conftest import Site

MIB = 1024 * 1024
TUS = {"Tus-Resumable": "1.0.0"}


async def create(http: httpx.AsyncClient, length: int | None, **metadata: str) -> str:
    told = {"Upload-Defer-Length": "1"} if length is None else {"Upload-Length": str(length)}
    headers = {**TUS, **told, "Upload-Metadata": encode_metadata(metadata)}
    answer = await http.post("/api/uploads", headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"]


async def send(
    http: httpx.AsyncClient, url: str, offset: int, body: object, **more: str
) -> httpx.Response:
    headers = {
        **TUS,
        "Upload-Offset": str(offset),
        "Content-Type": "application/offset+octet-stream",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    return await http.patch(url, headers=headers, content=body)


async def offset_of(site: Site, url: str) -> int:
    head = await site.head(url)
    assert head.status_code == 200
    return int(head.headers["Upload-Offset"])


async def once_there(site: Site, url: str, size: int) -> int:
    """The request may still be on its way to its handler when the offset is first asked for."""
    async with asyncio.timeout(10):
        while (at := await offset_of(site, url)) != size:
            assert at in {0, 8 * MIB}  # nothing but what is durable is ever told
    return at


async def recording_of(site: Site, url: str) -> str:
    return (await site.head(url)).headers["Quanji-Recording"]


async def raw_patch(site: Site, url: str, offset: int, announced: int, body: bytes):
    """A PATCH that announces more than it sends, over a bare socket; the open connection."""
    port = int(site.url.rsplit(":", 1)[1])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    path = url.removeprefix(site.url)
    writer.write(
        f"PATCH {path} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: {offset}\r\n"
        f"Content-Type: application/offset+octet-stream\r\nContent-Length: {announced}\r\n"
        "\r\n".encode()
    )
    writer.write(body)
    await writer.drain()
    return reader, writer


async def test_options_tell_the_extensions_to_anybody(site: Site) -> None:
    async with httpx.AsyncClient(base_url=site.url) as anybody:
        answer = await anybody.options("/api/uploads")
    assert answer.status_code == 204
    assert answer.headers["tus-max-size"] == str(site.settings.max_upload_bytes)
    assert "termination" in answer.headers["tus-extension"]


async def test_a_half_open_connection_never_locks_an_upload(
    http: httpx.AsyncClient, site: Site, noise: bytes
) -> None:
    url = await create(http, len(noise))
    _, writer = await raw_patch(site, url, 0, len(noise), noise[: 3 * MIB])
    # The line is dead, nobody closes it: asking for the offset ends that request, bytes kept.
    at = await once_there(site, url, 3 * MIB)
    assert (await send(http, url, at, noise[at:])).status_code == 204
    assert await site.stored(await recording_of(site, url)) == noise
    writer.close()


async def test_a_newer_patch_ends_the_older_ones_lease(
    http: httpx.AsyncClient, site: Site, noise: bytes
) -> None:
    url = await create(http, len(noise))
    reader, writer = await raw_patch(site, url, 0, len(noise), b"")
    async with asyncio.timeout(10):
        while (await site.one("select lease from uploads"))["lease"] is None:
            pass
    assert (await send(http, url, 0, noise)).status_code == 204
    assert b" 423 " in await reader.readline()
    writer.close()
    assert await site.stored(await recording_of(site, url)) == noise


async def test_of_patches_at_once_one_gets_through_and_the_object_is_whole(
    http: httpx.AsyncClient, site: Site, noise: bytes
) -> None:
    url = await create(http, len(noise))
    answers = await asyncio.gather(*(send(http, url, 0, noise) for _ in range(4)))
    assert {answer.status_code for answer in answers} <= {204, 409, 423}
    at = await offset_of(site, url)
    if at < len(noise):
        assert (await send(http, url, at, noise[at:])).status_code == 204
    assert await site.stored(await recording_of(site, url)) == noise


@pytest.mark.parametrize("size", [1000, 6 * MIB, 20 * MIB])
@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
async def test_a_wrong_checksum_is_460_and_the_offset_does_not_move(
    http: httpx.AsyncClient, site: Site, noise: bytes, size: int, algorithm: str
) -> None:
    url = await create(http, len(noise))
    wrong = b64encode(hashlib.new(algorithm, b"other").digest()).decode()
    answer = await send(http, url, 0, noise[:size], Upload_Checksum=f"{algorithm} {wrong}")
    assert answer.status_code == 460
    assert await offset_of(site, url) == 0
    right = b64encode(hashlib.new(algorithm, noise[:size]).digest()).decode()
    answer = await send(http, url, 0, noise[:size], Upload_Checksum=f"{algorithm} {right}")
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, str(size))
    assert (await send(http, url, size, noise[size:])).status_code == 204
    assert await site.stored(await recording_of(site, url)) == noise


async def test_a_body_cut_off_under_a_checksum_does_not_count(
    http: httpx.AsyncClient, site: Site, noise: bytes
) -> None:
    url = await create(http, len(noise))

    async def breaks() -> AsyncIterator[bytes]:
        yield noise[: 9 * MIB]
        raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        await send(http, url, 0, breaks(), Upload_Checksum=checksum(noise))
    assert await offset_of(site, url) == 0


@pytest.mark.parametrize("offset", [1, 5, 10**15])
async def test_a_lying_offset_is_409_and_told_the_true_one(
    http: httpx.AsyncClient, site: Site, offset: int
) -> None:
    url = await create(http, 10)
    answer = await send(http, url, offset, b"x")
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (409, "0")
    assert answer.json()["type"] == "urn:quanji:problem:offset_mismatch"


@pytest.mark.parametrize(
    ("offset", "announced", "status"),
    [(3, 10, b" 409 "), (0, 10**12, b" 413 ")],
    ids=["stale offset", "over-long"],
)
async def test_what_can_be_refused_is_refused_before_the_body_is_sent(
    http: httpx.AsyncClient, site: Site, offset: int, announced: int, status: bytes
) -> None:
    url = await create(http, 100)
    reader, writer = await raw_patch(site, url, offset, announced, b"")
    assert status in await reader.readline()
    writer.close()


async def test_a_body_of_unknown_length_that_runs_over_is_413(
    http: httpx.AsyncClient, site: Site
) -> None:
    url = await create(http, 10)

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"12345"

    answer = await send(http, url, 0, endless())
    assert answer.status_code == 413
    assert await offset_of(site, url) == 0


async def test_an_upload_above_the_limit_is_413_before_it_is_created(
    http: httpx.AsyncClient, site: Site
) -> None:
    too_long = str(site.settings.max_upload_bytes + 1)
    answer = await http.post("/api/uploads", headers={**TUS, "Upload-Length": too_long})
    assert answer.status_code == 413
    assert (await site.one("select count(*) as n from uploads"))["n"] == 0


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Upload-Length": "5", "Upload-Metadata": "filename ###"}, 400),
        ({"Upload-Length": "5", "Upload-Metadata": "sha256 YWJj"}, 400),
        ({"Upload-Length": "x"}, 400),
        ({"Upload-Length": "5", "Tus-Resumable": "0.2.1"}, 412),
    ],
)
async def test_a_malformed_creation_says_what_is_wrong(
    http: httpx.AsyncClient, headers: dict[str, str], status: int
) -> None:
    answer = await http.post("/api/uploads", headers={**TUS, **headers})
    assert answer.status_code == status
    assert answer.json()["where"].startswith(("Upload-", "Tus-"))


async def test_a_url_that_was_never_given_out_is_404(http: httpx.AsyncClient, site: Site) -> None:
    url = await create(http, 10)
    guessed = url[:-1] + ("0" if url[-1] != "0" else "1")
    assert (await site.head(guessed)).status_code == 404
    assert (await send(http, guessed, 0, b"x")).status_code == 404
    assert (await site.head(f"{site.url}/api/uploads/nonsense")).status_code == 404


async def test_a_stranger_and_a_revoked_device_are_401(http: httpx.AsyncClient, site: Site) -> None:
    url = await create(http, 10)
    async with httpx.AsyncClient(base_url=site.url) as stranger:
        answer = await stranger.post("/api/uploads", headers={**TUS, "Upload-Length": "1"})
        assert answer.status_code == 401
    async with site.database.transaction() as tx:
        await tx.execute("update devices set revoked_at = now()")
    assert (
        await http.post("/api/uploads", headers={**TUS, "Upload-Length": "1"})
    ).status_code == 401
    assert (await send(http, url, 0, b"x")).status_code == 401
    assert (await site.head(url)).status_code == 401


async def test_a_length_told_later_ends_the_upload(http: httpx.AsyncClient, site: Site) -> None:
    url = await create(http, None)
    assert (await send(http, url, 0, b"12345")).status_code == 204
    head = await site.head(url)
    assert head.headers["Upload-Defer-Length"] == "1"
    assert (await send(http, url, 5, b"", Upload_Length="5")).status_code == 204
    recording_id = await recording_of(site, url)
    assert await site.stored(recording_id) == b"12345"
    assert (await site.recording(recording_id))["state"] == "verified"


async def test_a_terminated_upload_is_gone_and_holds_nothing(
    http: httpx.AsyncClient, site: Site, noise: bytes
) -> None:
    url = await create(http, len(noise))
    await send(http, url, 0, noise[: 12 * MIB])
    assert (await http.delete(url, headers=TUS)).status_code == 204
    assert (await site.head(url)).status_code == 410
    assert [facts.key async for facts in site.store.list_keys("")] == []
    row = await site.one("select state, state_reason ->> 'code' as code from recordings")
    assert row == {"state": "rejected", "code": "upload_terminated"}


async def test_a_finished_upload_is_evidence_and_cannot_be_terminated(
    http: httpx.AsyncClient, site: Site
) -> None:
    url = await create(http, 3)
    await send(http, url, 0, b"abc")
    assert (await http.delete(url, headers=TUS)).status_code == 403
    assert await site.stored(await recording_of(site, url)) == b"abc"


async def test_patch_and_delete_travel_as_post_where_they_must(
    http: httpx.AsyncClient, site: Site
) -> None:
    url = await create(http, 6)
    headers = {
        **TUS,
        "X-HTTP-Method-Override": "PATCH",
        "Upload-Offset": "0",
        "Content-Type": "application/offset+octet-stream",
    }
    answer = await http.post(url, headers=headers, content=b"abc")
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, "3")
    answer = await http.post(url, headers={**TUS, "X-HTTP-Method-Override": "DELETE"})
    assert answer.status_code == 204
    assert (await http.post(url, headers=TUS)).status_code == 405


async def test_a_wrong_declared_digest_rejects_keeps_the_bytes_and_is_flagged(
    http: httpx.AsyncClient, site: Site
) -> None:
    url = await create(http, 3, sha256="ab" * 32, key="k")
    assert (await send(http, url, 0, b"abc")).status_code == 204
    recording_id = await recording_of(site, url)
    told = (await http.get(f"/api/device/recordings/{recording_id}")).json()
    assert (told["state"], told["reason"]["code"]) == ("rejected", "digest_mismatch")
    assert told["receipt"] is None
    assert await site.stored(recording_id) == b"abc"
    flag = await site.one("select kind, state, severity from flags")
    assert flag == {"kind": "digest_mismatch", "state": "open", "severity": "serious"}
    # The device may send the file again under the same key: that is a new upload.
    assert await create(http, 3, key="k") != url


async def test_creation_is_idempotent_by_the_devices_key(
    http: httpx.AsyncClient, site: Site
) -> None:
    first = await create(http, 10, key="card-7/MOVI0001")
    assert await create(http, 10, key="card-7/MOVI0001") == first
    assert await create(http, 10, key="card-7/MOVI0002") != first
    headers = {
        **TUS,
        "Upload-Length": "11",
        "Upload-Metadata": encode_metadata({"key": "card-7/MOVI0001"}),
    }
    assert (await http.post("/api/uploads", headers=headers)).status_code == 409


async def test_what_the_device_claims_is_kept(http: httpx.AsyncClient, site: Site) -> None:
    url = await create(
        http,
        3,
        filename="..\\DCIM\\检查.MP4",
        begin="2026-03-02T09:00:00+08:00",
        boot_id="b1",
        monotonic_ms="1234",
        case_id="0190b7a0-0000-7000-8000-000000000000",
    )
    row = await site.recording(await recording_of(site, url))
    assert (row["file_name"], row["media_kind"]) == ("检查.MP4", "video")
    assert row["declared_begin"].isoformat() == "2026-03-02T01:00:00+00:00"
    assert (row["declared_boot_id"], row["case_id"]) == ("b1", None)
    assert str(row["object_key"]).startswith("originals/shijian/")
    kept = await site.one("select metadata ->> 'monotonic_ms' as said from uploads")
    assert kept["said"] == "1234"


async def test_one_device_cannot_begin_uploads_without_end(
    http: httpx.AsyncClient, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media.creation.MOST_OPEN", 2)
    await create(http, 10)
    await create(http, 10)
    answer = await http.post("/api/uploads", headers={**TUS, "Upload-Length": "10"})
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "60"


async def test_a_finished_upload_is_received_verified_and_queued_for_processing(
    http: httpx.AsyncClient, site: Site
) -> None:
    url = await create(http, 3)
    body = secrets.token_bytes(3)
    await send(http, url, 0, body)
    recording_id = await recording_of(site, url)
    async with site.database.snapshot() as tx:
        jobs = await tx.fetch("select args from procrastinate_jobs")
        kinds = await tx.fetch("select kind from ledger_events where subject_kind = 'recording'")
    assert len(jobs) == 1 and recording_id in jobs[0]["args"]
    assert {row["kind"] for row in kinds} == {"announced", "received", "verified", "receipted"}
