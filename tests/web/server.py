"""The product running as it runs for people: the real server process on real services."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

from backend.settings import Settings, variable

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def settings_for(
    folder: Path, database_url: str, store: tuple[str, str, str], bucket: str, port: int
) -> Settings:
    """Settings of a server on `port` whose secret and work lie in `folder`."""
    key = folder / "secret"
    key.write_bytes(secrets.token_bytes(32))
    key.chmod(0o600)
    return Settings(
        database_url=database_url,
        s3_endpoint=store[0],
        s3_access_key=store[1],
        s3_secret_key=store[2],
        s3_bucket=bucket,
        public_url=f"http://127.0.0.1:{port}",
        secret_key_file=key,
        work_dir=folder,
    )


@contextmanager
def serving(settings: Settings, port: int, log: Path) -> Iterator[str]:
    """The server's URL, while it runs."""
    told = {variable(name): str(getattr(settings, name)) for name in settings.__struct_fields__}
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", f"from deploy.serve import serve; serve('127.0.0.1', {port})"],
            cwd=ROOT,
            env={**os.environ, **told},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_healthy(url, process, log)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def wait_until_healthy(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Raises what `log` holds when the process ends or does not answer in time."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=2):  # noqa: S310
                return
        except URLError:
            time.sleep(0.1)
    raise RuntimeError(f"the server did not come up:\n{log.read_text()}")
