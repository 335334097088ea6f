"""The embedded PostgreSQL after everything that can happen to a machine."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from deploy.embedded.ports import remembered_ports
from deploy.embedded.postgres import PostgresServer
from tests.deploy.processes import gone_within, kill_9, postgres_of, run_python


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PostgresServer]:
    server = PostgresServer(tmp_path / "postgres")
    yield server
    server.stop()


def rows(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [said for (said,) in connection.execute("select said from kept order by said")]


def keep(url: str, *said: str) -> None:
    """Each row in a transaction of its own, acknowledged when this returns."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create table if not exists kept (said text)")
        for one in said:
            connection.execute("insert into kept values (%s)", [one])


def all_of_it(server: PostgresServer) -> list[int]:
    return postgres_of(server.folder)


def its_head(server: PostgresServer) -> list[int]:
    return [server.process.pid]


def its_back_ends(server: PostgresServer) -> list[int]:
    return [pid for pid in postgres_of(server.folder) if pid != server.process.pid]


@pytest.mark.parametrize(
    "victims",
    [
        pytest.param(all_of_it, id="every process at once"),
        pytest.param(its_head, id="the postmaster alone, which leaves back-ends and a zombie"),
        pytest.param(its_back_ends, id="its back-ends"),
    ],
)
def test_acknowledged_rows_survive_kill_9(
    server: PostgresServer, victims: Callable[[PostgresServer], list[int]]
) -> None:
    keep(server.start(), "巴特尔", "王秀英")
    kill_9(victims(server))
    # A new launcher, as after a crash of ours; the first one's child stays an unreaped zombie.
    again = PostgresServer(server.folder)
    assert rows(again.start()) == ["巴特尔", "王秀英"]
    again.stop()
    assert postgres_of(server.folder) == []


def test_a_pid_file_that_names_a_live_stranger_is_no_obstacle(server: PostgresServer) -> None:
    keep(server.start(), "李强")
    kill_9(postgres_of(server.folder))
    server.process.wait()
    stale = server.folder / "data" / "postmaster.pid"
    first, rest = stale.read_text().split("\n", 1)
    assert first.isdecimal()
    stale.write_text(f"{os.getppid()}\n{rest}")
    assert rows(server.start()) == ["李强"]


def test_a_server_that_outlived_its_parent_is_ended_before_the_next(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    parent = run_python(
        "import sys, pathlib\n"
        "from deploy.embedded.postgres import PostgresServer\n"
        "server = PostgresServer(pathlib.Path(sys.argv[1]))\n"
        "print(server.start(), flush=True); sys.stdin.read()",
        str(folder),
        stdin=-1,
    )
    with parent:
        assert parent.stdout is not None
        keep(parent.stdout.readline().strip(), "赵敏")
        # It can't follow its parent while it is stopped: the nearest thing to an orphan that hangs.
        stopped = postgres_of(folder)
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        parent.kill()
    os.kill(min(stopped), 0)
    server = PostgresServer(folder)
    assert rows(server.start()) == ["赵敏"]
    assert not set(postgres_of(folder)) & set(stopped)
    server.stop()


def test_it_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    parent = run_python(
        "import sys, pathlib\n"
        "from deploy.embedded.postgres import PostgresServer\n"
        "server = PostgresServer(pathlib.Path(sys.argv[1]))\n"
        "print(server.start(), flush=True); sys.stdin.read()",
        str(folder),
        stdin=-1,
    )
    with parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        assert postgres_of(folder)
        parent.kill()
    assert gone_within(30, lambda: postgres_of(folder))


def test_an_initdb_that_was_killed_is_begun_anew(server: PostgresServer) -> None:
    half = server.folder / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    keep(server.start(), "made")
    assert rows(server.url_of("postgres")) == ["made"]
    assert not half.exists()


def test_a_port_that_somebody_took_is_chosen_anew(server: PostgresServer) -> None:
    first = server.start()
    keep(first, "kept")
    server.stop()
    port = remembered_ports(server.folder / "port.json", ["postgres"])["postgres"]
    with socket.create_server(("127.0.0.1", port)):
        second = server.start()
        assert second != first
        assert rows(second) == ["kept"]


def test_a_restart_keeps_its_port_and_password(server: PostgresServer) -> None:
    first = server.start()
    server.stop()
    assert server.start() == first


def test_no_stranger_gets_in_and_no_secret_is_readable(server: PostgresServer) -> None:
    url = server.start()
    wrong = url.replace(url.split(":")[2].split("@")[0], "guess")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)
    assert (server.folder / "password").stat().st_mode & 0o077 == 0
    assert server.folder.stat().st_mode & 0o077 == 0


def test_it_never_runs_as_root_even_where_its_user_cannot_walk(server: PostgresServer) -> None:
    server.start()
    owners = {Path(f"/proc/{pid}").stat().st_uid for pid in postgres_of(server.folder)}
    assert 0 not in owners
    assert owners == {(server.folder / "data").stat().st_uid}


def test_a_database_is_made_once_and_cloned(server: PostgresServer) -> None:
    server.start()
    keep(server.create_database("first"), "in the template")
    assert rows(server.create_database("second", template="first")) == ["in the template"]
    assert server.create_database("first") == server.url_of("first")
    assert rows(server.url_of("first")) == ["in the template"]
