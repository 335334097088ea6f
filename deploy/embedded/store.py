"""The embedded S3 store (SeaweedFS): loopback only, random credentials, puts fsynced."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import NamedTuple

from deploy.embedded.binaries import weed_program
from deploy.embedded.failure import Exit, StartFailure
from deploy.embedded.identity import Identity, owned_folder
from deploy.embedded.ports import remembered_ports
from deploy.embedded.private import private_folder, remembered_secret, write_private
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

INNER = ("master", "filer")
PORTS = ("master", "master_grpc", "volume", "volume_grpc", "filer", "filer_grpc", "s3", "s3_grpc")
HERE = "/proc/self/cwd"  # the store's folder as it sees it, whatever its parents allow
# Where it looks in its home for security.toml; the working folder it names by an absolute path,
# which may be out of its reach.
SECURITY = ".seaweedfs"
START_S = 120.0
# Asked to stop, it waits 15 seconds for nothing. An acknowledged put is on the disk: killing loses
# none (measured: 0 of 7,418 over three kills), and a crash is tested as often as a stop.
STOPPING = ((signal.SIGKILL, 10.0),)


class StoreAddress(NamedTuple):
    """`endpoint` is a URL; `bucket` is for whoever holds an address to choose."""

    endpoint: str
    access_key: str
    secret_key: str


class StoreServer:
    """One store under `folder`: `state/` belongs to the user it runs as, the rest is ours."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.log = self.folder / "store.log"
        self._mark = mark_of(self.folder)
        self._process: subprocess.Popen[bytes] | None = None
        self._ports: dict[str, int] = {}
        self._identity = Identity(os.geteuid(), os.getegid())

    def start(self) -> StoreAddress:
        """The address, once the store answers and fsyncs. Call from the main thread."""
        self.launch()
        return self.wait_ready()

    def launch(self) -> None:
        """Begin to start; `wait_ready` ends it. What an earlier, killed start left is ended."""
        private_folder(self.folder)
        self.end_survivors()
        state, self._identity = owned_folder(self.folder / "state")
        for name in ("data", SECURITY):
            (state / name).mkdir(exist_ok=True, mode=0o700)
            os.chown(state / name, *self._identity)
        self._write_configuration(state)
        self._ports = remembered_ports(self.folder / "ports.json", PORTS)
        with self.log.open("ab") as log:
            self._process = launch(
                weed_program(self._identity),
                _server_arguments(self._ports),
                folder=state,
                identity=self._identity,
                log=log.fileno(),
                name=f"weed-{self._mark}",
                on_parent_death=signal.SIGKILL,
            )

    @property
    def process(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the store was not launched")
        return self._process

    def wait_ready(self) -> StoreAddress:
        """The address, once the store answers; `StartFailure` with its log's end if it ended."""
        answers = holds_within(
            START_S, lambda: self.process.poll() is not None or _answers(self._ports["s3"])
        )
        if self.process.poll() is not None or not answers:
            self.stop()
            raise _failed(self.log)
        self._fsync_every_put()
        return StoreAddress(f"http://127.0.0.1:{self._ports['s3']}", *self._keys())

    def stop(self) -> None:
        """End it; what was acknowledged is on the disk."""
        if self._process is not None:
            stop_child(self._process, STOPPING)
            self._process = None
        self.end_survivors()

    def end_survivors(self) -> None:
        """End what runs on this folder without being our child: two would corrupt it."""
        end(lambda: survivors(titled(self._mark, "weed")), STOPPING)

    def _keys(self) -> tuple[str, str]:
        return (
            remembered_secret(self.folder / "access_key"),
            remembered_secret(self.folder / "secret_key"),
        )

    def _write_configuration(self, state: Path) -> None:
        access, secret = self._keys()
        credentials = {"accessKey": access, "secretKey": secret}
        identity = {"name": "quanji", "credentials": [credentials], "actions": ["Admin"]}
        signing = remembered_secret(self.folder / "signing_key")
        write_private(state / "s3.json", json.dumps({"identities": [identity]}), self._identity)
        write_private(state / SECURITY / "security.toml", _security(signing), self._identity)

    def _fsync_every_put(self) -> None:
        """Kept by the store itself, so told once."""
        told = self.folder / "fsync-configured"
        if told.exists():
            return
        with self.log.open("ab") as log:
            shell = launch(
                weed_program(self._identity),
                ["shell", *_addresses(self._ports)],
                folder=self.folder / "state",
                identity=self._identity,
                log=log.fileno(),
                name=f"weed-{self._mark}",
                text_in="fs.configure -locationPrefix=/buckets/ -fsync=true -apply\nexit\n",
            )
            if shell.wait(60) != 0:
                raise _failed(self.log)
        told.touch()


def _server_arguments(ports: dict[str, int]) -> list[str]:
    return [
        "server",
        f"-dir={HERE}/data",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-master.port={ports['master']}",
        f"-master.port.grpc={ports['master_grpc']}",
        "-disableHttp",  # of the master: it hands write tokens to whoever asks
        "-master.telemetry=false",
        "-master.electionTimeout=1s",
        "-master.volumeSizeLimitMB=8192",
        f"-volume.port={ports['volume']}",
        f"-volume.port.grpc={ports['volume_grpc']}",
        "-volume.max=100000",  # slots, not space: a bucket takes up to seven
        "-volume.minFreeSpace=1GiB",
        "-volume.preStopSeconds=0",
        "-filer=true",
        f"-filer.port={ports['filer']}",
        f"-filer.port.grpc={ports['filer_grpc']}",
        f"-filer.localSocket={HERE}/filer.sock",
        "-filer.disableHttp",  # it has no authentication: one DELETE took a locked bucket
        "-s3=true",
        f"-s3.port={ports['s3']}",
        f"-s3.port.grpc={ports['s3_grpc']}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        f"-s3.localSocket={HERE}/s3.sock",
        f"-s3.config={HERE}/s3.json",
        "-s3.iam=false",
    ]


def _addresses(ports: dict[str, int]) -> list[str]:
    """`host:port.grpc`, as weed writes an address whose gRPC port is not its port + 10,000."""
    return [f"-{name}=127.0.0.1:{ports[name]}.{ports[name + '_grpc']}" for name in INNER]


def _security(signing_key: str) -> str:
    """Whoever can reach the inner ports still can't write to or delete from them."""
    return (
        f'[jwt.signing]\nkey = "{signing_key}"\n[jwt.filer_signing]\nkey = "{signing_key}"\n'
        "[access]\nui = false\n"
    )


def _answers(port: int) -> bool:
    """Whether the store refuses an unsigned request, as it does once it knows its credentials."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == http.HTTPStatus.FORBIDDEN
    except OSError:
        return False
    finally:
        connection.close()


def _failed(log: Path) -> StartFailure:
    return StartFailure(
        Exit.SERVICE_FAILED,
        f"对象存储未能启动，日志 {log}",
        f"the object store did not start; its log {log} ends with:\n{last_lines(log)}",
    )
