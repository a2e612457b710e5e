/** Progress of a review, and the release of its result. */

import { isAborted } from "../core/api.js";
import { el, fill, uniqueId } from "../core/dom.js";
import { dateTime, t } from "../core/language.js";
import { actionButton } from "../ui/buttons.js";
import { confirmed } from "../ui/dialog.js";

/**
 * @typedef {object} Progress progress of the user's review as returned by the API
 * @property {number} frames
 * @property {number} seen
 * @property {number} risky
 * @property {number} seen_risky
 * @property {number | null} next_unseen
 * @property {boolean} may_release
 * @property {string | null} released_at
 * @property {string | null} released_by
 */

/** Milliseconds for which a frame is shown before it counts as seen. */
const DWELL = 500;

/**
 * The section that counts the risky frames that the user has seen, and releases the result.
 * @param {import("../app.js").App} app
 * @param {import("./result.js").Result} result
 * @param {AbortSignal} signal
 */
export function releasePanel(app, result, signal) {
  const label = uniqueId("seen");
  const content = el("div", {});
  /** Frames that are marked already. @type {Set<number>} */
  const marked = new Set();
  let timer = 0;

  /** @param {Progress} progress */
  function show(progress) {
    fill(
      content,
      el(
        "p",
        { id: label },
        progress.risky
          ? t("review.seenRisky", { seen: progress.seen_risky, total: progress.risky })
          : t("review.noRisky", { seen: progress.seen, total: progress.frames }),
      ),
      progress.risky > 0 &&
        el("progress", { max: progress.risky, value: progress.seen_risky, "aria-labelledby": label }),
      progress.released_at
        ? el("p", {}, t("review.releasedBy", { name: progress.released_by ?? "", at: dateTime(progress.released_at) }))
        : !progress.may_release && el("p", { class: "reason" }, t("review.secondPerson")),
      el(
        "div",
        { class: "actions" },
        progress.next_unseen !== null &&
          el(
            "button",
            { type: "button", onclick: () => result.seek(progress.next_unseen ?? result.frame) },
            t("review.nextRisky"),
          ),
        progress.may_release &&
          actionButton(app, { class: "primary" }, () => release(progress), t("review.release")),
        progress.released_at &&
          el("a", { class: "button", href: `${result.path}/release/`, download: "" }, t("review.saveRelease")),
      ),
    );
  }

  /** @param {Progress} progress */
  async function release(progress) {
    const unseen = progress.risky - progress.seen_risky;
    const text = unseen ? t("review.releaseUnseen", { count: unseen }) : t("review.releaseWords");
    if (!(await confirmed({ title: t("review.release"), text, action: t("review.release") }))) return;
    await app.api.post(`${result.path}/release/`);
    app.announcer.say(t("review.releaseDone"));
    result.release();
    show(await app.api.get(`${result.path}/seen/`, { signal }));
  }

  async function markSeen() {
    const { frame } = result;
    if (marked.has(frame) || document.hidden) return;
    try {
      show(await app.api.post(`${result.path}/seen/`, { frames: [frame] }, { signal }));
      marked.add(frame);
    } catch (error) {
      if (!isAborted(error) && !signal.aborted) app.announcer.problem(error);
    }
  }

  function wait() {
    clearTimeout(timer);
    timer = window.setTimeout(markSeen, DWELL);
  }

  result.addEventListener("frame", wait, { signal });
  signal.addEventListener("abort", () => clearTimeout(timer));
  wait();
  return el("section", { class: "card release" }, el("h2", {}, t("review.releaseTitle")), content);
}
