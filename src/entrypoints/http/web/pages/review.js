/** Look a result over frame by frame, put boxes right, and have it rendered again. */

import { Problem } from "../core/api.js";
import { el } from "../core/dom.js";
import { dateTime, t } from "../core/language.js";
import { link, remember } from "../core/router.js";
import { comparison } from "../review/comparison.js";
import { panel } from "../review/panel.js";
import { report } from "../review/report.js";
import { opened, videoOf } from "../review/result.js";
import { rework } from "../review/rework.js";
import { strip } from "../review/strip.js";
import { blankedIn } from "../runs/blanked.js";
import { downloadButton } from "../runs/download.js";
import { againLink, Entry } from "../runs/entry.js";
import { failureOf } from "../runs/failure.js";
import { isFinal } from "../runs/follow.js";
import { kindOf } from "../runs/kind.js";
import { frameKeys, frameSteps } from "../ui/frame-steps.js";
import { empty, loaded } from "../ui/states.js";

/**
 * @param {import("../app.js").App} app
 * @param {import("../core/router.js").Place} place
 * @param {AbortSignal} signal
 */
export function review(app, place, signal) {
  async function load() {
    const run = await app.api.get(`/api/frames/anonymize/requests/${encodeURIComponent(place.params.id)}/`, {
      signal,
    });
    if (run.status === "completed") {
      try {
        return { run, video: null, result: await opened(app, run, signal) };
      } catch (error) {
        // It was there: what is completed has a result until that is deleted.
        if (!(error instanceof Problem && error.code === "not_ready")) throw error;
      }
    }
    return { run, video: await videoOf(app, run, signal), result: null };
  }
  const heading = el("h1", { tabindex: "-1" }, t("review.title"));
  const content = loaded(app.api, signal, load, ({ run, video, result }, reload) => {
    if (!result) return unfinished(app, run, video, signal, reload);
    if (result.video) heading.textContent = t("review.of", { name: result.video.filename });
    const wanted = Number.parseInt(place.query.get("frame") ?? "", 10);
    if (!Number.isNaN(wanted)) result.seek(wanted);
    // As text, which the first frame needs to be remembered.
    result.addEventListener("frame", () => remember(place.path, { frame: String(result.frame) }));
    return desk(app, result, signal);
  });
  return el("div", {}, el("a", { class: "up", href: link("/runs") }, t("runs.title")), heading, content.node);
}

/**
 * @param {import("../app.js").App} app
 * @param {import("../review/result.js").Result} result
 * @param {AbortSignal} signal
 */
function desk(app, result, signal) {
  const { run } = result;
  const { button, sheet } = report(app, result, signal);
  const blanked = blankedIn(run);
  const facts = [...kindOf(run), t("frames", { count: run.total_frames }), dateTime(run.created_at)];
  frameKeys(result, signal, { b: () => result.showBoxes(!result.showsBoxes) });
  return [
    el("p", { class: "facts" }, facts.join(" · ")),
    blanked && el("p", { class: "reason" }, blanked),
    el("div", { class: "actions" }, downloadButton(app, run.request_id), button),
    el(
      "div",
      { class: "desk" },
      el(
        "section",
        { class: "viewer", "aria-label": t("review.viewer") },
        comparison(app, result, signal),
        el(
          "div",
          { class: "controls" },
          frameSteps(result),
          el("p", { class: "help" }, result.canEdit ? t("review.keys") : t("review.fixedKeys")),
        ),
        strip(app, result, signal),
      ),
      el("div", { class: "lists" }, panel(app, result), result.canEdit && rework(app, result, signal)),
    ),
    sheet,
  ];
}

/**
 * A run without a result: not yet, never, or no longer.
 * @param {import("../app.js").App} app
 * @param {import("../runs/follow.js").Run} run
 * @param {import("../review/result.js").Video | null} video null for whoever may not see it, or when it is gone
 * @param {AbortSignal} signal
 * @param {() => Promise<void>} reload
 */
function unfinished(app, run, video, signal, reload) {
  const again = video && againLink(run);
  if (run.status === "completed") return empty(t("review.expired"), again);
  if (run.status === "failed") {
    const { told, detail } = failureOf("review.failed", run);
    return empty(told, detail, again);
  }
  if (run.status === "cancelled") return empty(t("review.cancelled"), again);
  const entry = new Entry(app, run, t("review.thisRun"));
  app.news.follow(run.request_id, signal, (state) => {
    entry.update(state);
    if (isFinal(state)) reload();
  });
  return [el("p", {}, t("review.soon")), el("ul", { class: "runs" }, entry.node)];
}
