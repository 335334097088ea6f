/** How far a recording's own clock was off, in words. */

import { useI18n } from "vue-i18n";
import type { Recording } from "@/api/types";
import { dayAndClock } from "@/time";

/** Seconds as people say them: whole from ten on, one decimal below. */
export function seconds(milliseconds: number): string {
  const s = Math.abs(milliseconds) / 1000;
  return s >= 10 || Number.isInteger(s) ? String(Math.round(s)) : s.toFixed(1);
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

  return { clockWords };
}
