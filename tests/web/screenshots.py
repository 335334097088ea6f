"""Pictures of the real pages for the README, from a running product that has played the demo.

    python -m tests.web.screenshots http://127.0.0.1:8600 LOGIN PASSWORD [FOLDER]

Writes `cases.png`, `case.png`, `player.png`, `case-en.png` and `sign-in.png` into FOLDER
(docs/screenshots), with 256 colours each: pages need no more, and the repository stays small.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page, expect, sync_playwright

from tests.web.browser import FLAGS, find_chromium

COLOURS = 256
FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"


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


def take(url: str, login: str, password: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        context = browser.new_context(base_url=url, viewport={"width": 1440, "height": 900})
        page = context.new_page()
        page.goto("/sign-in")
        keep(page, folder / "sign-in.png")
        page.get_by_label("账号").fill(login)
        page.get_by_label("密码").fill(password)
        page.get_by_role("button", name="登录").click()
        expect(page.get_by_test_id("case").first).to_be_visible()
        keep(page, folder / "cases.png")
        _open_worst_gap(page)
        keep(page, folder / "case.png")
        keep(page, folder / "player.png", page.get_by_role("region", name="播放"))
        page.get_by_role("button", name="English").click()
        keep(page, folder / "case-en.png")
        browser.close()


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    take(*sys.argv[1:4], Path(sys.argv[4]) if len(sys.argv) == 5 else FOLDER)
