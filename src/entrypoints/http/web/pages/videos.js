/** List of videos, with upload, sharing and deletion. */

import { el } from "../core/dom.js";
import { t } from "../core/language.js";
import { numberOf, remember } from "../core/router.js";
import { dropZone } from "../ui/drop-zone.js";
import { pageAt, pager } from "../ui/pager.js";
import { empty, loaded } from "../ui/placeholders.js";
import { videoCard } from "../videos/card.js";

const PAGE = 12;

/** @typedef {import("../videos/video.js").Video} Video */

/**
 * @param {import("../app.js").App} app
 * @param {import("../core/router.js").Place} place
 * @param {AbortSignal} signal
 */
export function videos(app, place, signal) {
  let offset = numberOf(place.query, "offset");
  const fetchPage = (/** @type {number} */ from) =>
    app.api.get("/api/videos/", { query: { limit: PAGE, offset: from }, signal });
  const list = loaded(
    app.api,
    signal,
    () => pageAt(fetchPage, offset),
    (page, reload) => {
      if (!page.items.length) return empty(t("videos.none"));
      return [
        el(
          "ul",
          { class: "cards" },
          page.items.map((/** @type {Video} */ video) => videoCard(app, video, reload)),
        ),
        pager(page, (next) => {
          offset = next;
          remember("/videos", { offset });
          reload();
        }) ?? el("span"),
      ];
    },
  );
  /** @param {File[]} files */
  function upload(files) {
    for (const file of files) app.uploads.add(app, file);
  }
  app.uploads.addEventListener("done", () => list.reload(), { signal });
  const accept = "video/*,.mkv,.mov,.avi,.webm,.mp4,.m4v,.mpg,.ts";
  return el(
    "div",
    {},
    el("h1", { tabindex: "-1" }, t("videos.title")),
    el("p", { class: "lead" }, t("videos.lead")),
    dropZone({ label: t("videos.drop"), help: t("videos.dropHelp"), accept, multiple: true }, upload),
    app.uploads.node,
    list.node,
  );
}
