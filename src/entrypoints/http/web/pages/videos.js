/** List of videos, with upload, search, selection, sharing and deletion. */

import { el } from "../core/dom.js";
import { t } from "../core/language.js";
import { numberOf, remember } from "../core/router.js";
import { actionButton } from "../ui/buttons.js";
import { dropZone } from "../ui/drop-zone.js";
import { pageAt, pager } from "../ui/pager.js";
import { empty, loaded } from "../ui/placeholders.js";
import { videoCard } from "../videos/card.js";
import { filterOf, isFiltered, videoFilters } from "../videos/filters.js";
import { MAX_SELECTED, selectionBar } from "../videos/selection-bar.js";

const PAGE = 24;

/** @typedef {import("../videos/video.js").Video} Video */

/**
 * @param {import("../app.js").App} app
 * @param {import("../core/router.js").Place} place
 * @param {AbortSignal} signal
 */
export function videos(app, place, signal) {
  const filter = filterOf(place.query, numberOf(place.query, "offset"));
  const fetchPage = (/** @type {number} */ offset, limit = PAGE) =>
    app.api.get("/api/videos/", { query: { ...filter, limit, offset }, signal });
  const list = loaded(
    app.api,
    signal,
    () => pageAt(fetchPage, filter.offset),
    (page, reload) => {
      filters.showTags();
      if (!page.items.length) return empty(t(isFiltered(filter) ? "videos.noneSuch" : "videos.none"));
      return [
        selectAll(page.total),
        el(
          "ul",
          { class: "cards" },
          page.items.map((/** @type {Video} */ video) => videoCard(app, video, reload, signal)),
        ),
        pager(page, (offset) => change({ offset })) ?? el("span"),
      ];
    },
  );

  /** @param {number} total */
  function selectAll(total) {
    const count = Math.min(total, MAX_SELECTED);
    const select = async () => app.selection.set((await fetchPage(0, MAX_SELECTED)).items, true);
    return el("div", { class: "actions" }, actionButton(app, {}, select, t("selection.all", { count })));
  }

  /** @param {Partial<import("../videos/filters.js").Filter>} changes */
  function change(changes) {
    Object.assign(filter, changes);
    remember("/videos", { ...filter });
    list.reload();
  }

  /** @param {File[]} files */
  function upload(files) {
    for (const file of files) app.uploads.add(app, file);
  }
  const filters = videoFilters(app, filter, change, signal);
  app.uploads.addEventListener("done", () => list.reload(), { signal });
  const accept = "video/*,.mkv,.mov,.avi,.webm,.mp4,.m4v,.mpg,.ts";
  return el(
    "div",
    {},
    el("h1", { tabindex: "-1" }, t("videos.title")),
    el("p", { class: "lead" }, t("videos.lead")),
    dropZone({ label: t("videos.drop"), help: t("videos.dropHelp"), accept, multiple: true }, upload),
    app.uploads.node,
    filters.node,
    list.node,
    selectionBar(app, list.reload, signal),
  );
}
