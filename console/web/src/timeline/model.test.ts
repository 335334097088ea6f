import { describe, expect, it } from "vitest";
import type { CasePage, Recording } from "@/api/types";
import { firstAfter, happenings, lastBefore, recordingAt, timelineOf } from "./model";

const at = (hhmm: string) => `2026-11-23T${hhmm}:00Z`;
const t = (hhmm: string) => Date.parse(at(hhmm));

function recording(id: string, device: string, from: string | null, to: string | null, more = {}) {
  return {
    id,
    media_kind: "video",
    state: "ready",
    captured_from: from && at(from),
    captured_to: to && at(to),
    attributions: [],
    device: { id: device, name: device, kind: "body_camera" },
    holder: { name: device === "cam-1" ? "巴特尔" : "王秀英" },
    ...more,
  } as unknown as Recording;
}

const shows = (from: string, to: string) => ({
  attributions: [{ step_id: "seize", begins_at: at(from), ends_at: at(to), rejected: false }],
});

const gap = { begin: at("01:36"), end: at("01:44"), seconds: 480, cause: null, certain: true };

const page = {
  inspections: [
    {
      id: "visit",
      duplicate_of: null,
      started_at: at("01:00"),
      ended_at: at("02:00"),
      steps: [
        {
          id: "seize",
          started_at: at("01:20"),
          ended_at: at("02:00"),
          coverage: { required_from: at("01:20"), required_to: at("02:00"), gaps: [gap] },
        },
        { id: "leave", started_at: at("02:00"), ended_at: null, coverage: null },
        { id: "not begun", started_at: null, ended_at: null, coverage: null },
      ],
    },
    { id: "copy", duplicate_of: "visit", started_at: at("00:55"), ended_at: at("02:04"), steps: [] },
  ],
  recordings: [
    recording("before", "cam-1", "01:00", "01:36", shows("01:20", "01:36")),
    recording("after", "cam-1", "01:44", "02:05", shows("01:44", "01:50")),
    recording("other", "cam-2", "01:08", "01:30"),
    recording("photo", "cam-2", "01:38", "01:38", { media_kind: "photo" }),
    recording("broken", "cam-2", "01:36", "01:44", { state: "rejected" }),
    recording("lost", "cam-2", null, null),
  ],
} as unknown as CasePage;

const timeline = timelineOf(page);

describe("the timeline", () => {
  it("tells what was recorded from what a photo sufficed for, and cuts the gap out of both", () => {
    const seize = timeline.steps.find((item) => item.step.id === "seize");
    expect(seize?.covered).toEqual([
      { from: t("01:20"), to: t("01:36") },
      { from: t("01:44"), to: t("01:50") },
    ]);
    expect(seize?.met).toEqual([{ from: t("01:50"), to: t("02:00") }]);
    expect(seize?.gaps).toEqual([{ gap, from: t("01:36"), to: t("01:44") }]);
  });

  it("leaves out a step without a begin, and holds one without an end as a moment", () => {
    expect(timeline.steps.map((item) => item.step.id)).toEqual(["seize", "leave"]);
    expect(timeline.steps[1]).toMatchObject({ from: t("02:00"), to: t("02:00"), covered: [] });
  });

  it("shows a merged copy as the one visit that it was", () => {
    expect(timeline.visits).toMatchObject([{ from: t("00:55"), to: t("02:04") }]);
  });

  it("gives each camera a lane, and keeps apart what has no time", () => {
    expect(timeline.cameras.map(({ id, holders }) => [id, holders])).toEqual([
      ["cam-1", ["巴特尔"]],
      ["cam-2", ["王秀英"]],
    ]);
    expect(timeline.untimed.map(({ id }) => id)).toEqual(["lost"]);
    expect(happenings(timeline)).toEqual([{ from: t("00:55"), to: t("02:05") }]);
  });
});

describe("what to play", () => {
  it("plays what ran at a moment, and nothing in the gap: photos and rejected files do not run", () => {
    expect(recordingAt(timeline, t("01:10"))?.recording.id).toBe("before");
    expect(recordingAt(timeline, t("01:40"))).toBeNull();
  });

  it("finds both edges of a gap", () => {
    expect(lastBefore(timeline, t("01:36"))?.recording.id).toBe("before");
    expect(firstAfter(timeline, t("01:44"))?.recording.id).toBe("after");
    expect(firstAfter(timeline, t("02:05"))).toBeNull();
  });
});
