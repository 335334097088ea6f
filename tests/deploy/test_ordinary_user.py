"""Both services under an ordinary user, in a home of its own; the other tests here may be root."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.deploy.processes import ROOT

START_BOTH = """
import os, pathlib, sys
import psycopg
from deploy.embedded.postgres import PostgresServer
from deploy.embedded.store import StoreServer

assert os.geteuid() != 0
home = pathlib.Path(sys.argv[1])
store, postgres = StoreServer(home / "store"), PostgresServer(home / "postgres")
try:
    store.launch()
    with psycopg.connect(postgres.start()) as connection:
        print(connection.execute("select 'database answers'").fetchone()[0])
    store.wait_ready()
    print("store answers")
    owners = {p.stat().st_uid for p in [*home.rglob("*")]}
    print("owned by", "one" if owners == {os.geteuid()} else owners)
finally:
    postgres.stop()
    store.stop()
"""


def ordinary_user() -> list[str]:
    """What to put before a command so that it isn't root.

    In a user namespace root's own files stay readable, as a checkout under /root must be.
    """
    if os.geteuid() != 0:
        return []
    namespace = ["unshare", "--user", "--map-user=65534", "--map-group=65534"]
    if subprocess.run([*namespace, "true"], capture_output=True).returncode == 0:
        return namespace
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def test_database_and_store_run_as_an_ordinary_user(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    prefix = ordinary_user()
    if prefix[:1] == ["setpriv"]:
        os.chown(home, 65534, 65534)
        tmp_path.chmod(0o711)
    ended = subprocess.run(
        [*prefix, sys.executable, "-c", START_BOTH, str(home)],
        cwd=ROOT,
        env={**os.environ, "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == ["database answers", "store answers", "owned by one"]
