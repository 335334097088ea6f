/** Who is signed in, for the whole page. The cookie itself is out of any script's reach. */

import { readonly, shallowRef } from "vue";
import { api, Problem } from "@/api/client";
import type { Me } from "@/api/types";

const signedIn = shallowRef<Me | null>(null);

export const me = readonly(signedIn);

export async function whoAmI(): Promise<Me | null> {
  if (signedIn.value) return signedIn.value;
  try {
    signedIn.value = await api.get<Me>("/api/session/me");
  } catch (error) {
    if (!(error instanceof Problem && error.kind === "not_signed_in")) throw error;
  }
  return signedIn.value;
}

export async function signIn(login: string, password: string): Promise<void> {
  signedIn.value = await api.post<Me>("/api/session", { login, password });
}

export async function signOut(): Promise<void> {
  await api.delete("/api/session");
  signedIn.value = null;
}

export function forget(): void {
  signedIn.value = null;
}

/** Who may look into cases: the same roles that the routes name. */
export function reads(): boolean {
  return has(
    "inspector",
    "supervisor",
    "legal_reviewer",
    "archivist",
    "department_admin",
    "bureau_supervisor",
    "auditor",
  );
}

export function has(...roles: string[]): boolean {
  return signedIn.value?.roles.some((role) => roles.includes(role)) ?? false;
}
