"""Uploads beside the peer (@tus/server on @tus/s3-store) and beside the store alone.

Same machine, same store, same client, one run; the servers take turns and medians count, so the
ratios hold where the figures don't. Run: python -m tests.bench.uploads [--quick] [--rounds N].
The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import io
import json
import secrets
import sys
import tempfile
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter, sleep

from media.s3_store import S3Store
from tests.bench.uploads.client import Client, at_once, seconds
from tests.bench.uploads.servers import Memory, Sites, running, store_of

MIB = 1024 * 1024
CHUNK = secrets.token_bytes(8 * MIB)
PHOTO = 300_000
IN_FLIGHT = 16
ENDED = ("verified", "probed", "ready")


class Run:
    """Everything that is measured, as callables that do it once."""

    def __init__(self, sites: Sites, chosen: argparse.Namespace) -> None:
        self.sites, self.size, self.photos = sites, chosen.mib * MIB, chosen.photos
        self.ours, self.peer = Client(sites.ours, sites.token), Client(sites.peer, "")
        self.store = store_of(sites.settings)
        self.receipt_s = 0.0

    def one(self, client: Client) -> float:
        return self.size / MIB / seconds(lambda: client.stream(self.size, CHUNK, "一.mp4"))

    def eight(self, client: Client) -> float:
        calls = [partial(client.stream, self.size // 8, CHUNK, f"{n}.mp4") for n in range(8)]
        return self.size // 8 * 8 / MIB / seconds(lambda: at_once(8, calls))

    def many(self, client: Client) -> float:
        bodies = [secrets.token_bytes(PHOTO) for _ in range(self.photos)]
        calls = [partial(client.photo, body, f"{n}.jpg") for n, body in enumerate(bodies)]
        names: list[str] = []
        took = seconds(lambda: names.extend(at_once(IN_FLIGHT, calls)))
        if client is self.ours:
            self.receipt_s = seconds(lambda: self._receipts(names))
        return self.photos / took

    def _receipts(self, names: list[str]) -> None:
        """Until each has its receipt, as a device asks for it."""
        base = self.sites.settings.public_url
        for name in names:
            while b'"receipt":null' in self.ours.get(f"{base}/api/device/recordings/{name}"):
                sleep(0.02)

    def plain(self) -> float:
        """A multipart put by minio-py in parts of the same size, one after another."""
        body = _Repeated(CHUNK, self.size)
        put = partial(
            self.store._client.put_object,
            self.sites.settings.s3_bucket,
            f"bench/{secrets.token_hex(8)}",
            body,
            self.size,
            part_size=len(CHUNK),
            num_parallel_uploads=1,
        )
        return self.size / MIB / seconds(put)

    def direct(self) -> float:
        """Presigned parts straight to the store, one after another."""
        return self.size / MIB / seconds(lambda: asyncio.run(_direct(self.store, self.size)))

    def digest(self) -> float:
        running = hashlib.sha256()

        def read() -> None:
            for _ in range(self.size // len(CHUNK)):
                running.update(CHUNK)

        return self.size / MIB / seconds(read)

    def memory(self) -> float:
        """MiB by which our process grows with 32 streams in flight."""
        calls = [partial(self.ours.stream, 32 * MIB, CHUNK, f"{n}.mp4") for n in range(32)]
        with Memory(self.sites.pid) as memory:
            at_once(32, calls)
        return memory.grown / MIB


class _Repeated(io.RawIOBase):
    """`length` bytes without holding them."""

    def __init__(self, chunk: bytes, length: int) -> None:
        self.chunk, self.left = chunk, length

    def read(self, size: int = -1) -> bytes:
        size = min(self.left, len(self.chunk) if size < 0 else size)
        self.left -= size
        return self.chunk[:size]


async def _direct(store: S3Store, size: int) -> None:
    key = f"bench/{secrets.token_hex(8)}"
    upload_id, parts = await store.begin_parts(key), []
    for number in range(1, size // len(CHUNK) + 1):
        url = await store.presign_part(key, upload_id, number, expires_s=600)
        request = urllib.request.Request(url, CHUNK, method="PUT")  # noqa: S310 - our own store
        with urllib.request.urlopen(request) as answer:  # noqa: ASYNC210, S310 - one at a time
            answer.read()
    parts = await store.list_parts(key, upload_id)
    await store.complete_parts(key, upload_id, parts)


def measured(run: Run, chosen: argparse.Namespace) -> dict[str, list[float]]:
    """Rounds of everything, interleaved: what disturbs one disturbs all."""
    works: dict[str, Callable[[], float]] = {
        "one_stream": lambda: run.one(run.ours),
        "one_stream_peer": lambda: run.one(run.peer),
        "plain_put": run.plain,
        "direct": run.direct,
        "eight_streams": lambda: run.eight(run.ours),
        "eight_streams_peer": lambda: run.eight(run.peer),
        "photos": lambda: run.many(run.ours),
        "photos_peer": lambda: run.many(run.peer),
        "sha256": run.digest,
        "memory": run.memory,
    }
    wanted = chosen.only.split(",") if chosen.only else list(works)
    figures: dict[str, list[float]] = {name: [] for name in wanted}
    for number in range(chosen.rounds):
        for name in wanted:
            began = perf_counter()
            figures[name].append(works[name]())
            took = perf_counter() - began
            print(f"{number + 1}: {name} {figures[name][-1]:.1f} ({took:.1f} s)", file=sys.stderr)
    return figures


RATIOS = {
    "one_stream_vs_tus_s3": ("one_stream", "one_stream_peer", 2.0),
    "eight_streams_vs_tus_s3": ("eight_streams", "eight_streams_peer", 1.6),
    "photos_vs_tus_s3": ("photos", "photos_peer", 5.0),
    "one_stream_vs_plain_put": ("one_stream", "plain_put", 0.75),
    "direct_vs_plain_put": ("direct", "plain_put", 0.9),
}
UNITS = {"photos": "photos/s", "photos_peer": "photos/s", "memory": "MiB over idle"}


def told(figures: dict[str, list[float]], receipt_s: float) -> None:
    absolute = {name: round(median(values), 1) for name, values in figures.items()}
    ratios = {
        name: round(absolute[a] / absolute[b], 2)
        for name, (a, b, _) in RATIOS.items()
        if a in absolute and b in absolute
    }
    for name, value in absolute.items():
        print(f"  {name:<26}{value:>9.1f} {UNITS.get(name, 'MiB/s')}")
    if "photos" in absolute:
        print(f"  {'last receipt after photos':<26}{receipt_s:>9.1f} s")
        absolute["receipt_after_photos_s"] = round(receipt_s, 2)
    if {"one_stream", "sha256"} <= set(absolute):
        share = absolute["one_stream"] / absolute["sha256"]
        print(f"  {'one stream / sha256':<26}{share:>9.2f}")
    for name, ratio in ratios.items():
        print(f"  {name:<26}{ratio:>9.2f} (≥ {RATIOS[name][2]})")
    print(json.dumps({"bench": "uploads", "ratios": ratios, "absolute": absolute}))


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.bench.uploads", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="128 MiB and 100 photos, one round")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--mib", type=int)
    parser.add_argument("--photos", type=int)
    parser.add_argument("--only", help="comma-separated names")
    chosen = parser.parse_args()
    chosen.mib = chosen.mib or (128 if chosen.quick else 1024)
    chosen.photos = chosen.photos or (100 if chosen.quick else 1000)
    chosen.rounds = chosen.rounds or (1 if chosen.quick else 3)
    with tempfile.TemporaryDirectory(prefix="quanji-bench-") as folder:
        with running(Path(folder)) as sites:
            run = Run(sites, chosen)
            figures = measured(run, chosen)
            run.store.close()
        told(figures, run.receipt_s)


if __name__ == "__main__":
    main()
