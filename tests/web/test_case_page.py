"""One case: its timeline, the recordings that play, and what a person decides."""

from __future__ import annotations

import json
import urllib.request

import pytest
from playwright.sync_api import Page, Response, expect

from tests.web.houses import SUPERVISOR
from tests.web.story import Story


@pytest.fixture
def case(signed_in: Page, story: Story) -> Page:
    signed_in.goto(f"/cases/{story.seizure_case}")
    expect(signed_in.get_by_test_id("steps")).to_be_visible()
    return signed_in


def _current_time(page: Page) -> float:
    return float(page.get_by_test_id("video").evaluate("video => video.currentTime"))


def _until(page: Page, selector: str, holds: str) -> None:
    """Waits until the JavaScript `holds` of the element. The page's own policy forbids `eval`,
    and with it Playwright's `wait_for_function`."""
    element = page.locator(selector)
    expect(element).to_be_visible()
    for _ in range(400):
        if element.evaluate(f"it => {holds}"):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"never: {holds}")


def _shows_picture(page: Page) -> None:
    _until(page, "video", "it.readyState >= 3 && !it.seeking")


def test_the_timeline_holds_steps_cameras_and_the_gap(case: Page) -> None:
    for step in ("出示证件", "现场检查", "查封扣押"):
        expect(case.get_by_test_id("steps")).to_contain_text(step)
    expect(case.get_by_test_id("recording")).to_have_count(7)
    gaps = case.get_by_test_id("gap-part")
    expect(gaps).to_have_count(2)
    gaps.nth(1).hover()
    expect(case.get_by_test_id("told")).to_contain_text("缺 480 秒")
    expect(case.get_by_test_id("told")).to_contain_text("无说明")


def test_a_corrected_clock_is_told_beside_the_claim(case: Page) -> None:
    case.get_by_test_id("recording").filter(has_text="09:08").hover()
    told = case.get_by_test_id("told")
    expect(told).to_contain_text("快 97 秒，已校正")
    expect(told).to_contain_text("设备称")
    expect(told).to_contain_text("09:09:37")


def test_a_gap_opens_the_video_just_before_it_by_range(case: Page) -> None:
    answers: list[Response] = []
    case.on("response", lambda answer: answers.append(answer) if "/media/" in answer.url else None)
    case.get_by_test_id("gap-part").nth(1).click()
    _shows_picture(case)
    assert abs(_current_time(case) - (36 * 60 - 5)) < 1
    expect(case.get_by_test_id("gap")).to_contain_text("09:36:00 至 09:44:00，共 480 秒")
    expect(case.get_by_test_id("head")).to_contain_text("09:35:55")
    videos = [a for a in answers if a.headers.get("content-type") == "video/mp4"]
    assert {a.status for a in videos} == {206}
    assert all(a.headers["content-range"].startswith("bytes ") for a in videos)


def test_a_flag_leads_to_what_it_is_about(case: Page) -> None:
    case.get_by_test_id("show").first.click()
    expect(case.get_by_test_id("gap")).to_contain_text("480 秒")
    case.get_by_role("button", name="看缺口后").click()
    _shows_picture(case)
    expect(case.get_by_test_id("head")).to_contain_text("09:44:0")


def test_a_recording_plays_from_where_it_was_clicked_and_keys_seek(case: Page) -> None:
    recording = case.get_by_test_id("recording").filter(has_text="09:08")
    box = recording.bounding_box()
    assert box is not None
    recording.click(position={"x": box["width"] / 2, "y": 8})
    _shows_picture(case)
    _until(case, "video", "it.currentTime > 650")
    case.keyboard.press("Space")
    _until(case, "video", "it.paused")
    before = _current_time(case)
    case.keyboard.press("l")
    assert abs(_current_time(case) - before - 10) < 0.5
    case.keyboard.press("j")
    case.keyboard.press("j")
    assert abs(_current_time(case) - before + 10) < 0.5


def test_the_cursor_follows_what_is_played(case: Page) -> None:
    case.get_by_test_id("recording").filter(has_text="09:00").click(position={"x": 2, "y": 8})
    _shows_picture(case)
    first = case.get_by_test_id("cursor").bounding_box()
    case.get_by_test_id("video").evaluate("video => { video.currentTime = 1800 }")
    expect(case.get_by_test_id("head")).to_contain_text("09:30:0")
    second = case.get_by_test_id("cursor").bounding_box()
    assert first is not None and second is not None
    assert second["x"] > first["x"] + 100


def test_photos_and_sound_open_too(case: Page) -> None:
    case.locator(".recording.photo").first.click()
    _until(case, ".photo img", "it.naturalWidth === 1280")
    case.locator(".recording.audio").click()
    _until(case, "audio", "it.duration > 700")


def test_a_deadline_tells_its_count_line_by_line(case: Page) -> None:
    case.get_by_role("tab", name="期限").click()
    row = case.get_by_test_id("deadline").first
    row.get_by_text("如何计算").click()
    expect(row).to_contain_text("为第0日，次日起算")
    expect(row.get_by_text("期限 90 日（自然日）")).to_be_visible()


def test_records_keep_their_versions_and_a_merged_copy_is_named(case: Page) -> None:
    record = case.get_by_test_id("record")
    expect(record).to_contain_text("42 箱")
    record.get_by_text("以前的版本").click()
    expect(record.get_by_text("40 箱")).to_be_visible()
    case.get_by_role("tab", name="检查").click()
    copy = case.get_by_test_id("visit").filter(has_text="是同一次检查，已合并")
    expect(copy).to_contain_text("王秀英")
    expect(copy).to_contain_text("时间重叠 61 分钟")


def test_everything_has_an_english_name(case: Page) -> None:
    case.get_by_role("button", name="English").click()
    for told in ("Timeline", "Accept", "Gap in recording", "seizure"):
        expect(case.get_by_text(told, exact=True).first).to_be_visible()
    case.get_by_test_id("gap-part").nth(1).hover()
    expect(case.get_by_test_id("told")).to_contain_text("480 s missing")


def test_deciding_step_by_step(case: Page, server: str, story: Story) -> None:
    """A gap stops acceptance; a conflict is closed; a return needs its reason; a stale page is
    told what changed; a waiver opens the way. One test, for each step changes the case."""
    case.get_by_test_id("accept").click()
    case.get_by_test_id("submit-verdict").click()
    expect(case.get_by_test_id("missing")).to_contain_text("480 秒")
    case.get_by_role("button", name="取消").click()

    case.get_by_role("tab", name="冲突").click()
    conflict = case.get_by_test_id("conflict")
    for told in ("扣押羊肉卷", "扣押超过保质期的羊肉卷 42 箱", "鸡翅 3 箱", "赵敏", "王秀英"):
        expect(conflict).to_contain_text(told)
    conflict.get_by_role("button", name="采用后到的值").click()
    expect(conflict).to_contain_text("赵敏 于")

    case.get_by_test_id("return").click()
    submit = case.get_by_test_id("submit-verdict")
    expect(submit).to_be_disabled()
    case.get_by_label("理由").fill("请补充缺口说明")
    _somebody_returns_it_first(server, story)
    submit.click()
    expect(case.get_by_test_id("stale")).to_contain_text("先看到的人退回")
    submit.click()
    expect(case.get_by_text("已记录：退回补正")).to_be_visible()
    case.get_by_role("tab", name="经过").click()
    expect(case.get_by_test_id("entry").first).to_contain_text("请补充缺口说明")

    flag = case.get_by_test_id("flag").first
    flag.get_by_role("button", name="豁免").click()
    case.get_by_label("理由").fill("记录仪故障，已书面说明")
    case.get_by_role("dialog").get_by_role("button", name="豁免").click()
    expect(case.get_by_text("已处理 1 项")).to_be_visible()

    case.get_by_test_id("accept").click()
    case.get_by_test_id("submit-verdict").click()
    expect(case.get_by_text("已记录：审核通过")).to_be_visible()
    expect(case.get_by_test_id("entry").first).to_contain_text("审核通过")


def _somebody_returns_it_first(server: str, story: Story) -> None:
    """Another browser of the department, as far as the server can tell."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())

    def call(path: str, body: dict[str, object] | None = None) -> dict[str, object]:
        request = urllib.request.Request(  # noqa: S310
            f"{server}{path}",
            data=json.dumps(body).encode() if body else None,
            headers={"Content-Type": "application/json"},
        )
        with opener.open(request) as answer:
            told: dict[str, object] = json.load(answer)
        return told

    call("/api/session", {"login": SUPERVISOR[0], "password": SUPERVISOR[1]})
    page = call(f"/api/cases/{story.seizure_case}")
    version = page["case"]["version"]  # type: ignore[index]
    body = {"verdict": "return", "reason": "先看到的人退回", "seen_version": version}
    call(f"/api/cases/{story.seizure_case}/verdict", body)
