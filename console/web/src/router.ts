import { createRouter, createWebHistory } from "vue-router";
import { onSignedOut } from "@/api/client";
import { forget, whoAmI } from "@/session";

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    {
      path: "/sign-in",
      name: "sign-in",
      component: () => import("@/pages/SignIn.vue"),
      meta: { open: true },
    },
    { path: "/", name: "cases", component: () => import("@/pages/CaseList.vue") },
    {
      path: "/cases/:id",
      name: "case",
      component: () => import("@/pages/CaseFile.vue"),
      props: true,
    },
    { path: "/inbox", name: "inbox", component: () => import("@/pages/Inbox.vue") },
    { path: "/:rest(.*)*", name: "nowhere", component: () => import("@/pages/Nowhere.vue") },
  ],
  scrollBehavior: (_to, _from, saved) => saved ?? { top: 0 },
});

router.beforeEach(async (to) => {
  if (to.meta.open) return true;
  return (await whoAmI()) ? true : { name: "sign-in", query: { then: to.fullPath } };
});

onSignedOut(() => {
  forget();
  const here = router.currentRoute.value;
  if (here.matched.length > 0 && !here.meta.open) {
    void router.push({ name: "sign-in", query: { then: here.fullPath } });
  }
});
