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

/** What has a name in Chinese and perhaps one in English. */
export function nameOf(one: { name: string; name_en?: string }): string {
  return language.value === "en" && one.name_en ? one.name_en : one.name;
}

/** Names in a row. */
export function listed(names: string[]): string {
  return names.join(language.value === "zh" ? "、" : ", ");
}

/** A word in brackets behind another. */
export function aside(words: string | number): string {
  return language.value === "zh" ? `（${String(words)}）` : ` (${String(words)})`;
}

/** An article as the rules cite it: “中文 / English”, or in Chinese alone. */
export function cited(article: string): string {
  const [zh, en] = article.split(" / ", 2);
  return (language.value === "en" ? en : zh) ?? article;
}

export function said(sentence: Partial<Bilingual> | Record<string, unknown> | null | undefined): string {
  const both = sentence as Partial<Bilingual> | null | undefined;
  return both?.[language.value] ?? both?.zh ?? "";
}
