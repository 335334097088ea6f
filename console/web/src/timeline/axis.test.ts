import { describe, expect, it } from "vitest";
import { axisOf, rowsOf, ticksOf, toTime, toX, united, without } from "./axis";

const MINUTE = 60_000;
const at = (hhmm: string, day = 24) =>
  Date.parse(`2026-11-${String(day).padStart(2, "0")}T${hhmm}:00+08:00`);

describe("intervals", () => {
  it("unites what overlaps or stands close, and keeps what stands apart", () => {
    const parts = [
      { from: at("10:00"), to: at("10:05") },
      { from: at("09:00"), to: at("09:10") },
      { from: at("09:05"), to: at("09:20") },
      { from: at("09:21"), to: at("09:30") },
    ];
    expect(united(parts, 2 * MINUTE)).toEqual([
      { from: at("09:00"), to: at("09:30") },
      { from: at("10:00"), to: at("10:05") },
    ]);
  });

  it.each([
    ["a hole in the middle leaves two parts", [["09:10", "09:18"]], [["09:00", "09:10"], ["09:18", "09:40"]]],
    ["a hole over the begin leaves the rest", [["08:50", "09:10"]], [["09:10", "09:40"]]],
    ["holes that touch are one", [["09:10", "09:15"], ["09:15", "09:20"]], [["09:00", "09:10"], ["09:20", "09:40"]]],
    ["a hole over everything leaves nothing", [["08:00", "10:00"]], []],
    ["a hole elsewhere leaves all", [["10:00", "11:00"]], [["09:00", "09:40"]]],
  ])("%s", (_what, holes, left) => {
    const interval = ([from, to]: string[]) => ({ from: at(from ?? ""), to: at(to ?? "") });
    expect(without(interval(["09:00", "09:40"]), holes.map(interval))).toEqual(left.map(interval));
  });
});

describe("the axis", () => {
  const twoVisits = [
    { from: at("09:00"), to: at("09:40") },
    { from: at("14:00", 27), to: at("14:02", 27) },
  ];

  it("leaves out the days between two visits and gives the short one room to be read", () => {
    const axis = axisOf(twoVisits, 1200);
    expect(axis.segments).toHaveLength(2);
    expect(axis.width).toBeCloseTo(1200);
    expect(axis.segments[1]?.width).toBe(130);
  });

  it("takes a place back to its moment everywhere", () => {
    const axis = axisOf(twoVisits, 1200);
    for (const t of [at("09:00"), at("09:31"), at("14:01", 27)]) {
      expect(toTime(axis, toX(axis, t))).toBeCloseTo(t, -1);
    }
  });

  it("grows rather than crushing many visits", () => {
    const visits = [...Array(12).keys()].map((i) => ({ from: at("09:00", i + 1), to: at("09:05", i + 1) }));
    expect(axisOf(visits, 600).width).toBeGreaterThan(12 * 130);
  });

  it("puts a moment within a cut at its edge", () => {
    const axis = axisOf(twoVisits, 1200);
    const first = axis.segments[0];
    expect(toX(axis, at("12:00"))).toBeCloseTo((first?.x ?? 0) + (first?.width ?? 0));
  });

  it("is empty when nothing happened", () => {
    expect(axisOf([], 800)).toEqual({ segments: [], width: 0 });
  });

  it("marks round moments with room for their labels", () => {
    const ticks = ticksOf(axisOf([{ from: at("09:03"), to: at("09:43") }], 1000));
    expect(ticks[0]?.t).toBe(at("09:05"));
    for (const [i, tick] of ticks.entries()) {
      expect(tick.t % (5 * MINUTE)).toBe(0);
      const before = ticks[i - 1];
      if (before) expect(tick.x - before.x).toBeGreaterThanOrEqual(78);
    }
  });
});

describe("rows", () => {
  it("puts one below another only where they would cover each other", () => {
    expect(
      rowsOf([
        { x: 0, width: 100 },
        { x: 50, width: 100 },
        { x: 104, width: 20 },
        { x: 160, width: 10 },
      ]),
    ).toEqual([0, 1, 0, 0]);
  });
});
