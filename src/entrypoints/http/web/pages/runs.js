/** List of all runs, with live progress. */

import { el } from "../core/dom.js";
import { t } from "../core/language.js";
import { link, numberOf, remember } from "../core/router.js";
import { batchList } from "../many/batch-list.js";
import { waitingForRelease } from "../many/review-link.js";
import { needsRelease } from "../runs/download.js";
import { Entry } from "../runs/entry.js";
import { isFinal } from "../runs/progress-stream.js";
import { field, select } from "../ui/fields.js";
import { pageAt, pager } from "../ui/pager.js";
import { empty, loaded } from "../ui/placeholders.js";
import { nameOf } from "../videos/video.js";

const PAGE = 10;
const STATUSES = ["pending", "processing", "completed", "failed", "cancelled"];

/**
 * @param {import("../app.js").App} app
 * @param {import("../core/router.js").Place} place
 * @param {AbortSignal} signal
 */
export function runs(app, place, signal) {
  const statusName = place.query.get("status") ?? "";
  const filter = {
    status: STATUSES.includes(statusName) ? statusName : "",
    video_id: String(numberOf(place.query, "video_id") || ""),
    search: place.query.get("search") ?? "",
    offset: numberOf(place.query, "offset"),
  };
  let listAbort = new AbortController();

  async function load() {
    const fetchPage = (/** @type {number} */ offset) =>
      app.api.get("/api/frames/anonymize/requests/", { query: { ...filter, offset, limit: PAGE }, signal });
    const [page, mustRelease, videos] = await Promise.all([
      pageAt(fetchPage, filter.offset),
      needsRelease(app),
      app.api.get("/api/videos/", { query: { limit: 100 }, signal }),
    ]);
    /** @type {Map<number, string>} */
    const names = new Map(videos.items.map((/** @type {any} */ video) => [video.id, nameOf(video)]));
    await addMissing(names, page.items);
    return { page, names, mustRelease };
  }

  /**
   * Add the names of videos that are not among the newest.
   * @param {Map<number, string>} names
   * @param {import("../runs/progress-stream.js").Run[]} items
   */
  async function addMissing(names, items) {
    const missing = new Set(items.map((run) => run.video_id).filter((id) => !names.has(id)));
    const fetchVideo = (/** @type {number} */ id) =>
      app.api.get(`/api/videos/${id}`, { signal }).catch(() => null);
    for (const video of await Promise.all([...missing].map(fetchVideo)))
      if (video) names.set(video.id, nameOf(video));
  }

  const list = loaded(app.api, signal, load, ({ page, names, mustRelease }) => {
    listAbort.abort();
    listAbort = new AbortController();
    showVideos(names);
    if (!page.items.length) return noRuns();
    const entries = page.items.map(
      (/** @type {any} */ run) => new Entry(app, run, names.get(run.video_id) ?? "", mustRelease),
    );
    const listSignal = AbortSignal.any([signal, listAbort.signal]);
    // The list starts with the newest run, but the oldest are processed first.
    for (const entry of entries.toReversed()) {
      const { run } = entry;
      if (!isFinal(run)) app.progress.subscribe(run.request_id, listSignal, (state) => entry.update(state));
    }
    return [
      el(
        "ul",
        { class: "runs" },
        entries.map((/** @type {Entry} */ entry) => entry.node),
      ),
      pager(page, (offset) => change({ offset })) ?? el("span"),
    ];
  });

  /** @param {Partial<typeof filter>} changes */
  function change(changes) {
    Object.assign(filter, changes);
    remember("/runs", filter);
    list.reload();
  }

  function noRuns() {
    const isFiltered = filter.status || filter.video_id || filter.search;
    if (isFiltered) return empty(t("runs.noneSuch"));
    return empty(
      t("runs.none"),
      el("a", { class: "button primary", href: link("/videos") }, t("runs.toVideos")),
    );
  }

  const status = select(
    [
      ["", t("runs.all")],
      ...STATUSES.map((name) => /** @type {[string, string]} */ ([name, t(`status.${name}`)])),
    ],
    filter.status,
    { onchange: () => change({ status: status.value, offset: 0 }) },
  );
  const video = select([["", t("runs.allVideos")]], "", {
    onchange: () => change({ video_id: video.value, offset: 0 }),
  });
  const search = el("input", {
    type: "search",
    value: filter.search,
    maxlength: 80,
    onchange: () => change({ search: search.value.trim(), offset: 0 }),
  });
  /** @param {Map<number, string>} names */
  function showVideos(names) {
    const options = [...names].map(
      ([id, name]) => new Option(name, String(id), false, String(id) === filter.video_id),
    );
    video.replaceChildren(new Option(t("runs.allVideos"), ""), ...options);
  }
  return el(
    "div",
    {},
    el("h1", { tabindex: "-1" }, t("runs.title")),
    el("p", { class: "lead" }, t("runs.lead")),
    waitingForRelease(app, signal),
    batchList(app, signal),
    el(
      "div",
      { class: "filters" },
      field(t("runs.search"), search),
      field(t("runs.status"), status),
      field(t("runs.video"), video),
    ),
    list.node,
  );
}
