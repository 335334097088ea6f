/** What became different between two readings of a case, in words. Pure. */

import type { CasePage, Flag } from "@/api/types";
import { aside, said } from "@/i18n";

export type Translate = (key: string, values?: Record<string, unknown>) => string;

const HEAD = ["title", "cause", "summary"] as const;
const live = (flag: Flag) => flag.state === "open" || flag.state === "acknowledged";

function fresh<T extends { id: string }>(before: T[], after: T[]): T[] {
  const known = new Set(before.map(({ id }) => id));
  return after.filter(({ id }) => !known.has(id));
}

/** Those of `after` that were there before, with what they were. */
function kept<T extends { id: string }>(before: T[], after: T[]): [T, T][] {
  const known = new Map(before.map((one) => [one.id, one]));
  return after.flatMap((one) => {
    const was = known.get(one.id);
    return was ? [[was, one] as [T, T]] : [];
  });
}

function inHead({ case: before }: CasePage, { case: after }: CasePage, t: Translate): string[] {
  const changed: [string, string][] = HEAD.filter((name) => before[name] !== after[name]).map(
    (name) => [t(`field.${name}`), after[name]],
  );
  if (before.stage !== after.stage) changed.push([t("case.stage"), t(`stage.${after.stage}`)]);
  if (before.lead?.id !== after.lead?.id) changed.push([t("case.lead"), after.lead?.name ?? "—"]);
  if (before.party?.id !== after.party?.id) changed.push([t("case.party"), after.party?.name ?? "—"]);
  return changed.map(([what, value]) => t("change.field", { what, value }));
}

function inVisits(before: CasePage, after: CasePage, t: Translate): string[] {
  const name = (title: string) => title || t("visit.untitled");
  const told = fresh(before.inspections, after.inspections).map((one) =>
    t("change.new_visit", { what: name(one.title) }),
  );
  for (const [was, is] of kept(before.inspections, after.inspections)) {
    if (was.version !== is.version) told.push(t("change.visit", { what: name(is.title) }));
    const versions = new Map(was.records.map((record) => [record.id, record.versions.length]));
    for (const record of is.records) {
      if (versions.get(record.id) !== record.versions.length) {
        told.push(t("change.new_record", { what: record.title }));
      }
    }
  }
  return told;
}

function inRecordings(before: CasePage, after: CasePage, t: Translate): string[] {
  const told = fresh(before.recordings, after.recordings).map((one) =>
    t("change.new_recording", { what: one.file_name }),
  );
  for (const [was, is] of kept(before.recordings, after.recordings)) {
    if (was.state !== is.state) {
      const state = t(`timeline.states.${is.state}`);
      told.push(t("change.recording_state", { what: is.file_name, state }));
    }
  }
  return told;
}

function inFlags(before: CasePage, after: CasePage, t: Translate): string[] {
  const was = before.flags.filter(live);
  const is = after.flags.filter(live);
  const words = (flag: Flag) => `${t(`flag.${flag.kind}`)} ${said(flag.explanation)}`;
  return [
    ...fresh(was, is).map((flag) => t("change.new_flag", { what: words(flag) })),
    ...fresh(is, was).map((flag) => t("change.gone_flag", { what: words(flag) })),
  ];
}

function inReview(before: CasePage, after: CasePage, t: Translate): string[] {
  const verdicts = fresh(before.verdicts, after.verdicts).map((one) => {
    const what = t(one.verdict === "accept" ? "history.accepted" : "history.returned");
    return t("change.new_verdict", { who: one.by, what: one.reason ? what + aside(one.reason) : what });
  });
  const deadlines = kept(before.deadlines, after.deadlines)
    .filter(([was, is]) => was.state !== is.state)
    .map(([, is]) => {
      const title = said(is.explanation.title as Record<string, unknown>) || is.rule_id;
      return t("change.deadline", { what: title, state: t(`deadline.states.${is.state}`) });
    });
  return [...verdicts, ...deadlines];
}

export function changesBetween(before: CasePage, after: CasePage, t: Translate): string[] {
  return [inReview, inHead, inVisits, inRecordings, inFlags].flatMap((look) => look(before, after, t));
}
