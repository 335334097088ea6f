/** How far a recording's own clock was off, in words. */

import { useI18n } from "vue-i18n";
import type { Recording } from "@/api/types";
import { dayAndClock } from "@/time";

/** Seconds as people say them: whole from ten on, one decimal below. */
export function seconds(milliseconds: number): string {
  const s = Math.abs(milliseconds) / 1000;
  return s >= 10 || Number.isInteger(s) ? String(Math.round(s)) : s.toFixed(1);
}

/** Within so much of the truth a recording is placed without a mark, ms. */
const TRUSTED = 5000;

export function isUncertain(recording: Recording): boolean {
  return (recording.uncertainty_ms ?? 0) > TRUSTED;
}

export function useClockWords() {
  const { t } = useI18n();

  function offset(recording: Recording): string {
    const ahead = recording.clock_offset_ms;
    if (ahead === null) return "";
    if (Math.abs(ahead) < 500) return t("timeline.on_time");
    return t(ahead > 0 ? "timeline.ahead" : "timeline.behind", { n: seconds(ahead) });
  }

  /** “设备称 2026-11-23 09:09:37，快 97 秒，已校正，± 0.8 秒” */
  function clockWords(recording: Recording): string[] {
    if (!recording.claimed_begin) return [];
    const words = [t("timeline.claimed", { time: dayAndClock(recording.claimed_begin) })];
    const off = offset(recording);
    if (off) words.push(off);
    if (recording.uncertainty_ms !== null) {
      words.push(t("timeline.give_or_take", { n: seconds(recording.uncertainty_ms) }));
    }
    return words;
  }

  /** “快 97 秒，已校正 ±0.1 秒”, of the camera's largest error; nothing below a second. */
  function laneClock(recordings: Recording[]): string {
    const size = (recording: Recording) => Math.abs(recording.clock_offset_ms ?? 0);
    const worst = recordings.reduce<Recording | null>(
      (most, one) => (size(one) > (most ? size(most) : 0) ? one : most),
      null,
    );
    if (!worst || size(worst) < 1000) return "";
    // Never said to be surer than a tenth of a second.
    const sure = seconds(Math.ceil((worst.uncertainty_ms ?? 0) / 100) * 100);
    const key = (worst.clock_offset_ms ?? 0) > 0 ? "timeline.lane_ahead" : "timeline.lane_behind";
    return t(key, { n: seconds(Math.round(size(worst) / 100) * 100), sure });
  }

  return { clockWords, laneClock };
}
