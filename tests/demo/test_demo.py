"""The demo against the really running product, killed in the middle as a power cut would."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.cameras import files_of_the_day
from deploy.demo.cast import DEVICES, PEOPLE
from deploy.demo.desk import Desk
from deploy.demo.journal import Journal
from deploy.demo.paperwork import case_page
from deploy.demo.scenario import VISITS
from deploy.embedded.failure import Exit
from deploy.embedded.ports import remembered_ports
from deploy.embedded.processes import holds_within
from tests.deploy.processes import ROOT, kill_9, tree_of

OPEN_FLAGS = {
    "bad_recording": 1,
    "certificate_invalid": 1,
    "deadline_near": 1,
    "deadline_overdue": 1,
    "late_upload": 1,
    "missing_recording": 1,
    "recording_gap": 1,
    "sync_conflict": 1,
}


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "data"
    yield folder
    kill_9(tree_of(folder))


@pytest.fixture
def port(tmp_path: Path) -> int:
    return remembered_ports(tmp_path / "port.json", ["http"])["http"]


def quanji(output: Path, *arguments: str) -> subprocess.Popen[bytes]:
    with output.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "deploy.cli", *arguments],
            cwd=ROOT,
            stdout=file,
            stderr=subprocess.STDOUT,
        )


def noted(data: Path) -> dict[str, Any]:
    """The demo's journal, as far as it has one."""
    file = data / "demo" / "journal.json"
    notes: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return notes


def uploads(data: Path) -> int:
    return sum(name.startswith("upload:") for name in noted(data))


async def test_a_demo_killed_in_the_middle_ends_as_if_nothing_had_happened(
    data: Path, port: int
) -> None:
    output = data.with_name("output")
    up = ("up", "--data", str(data), "--port", str(port), "--demo")
    first = quanji(output, *up)
    assert holds_within(120, lambda: uploads(data) >= 3 or first.poll() is not None)
    assert first.poll() is None, output.read_text()
    assert uploads(data) < len(files_of_the_day(begun(data)))
    kill_9([first.pid, *tree_of(data)])
    first.wait()

    second = quanji(output, *up)
    ended = ("演示账号", "演示未完成")
    holds_within(300, lambda: any(word in output.read_text() for word in ended))
    assert noted(data).get("finished"), output.read_text()
    await everything_is_there_once(data, f"http://127.0.0.1:{port}")

    again = quanji(output, "demo", "--url", f"http://127.0.0.1:{port}", "--data", str(data))
    assert again.wait(30) == 0
    second.send_signal(signal.SIGTERM)
    assert second.wait(60) == Exit.STOPPED


def begun(data: Path) -> datetime:
    return datetime.fromisoformat(noted(data)["anchor"])


async def everything_is_there_once(data: Path, url: str) -> None:
    told = re.search(r"password: (\S+)", (data / "first-logins.txt").read_text())
    assert told is not None
    async with Desk(url) as desk:
        await desk.sign_in("admin", told[1])
        officers = await desk.get("/api/officers")
        devices = await desk.get("/api/devices")
        listed = await desk.get("/api/cases", flagged="false")
        assert listed["next"] is None
        pages = [await case_page(desk, case["id"]) for case in listed["cases"]]
    assert sorted(o["name"] for o in officers) == sorted(p.name for p in PEOPLE)
    assert sorted(d["serial"] for d in devices) == sorted(d.serial for d in DEVICES)
    check_pages([page for page in pages if page is not None], data)


def check_pages(pages: list[dict[str, Any]], data: Path) -> None:
    journal = Journal(data / "demo")
    inspections = [i for page in pages for i in page["inspections"]]
    assert sorted(i["id"] for i in inspections) == sorted(str(journal.id_of(v)) for v in VISITS)
    steps = sum(len(visit.steps) for visit in VISITS.values())
    assert sum(len(i["steps"]) for i in inspections) == steps
    facts = sum(len(visit.facts) for visit in VISITS.values())
    assert sum(len(i["facts"]) for i in inspections) == facts + 2 * steps
    versions = sorted(len(paper.versions) for visit in VISITS.values() for paper in visit.papers)
    assert sorted(len(r["versions"]) for i in inspections for r in i["records"]) == versions

    recordings = [r for page in pages for r in page["recordings"]]
    files = files_of_the_day(begun(data))
    assert sorted(r["file_name"] for r in recordings) == sorted(file.name for file in files)
    assert Counter(r["state"] for r in recordings) == {"ready": len(files) - 1, "rejected": 1}

    flags = Counter(f["kind"] for page in pages for f in page["flags"] if f["state"] == "open")
    assert flags == OPEN_FLAGS
    assert shown_incomplete(pages) == flagged_steps(pages)
    events = Counter((e["kind"], page["case"]["id"]) for page in pages for e in page["events"])
    assert set(events.values()) == {1}


def shown_incomplete(pages: list[dict[str, Any]]) -> set[str]:
    """Steps that the timeline paints as not recorded."""
    steps = (s for page in pages for i in page["inspections"] for s in i["steps"])
    return {s["id"] for s in steps if s["coverage"] and not s["coverage"]["complete"]}


def flagged_steps(pages: list[dict[str, Any]]) -> set[str]:
    flags = (f for page in pages for f in page["flags"] if f["state"] == "open")
    return {f["subject_id"] for f in flags if f["kind"] in ("missing_recording", "recording_gap")}


def test_without_the_logins_it_says_so_and_fails(tmp_path: Path) -> None:
    output = tmp_path / "output"
    assert quanji(output, "demo", "--data", str(tmp_path)).wait(30) == 1
    assert "first-logins.txt" in output.read_text()
