/**
 * A time axis that leaves out the idle hours: a case may hold two visits ten days apart, and both
 * must be legible on one line. Pure; times in ms since the epoch, lengths in CSS pixels.
 */

export interface Interval {
  from: number;
  to: number;
}

export interface Segment extends Interval {
  x: number;
  width: number;
}

export interface Axis {
  segments: Segment[];
  width: number;
}

export interface Tick {
  t: number;
  x: number;
}

export interface AxisOptions {
  /** Idle time beyond which the axis is cut, ms. */
  cutAfter: number;
  /** The width of a cut, px. */
  cutWidth: number;
  /** No segment is narrower, px. */
  narrowest: number;
}

export const DESK: AxisOptions = { cutAfter: 20 * 60_000, cutWidth: 28, narrowest: 130 };

/** Overlapping and nearby intervals as one, in order of time. */
export function united(intervals: Interval[], within = 0): Interval[] {
  const result: Interval[] = [];
  for (const next of [...intervals].sort((a, b) => a.from - b.from)) {
    const last = result.at(-1);
    if (last && next.from <= last.to + within) last.to = Math.max(last.to, next.to);
    else result.push({ ...next });
  }
  return result;
}

/** `whole` without `holes`. */
export function without(whole: Interval, holes: Interval[]): Interval[] {
  const left: Interval[] = [];
  let from = whole.from;
  for (const hole of united(holes)) {
    if (hole.to <= whole.from || hole.from >= whole.to) continue;
    if (hole.from > from) left.push({ from, to: hole.from });
    from = Math.max(from, hole.to);
  }
  if (from < whole.to) left.push({ from, to: whole.to });
  return left;
}

/** A margin, so that nothing clings to a segment's edge. */
function padded(interval: Interval): Interval {
  const margin = Math.max(10_000, (interval.to - interval.from) * 0.03);
  return { from: interval.from - margin, to: interval.to + margin };
}

/** Room is shared by duration, but nobody gets less than `narrowest`. */
function share(durations: number[], room: number, narrowest: number): number[] {
  const widths = durations.map(() => 0);
  let free = room;
  let open = durations.map((_, i) => i);
  for (;;) {
    const total = open.reduce((sum, i) => sum + (durations[i] ?? 0), 0);
    const small = open.filter((i) => ((durations[i] ?? 0) / total) * free < narrowest);
    if (small.length === 0 || small.length === open.length) {
      for (const i of open) widths[i] = Math.max(narrowest, ((durations[i] ?? 0) / total) * free);
      return widths;
    }
    for (const i of small) widths[i] = narrowest;
    free -= small.length * narrowest;
    open = open.filter((i) => !small.includes(i));
  }
}

/** The axis of what happened; wider than `width` only when the segments need their least. */
export function axisOf(happened: Interval[], width: number, options = DESK): Axis {
  const spans = united(happened, options.cutAfter).map(padded);
  const room = width - Math.max(0, spans.length - 1) * options.cutWidth;
  const widths = share(
    spans.map((span) => span.to - span.from),
    room,
    options.narrowest,
  );
  let x = 0;
  const segments = spans.map((span, i) => {
    const segment = { ...span, x, width: widths[i] ?? 0 };
    x += segment.width + options.cutWidth;
    return segment;
  });
  const last = segments.at(-1);
  return { segments, width: last ? last.x + last.width : 0 };
}

/** Where a moment stands. One in a cut stands at the cut's nearer edge. */
export function toX(axis: Axis, t: number): number {
  let edge = 0;
  for (const segment of axis.segments) {
    if (t < segment.from) return edge || segment.x;
    if (t <= segment.to) {
      return segment.x + ((t - segment.from) / (segment.to - segment.from)) * segment.width;
    }
    edge = segment.x + segment.width;
  }
  return edge;
}

/** The moment at a place; in a cut, the begin of what follows it. */
export function toTime(axis: Axis, x: number): number {
  for (const segment of axis.segments) {
    if (x < segment.x) return segment.from;
    if (x <= segment.x + segment.width) {
      return segment.from + ((x - segment.x) / segment.width) * (segment.to - segment.from);
    }
  }
  return axis.segments.at(-1)?.to ?? 0;
}

const STEPS_S = [5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600];
const LABEL_ROOM = 78;

/** Round moments of Shanghai's clock, at least a label's width apart. */
export function ticksOf(axis: Axis): Tick[] {
  return axis.segments.flatMap((segment) => {
    const perMs = segment.width / (segment.to - segment.from);
    const step = (STEPS_S.find((s) => s * 1000 * perMs >= LABEL_ROOM) ?? 43200) * 1000;
    const ticks: Tick[] = [];
    // Shanghai stands eight whole hours from UTC, so its round moments are UTC's.
    for (let t = Math.ceil(segment.from / step) * step; t <= segment.to; t += step) {
      ticks.push({ t, x: toX(axis, t) });
    }
    return ticks;
  });
}

export interface Extent {
  x: number;
  width: number;
}

/** The lowest row for each, so that none covers another; in the order given. */
export function rowsOf(extents: Extent[], apart = 4): number[] {
  const ends: number[] = [];
  return extents.map(({ x, width }) => {
    const free = ends.findIndex((end) => end + apart <= x);
    const row = free < 0 ? ends.length : free;
    ends[row] = x + width;
    return row;
  });
}
