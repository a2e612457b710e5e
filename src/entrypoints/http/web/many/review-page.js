/** Page to review and release many results: the riskiest frames of each below each other. */

import { isAborted } from "../core/api.js";
import { el } from "../core/dom.js";
import { t } from "../core/language.js";
import { link } from "../core/router.js";
import { actionButton } from "../ui/buttons.js";
import { confirmed } from "../ui/dialog.js";
import { empty, loaded } from "../ui/placeholders.js";
import { nameOf } from "../videos/video.js";
import { contactSheet } from "./contact-sheet.js";

/** Most results on the page; the others follow once these are released. */
const MAX_SHOWN = 50;

/** @typedef {import("../runs/progress-stream.js").Run} Run */

/**
 * @param {import("../app.js").App} app
 * @param {import("../core/router.js").Place} _place
 * @param {AbortSignal} signal
 */
export function reviewMany(app, _place, signal) {
  const list = loaded(app.api, signal, () => load(app, signal), ({ page, names }, reload) =>
    page.items.length ? results(app, page, names, reload, signal) : empty(t("reviews.none")),
  );
  return el(
    "div",
    {},
    el("a", { class: "up", href: link("/runs") }, t("runs.title")),
    el("h1", { tabindex: "-1" }, t("reviews.title")),
    el("p", { class: "lead" }, t("reviews.lead")),
    list.node,
  );
}

/**
 * @param {import("../app.js").App} app
 * @param {AbortSignal} signal
 */
async function load(app, signal) {
  const query = { awaiting_release: true, limit: MAX_SHOWN };
  /** @type {{items: Run[], total: number}} */
  const page = await app.api.get("/api/frames/anonymize/requests/", { query, signal });
  /** @type {Map<number, string>} */
  const names = new Map();
  for (const id of new Set(page.items.map((run) => run.video_id))) {
    const video = await app.api.get(`/api/videos/${id}`, { signal }).catch(() => null);
    names.set(id, video ? nameOf(video) : t("runs.deletedVideo"));
  }
  return { page, names };
}

/**
 * @param {import("../app.js").App} app
 * @param {{items: Run[], total: number}} page
 * @param {Map<number, string>} names
 * @param {() => Promise<void>} reload
 * @param {AbortSignal} signal
 */
function results(app, page, names, reload, signal) {
  const text = el("p", { "aria-live": "polite" });
  const button = actionButton(app, { class: "primary" }, releaseAll, t("reviews.releaseAll"));
  const sheets = page.items.map((run) => contactSheet(app, run, names.get(run.video_id) ?? "", show, signal));

  function show() {
    const seen = sheets.filter((sheet) => sheet.isSeen());
    const blocked = sheets.filter((sheet) => sheet.isBlocked());
    text.textContent = [
      t("reviews.seen", { seen: seen.length, total: sheets.length }),
      blocked.length ? t("reviews.blocked", { count: blocked.length }) : "",
    ]
      .filter(Boolean)
      .join(" ");
    button.disabled = !seen.length;
  }

  async function releaseAll() {
    const seen = sheets.filter((sheet) => sheet.isSeen());
    const question = {
      title: t("reviews.releaseAll"),
      text: t("reviews.releaseWords", { count: seen.length }),
      action: t("review.release"),
    };
    if (!(await confirmed(question))) return;
    let released = 0;
    try {
      for (const sheet of seen) {
        await sheet.release();
        released += 1;
      }
    } catch (error) {
      if (!isAborted(error)) app.announcer.problem(error);
    }
    if (released) app.announcer.say(t("reviews.released", { count: released }));
    await reload();
  }
  show();
  return [
    el("ul", { class: "sheets" }, sheets.map((sheet) => sheet.node)),
    el("div", { class: "selection", role: "region", "aria-label": t("reviews.title") }, text, button),
  ];
}
