/** Order the anonymised frames of a video. */

import { Problem, wordsOf } from "../core/api.js";
import { el } from "../core/dom.js";
import { t } from "../core/language.js";
import { link } from "../core/router.js";
import { runToRepeat } from "../order/again.js";
import { Draft } from "../order/drafts.js";
import { orderForm } from "../order/form.js";
import { empty, loaded } from "../ui/states.js";

/** Galleries to choose from. */
const MOST_GALLERIES = 100;

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
      runToRepeat(app, place.query.get("like"), video.id, signal),
    ]);
    return { video, segments, regions, options, ...people, like };
  }

  /** All the rest can be ordered where there are no galleries. */
  async function galleries() {
    try {
      const { items } = await app.api.get("/galleries/", { query: { limit: MOST_GALLERIES }, signal });
      return { galleries: items, noGalleries: "" };
    } catch (error) {
      const isTold = error instanceof Problem && error.status > 0 && error.status !== 401;
      if (!isTold) throw error;
      return { galleries: [], noGalleries: wordsOf(error) };
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
