import { createApp } from "vue";
import App from "./App.vue";
import { useElements } from "./elements";
import { i18n } from "./i18n";
import { router } from "./router";
import "./styles/page.css";

createApp(App).use(i18n).use(router).use(useElements).mount("#app");
