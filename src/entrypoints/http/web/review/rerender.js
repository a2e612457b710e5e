/** Summary of the edits, and the button that renders the result again with them. */

import { isAborted } from "../core/api.js";
import { el, fill } from "../core/dom.js";
import { hasText, t } from "../core/language.js";
import { Entry } from "../runs/entry.js";
import { actionButton } from "../ui/buttons.js";
import { confirmed } from "../ui/dialog.js";
import { field, select } from "../ui/fields.js";
import { nameOf } from "../videos/video.js";

/**
 * @param {import("../app.js").App} app
 * @param {import("./result.js").Result} result
 * @param {boolean} mustRelease whether results have to be released before they are downloaded
 * @param {AbortSignal} signal
 */
export function rerenderPanel(app, result, mustRelease, signal) {
  const { boxes, video } = result;
  const text = el("p", { class: "help", "aria-live": "polite" });
  const warning = el("p", { class: "notice" });
  const reason = select([["", t("review.why.none")]], "", {});
  const why = field(t("review.why"), reason, t("review.whyHelp"));
  const render = actionButton(app, { class: "primary" }, send, t("review.render"));
  const discard = actionButton(app, { class: "quiet danger" }, discardAll, t("review.discard"));
  const actions = el("div", { class: "actions" }, render, discard);
  const runs = el("ul", { class: "runs" });

  function show() {
    const { frames, uncovered } = boxes.changes;
    const key = boxes.isSent ? "review.sent" : "review.changes";
    const message = frames ? t(key, { count: frames }) : t("review.unchanged");
    text.textContent = boxes.isBusy ? t("loading") : message;
    warning.textContent = t("review.uncovered", { count: uncovered });
    warning.hidden = !uncovered;
    actions.hidden = !frames;
    why.hidden = !frames;
    render.hidden = boxes.isSent;
    for (const button of [render, discard]) button.disabled = boxes.isBusy;
  }

  async function send() {
    const body = { frames: boxes.patch(), source_sha256: video?.sha256, reason: reason.value || null };
    const { request_id: id } = await app.api.post(`${result.path}/render/`, body, { signal });
    boxes.isSent = true;
    show();
    const run = await app.api.get(`/api/frames/anonymize/requests/${id}/`, { signal });
    const entry = new Entry(app, run, video ? nameOf(video) : "", mustRelease);
    fill(runs, entry.node);
    app.announcer.say(t("review.rendering"));
    app.progress.subscribe(id, signal, (state) => {
      entry.update(state);
      if (state.status !== "failed" && state.status !== "cancelled") return;
      boxes.isSent = false;
      show();
    });
  }

  async function discardAll() {
    const { frames } = boxes.changes;
    const question = {
      title: t("review.discardAll"),
      text: t("review.discardWords", { count: frames }),
      action: t("review.discard"),
    };
    if (await confirmed(question)) boxes.discard();
  }

  async function loadReasons() {
    try {
      const { edit_reasons: codes } = await app.api.get("/api/frames/anonymize/options/", { signal });
      reason.append(...codes.map((/** @type {string} */ code) => el("option", { value: code }, reasonName(code))));
    } catch (error) {
      if (!isAborted(error)) app.announcer.problem(error);
    }
  }

  result.addEventListener("boxes", show);
  signal.addEventListener("abort", () => boxes.isUnsent && app.announcer.say(t("review.kept")));
  show();
  loadReasons();
  return el("section", { class: "card" }, el("h2", {}, t("review.rework")), text, warning, why, actions, runs);
}

/**
 * Return the name of a reason; an installation may have reasons that the console does not know.
 * @param {string} code
 */
function reasonName(code) {
  return hasText(`review.why.${code}`) ? t(`review.why.${code}`) : code;
}
