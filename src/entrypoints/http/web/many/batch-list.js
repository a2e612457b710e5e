/** The latest batches, above the list of runs. */

import { el } from "../core/dom.js";
import { dateTime, t } from "../core/language.js";
import { link } from "../core/router.js";
import { loaded } from "../ui/placeholders.js";
import { summary } from "./batch-page.js";

const SHOWN = 5;

/**
 * @param {import("../app.js").App} app
 * @param {AbortSignal} signal
 */
export function batchList(app, signal) {
  const load = () => app.api.get("/api/batches/", { query: { limit: SHOWN }, signal });
  return loaded(app.api, signal, load, ({ items }) =>
    items.length
      ? el(
          "details",
          { class: "more", open: items.some((/** @type {any} */ batch) => !batch.is_finished) },
          el("summary", {}, t("batch.latest")),
          el("ul", { class: "rows" }, items.map(entry)),
        )
      : null,
  ).node;
}

/** @param {import("./batch-page.js").Batch} batch */
function entry(batch) {
  const title = t("many.videos", { count: batch.items.length });
  const name = [title, batch.template_name].filter(Boolean).join(" · ");
  return el(
    "li",
    {},
    el("a", { href: link(`/batches/${batch.batch_id}`) }, name),
    el("span", { class: "facts" }, `${dateTime(batch.created_at)} · ${summary(batch)}`),
  );
}
