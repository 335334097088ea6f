"""A dock empties a camera into the server, remembers across power loss, and never clears a file
that the server has not proven."""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest

from media.receipts import published_keys
from mobile_api.dock.folders import Found, claims_of, read_schemes, recordings_below
from mobile_api.dock.journal import Journal
from mobile_api.dock.runner import KEYS, Outcome, Plan, run_once
from tests.uploads.conftest import Site

SCHEMES = read_schemes()


class PulledPlug(Exception):
    """Nothing of the dock handles this."""


class Nobody:
    """Watches without a word."""

    def begin(self, found: Found) -> Callable[[int], None]:
        return lambda offset: None

    def end(self, found: Found, outcome: Outcome) -> None:
        return None


@pytest.fixture
def camera(tmp_path: Path) -> Path:
    """A DCIM tree, a date folder, and what systems leave lying about."""
    files = {
        "DCIM/100MEDIA/MOVI0001.MOV": 3000,
        "DCIM/100MEDIA/DSJ_0007_20260302141503_0001.MP4": 9 * 1024 * 1024,
        "20260302/141503.MP4": 500_000,
        "DCIM/100MEDIA/Thumbs.db": 10,
        ".Trashes/old.mp4": 10,
        "20260302/141600.MP4.part": 10,
    }
    for name, size in files.items():
        path = tmp_path / "camera" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(secrets.token_bytes(size))
    return tmp_path / "camera"


@pytest.fixture
def journal(tmp_path: Path, site: Site) -> Iterator[Journal]:
    journal = Journal(tmp_path / "dock.sqlite", site.url)
    yield journal
    journal.close()


@pytest.fixture
async def http(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=site.url, headers=site.device, timeout=60) as client:
        yield client


def left_on(camera: Path) -> list[str]:
    return [found.relative for found in recordings_below(camera)]


@pytest.mark.parametrize(
    ("relative", "begin"),
    [
        ("DCIM/100MEDIA/DSJ_0007_20260302141503_0001.MP4", "2026-03-02T06:15:03+00:00"),
        ("20260302/141503.MP4", "2026-03-02T06:15:03+00:00"),
        ("2026-03-02/14-15-03_0001.mp4", "2026-03-02T06:15:03+00:00"),
        ("2026/03/02/DSJ-141503.mp4", "2026-03-02T06:15:03+00:00"),
        ("20260302/0001.mp4", None),
        ("DCIM/100MEDIA/MOVI0001.MOV", None),
        ("20261399/999999.mp4", None),
    ],
)
def test_the_begin_is_claimed_when_the_path_says_it(relative: str, begin: str | None) -> None:
    found = Found(Path(relative), relative, 1, 1)
    assert claims_of(found, SCHEMES).get("begin") == begin


def test_a_table_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    table = tmp_path / "mine.toml"
    table.write_text('[[scheme]]\nname = "x"\npattern = "("\n')
    with pytest.raises(ValueError, match=r"mine\.toml"):
        read_schemes(table)


async def test_a_camera_is_emptied_on_receipts(
    http: httpx.AsyncClient, journal: Journal, camera: Path, site: Site
) -> None:
    plan = Plan(folder=camera, schemes=SCHEMES, clear=True)
    summary = await run_once(http, journal, plan, Nobody())
    assert (summary.files, summary.receipted, summary.cleared, summary.left) == (3, 3, 3, 0)
    assert left_on(camera) == []
    rows = await site.one(
        "select count(*) as n, count(declared_begin) as dated from recordings "
        "where state = 'verified' and sha256 = declared_sha256"
    )
    assert rows == {"n": 3, "dated": 2}


async def test_without_clear_nothing_is_deleted_and_nothing_is_sent_twice(
    http: httpx.AsyncClient, journal: Journal, camera: Path, site: Site
) -> None:
    plan = Plan(folder=camera, schemes=SCHEMES)
    before = left_on(camera)
    await run_once(http, journal, plan, Nobody())
    again = await run_once(http, journal, plan, Nobody())
    assert left_on(camera) == before
    assert {outcome.state for outcome in again.outcomes} == {"known"}
    assert (await site.one("select count(*) as n from uploads"))["n"] == 3


async def test_a_receipt_of_another_key_clears_nothing(
    site: Site, journal: Journal, camera: Path
) -> None:
    class Impostor(httpx.AsyncHTTPTransport):
        """Publishes a key that did not sign the receipts."""

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path == KEYS:
                return httpx.Response(200, json=published_keys(b"x" * 32), request=request)
            return await super().handle_async_request(request)

    before = left_on(camera)
    async with httpx.AsyncClient(
        base_url=site.url, headers=site.device, transport=Impostor()
    ) as http:
        plan = Plan(folder=camera, schemes=SCHEMES, clear=True)
        summary = await run_once(http, journal, plan, Nobody())
    assert (summary.cleared, summary.left) == (0, 3)
    assert left_on(camera) == before


async def test_a_file_that_changed_after_it_was_read_stays(
    http: httpx.AsyncClient, journal: Journal, camera: Path
) -> None:
    changing = camera / "DCIM/100MEDIA/MOVI0001.MOV"

    class Recorder(Nobody):
        """The camera goes on recording while the dock uploads."""

        def begin(self, found: Found) -> Callable[[int], None]:
            def grows(_: int) -> None:
                if found.path == changing:
                    with changing.open("ab") as file:
                        file.write(b"more")

            return grows

    plan = Plan(folder=camera, schemes=SCHEMES, clear=True)
    await run_once(http, journal, plan, Recorder())
    assert left_on(camera) == ["DCIM/100MEDIA/MOVI0001.MOV"]


async def test_after_power_loss_the_journal_goes_on_where_the_server_is(
    http: httpx.AsyncClient, journal: Journal, camera: Path, site: Site
) -> None:
    big = "DCIM/100MEDIA/DSJ_0007_20260302141503_0001.MP4"

    class PowerLoss(Nobody):
        def begin(self, found: Found) -> Callable[[int], None]:
            def after_the_first_chunk(offset: int) -> None:
                if found.relative == big and offset:
                    raise PulledPlug

            return after_the_first_chunk

    plan = Plan(folder=camera, schemes=SCHEMES, clear=True)
    with pytest.raises(PulledPlug):
        await run_once(http, journal, plan, PowerLoss())
    found = next(f for f in recordings_below(camera) if f.relative == big)
    assert journal.entry(found).offset == 8 * 1024 * 1024
    summary = await run_once(http, journal, plan, Nobody())
    assert (summary.left, left_on(camera)) == (0, [])
    assert (await site.one("select count(*) as n from uploads"))["n"] == 3


def quanji(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deploy.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


async def test_the_commands_upload_a_folder_and_verify_a_receipt(
    site: Site, camera: Path, tmp_path: Path, http: httpx.AsyncClient
) -> None:
    token = tmp_path / "camera.json"
    token.write_text(json.dumps({"server": site.url, "token": site.house.device_token}))
    server = ("--server", site.url)
    place = ("--folder", camera, "--journal", tmp_path / "j.sqlite")
    done = await asyncio.to_thread(quanji, "dock", *server, "--token-file", token, *place, "--once")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    assert (summary["receipted"], summary["cleared"], summary["left"]) == (3, 0, 0)

    one = next(o for o in summary["outcomes"] if o["path"].endswith("MOVI0001.MOV"))
    told = await http.get(f"/api/device/recordings/{one['recording_id']}")
    receipt = tmp_path / "receipt.json"
    receipt.write_bytes(told.content)
    file = camera / one["path"]
    assert (
        await asyncio.to_thread(quanji, "receipt", "verify", file, receipt, *server)
    ).returncode == 0
    keys = tmp_path / "keys.json"
    keys.write_bytes((await http.get(KEYS)).content)
    file.write_bytes(b"other bytes")
    wrong = await asyncio.to_thread(quanji, "receipt", "verify", file, receipt, "--key", keys)
    assert wrong.returncode == 1
    assert "not valid" in wrong.stderr


async def test_a_dock_without_a_server_says_so_and_ends_with_3(
    camera: Path, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("nobody")
    place = ("--folder", camera, "--journal", tmp_path / "j.sqlite")
    done = await asyncio.to_thread(
        quanji, "dock", "--server", "http://127.0.0.1:9", "--token-file", token, *place, "--once"
    )
    assert done.returncode == 3
    assert "can't begin" in done.stderr
