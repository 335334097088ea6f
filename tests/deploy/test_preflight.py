"""What stops a start before anything is made: one line, both languages, a code of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import preflight
from deploy.embedded.failure import Exit, StartFailure
from tests.deploy.processes import ROOT


def test_a_data_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a folder")
    with pytest.raises(StartFailure, match=r"不可写.*not writable") as refused:
        preflight.writable_folder(tmp_path / "data")
    assert refused.value.code == Exit.NOT_WRITABLE


def test_a_data_folder_where_nobody_may_write_is_refused() -> None:
    with pytest.raises(StartFailure) as refused:
        preflight.writable_folder(Path("/proc/quanji"))
    assert refused.value.code == Exit.NOT_WRITABLE


def test_a_new_data_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    preflight.writable_folder(tmp_path / "new" / "data")
    assert (tmp_path / "new" / "data").stat().st_mode & 0o777 == 0o700


def test_a_disk_with_less_than_is_needed_is_refused(tmp_path: Path) -> None:
    preflight.enough_disk(tmp_path, least=1)
    with pytest.raises(StartFailure, match=r"磁盘将满.*nearly full") as refused:
        preflight.enough_disk(tmp_path, least=2**60)
    assert refused.value.code == Exit.DISK_NEARLY_FULL


def test_a_taken_port_is_refused_and_a_free_one_is_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartFailure, match=str(port)) as refused:
            preflight.free_port("127.0.0.1", port)
        assert refused.value.code == Exit.PORT_TAKEN
    preflight.free_port("127.0.0.1", port)


def test_an_address_that_is_not_ours_is_refused() -> None:
    with pytest.raises(StartFailure) as refused:
        preflight.free_port("203.0.113.7", 8600)
    assert refused.value.code == Exit.PORT_TAKEN


def test_one_instance_a_folder_and_the_next_learns_who_holds_it(tmp_path: Path) -> None:
    with preflight.only_one(tmp_path):
        with pytest.raises(StartFailure, match=str(os.getpid())) as refused:
            preflight.only_one(tmp_path)
        assert refused.value.code == Exit.ALREADY_RUNNING
    preflight.only_one(tmp_path).close()


def up(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deploy.cli", "up", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_up_with_a_taken_port_says_one_line_and_makes_no_database(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = up("--data", str(tmp_path / "data"), "--port", str(taken.getsockname()[1]))
    assert (ended.returncode, ended.stdout) == (Exit.PORT_TAKEN, "")
    assert len(ended.stderr.splitlines()) == 1
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["up.lock"]


def test_up_on_a_folder_that_is_a_file_says_one_line(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a folder")
    ended = up("--data", str(tmp_path / "data"))
    assert (ended.returncode, ended.stdout) == (Exit.NOT_WRITABLE, "")
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http"])
def test_up_with_no_port_is_a_wrong_command_line(tmp_path: Path, port: str) -> None:
    ended = up("--data", str(tmp_path / "data"), f"--port={port}")
    assert ended.returncode == 2
    assert "1 to 65535" in ended.stderr
    assert not (tmp_path / "data").exists()
