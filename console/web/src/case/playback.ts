/** What the player shows, and where it stands on the corrected clock. One for a case page. */

import { ref, shallowRef } from "vue";
import { api } from "@/api/client";
import type { Playback, Recording } from "@/api/types";
import type { GapPart, RecordingItem, StepItem } from "@/timeline/model";

/** A gap is entered a little before it begins, so that one sees the recording break off. */
export const RUN_UP = 5000;

export interface ShownGap {
  item: StepItem;
  part: GapPart;
}

/** Links carry the server's public name; the page may be open under another, so only paths count. */
function here(url: string): string {
  const { pathname, search } = new URL(url, location.origin);
  return pathname + search;
}

function withPaths(links: Playback): Playback {
  const result = { ...links };
  for (const kind of ["proxy", "poster", "thumbnail", "preview", "original"] as const) {
    const url = links[kind];
    if (url) result[kind] = here(url);
  }
  return result;
}

export async function linksOf(recordingId: string): Promise<Playback> {
  return withPaths(await api.get<Playback>(`/api/recordings/${recordingId}/playback`));
}

export function usePlayback() {
  const current = shallowRef<Recording | null>(null);
  const links = shallowRef<Playback | null>(null);
  const problem = shallowRef<unknown>(null);
  const gap = shallowRef<ShownGap | null>(null);
  /** The moment to go to, ms; the player takes it and clears it. */
  const wanted = ref<{ at: number; play: boolean } | null>(null);
  /** The moment on show, ms. */
  const head = ref<number | null>(null);

  async function load(): Promise<void> {
    const recording = current.value;
    if (!recording) return;
    problem.value = null;
    try {
      const answer = await linksOf(recording.id);
      if (current.value === recording) links.value = answer;
    } catch (error) {
      if (current.value === recording) problem.value = error;
    }
  }

  async function open(
    item: RecordingItem,
    at = item.from,
    { play = true, beside = null as ShownGap | null } = {},
  ): Promise<void> {
    gap.value = beside;
    const within = Math.min(Math.max(at, item.from), item.to);
    head.value = within;
    wanted.value = { at: within, play };
    if (current.value?.id === item.recording.id && links.value) return;
    links.value = null;
    current.value = item.recording;
    await load();
  }

  async function openUntimed(recording: Recording): Promise<void> {
    gap.value = null;
    head.value = null;
    wanted.value = null;
    links.value = null;
    current.value = recording;
    await load();
  }

  /** Shows the gap, with what was recorded just before it, where there is such a thing. */
  async function openGap(shown: ShownGap, before: RecordingItem | null): Promise<void> {
    if (before) {
      const end = Math.min(before.to, shown.part.from);
      await open(before, Math.max(before.from, end - RUN_UP), { play: false, beside: shown });
      return;
    }
    current.value = null;
    links.value = null;
    head.value = shown.part.from;
    gap.value = shown;
  }

  /** The same recording with newer facts, after the page was read again. */
  function refresh(recordings: Recording[]): void {
    const newer = recordings.find((one) => one.id === current.value?.id);
    if (!newer || newer.state === current.value?.state) return;
    current.value = newer;
    void load();
  }

  return { current, links, problem, gap, wanted, head, open, openUntimed, openGap, load, refresh };
}

export type PlaybackState = ReturnType<typeof usePlayback>;
