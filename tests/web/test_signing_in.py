"""Who gets in, in which language, and what another department sees."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.web.houses import SUPERVISOR
from tests.web.story import Story


def test_a_stranger_is_asked_to_sign_in_and_comes_to_where_he_wanted(
    page: Page, story: Story
) -> None:
    page.goto(f"/cases/{story.seizure_case}")
    page.get_by_label("账号").fill(SUPERVISOR[0])
    page.get_by_label("密码").fill(SUPERVISOR[1])
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("青城烧烤店")


def test_a_wrong_password_is_told_in_words(page: Page) -> None:
    page.goto("/sign-in")
    page.get_by_label("账号").fill(SUPERVISOR[0])
    page.get_by_label("密码").fill("not-her-password")
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("alert")).to_contain_text("账号或密码不正确")


def test_the_session_cookie_is_out_of_reach_of_scripts(signed_in: Page) -> None:
    (cookie,) = signed_in.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")


def test_signing_out_ends_the_session_on_the_server(signed_in: Page) -> None:
    signed_in.goto("/")
    token = signed_in.context.cookies()[0]["value"]
    signed_in.get_by_role("button", name="退出").click()
    expect(signed_in.get_by_label("账号")).to_be_visible()
    old = {"Authorization": f"Bearer {token}"}
    assert signed_in.request.get("/api/session/me", headers=old).status == 401


def test_the_language_is_switched_and_remembered(signed_in: Page) -> None:
    signed_in.goto("/")
    signed_in.get_by_role("button", name="English").click()
    expect(signed_in.get_by_role("heading", level=1)).to_contain_text("Cases to look at")
    signed_in.reload()
    expect(signed_in.get_by_role("heading", level=1)).to_contain_text("Cases to look at")
    expect(signed_in.get_by_text("Deadline passed").first).to_be_visible()
    assert signed_in.locator("html").get_attribute("lang") == "en"


def test_another_departments_case_does_not_exist(signed_in: Page, story: Story) -> None:
    signed_in.goto(f"/cases/{story.foreign_case}")
    expect(signed_in.get_by_role("alert")).to_contain_text("不存在")
