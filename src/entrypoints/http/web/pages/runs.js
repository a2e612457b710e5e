/** All runs, those in work live. */

import { el } from "../core/dom.js";
import { t } from "../core/language.js";
import { link, numberOf, remember } from "../core/router.js";
import { Entry } from "../runs/entry.js";
import { isFinal } from "../runs/follow.js";
import { field, select } from "../ui/fields.js";
import { pageAt, pager } from "../ui/pager.js";
import { empty, loaded } from "../ui/states.js";

const PAGE = 10;
const STATUSES = ["pending", "processing", "completed", "failed", "cancelled"];

/**
 * @param {import("../app.js").App} app
 * @param {import("../core/router.js").Place} place
 * @param {AbortSignal} signal
 */
export function runs(app, place, signal) {
  const wanted = place.query.get("status") ?? "";
  const filter = {
    status: STATUSES.includes(wanted) ? wanted : "",
    video_id: String(numberOf(place.query, "video_id") || ""),
    offset: numberOf(place.query, "offset"),
  };
  let shown = new AbortController();

  async function load() {
    const ask = (/** @type {number} */ offset) =>
      app.api.get("/api/frames/anonymize/requests/", { query: { ...filter, offset, limit: PAGE }, signal });
    const [page, videos] = await Promise.all([
      pageAt(ask, filter.offset),
      app.api.get("/api/videos/", { query: { limit: 100 }, signal }),
    ]);
    /** @type {Map<number, string>} */
    const names = new Map(videos.items.map((/** @type {any} */ video) => [video.id, video.filename]));
    await addMissing(names, page.items);
    return { page, names };
  }

  /**
   * Names of videos that were not among the newest.
   * @param {Map<number, string>} names
   * @param {import("../runs/follow.js").Run[]} items
   */
  async function addMissing(names, items) {
    const missing = new Set(items.map((run) => run.video_id).filter((id) => !names.has(id)));
    const ask = (/** @type {number} */ id) => app.api.get(`/api/videos/${id}`, { signal }).catch(() => null);
    for (const video of await Promise.all([...missing].map(ask)))
      if (video) names.set(video.id, video.filename);
  }

  const list = loaded(app.api, signal, load, ({ page, names }) => {
    shown.abort();
    shown = new AbortController();
    showVideos(names);
    if (!page.items.length) return nothing();
    const entries = page.items.map(
      (/** @type {any} */ run) => new Entry(app, run, names.get(run.video_id) ?? ""),
    );
    const isSeen = AbortSignal.any([signal, shown.signal]);
    // The newest are listed first, and the oldest are in work.
    for (const entry of entries.toReversed()) {
      const { run } = entry;
      if (!isFinal(run)) app.news.follow(run.request_id, isSeen, (news) => entry.update(news));
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

  function nothing() {
    const isFiltered = filter.status || filter.video_id;
    if (isFiltered) return empty(t("runs.noneSuch"));
    return empty(
      t("runs.none"),
      el("a", { class: "button primary", href: link("/videos") }, t("runs.toVideos")),
    );
  }

  const status = select(
    [
      ["", t("runs.all")],
      ...STATUSES.map((one) => /** @type {[string, string]} */ ([one, t(`status.${one}`)])),
    ],
    filter.status,
    { onchange: () => change({ status: status.value, offset: 0 }) },
  );
  const video = select([["", t("runs.allVideos")]], "", {
    onchange: () => change({ video_id: video.value, offset: 0 }),
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
    el("div", { class: "filters" }, field(t("runs.status"), status), field(t("runs.video"), video)),
    list.node,
  );
}
