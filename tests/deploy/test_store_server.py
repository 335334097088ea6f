"""The embedded S3 store: what was acknowledged stays, and strangers stay out."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from minio import Minio

from deploy.embedded.store import StoreAddress, StoreServer
from tests.deploy.processes import gone_within, kill_9, run_python, store_of

LARGE = bytes(range(256)) * 4096 * 11  # 11 MiB: a multipart put


@pytest.fixture
def server(tmp_path: Path) -> Iterator[StoreServer]:
    server = StoreServer(tmp_path / "store")
    yield server
    server.stop()


def client_of(address: StoreAddress) -> Minio:
    host = address.endpoint.removeprefix("http://")
    return Minio(host, address.access_key, address.secret_key, secure=False)


def test_acknowledged_objects_survive_kill_9_and_a_change_of_ports(server: StoreServer) -> None:
    client = client_of(server.start())
    client.make_bucket("evidence")
    client.put_object("evidence", "市场监管局/笔录", io.BytesIO("已签".encode()), 6)
    client.put_object("evidence", "recording", io.BytesIO(LARGE), -1, part_size=5 * 2**20)
    kill_9(store_of(server.folder))
    (server.folder / "ports.json").unlink()
    again = StoreServer(server.folder)
    client = client_of(again.start())
    assert client.get_object("evidence", "市场监管局/笔录").data.decode() == "已签"
    assert client.get_object("evidence", "recording").data == LARGE
    client.put_object("evidence", "after", io.BytesIO(b"it goes on"), 10)
    assert client.get_object("evidence", "after").data == b"it goes on"
    again.stop()
    assert store_of(server.folder) == []


def test_it_ends_with_its_parent_and_fsyncs_what_it_acknowledges(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    parent = run_python(
        "import sys, pathlib\n"
        "from deploy.embedded.store import StoreServer\n"
        "print(StoreServer(pathlib.Path(sys.argv[1])).start(), flush=True); sys.stdin.read()",
        str(folder),
        stdin=-1,
    )
    with parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        assert store_of(folder)
        parent.kill()
    assert gone_within(30, lambda: store_of(folder))
    assert '"fsync":  true' in (folder / "store.log").read_text()


def answer(request: urllib.request.Request) -> int:
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - loopback
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except urllib.error.URLError:
        return 0  # nobody listens


def test_nobody_without_the_keys_reads_writes_or_deletes(server: StoreServer) -> None:
    address = server.start()
    client = client_of(address)
    client.make_bucket("evidence")
    client.put_object("evidence", "kept", io.BytesIO(b"x" * 3_000_000), 3_000_000)
    ports = json.loads((server.folder / "ports.json").read_text())
    filer = f"http://127.0.0.1:{ports['filer']}/buckets/evidence/kept"
    s3 = f"{address.endpoint}/evidence/kept"
    for url, method in [
        (s3, "GET"),
        (s3, "PUT"),
        (s3, "DELETE"),
        (filer, "GET"),
        (filer, "DELETE"),
    ]:
        request = urllib.request.Request(url, data=None, method=method)  # noqa: S310 - loopback
        assert not 200 <= answer(request) < 300, (url, method)
    for volume in range(1, 8):
        inner = f"http://127.0.0.1:{ports['volume']}/{volume},01637037d6"
        for method in ("POST", "DELETE"):
            request = urllib.request.Request(inner, data=b"x", method=method)
            assert answer(request) == 401, (inner, method)
    for path in ("dir/assign", "dir/lookup?fileId=1,01637037d6", "submit", "vol/grow?count=1"):
        master = urllib.request.Request(f"http://127.0.0.1:{ports['master']}/{path}")
        assert not 200 <= answer(master) < 300, path
    assert client.get_object("evidence", "kept").data == b"x" * 3_000_000


def test_its_secrets_are_private_and_it_never_runs_as_root(server: StoreServer) -> None:
    server.start()
    for name in (
        "access_key",
        "secret_key",
        "signing_key",
        "state/s3.json",
        "state/.seaweedfs/security.toml",
    ):
        assert (server.folder / name).stat().st_mode & 0o077 == 0, name
    owners = {Path(f"/proc/{pid}").stat().st_uid for pid in store_of(server.folder)}
    assert 0 not in owners
    assert owners == {(server.folder / "state").stat().st_uid}
