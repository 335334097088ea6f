"""What goes wrong at a start, as one line in both languages and an exit code of its own."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of `quanji up`; 2 is argparse's, for a wrong command line."""

    STOPPED = 0
    FAILED = 1
    PORT_TAKEN = 3
    NOT_WRITABLE = 4
    DISK_NEARLY_FULL = 5
    ALREADY_RUNNING = 6
    SERVICE_FAILED = 7
    MIGRATION_FAILED = 8


class StartFailure(Exception):
    """Nothing was half-done, or what was begun has been stopped again."""

    def __init__(self, code: Exit, zh: str, en: str) -> None:
        super().__init__(f"{zh} / {en}")
        self.code = code
