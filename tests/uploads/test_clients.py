"""Clients nobody here wrote, and our own, against the running server."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from pathlib import Path
from typing import Any

import httpx
import pytest
from tusclient.client import TusClient

from media.receipts import check_receipt, read_keys
from mobile_api.dock.client import upload
from tests.uploads.conftest import Site

MIB = 1024 * 1024


def with_tuspy(site: Site, path: Path, **options: Any) -> str:
    """Uploads as tuspy does; the upload's URL."""
    uploader = TusClient(f"{site.url}/api/uploads", headers=site.device).uploader(
        str(path), **options
    )
    uploader.upload()
    return str(uploader.url)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"chunk_size": 3 * MIB},  # tails only, until they fill a part
        {"chunk_size": 8 * MIB, "upload_checksum": True},
        {"metadata": {"filename": "检查.mp4"}, "chunk_size": 6 * MIB},
    ],
    ids=["one request", "small chunks", "with checksums", "with metadata"],
)
async def test_an_unmodified_tuspy_uploads(
    site: Site, big_file: Path, noise: bytes, options: dict[str, Any]
) -> None:
    url = await asyncio.to_thread(with_tuspy, site, big_file, **options)
    head = await site.head(url)
    assert head.headers["upload-offset"] == str(21 * MIB)
    recording_id = head.headers["quanji-recording"]
    assert await site.stored(recording_id) == noise
    row = await site.recording(recording_id)
    assert row["state"] == "verified"
    assert row["sha256"] == hashlib.sha256(noise).digest()


async def test_an_empty_file_from_tuspy_is_complete_at_once(site: Site, tmp_path: Path) -> None:
    empty = tmp_path / "empty.mp4"
    empty.touch()
    url = await asyncio.to_thread(with_tuspy, site, empty)
    head = await site.head(url)
    assert (await site.recording(head.headers["quanji-recording"]))["state"] == "verified"


async def test_tuspy_resumes_where_another_tuspy_stopped(
    site: Site, big_file: Path, noise: bytes
) -> None:
    def first_half_then_the_rest() -> str:
        client = TusClient(f"{site.url}/api/uploads", headers=site.device)
        first = client.uploader(str(big_file), chunk_size=4 * MIB)
        first.upload(stop_at=9 * MIB)
        second = client.uploader(str(big_file), url=first.url, chunk_size=4 * MIB)
        assert second.offset == 9 * MIB
        second.upload()
        return str(second.url)

    url = await asyncio.to_thread(first_half_then_the_rest)
    head = await site.head(url)
    assert await site.stored(head.headers["quanji-recording"]) == noise


@pytest.mark.parametrize("size", [0, 1, 300_000, 8 * MIB, 8 * MIB + 1, 21 * MIB])
async def test_our_client_uploads_and_its_receipt_verifies(
    http: httpx.AsyncClient, site: Site, tmp_path: Path, size: int
) -> None:
    path = tmp_path / "photo.jpg"
    content = secrets.token_bytes(size)
    path.write_bytes(content)
    seen: list[int] = []
    result = await upload(http, path, metadata={"media_kind": "photo"}, progress=seen.append)
    assert seen[-1] == size
    assert result.receipt is not None
    keys = read_keys((await http.get("/.well-known/quanji-receipts.json")).json())
    receipt = check_receipt(result.receipt, keys)
    assert (receipt.sha256, receipt.size) == (result.sha256, size)
    assert receipt.recording_id == result.recording_id
    assert await site.stored(result.recording_id) == content


async def test_an_upload_begun_again_goes_on_instead_of_starting_over(
    http: httpx.AsyncClient, site: Site, tmp_path: Path
) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(secrets.token_bytes(1000))
    first = await upload(http, path, metadata={})
    again = await upload(http, path, metadata={})
    assert (first.recording_id, first.url) == (again.recording_id, again.url)
    assert (await site.one("select count(*) as n from recordings"))["n"] == 1


async def test_the_same_bytes_from_a_second_device_are_a_sighting(
    http: httpx.AsyncClient, site: Site, tmp_path: Path
) -> None:
    path = tmp_path / "DSC001.mp4"
    path.write_bytes(secrets.token_bytes(1000))
    first = await upload(http, path, metadata={"filename": "from-camera.mp4"})
    second = await upload(http, path, metadata={"filename": "from-card.mp4"})
    assert second.recording_id == first.recording_id
    assert second.receipt == first.receipt
    async with site.database.snapshot() as tx:
        names = await tx.fetch("select recording_id, file_name from sightings order by file_name")
        states = await tx.fetch("select state from recordings order by created_at")
    assert [(row["recording_id"], row["file_name"]) for row in names] == [
        (first.recording_id, "from-camera.mp4"),
        (first.recording_id, "from-card.mp4"),
    ]
    assert [row["state"] for row in states] == ["verified", "rejected"]


async def test_another_department_never_learns_that_it_has_the_same_bytes(
    http: httpx.AsyncClient, site: Site, tmp_path: Path
) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(secrets.token_bytes(1000))
    first = await upload(http, path, metadata={})
    bearer = {"Authorization": f"Bearer {site.neighbour.device_token}"}
    async with httpx.AsyncClient(base_url=site.url, headers=bearer) as neighbour:
        second = await upload(neighbour, path, metadata={})
        foreign = await neighbour.get(f"/api/device/recordings/{first.recording_id}")
    assert second.recording_id != first.recording_id
    assert second.state == "verified"
    assert foreign.status_code == 404
