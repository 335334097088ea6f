"""Debian's Chromium, as the tests and the pictures use it."""

from __future__ import annotations

import shutil

# No sandbox: in a container Chromium has no user namespaces, and it opens only our own pages.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]


class NoChromium(Exception):
    """Says what to install."""


def find_chromium() -> str:
    """The browser's path, or `NoChromium`."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    raise NoChromium("no Chromium for the browser tests; install it: apt-get install chromium")
