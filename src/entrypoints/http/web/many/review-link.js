/** Results that wait for the user's release, above the list of runs. */

import { el } from "../core/dom.js";
import { t } from "../core/language.js";
import { link } from "../core/router.js";
import { needsRelease } from "../runs/download.js";
import { loaded } from "../ui/placeholders.js";

/**
 * @param {import("../app.js").App} app
 * @param {AbortSignal} signal
 */
export function waitingForRelease(app, signal) {
  async function load() {
    if (!(await needsRelease(app))) return 0;
    const query = { awaiting_release: true, limit: 1 };
    return (await app.api.get("/api/frames/anonymize/requests/", { query, signal })).total;
  }
  return loaded(app.api, signal, load, (count) =>
    count
      ? el(
          "div",
          { class: "notice waiting" },
          el("p", {}, t("reviews.waiting", { count })),
          el("a", { class: "button primary", href: link("/reviews") }, t("reviews.open")),
        )
      : null,
  ).node;
}
