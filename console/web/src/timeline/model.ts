/** What stands on the timeline, out of the case page. Pure. */

import type { CasePage, Gap, Inspection, Recording, Step } from "@/api/types";
import { type Interval, united, without } from "./axis";

export interface GapPart extends Interval {
  gap: Gap;
}

export interface StepItem extends Interval {
  step: Step;
  inspection: Inspection;
  /** Nothing when the step need not be recorded, or has not been judged. */
  covered: Interval[];
  /** Required, without a running recording, and yet no gap: a photo suffices there. */
  met: Interval[];
  gaps: GapPart[];
}

export interface RecordingItem extends Interval {
  recording: Recording;
}

/** One camera, with all it recorded of this case. */
export interface Camera {
  id: string;
  name: string;
  holders: string[];
  items: RecordingItem[];
}

export interface Visit extends Interval {
  inspection: Inspection;
}

export interface Timeline {
  visits: Visit[];
  steps: StepItem[];
  cameras: Camera[];
  /** Recordings that nobody can place in time. */
  untimed: Recording[];
}

const PLAYABLE = new Set(["video", "audio"]);

const ms = (iso: string) => Date.parse(iso);

/** Pieces of one recording that are cut at whole seconds leave no hole between them, ms. */
const JOINT = 2000;

/** When sound or pictures ran, by the step that they show. */
function shownTimes(recordings: Recording[]): Map<string, Interval[]> {
  const found = new Map<string, Interval[]>();
  for (const recording of recordings.filter((one) => PLAYABLE.has(one.media_kind))) {
    for (const { step_id, begins_at, ends_at, rejected } of recording.attributions) {
      const shown = { from: ms(begins_at), to: ms(ends_at) };
      if (!rejected) found.set(step_id, united([...(found.get(step_id) ?? []), shown], JOINT));
    }
  }
  return found;
}

function stepItem(inspection: Inspection, step: Step, shown: Interval[]): StepItem | null {
  if (!step.started_at) return null;
  const from = ms(step.started_at);
  const to = step.ended_at ? ms(step.ended_at) : from;
  const coverage = step.coverage;
  if (!coverage) return { step, inspection, from, to, covered: [], met: [], gaps: [] };
  const required = { from: ms(coverage.required_from), to: ms(coverage.required_to) };
  const gaps = coverage.gaps.map((gap) => ({ gap, from: ms(gap.begin), to: ms(gap.end) }));
  const judged = without(required, gaps);
  return {
    step,
    inspection,
    from: Math.min(from, required.from),
    to: Math.max(to, required.to),
    covered: judged.flatMap((part) => without(part, without(part, shown))),
    met: judged.flatMap((part) => without(part, shown)).filter((part) => part.to - part.from > JOINT),
    gaps,
  };
}

function recordingItem(recording: Recording): RecordingItem | null {
  if (!recording.captured_from) return null;
  const from = ms(recording.captured_from);
  return { recording, from, to: recording.captured_to ? ms(recording.captured_to) : from };
}

function cameras(recordings: Recording[]): Camera[] {
  const found = new Map<string, Camera>();
  for (const recording of recordings) {
    const item = recordingItem(recording);
    if (!item) continue;
    const { id, name } = recording.device;
    const camera = found.get(id) ?? { id, name, holders: [], items: [] };
    found.set(id, camera);
    camera.items.push(item);
    const holder = recording.holder?.name;
    if (holder && !camera.holders.includes(holder)) camera.holders.push(holder);
  }
  return [...found.values()];
}

export function timelineOf(page: CasePage): Timeline {
  const visits = page.inspections
    .filter((inspection) => !inspection.duplicate_of)
    .map((inspection) => ({ inspection, ...extentOf(inspection, page.inspections) }))
    .sort((a, b) => a.from - b.from);
  const shown = shownTimes(page.recordings);
  const steps = page.inspections
    .flatMap((inspection) =>
      inspection.steps.map((step) => stepItem(inspection, step, shown.get(step.id) ?? [])),
    )
    .filter((item) => item !== null)
    .sort((a, b) => a.from - b.from);
  return {
    visits,
    steps,
    cameras: cameras(page.recordings),
    untimed: page.recordings.filter((recording) => !recording.captured_from),
  };
}

/** From the first to the last moment that a visit, or a copy merged into it, tells of. */
function extentOf(inspection: Inspection, all: Inspection[]): Interval {
  const copies = all.filter((one) => one.id === inspection.id || one.duplicate_of === inspection.id);
  const times = copies
    .flatMap((one) => [
      one.started_at,
      one.ended_at,
      ...one.steps.flatMap((step) => [step.started_at, step.ended_at]),
    ])
    .filter((time) => time !== null)
    .map(ms);
  return { from: Math.min(...times), to: Math.max(...times) };
}

/** Everything with a time, for the axis. */
export function happenings(timeline: Timeline): Interval[] {
  return united([
    ...timeline.visits,
    ...timeline.steps,
    ...timeline.cameras.flatMap((camera) => camera.items),
  ].map(({ from, to }) => ({ from, to })));
}

function playing(timeline: Timeline): RecordingItem[] {
  return timeline.cameras
    .flatMap((camera) => camera.items)
    .filter(({ recording }) => PLAYABLE.has(recording.media_kind) && recording.state === "ready");
}

/** What can be played at a moment: video before audio. */
export function recordingAt(timeline: Timeline, t: number): RecordingItem | null {
  const there = playing(timeline).filter((item) => item.from <= t && t < item.to);
  return there.find(({ recording }) => recording.media_kind === "video") ?? there[0] ?? null;
}

/** The recording that ends at a gap, or else the last one to end before it. */
export function lastBefore(timeline: Timeline, t: number): RecordingItem | null {
  const before = playing(timeline).filter((item) => item.from < t);
  return before.sort((a, b) => Math.min(b.to, t) - Math.min(a.to, t))[0] ?? null;
}

/** The recording that runs on, or begins first, after a moment. */
export function firstAfter(timeline: Timeline, t: number): RecordingItem | null {
  const after = playing(timeline).filter((item) => item.to > t);
  return after.sort((a, b) => Math.max(a.from, t) - Math.max(b.from, t))[0] ?? null;
}
