"""`quanji up` as people and accidents treat it: the whole process tree, for real."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.embedded.failure import Exit
from deploy.embedded.ports import remembered_ports
from deploy.embedded.processes import holds_within, survivors
from tests.deploy.processes import ROOT, gone_within, kill_9, tree_of

QUANJI = (sys.executable, "-m", "deploy.cli")


class Up:
    """One `quanji up` with its output in files."""

    def __init__(self, data: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.said = data.with_name(f"stdout-{port}-{os.urandom(3).hex()}")
        self.told = self.said.with_name(self.said.name.replace("stdout", "stderr"))
        with self.said.open("wb") as said, self.told.open("wb") as told:
            self.process = subprocess.Popen(
                [*QUANJI, "up", "--data", str(data), "--port", str(port)],
                cwd=ROOT,
                stdout=said,
                stderr=told,
            )

    def ready(self) -> bool:
        """Whether the ready line came; False when the process ended instead."""
        line = f"ready {self.url}\n"
        holds_within(180, lambda: line in self.said.read_text() or self.process.poll() is not None)
        return line in self.said.read_text()

    def health(self) -> str:
        with urllib.request.urlopen(f"{self.url}/health", timeout=30) as response:  # noqa: S310
            return str(json.load(response)["status"])


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "data"
    yield folder
    kill_9(tree_of(folder))


@pytest.fixture
def port(tmp_path: Path) -> int:
    return remembered_ports(tmp_path / "port.json", ["http"])["http"]


def password_in(text: str) -> str:
    found = re.search(r"password: (\S+)", text)
    assert found is not None, text
    return found[1]


def sign_in(url: str, password: str) -> int:
    """Its status; the console's own route."""
    request = urllib.request.Request(  # noqa: S310 - loopback
        f"{url}/api/session",
        data=json.dumps({"login": "admin", "password": password}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - loopback
        return int(response.status)


def test_it_says_ready_once_refuses_a_second_mends_a_dead_child_and_stops_cleanly(
    data: Path, port: int
) -> None:
    running = Up(data, port)
    assert running.ready(), running.told.read_text()
    logins = data / "first-logins.txt"
    assert logins.stat().st_mode & 0o777 == 0o600
    assert sign_in(running.url, password_in(running.said.read_text())) in (200, 201)

    second = Up(data, port + 1)
    assert second.process.wait(60) == Exit.ALREADY_RUNNING
    assert str(running.process.pid) in second.told.read_text()
    assert second.said.read_text() == ""

    kill_9([pid for pid in children_of(running.process.pid) if b"\0serve\0" in command_of(pid)])
    assert holds_within(60, lambda: "serve 已退出" in running.told.read_text())
    assert holds_within(60, lambda: answers(running))

    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(60) == Exit.STOPPED
    assert tree_of(data) == []
    assert running.said.read_text().count("ready ") == 1


def answers(running: Up) -> bool:
    try:
        return running.health() == "ok"
    except OSError:
        return False


def test_nothing_is_lost_when_all_of_it_is_killed_and_it_starts_again(
    data: Path, port: int
) -> None:
    first = Up(data, port)
    assert first.ready(), first.told.read_text()
    password = password_in(first.said.read_text())
    kill_9([first.process.pid, *tree_of(data)])
    first.process.wait()

    second = Up(data, port)
    assert second.ready(), second.told.read_text()
    assert "password" not in second.said.read_text()
    assert sign_in(second.url, password) in (200, 201)

    # The supervisor alone, this time: none of its children may outlive it for long.
    kill_9([second.process.pid])
    second.process.wait()
    assert gone_within(60, lambda: tree_of(data))

    third = Up(data, port)
    assert third.ready(), third.told.read_text()
    database = [pid for pid in tree_of(data) if is_postgres(pid)]
    kill_9(database)
    assert holds_within(60, lambda: "正在恢复" in third.told.read_text())
    assert holds_within(60, lambda: answers(third))
    assert sign_in(third.url, password) in (200, 201)
    third.process.send_signal(signal.SIGINT)
    assert third.process.wait(60) == Exit.STOPPED
    assert tree_of(data) == []


def is_postgres(pid: int) -> bool:
    return b"postgres" in command_of(pid).split(b"\0")[0]


def children_of(parent: int) -> list[int]:
    return survivors(lambda entry: f"\nPPid:\t{parent}\n" in (entry / "status").read_text())


def command_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()
