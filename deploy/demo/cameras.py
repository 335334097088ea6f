"""The cameras: files made on the spot, then uploaded by the same client that docks use."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import httpx

from deploy.demo.cast import DEVICES, PARTIES
from deploy.demo.day import SHANGHAI, visit_begins
from deploy.demo.journal import DemoFailed, Journal
from deploy.demo.samples import make_audio, make_photo, make_video
from deploy.demo.scenario import VISITS
from deploy.demo.shapes import Take
from mobile_api.dock.client import UploadFailed, upload

SUFFIX = {"video": ".mp4", "audio": ".m4a", "photo": ".jpg", "text": ".mp4"}
AHEAD = {device.serial: device.ahead_s for device in DEVICES}
MAKING, SENDING = 2, 3  # at once
PROCESSED = frozenset({"ready", "rejected"})
PATIENCE_S = 600.0  # for one file; many may stand before it
EXCHANGES = 5  # of which a camera reports the quickest
UP_FOR = timedelta(days=4)  # the cameras have been on since before the first visit
NOT_A_VIDEO = "这个文件只是改了名字的文本，不是视频。\nThis is a text that was renamed.\n" * 40


class Progressed(NamedTuple):
    """Called once for each file as it gets on."""

    made: Callable[[], None]
    sent: Callable[[], None]
    processed: Callable[[], None]


class Exchange(NamedTuple):
    """The device's own clock before and after it was told the server's time."""

    sent: datetime
    received: datetime
    ticket: str


class File(NamedTuple):
    """A take of a visit with the true moment at which it began."""

    visit: str
    take: Take
    begin: datetime

    @property
    def name(self) -> str:
        """As cameras name files: by their own clock."""
        shown = (self.begin + timedelta(seconds=AHEAD[self.take.camera])).astimezone(SHANGHAI)
        suffix = SUFFIX[self.take.kind]
        return f"{self.take.camera}_{shown:%Y%m%d_%H%M%S}{suffix}"


def files_of_the_day(anchor: datetime) -> list[File]:
    """The most telling first."""
    return [
        File(name, take, visit_begins(visit, anchor) + timedelta(minutes=take.begin))
        for name, visit in VISITS.items()
        for take in visit.takes
    ]


class Cameras:
    """All cameras of the day."""

    def __init__(
        self, server: str, tokens: dict[str, str], journal: Journal, tell: Progressed
    ) -> None:
        self._server, self._tokens, self._journal, self._tell = server, tokens, journal, tell
        self._folder = journal.folder / "media"
        self._folder.mkdir(exist_ok=True, mode=0o700)
        self._making, self._sending = asyncio.Semaphore(MAKING), asyncio.Semaphore(SENDING)

    async def record_and_upload(self, file: File, docked: asyncio.Event) -> None:
        """Make the file, wait for the dock, upload it, and see it through to the end."""
        note = f"upload:{file.name}"
        recording = self._journal.get(note)
        if recording is None:
            async with self._making:
                path = await asyncio.to_thread(_make, file, self._folder)
            self._tell.made()
            await docked.wait()
            async with self._sending:
                recording = await self._upload(file, path)
            self._journal.put(note, recording)
        else:
            self._tell.made()
        (self._folder / file.name).unlink(missing_ok=True)
        self._tell.sent()
        await self._until_processed(file.take.camera, recording)
        self._tell.processed()

    async def _until_processed(self, camera: str, recording: str) -> None:
        clock = asyncio.get_running_loop().time
        begun = clock()
        async with self._http(camera) as http:
            while await _state(http, recording) not in PROCESSED:
                if clock() - begun > PATIENCE_S:
                    raise DemoFailed(
                        f"{recording} 长时间未处理完，媒体处理是否在运行？ / "
                        "is not processed; does a worker run?"
                    )
                await asyncio.sleep(1)

    async def _upload(self, file: File, path: Path) -> str:
        metadata = {"key": f"demo:{file.name}", "boot_id": self._boot_of(file.take.camera)}
        if file.take.names_case:
            metadata["case_id"] = str(self._journal.id_of(f"case/{VISITS[file.visit].case}"))
        async with self._http(file.take.camera) as http:
            try:
                result = await upload(http, path, metadata=metadata)
            except UploadFailed as failed:
                raise DemoFailed(f"{file.name} 未能上传 / was not uploaded: {failed}") from failed
        return str(result.recording_id)

    def _http(self, camera: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self._server,
            headers={"Authorization": f"Bearer {self._tokens[camera]}"},
            timeout=httpx.Timeout(60, connect=10),
            transport=httpx.AsyncHTTPTransport(retries=5),
        )

    def _boot_of(self, camera: str) -> str:
        return str(self._journal.id_of(f"boot/{camera}"))

    async def tell_time(self, camera: str) -> None:
        """A camera tells its clock, right or wrong, before it has much to do: a slow exchange
        says little, so the quickest of some is reported."""
        ahead = timedelta(seconds=AHEAD[camera])
        async with self._http(camera) as http:
            exchanges = [await _exchange(http, ahead) for _ in range(EXCHANGES)]
            best = min(exchanges, key=lambda one: one.received - one.sent)
            report = {
                "boot_id": self._boot_of(camera),
                "monotonic_ms": (UP_FOR + ahead) // timedelta(milliseconds=1),
                "sent_at": best.sent.isoformat(),
                "received_at": best.received.isoformat(),
                "ticket": best.ticket,
            }
            (await http.post("/api/device/clock", json=report)).raise_for_status()


async def _exchange(http: httpx.AsyncClient, ahead: timedelta) -> Exchange:
    sent = datetime.now(UTC) + ahead
    told = (await http.get("/api/device/clock")).raise_for_status().json()
    return Exchange(sent, datetime.now(UTC) + ahead, told["ticket"])


async def _state(http: httpx.AsyncClient, recording: str) -> str:
    """The recording's state, "" while the server can't be asked."""
    try:
        answer = await http.get(f"/api/device/recordings/{recording}")
    except httpx.TransportError:
        return ""
    return str(answer.raise_for_status().json()["state"]) if answer.status_code < 500 else ""


def _make(file: File, folder: Path) -> Path:
    """The file under its name, complete or not there; one made before a kill is kept."""
    done, draft = folder / file.name, folder / f"new-{file.name}"
    if not done.exists():
        _record(file, draft)
        draft.replace(done)
    return done


def _record(file: File, path: Path) -> None:
    take, party = file.take, PARTIES[VISITS[file.visit].party]
    ahead, position = AHEAD[take.camera], (party.latitude, party.longitude)
    if take.kind == "video":
        make_video(path, file.begin, take.minutes * 60, label=take.camera, scene=take.scene,
                   fps=2, keyframe_s=8, clock_offset_s=ahead, location=position)  # fmt: skip
    elif take.kind == "audio":
        make_audio(path, file.begin, take.minutes * 60, clock_offset_s=ahead)
    elif take.kind == "photo":
        make_photo(path, file.begin, *position, label=take.camera, scene=take.scene,
                   clock_offset_s=ahead)  # fmt: skip
    else:
        path.write_text(NOT_A_VIDEO)
