"""Runs the HTTP application under granian."""

from __future__ import annotations

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels


def serve(host: str, port: int, *, workers: int = 1) -> None:
    """Serve until a signal ends it; settings come from the environment (`backend.settings`)."""
    Granian(
        "deploy.app:create_app",
        factory=True,
        address=host,
        port=port,
        workers=workers,
        interface=Interfaces.ASGI,
        respawn_failed_workers=True,
        log_level=LogLevels.warning,
        # An upload in flight is durable up to its last part: shutting down need not wait long.
        workers_kill_timeout=5,
    ).serve()
