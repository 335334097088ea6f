import { computed } from "vue";
import { createI18n } from "vue-i18n";
import { en } from "./en";
import { zh } from "./zh";

export type Language = "zh" | "en";

const KEY = "quanji.language";

function remembered(): Language {
  return localStorage.getItem(KEY) === "en" ? "en" : "zh";
}

export const i18n = createI18n({
  legacy: false,
  locale: remembered(),
  fallbackLocale: "zh",
  messages: { zh, en },
});

export const language = computed<Language>({
  get: () => i18n.global.locale.value as Language,
  set: (wanted) => {
    i18n.global.locale.value = wanted;
    localStorage.setItem(KEY, wanted);
    document.documentElement.lang = wanted === "zh" ? "zh-CN" : "en";
  },
});

/** A sentence that the server gives in both languages. */
export interface Bilingual {
  zh: string;
  en: string;
}

export function said(sentence: Partial<Bilingual> | Record<string, unknown> | null | undefined): string {
  const both = sentence as Partial<Bilingual> | null | undefined;
  return both?.[language.value] ?? both?.zh ?? "";
}
