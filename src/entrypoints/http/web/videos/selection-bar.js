/** What can be done with the selected videos. */

import { el, fill } from "../core/dom.js";
import { t } from "../core/language.js";
import { link } from "../core/router.js";
import { describeAll } from "./describe.js";
import { shareAll } from "./share-all.js";

/** Most videos that are ordered at once. */
export const MAX_SELECTED = 100;

/**
 * @param {import("../app.js").App} app
 * @param {() => void} reload
 * @param {AbortSignal} signal
 */
export function selectionBar(app, reload, signal) {
  const text = el("p", { "aria-live": "polite" });
  const actions = el("div", { class: "actions" });
  const node = el("div", { class: "selection", role: "region", "aria-label": t("selection.title") }, text, actions);

  function show() {
    const { videos } = app.selection;
    node.hidden = !videos.length;
    text.textContent = t("selection.count", { count: videos.length });
    const editable = videos.filter(({ access }) => access !== "viewer");
    const isOrdered = editable.length === videos.length && videos.length <= MAX_SELECTED;
    if (videos.length && !isOrdered)
      text.textContent = t(videos.length > MAX_SELECTED ? "selection.tooMany" : "selection.viewer", {
        count: videos.length,
        most: MAX_SELECTED,
      });
    fill(
      actions,
      isOrdered && el("a", { class: "button primary", href: link("/order") }, t("selection.order")),
      isOrdered &&
        el("button", { type: "button", onclick: () => describeAll(app, videos, reload) }, t("selection.tag")),
      videos.length > 0 &&
        videos.every(({ access }) => access === "owner") &&
        el("button", { type: "button", onclick: () => shareAll(app, videos) }, t("videos.share")),
      el("button", { type: "button", onclick: () => app.selection.clear() }, t("selection.clear")),
    );
  }
  app.selection.addEventListener("change", show, { signal });
  show();
  return node;
}
