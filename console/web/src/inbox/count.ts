/** How much waits in the inbox, for the bar above every page. */

import { readonly, ref } from "vue";
import { api } from "@/api/client";

const waiting = ref(0);

export const inInbox = readonly(waiting);

/** A bar without a number is better than a page that fails for it. */
export async function countInbox(): Promise<void> {
  waiting.value = await api.get<number>("/api/inbox/count").catch(() => 0);
}
