"""The embedded PostgreSQL: made once, started, found again after any crash, stopped."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import psycopg
from psycopg import sql

from deploy.embedded.binaries import postgres_programs
from deploy.embedded.failure import Exit, StartFailure
from deploy.embedded.identity import Identity, owned_folder
from deploy.embedded.ports import remembered_ports
from deploy.embedded.private import private_folder, remembered_secret
from deploy.embedded.processes import (
    end,
    holds_within,
    last_lines,
    launch,
    mark_of,
    stop_child,
    survivors,
    titled,
)

# Fast shutdown, immediate shutdown, and what no program refuses.
STOPPING = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
# What outlived its parent is shutting down already, or hangs.
ENDING = ((signal.SIGINT, 5.0), (signal.SIGQUIT, 2.0), (signal.SIGKILL, 5.0))
RECOVERY_S = 300.0  # replaying the log after a crash may take minutes on a slow disk
HERE = "/proc/self/cwd"  # the data folder as the server sees it, whatever its parents allow
INITDB = (
    *("-D", HERE, "-U", "app", "-E", "UTF8", "--locale=C.UTF-8"),
    *("-A", "scram-sha-256", "--data-checksums"),
)


class PostgresServer:
    """One PostgreSQL under `folder`: `data/` is the cluster, the rest is ours.

    `options` are settings of postgresql.conf, for this start only.
    """

    def __init__(self, folder: Path, options: Mapping[str, str] | None = None) -> None:
        self.folder = folder.resolve()
        self.options = dict(options or {})
        self.log = self.folder / "postgres.log"
        self._mark = mark_of(self.folder)
        self._process: subprocess.Popen[bytes] | None = None
        self._url = ""

    def start(self) -> str:
        """The URL of the maintenance database, once the server answers. Main thread only."""
        self.launch()
        return self.wait_ready()

    def launch(self) -> None:
        """Begin to start; `wait_ready` ends it. What an earlier, killed start left is ended."""
        private_folder(self.folder)
        self.end_survivors()
        data, identity = self._initialised()
        (data / "postmaster.pid").unlink(missing_ok=True)
        port = remembered_ports(self.folder / "port.json", ["postgres"])["postgres"]
        self._url = f"postgresql://app:{self._password()}@127.0.0.1:{port}/postgres"
        with self.log.open("ab") as log:
            self._process = launch(
                postgres_programs(identity) / "postgres",
                ["-D", HERE, *_settings(self._mark, port, self.options)],
                folder=data,
                identity=identity,
                log=log.fileno(),
                on_parent_death=signal.SIGINT,
            )

    @property
    def process(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("PostgreSQL was not launched")
        return self._process

    def wait_ready(self) -> str:
        """The URL, once the server answers; `StartFailure` with the end of its log if it ended."""
        answers = holds_within(
            RECOVERY_S, lambda: self.process.poll() is not None or _answers(self._url)
        )
        if self.process.poll() is not None or not answers:
            self.stop()
            raise _failed(self.log)
        return self._url

    def create_database(self, name: str, template: str | None = None) -> str:
        """Make the database unless it exists; its URL."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            if connection.execute(
                "select 1 from pg_database where datname = %s", [name]
            ).fetchone():
                return self.url_of(name)
            source = sql.SQL(" template {}").format(sql.Identifier(template)) if template else None
            connection.execute(
                sql.SQL("create database {}{}").format(sql.Identifier(name), source or sql.SQL(""))
            )
        return self.url_of(name)

    def url_of(self, name: str) -> str:
        return self._url.rsplit("/", 1)[0] + f"/{name}"

    def stop(self) -> None:
        """Disconnect everybody, write all down, end."""
        if self._process is not None:
            stop_child(self._process, STOPPING)
            self._process = None
        self.end_survivors()

    def end_survivors(self) -> None:
        """End what runs on this folder without being our child.

        Back-ends of a killed server hold its shared memory and may still write: none may be left
        when `postmaster.pid`, which a zombie or a re-used pid can make look alive, is removed.
        """
        end(lambda: survivors(titled(self._mark, "postgres")), ENDING)

    def _password(self) -> str:
        return remembered_secret(self.folder / "password")

    def _initialised(self) -> tuple[Path, Identity]:
        data = self.folder / "data"
        if data.exists():
            return owned_folder(data)
        draft = self.folder / "data.new"
        shutil.rmtree(draft, ignore_errors=True)  # an initdb that was killed
        _, identity = owned_folder(draft)
        self._initdb(draft, identity)
        draft.rename(data)
        return data, identity

    def _initdb(self, data: Path, identity: Identity) -> None:
        with tempfile.TemporaryFile(dir=self.folder) as password, self.log.open("ab") as log:
            password.write(self._password().encode())
            password.flush()
            os.fchown(password.fileno(), *identity)
            made = launch(
                postgres_programs(identity) / "initdb",
                [*INITDB, f"--pwfile=/proc/self/fd/{password.fileno()}"],
                folder=data,
                identity=identity,
                log=log.fileno(),
                keep=[password.fileno()],
            )
            if made.wait() != 0:
                raise _failed(self.log)


def _settings(mark: str, port: int, options: Mapping[str, str]) -> list[str]:
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "cluster_name": mark,  # in the title of each of its processes
        **options,
    }
    return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _failed(log: Path) -> StartFailure:
    return StartFailure(
        Exit.SERVICE_FAILED,
        f"PostgreSQL 未能启动，日志 {log}",
        f"PostgreSQL did not start; its log {log} ends with:\n{last_lines(log)}",
    )
