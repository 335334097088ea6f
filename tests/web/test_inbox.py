"""The inbox: what belongs to no case is played, given to a step, or put away with a reason."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.web.story import Story


def test_a_loose_recording_is_played_and_given_to_a_step(signed_in: Page, story: Story) -> None:
    signed_in.goto("/")
    expect(signed_in.get_by_test_id("inbox-count")).to_have_text("2")
    signed_in.get_by_role("link", name="收件箱").click()
    item = signed_in.get_by_test_id("inbox-item").filter(has_text="WXY_0020.mp4")
    expect(item).to_contain_text("王秀英")
    item.get_by_role("button", name="看录像并归集").click()
    expect(item.get_by_test_id("video")).to_have_js_property("readyState", 4)
    assign = item.get_by_role("button", name="归集到这个环节")
    item.get_by_test_id("suggestion").filter(has_text="加工坊").get_by_role("radio").check()
    expect(assign).to_be_disabled()
    item.get_by_label("认定理由").fill("画面为加工坊复查现场")
    assign.click()
    expect(signed_in.get_by_text("已归集到“现场检查”")).to_be_visible()
    expect(item).to_have_count(0)
    page = signed_in.request.get(f"/api/cases/{story.overdue_case}").json()
    (recording,) = page["recordings"]
    (shown,) = recording["attributions"]
    assert recording["id"] == str(story.loose_recording)
    assert (shown["decided_by"], shown["rejected"]) == ("person", False)
    assert shown["reasons"][0]["zh"] == "画面为加工坊复查现场"


def test_an_operation_that_was_not_taken_is_shown_as_it_came(signed_in: Page) -> None:
    signed_in.goto("/inbox")
    item = signed_in.get_by_test_id("inbox-item").filter(has_text="操作未被采用")
    expect(item).to_contain_text("追加 事实")
    item.get_by_text("操作内容（只读）").click()
    expect(item).to_contain_text("冷柜已贴封条")
    item.get_by_role("button", name="豁免").click()
    signed_in.get_by_label("理由").fill("已与李强核实，重复发送")
    signed_in.get_by_role("dialog").get_by_role("button", name="豁免").click()
    expect(item).to_have_count(0)


def test_a_case_is_filed_and_an_event_noted_at_the_desk(signed_in: Page, story: Story) -> None:
    signed_in.goto(f"/cases/{story.opened_case}")
    signed_in.get_by_test_id("file").click()
    signed_in.get_by_test_id("submit-filing").click()
    expect(signed_in.get_by_test_id("stage")).to_have_text("已立案")
    expect(signed_in.get_by_test_id("number")).to_contain_text("〔20")
    expect(signed_in.get_by_test_id("file")).to_have_count(0)
    signed_in.get_by_test_id("event").click()
    signed_in.get_by_role("combobox", name="事项").fill("告知书")
    signed_in.get_by_role("option", name="告知书送达").click()
    signed_in.get_by_text("告知了听证权利").click()
    signed_in.get_by_test_id("submit-event").click()
    expect(signed_in.get_by_text("已登记：告知书送达")).to_be_visible()
    events = signed_in.request.get(f"/api/cases/{story.opened_case}").json()["events"]
    served = [one["body"] for one in events if one["kind"] == "notice_served"]
    assert served == [{"hearing_right": True}]


def test_a_camera_that_runs_ahead_says_so_on_its_lane(signed_in: Page, story: Story) -> None:
    signed_in.goto(f"/cases/{story.seizure_case}")
    lanes = signed_in.get_by_test_id("lane-clock")
    expect(lanes).to_have_text(["快 97 秒，已校正 ±0.8 秒"])
