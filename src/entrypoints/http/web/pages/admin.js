/** Administration page: health, statistics, accounts and lists of text. */

import { el } from "../core/dom.js";
import { t } from "../core/language.js";
import { healthCard } from "../admin/health.js";
import { statisticsCard } from "../admin/statistics.js";
import { textLists } from "../admin/text-lists.js";
import { users } from "../admin/users.js";
import { empty } from "../ui/placeholders.js";

/**
 * @param {import("../app.js").App} app
 * @param {import("../core/router.js").Place} _place
 * @param {AbortSignal} signal
 */
export function admin(app, _place, signal) {
  const heading = el("h1", { tabindex: "-1" }, t("admin.title"));
  if (!app.isAdmin) return el("div", {}, heading, empty(t("error.forbidden")));
  return el(
    "div",
    {},
    heading,
    el("div", { class: "pair" }, healthCard(app, signal), statisticsCard(app, signal)),
    users(app, signal),
    textLists(app, signal),
  );
}
