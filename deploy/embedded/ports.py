"""Loopback ports, remembered so that a restart keeps them, chosen anew where one is taken."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Sequence
from pathlib import Path

# Below the range that Linux gives to outgoing connections, so none of those takes ours meanwhile.
FROM, BELOW = 15_000, 32_000


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def remembered_ports(file: Path, names: Sequence[str]) -> dict[str, int]:
    """A free port for each name; those in `file` are kept unless somebody else took them."""
    known: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}
    ports = {name: known[name] for name in names if name in known and is_free(known[name])}
    for name in names:
        if name not in ports:
            ports[name] = _choose(set(ports.values()))
    if ports != known:
        file.write_text(json.dumps(ports, indent=1))
    return ports


def _choose(avoid: set[int]) -> int:
    # The system's randomness: processes that were seeded alike must not choose alike.
    for port in random.SystemRandom().sample(range(FROM, BELOW), 500):
        if port not in avoid and is_free(port):
            return port
    raise OSError(f"no free port between {FROM} and {BELOW}")
