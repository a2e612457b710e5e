/** Page to order the anonymised frames of a video. */

import { Problem, messageOf } from "../core/api.js";
import { el } from "../core/dom.js";
import { t } from "../core/language.js";
import { link } from "../core/router.js";
import { runToReorder } from "../order/reorder.js";
import { Draft } from "../order/drafts.js";
import { orderForm } from "../order/form.js";
import { empty, loaded } from "../ui/placeholders.js";

/** Most galleries to choose from. */
const MAX_GALLERIES = 100;

/**
 * @param {import("../app.js").App} app
 * @param {import("../core/router.js").Place} place
 * @param {AbortSignal} signal
 */
export function run(app, place, signal) {
  const path = `/api/videos/${encodeURIComponent(place.params.id)}`;
  const marking = link(`/videos/${place.params.id}`);
  const get = (/** @type {string} */ address) => app.api.get(address, { signal });

  async function load() {
    const video = await get(path);
    const [segments, regions, options, people, like] = await Promise.all([
      get(`${path}/segments/`),
      get(`${path}/regions/`),
      get("/api/frames/anonymize/options"),
      galleries(),
      runToReorder(app, place.query.get("like"), video.id, signal),
    ]);
    return { video, segments, regions, options, ...people, like };
  }

  /** Without access to galleries, all other options remain available. */
  async function galleries() {
    try {
      const { items } = await app.api.get("/galleries/", { query: { limit: MAX_GALLERIES }, signal });
      return { galleries: items, noGalleries: "" };
    } catch (error) {
      const isAnswered = error instanceof Problem && error.status > 0 && error.status !== 401;
      if (!isAnswered) throw error;
      return { galleries: [], noGalleries: messageOf(error) };
    }
  }

  return el(
    "div",
    {},
    el("a", { class: "up", href: marking }, t("run.back")),
    el("h1", { tabindex: "-1" }, t("run.title")),
    loaded(app.api, signal, load, (order, reload) => {
      if (order.video.access === "viewer")
        return empty(t("run.viewer"), el("a", { class: "button", href: marking }, t("run.back")));
      return orderForm(app, order, new Draft(app, place), reload, signal);
    }).node,
  );
}
