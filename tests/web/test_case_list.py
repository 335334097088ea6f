"""The list of cases to look at: why they stand there, and finding one."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.web.houses import BUREAU


def test_a_case_stands_there_with_its_reason_article_and_missing_seconds(signed_in: Page) -> None:
    signed_in.goto("/")
    row = signed_in.get_by_test_id("case").filter(has_text="青城烧烤店")
    for told in ("录像缺口", "严重", "480 秒", "内蒙古令244 第19条", "还有 5 天", "巴特尔"):
        expect(row).to_contain_text(told)


def test_an_overdue_deadline_is_told_in_days(signed_in: Page) -> None:
    signed_in.goto("/")
    row = signed_in.get_by_test_id("case").filter(has_text="塞外香")
    expect(row).to_contain_text("超期 5 天")


def test_kinds_narrow_the_list_and_the_address_keeps_them(signed_in: Page) -> None:
    signed_in.goto("/")
    signed_in.get_by_role("button", name="超过期限").click()
    expect(signed_in.get_by_test_id("case")).to_have_count(1)
    signed_in.reload()
    expect(signed_in.get_by_test_id("case")).to_have_count(1)
    expect(signed_in.get_by_test_id("case")).to_contain_text("塞外香")


def test_searching_finds_by_party_and_says_when_there_is_nothing(signed_in: Page) -> None:
    signed_in.goto("/")
    expect(signed_in.get_by_test_id("case")).to_have_count(2)
    search = signed_in.get_by_role("searchbox")
    search.fill("烧烤")
    expect(signed_in.get_by_test_id("case")).to_have_count(1)
    search.fill("100%")
    expect(signed_in.get_by_text("没有符合条件的案件")).to_be_visible()
    signed_in.get_by_role("button", name="清除条件").click()
    expect(signed_in.get_by_test_id("case")).to_have_count(2)


def test_a_bureau_sees_all_departments(page: Page) -> None:
    page.request.post("/api/session", data={"login": BUREAU[0], "password": BUREAU[1]})
    page.goto("/")
    expect(page.get_by_test_id("case")).to_have_count(3)
    expect(page.get_by_test_id("case").filter(has_text="城市管理综合执法局")).to_have_count(1)


def test_a_server_that_fails_is_told_with_a_way_on(signed_in: Page) -> None:
    signed_in.route("**/api/cases?**", lambda route: route.abort())
    signed_in.goto("/")
    expect(signed_in.get_by_role("alert")).to_contain_text("无法连接服务器")
    signed_in.unroute("**/api/cases?**")
    signed_in.get_by_role("button", name="重试").click()
    expect(signed_in.get_by_test_id("case")).to_have_count(2)
