/** What the timeline says of a thing under the pointer. */

import { useI18n } from "vue-i18n";
import type { Recording } from "@/api/types";
import { isUncertain, seconds, useClockWords } from "@/case/clock";
import { cited, language, listed } from "@/i18n";
import { clock, dayAndClock, length } from "@/time";
import type { GapPart, RecordingItem, StepItem } from "./model";

export interface Told {
  title: string;
  lines: string[];
}

export function useTimelineWords() {
  const { t } = useI18n();
  const { clockWords } = useClockWords();

  function stepName({ step }: StepItem): string {
    return language.value === "en" ? step.en : step.zh;
  }

  function span(from: number, to: number): string {
    return `${clock(from)}–${clock(to)}`;
  }

  function ofStep(item: StepItem): Told {
    const lines = [span(item.from, item.to)];
    const coverage = item.step.coverage;
    if (coverage) {
      lines.push(
        t("timeline.step_covered", {
          required: length(coverage.required_s),
          covered: length(item.covered.reduce((sum, part) => sum + part.to - part.from, 0) / 1000),
        }),
        cited(coverage.article),
      );
      if (item.met.length > 0) lines.splice(2, 0, t("timeline.met_here"));
    } else lines.push(t("timeline.unrecorded"));
    if (item.step.note) lines.push(item.step.note);
    return { title: stepName(item), lines };
  }

  function ofGap(item: StepItem, part: GapPart): Told {
    const lines = [
      span(part.from, part.to),
      part.gap.cause ? `${t("timeline.explained")}：${part.gap.cause}` : t("timeline.gap_unexplained"),
    ];
    if (!part.gap.certain) lines.push(t("timeline.gap_uncertain"));
    if (item.step.coverage) lines.push(cited(item.step.coverage.article));
    return {
      title: `${stepName(item)}：${t("timeline.gap_is", { seconds: Math.round(part.gap.seconds) })}`,
      lines,
    };
  }

  function shownSteps(recording: Recording, steps: StepItem[]): string {
    const ids = new Set(recording.attributions.filter((a) => !a.rejected).map((a) => a.step_id));
    const names = steps.filter((item) => ids.has(item.step.id)).map(stepName);
    return names.length > 0 ? listed(names) : t("timeline.not_attributed");
  }

  function ofRecording(item: RecordingItem, steps: StepItem[]): Told {
    const { recording } = item;
    const when = item.to > item.from ? span(item.from, item.to) : dayAndClock(item.from);
    const state = recording.state === "ready" ? [] : [t(`timeline.states.${recording.state}`)];
    const doubt = isUncertain(recording)
      ? [t("timeline.uncertain", { n: seconds(recording.uncertainty_ms ?? 0) })]
      : [];
    return {
      title: recording.file_name,
      lines: [when, ...doubt, ...clockWords(recording), shownSteps(recording, steps), ...state],
    };
  }

  return { stepName, ofStep, ofGap, ofRecording };
}
