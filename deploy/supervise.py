"""`quanji up`: database, store, API, worker and scheduler as one process tree on one folder."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import NamedTuple, NoReturn

from backend.settings import variable
from deploy import preflight
from deploy.children import STOPPING, Child, launch_ours
from deploy.embedded.failure import Exit, StartFailure
from deploy.embedded.postgres import PostgresServer
from deploy.embedded.private import remembered_secret, write_private
from deploy.embedded.processes import end, last_lines, stop_child, survivors, with_variable
from deploy.embedded.store import StoreAddress, StoreServer

MARK = "QUANJI_UP"  # in the environment of each child: whose it is, for the next start to see
BUCKET, DATABASE = "evidence", "quanji"
HOPELESS = 4  # ends in a row before the API ever answered
LOGINS = "first-logins.txt"
SETTINGS = "settings.env"  # for `quanji admin --data` and for whoever looks inside


class Wanted(NamedTuple):
    """What `quanji up` was asked for. `public_url` is how browsers and devices reach the API."""

    folder: Path
    host: str
    port: int
    demo: bool
    public_url: str | None = None

    @property
    def local_url(self) -> str:
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104
        return f"http://{host}:{self.port}"


class Stopped(Exception):
    """Somebody asked us to end."""


def up(wanted: Wanted) -> int:
    """Run until Ctrl-C or SIGTERM; the exit code. Nothing is made before every check has passed."""
    try:
        preflight.writable_folder(wanted.folder)
        with preflight.only_one(wanted.folder):
            preflight.enough_disk(wanted.folder)
            preflight.free_port(wanted.host, wanted.port)
            return _hold(Supervisor(wanted))
    except StartFailure as failure:
        say(f"quanji: {failure}")
        return failure.code


def _hold(supervisor: Supervisor) -> int:
    stop_signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in stop_signals:
        signal.signal(number, _stop)
    try:
        supervisor.run()
    except Stopped:
        say("正在停止… / stopping…")
    finally:
        for number in stop_signals:
            signal.signal(number, signal.SIG_IGN)
        supervisor.stop()
    say("已停止，数据保存在 / stopped; the data is in " + str(supervisor.wanted.folder))
    return Exit.STOPPED


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise Stopped


def say(line: str) -> None:
    """For people, on stderr: stdout is for the ready line, the logins and the demo."""
    print(line, file=sys.stderr, flush=True)


class Supervisor:
    """Everything that runs on one data folder."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.folder = wanted.folder
        self.postgres = PostgresServer(self.folder / "postgres")
        self.store = StoreServer(self.folder / "store")
        self.logs = self.folder / "logs"
        listen = ("--host", wanted.host, "--port", str(wanted.port))
        self.children = [
            self._child("serve", *listen),
            self._child("worker"),
            self._child("scheduler"),
        ]
        self.demo: subprocess.Popen[bytes] | None = None
        self._environment: dict[str, str] = {}

    def _child(self, command: str, *arguments: str) -> Child:
        return Child(command, ("deploy.cli", command, *arguments), self.logs / f"{command}.log")

    def run(self) -> NoReturn:
        """Start all, say that it is ready, and keep it so."""
        end(lambda: survivors(with_variable(MARK, str(self.folder))), STOPPING)
        for name in ("logs", "work"):
            (self.folder / name).mkdir(exist_ok=True, mode=0o700)
        say("1/3 启动数据库与对象存储… / starting the database and the object store…")
        self._start_services()
        say("2/3 升级数据库结构… / bringing the schema up to date…")
        logins_are_new = not (self.folder / LOGINS).exists()
        self._prepare()
        say("3/3 启动接口、媒体处理与调度… / starting API, media worker and scheduler…")
        self._await_health()
        self._announce(logins_are_new)
        while True:
            self._tend()
            time.sleep(0.2)

    def _start_services(self) -> None:
        self.store.launch()
        self.postgres.start()
        database_url = self.postgres.create_database(DATABASE)
        self._environment = self._settings(database_url, self.store.wait_ready())

    def _settings(self, database_url: str, store: StoreAddress) -> dict[str, str]:
        secret = self.folder / "secret.key"
        remembered_secret(secret)
        settings = {
            "database_url": database_url,
            "s3_endpoint": store.endpoint,
            "s3_access_key": store.access_key,
            "s3_secret_key": store.secret_key,
            "s3_bucket": BUCKET,
            "public_url": self.wanted.public_url or self.wanted.local_url,
            "secret_key_file": str(secret),
            "work_dir": str(self.folder / "work"),
        }
        ours = {variable(name): value for name, value in settings.items()}
        lines = "".join(f"{name}={value}\n" for name, value in ours.items())
        write_private(self.folder / SETTINGS, lines)
        return {**os.environ, **ours, MARK: str(self.folder), "PYTHONUNBUFFERED": "1"}

    def _prepare(self) -> None:
        log = self.logs / "prepare.log"
        arguments = ("deploy.prepare", str(self.folder))
        with log.open("wb") as file:
            status = launch_ours(arguments, self._environment, file.fileno()).wait()
        if status != 0:
            raise StartFailure(
                Exit.MIGRATION_FAILED,
                f"数据库升级未完成，日志 {log}",
                f"preparing the database failed; {log} ends with:\n{last_lines(log)}",
            )

    def _await_health(self) -> None:
        while not (self._healthy() and all(child.running for child in self.children)):
            self._tend()
            for child in self.children:
                if child.failures >= HOPELESS:
                    raise StartFailure(
                        Exit.SERVICE_FAILED,
                        f"{child.name} 无法启动，日志 {child.log}",
                        f"{child.name} does not start; its log is {child.log}",
                    )
            time.sleep(0.1)

    def _healthy(self) -> bool:
        if not self.children[0].running:
            return False  # whoever answers there is not ours
        address = self.wanted.local_url.removeprefix("http://")
        connection = http.client.HTTPConnection(address, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _announce(self, logins_are_new: bool) -> None:
        logins = self.folder / LOGINS
        if logins_are_new and logins.exists():
            print(logins.read_text(), end="")
        print(f"ready {self.wanted.local_url}", flush=True)
        say(f"首次登录账号见 / first logins are in {logins}；Ctrl-C 停止 / stops")
        if self.wanted.demo:
            where = ("--url", self.wanted.local_url, "--data", str(self.folder))
            self.demo = launch_ours(
                ("deploy.cli", "demo", *where), self._environment, sys.stdout.fileno()
            )

    def _tend(self) -> None:
        self._tend_services()
        for child in self.children:
            said = child.tend(self._environment)
            if said:
                say(said)
        if self.demo is not None and self.demo.poll() is not None:
            if self.demo.returncode != 0:
                say(f"演示未完成 / the demo ended with {self.demo.returncode}")
            self.demo = None

    def _tend_services(self) -> None:
        if self.postgres.process.poll() is None and self.store.process.poll() is None:
            return
        say("数据库或对象存储意外退出，正在恢复… / database or store ended; recovering…")
        before = self._environment
        self.store.stop()
        self.postgres.stop()
        self._start_services()
        if self._environment != before:  # a port was taken meanwhile
            self._stop_children()

    def _stop_children(self) -> None:
        for child in self.children:
            child.ask_to_stop()
        for child in self.children:
            child.stop()

    def stop(self) -> None:
        """End all, those that write first; safe to call whatever has been started."""
        if self.demo is not None:
            stop_child(self.demo, STOPPING)
        self._stop_children()
        self.postgres.stop()
        self.store.stop()
