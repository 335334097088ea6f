"""Pictures of the real pages for the README: `make screenshots`.

    python -m tests.web.screenshots [DATA URL]

Starts the product in a scratch folder, plays the demo, takes the pictures and stops it; or takes
them from the one at URL, which `quanji up --demo --data DATA` has started. Writes `cases.png`,
`case.png`, `player.png`, `case-en.png` and `sign-in.png` into docs/screenshots, with 256 colours
each: pages need no more, and the repository stays small.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page, expect, sync_playwright

from tests.web.browser import FLAGS, find_chromium
from tests.web.server import ROOT, free_port, wait_until_healthy

COLOURS = 256
FOLDER = ROOT / "docs" / "screenshots"
# 林海 of the bureau sees all three departments; 郭伟 reviews the one whose seizure has a gap.
BUREAU, SUPERVISOR = "linhai", "guowei"


def keep(page: Page, file: Path, part: Locator | None = None) -> None:
    """The window as it stands, or a part of it, once nothing is loading."""
    page.wait_for_load_state("networkidle")
    page.mouse.move(0, 0)
    shot = Image.open(io.BytesIO((part or page).screenshot(animations="disabled")))
    shot.convert("RGB").quantize(COLOURS).save(file, optimize=True)
    print(f"{file}  {file.stat().st_size // 1024} KiB")


def _open_worst_gap(page: Page) -> None:
    """The case with a gap in a recording, its video standing just before the gap."""
    page.goto("/?kind=recording_gap")
    page.get_by_test_id("case").first.get_by_role("link").first.click()
    page.get_by_test_id("show").first.click()
    video = page.get_by_test_id("video")
    expect(video).to_be_visible()
    expect(video).to_have_js_property("readyState", 4)


def sign_in(page: Page, data: Path, login: str) -> None:
    lines = (data / "demo" / "logins.txt").read_text().splitlines()
    password = dict(line.split("\t")[:2] for line in lines)[login]
    page.context.clear_cookies()
    page.goto("/sign-in")
    page.get_by_label("账号").fill(login)
    page.get_by_label("密码").fill(password)
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_test_id("case").first).to_be_visible()


def take(data: Path, url: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        context = browser.new_context(base_url=url, viewport={"width": 1440, "height": 900})
        page = context.new_page()
        page.goto("/sign-in")
        keep(page, FOLDER / "sign-in.png")
        sign_in(page, data, BUREAU)
        keep(page, FOLDER / "cases.png")
        sign_in(page, data, SUPERVISOR)
        _open_worst_gap(page)
        keep(page, FOLDER / "case.png")
        keep(page, FOLDER / "player.png", page.get_by_role("region", name="播放"))
        page.get_by_role("button", name="English").click()
        keep(page, FOLDER / "case-en.png")
        browser.close()


@contextmanager
def product(data: Path) -> Iterator[str]:
    """The URL of the product in `data`, with the demo played to its end."""
    port, log = free_port(), data / "up.log"
    with log.open("wb") as file:
        command = [sys.executable, "-m", "deploy.cli"]
        running = subprocess.Popen(
            [*command, "up", "--data", str(data), "--port", str(port)],
            cwd=ROOT,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_healthy(url, running, log)
        subprocess.run([*command, "demo", "--url", url, "--data", str(data)], cwd=ROOT, check=True)
        yield url
    finally:
        running.terminate()
        running.wait(60)


if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            with tempfile.TemporaryDirectory() as scratch, product(Path(scratch)) as found:
                take(Path(scratch), found)
        case [folder, address]:
            take(Path(folder), address)
        case _:
            sys.exit(__doc__)
