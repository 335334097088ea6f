/** Law runs on Asia/Shanghai, so every page shows that zone, wherever the browser stands. */

import { language } from "@/i18n";

const ZONE = "Asia/Shanghai";

const parts = new Intl.DateTimeFormat("en-CA", {
  timeZone: ZONE,
  hourCycle: "h23",
  year: "numeric",
  month: "2-digit",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});

type Part = "year" | "month" | "day" | "hour" | "minute" | "second";

function split(time: number): Record<Part, string> {
  const found = {} as Record<Part, string>;
  for (const { type, value } of parts.formatToParts(time)) found[type as Part] = value;
  return found;
}

export type Moment = string | number;

export function ms(moment: Moment): number {
  return typeof moment === "number" ? moment : Date.parse(moment);
}

/** 2026-11-24 */
export function day(moment: Moment): string {
  const p = split(ms(moment));
  return `${p.year}-${p.month}-${p.day}`;
}

/** 09:41 */
export function minute(moment: Moment): string {
  const p = split(ms(moment));
  return `${p.hour}:${p.minute}`;
}

/** 09:41:07 */
export function clock(moment: Moment): string {
  return `${minute(moment)}:${split(ms(moment)).second}`;
}

/** 2026-11-24 09:41 */
export function dayAndMinute(moment: Moment): string {
  return `${day(moment)} ${minute(moment)}`;
}

/** 2026-11-24 09:41:07 */
export function dayAndClock(moment: Moment): string {
  return `${day(moment)} ${clock(moment)}`;
}

/** What a form's `datetime-local` field holds for a moment, in Shanghai. */
export function toField(moment: Moment): string {
  return `${day(moment)}T${minute(moment)}`;
}

/** The moment that such a field names, as the API takes it. */
export function fromField(field: string): string {
  return `${field}:00+08:00`;
}

const UNITS = {
  zh: { d: " 天", h: " 小时", m: " 分", s: " 秒" },
  en: { d: " d", h: " h", m: " min", s: " s" },
};

/** The two largest units of a length: “8 分 12 秒”, “3 天 4 小时”. */
export function length(seconds: number): string {
  const whole = Math.round(Math.abs(seconds));
  const unit = UNITS[language.value];
  const counted: [number, string][] = [
    [Math.floor(whole / 86400), unit.d],
    [Math.floor(whole / 3600) % 24, unit.h],
    [Math.floor(whole / 60) % 60, unit.m],
    [whole % 60, unit.s],
  ];
  const first = counted.findIndex(([count]) => count > 0);
  if (first < 0) return `0${unit.s}`;
  return counted
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, name]) => `${String(count)}${name}`)
    .join(" ");
}

/** Days from `now` to `moment` as the desk counts them: by calendar day in Shanghai. */
export function daysUntil(moment: Moment, now: Moment): number {
  const noon = (at: Moment) => Date.parse(`${day(at)}T12:00:00+08:00`);
  return Math.round((noon(moment) - noon(now)) / 86_400_000);
}
