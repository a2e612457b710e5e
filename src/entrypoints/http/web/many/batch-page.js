/** Page of a batch: one bar for all orders, with each of them folded below. */

import { isAborted } from "../core/api.js";
import { el, fill, refill } from "../core/dom.js";
import { dateTime, duration, reportLanguage, t } from "../core/language.js";
import { link } from "../core/router.js";
import { waitingForRelease } from "./review-link.js";
import { downloadButton, heldBack, needsRelease } from "../runs/download.js";
import { reasonOf } from "../runs/failure.js";
import { actionButton } from "../ui/buttons.js";
import { confirmed } from "../ui/dialog.js";
import { icon } from "../ui/icons.js";
import { loaded } from "../ui/placeholders.js";

const POLL_INTERVAL = 2000;

/**
 * @typedef {object} Item an order of a batch as returned by the API
 * @property {number} index
 * @property {string | null} video_name
 * @property {string | null} request_id
 * @property {string | null} reference
 * @property {import("../runs/progress-stream.js").Status | null} status
 * @property {number | null} progress
 * @property {number | null} blanked_frames
 * @property {number | null} result_bytes
 * @property {string | null} released_at
 * @property {string | null} error
 * @property {string | null} error_code
 *
 * @typedef {object} Batch a batch as returned by the API
 * @property {string} batch_id
 * @property {string | null} template_name
 * @property {string} created_at
 * @property {boolean} is_finished
 * @property {number} progress
 * @property {number | null} estimated_remaining_time
 * @property {Record<string, number>} counts
 * @property {number} rejected
 * @property {Item[]} items
 */

/**
 * @param {import("../app.js").App} app
 * @param {import("../core/router.js").Place} place
 * @param {AbortSignal} signal
 */
export function batchPage(app, place, signal) {
  const path = `/api/batches/${encodeURIComponent(place.params.id)}`;
  const load = async () => {
    const [batch, mustRelease] = await Promise.all([app.api.get(path, { signal }), needsRelease(app)]);
    return { batch, mustRelease };
  };
  return el(
    "div",
    {},
    el("a", { class: "up", href: link("/runs") }, t("batch.back")),
    el("h1", { tabindex: "-1" }, t("batch.title")),
    loaded(app.api, signal, load, ({ batch, mustRelease }) => batchView(app, path, batch, mustRelease, signal)).node,
  );
}

/**
 * @param {import("../app.js").App} app
 * @param {string} path
 * @param {Batch} first
 * @param {boolean} mustRelease whether results have to be released before they are downloaded
 * @param {AbortSignal} signal
 */
function batchView(app, path, first, mustRelease, signal) {
  const bar = el("progress", { max: 100, "aria-label": t("batch.title") });
  const facts = el("p", { class: "facts", "aria-live": "polite" });
  const actions = el("div", { class: "actions" });
  const rows = el("ul", { class: "rows" });
  let shown = "";

  /** @param {Batch} batch */
  function show(batch) {
    bar.value = batch.progress;
    bar.hidden = batch.is_finished;
    facts.textContent = summary(batch);
    const state = JSON.stringify(batch.items);
    if (state === shown) return;
    shown = state;
    fill(actions, buttons(batch));
    refill(rows, batch.items.map((item) => row(app, item, mustRelease)));
  }

  /** @param {Batch} batch */
  function buttons(batch) {
    const results = batch.items.filter((item) => item.result_bytes);
    const released = results.filter((item) => item.released_at);
    const address = `${path}/download?language=${reportLanguage()}`;
    const content = [icon("download"), t("batch.download")];
    const download = el("a", { class: "button primary", href: address, download: "" }, ...content);
    const isPart = mustRelease && released.length > 0 && released.length < results.length;
    return [
      results.length > 0 && (mustRelease && !released.length ? heldBack(...content) : download),
      isPart && el("span", { class: "reason" }, t("batch.part", { released: released.length, total: results.length })),
      !batch.is_finished && actionButton(app, {}, cancel, t("batch.cancel")),
    ];
  }

  async function cancel() {
    const question = { title: t("batch.cancel"), text: t("batch.cancelWords"), action: t("batch.cancel") };
    if (await confirmed(question)) show(await app.api.delete(path));
  }

  async function follow() {
    let batch = first;
    while (!batch.is_finished && !signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL));
      if (signal.aborted) return;
      try {
        batch = await app.api.get(path, { signal });
        show(batch);
      } catch (error) {
        if (isAborted(error)) return;
      }
    }
    if (!first.is_finished && !signal.aborted) app.announcer.say(t("batch.finished"));
  }
  show(first);
  follow();
  const count = first.items.length;
  return el(
    "div",
    { class: "card batch" },
    waitingForRelease(app, signal),
    el("p", { class: "facts" }, [first.template_name, dateTime(first.created_at)].filter(Boolean).join(" · ")),
    bar,
    facts,
    actions,
    el(
      "details",
      { class: "more", open: first.is_finished || first.rejected > 0 },
      el("summary", {}, t("many.videos", { count })),
      rows,
    ),
  );
}

/**
 * Return the state of a batch as text.
 * @param {Batch} batch
 */
export function summary(batch) {
  const statuses = ["completed", "processing", "pending", "failed", "cancelled"];
  const counts = statuses
    .filter((status) => batch.counts[status])
    .map((status) => `${t(`status.${status}`)}: ${batch.counts[status]}`);
  if (batch.rejected) counts.push(t("batch.rejected", { count: batch.rejected }));
  const left = batch.estimated_remaining_time;
  if (left !== null) counts.push(t("runs.left", { time: duration(Math.max(1, left)) }));
  return counts.join(" · ");
}

/**
 * @param {import("../app.js").App} app
 * @param {Item} item
 * @param {boolean} mustRelease
 */
function row(app, item, mustRelease) {
  const name = item.video_name ?? t("runs.deletedVideo");
  const status = item.status ?? "failed";
  const label = item.status ? t(`status.${item.status}`) : t("batch.rejectedOne");
  const progress = item.status === "processing" ? `${item.progress} %` : "";
  const blanked = item.blanked_frames ? t("batch.black", { count: item.blanked_frames }) : "";
  const id = item.request_id;
  return el(
    "li",
    { "data-key": String(item.index) },
    el("b", {}, [item.reference, name].filter(Boolean).join(" · ")),
    el("span", { class: "badge", "data-status": status }, label),
    el("span", { class: "facts" }, [progress, blanked, reasonOf(item)].filter(Boolean).join(" · ")),
    id && item.result_bytes
      ? [
          el("a", { class: "button", href: link(`/runs/${id}/review`) }, icon("review"), t("runs.review")),
          downloadButton(app, id, mustRelease && !item.released_at),
        ]
      : [],
  );
}
