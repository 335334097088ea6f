import { aside } from "@/i18n";
import { clock } from "@/time";

/** The body of a fact as one line; shapes are those of the operations' vocabulary. */
export function factWords(body: Record<string, unknown>): string {
  const { text, name, quantity, role, from, to, cause } = body;
  if (typeof text === "string") return text;
  if (typeof from === "string" && typeof to === "string") return `${clock(from)}–${clock(to)} ${String(cause ?? "")}`;
  if (typeof name === "string") {
    if (quantity !== undefined && quantity !== null) return `${name} × ${String(quantity)}`;
    return typeof role === "string" ? name + aside(role) : name;
  }
  return JSON.stringify(body);
}
