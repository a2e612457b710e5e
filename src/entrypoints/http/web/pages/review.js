/** Review of a result frame by frame, with editing of boxes and rerendering. */

import { Problem } from "../core/api.js";
import { el, fill } from "../core/dom.js";
import { dateTime, t } from "../core/language.js";
import { link, remember } from "../core/router.js";
import { comparison } from "../review/comparison.js";
import { panel } from "../review/panel.js";
import { releasePanel } from "../review/release.js";
import { report } from "../review/report.js";
import { loadResult, videoOf } from "../review/result.js";
import { rerenderPanel } from "../review/rerender.js";
import { textPanel } from "../review/texts.js";
import { filmstrip } from "../review/filmstrip.js";
import { blankedIn } from "../runs/blanked.js";
import { downloadButton, needsRelease } from "../runs/download.js";
import { reorderLink, Entry } from "../runs/entry.js";
import { failureOf } from "../runs/failure.js";
import { isFinal } from "../runs/progress-stream.js";
import { kindOf } from "../runs/kind.js";
import { frameKeys, frameSteps } from "../ui/frame-steps.js";
import { Playback } from "../ui/playback.js";
import { empty, loaded } from "../ui/placeholders.js";
import { reviewShortcuts } from "../ui/shortcuts.js";
import { viewerTools } from "../ui/viewer-tools.js";
import { nameOf } from "../videos/video.js";

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
        const [result, mustRelease] = await Promise.all([loadResult(app, run, signal), needsRelease(app)]);
        return { run, video: null, result, mustRelease };
      } catch (error) {
        // A completed run has a result until that is deleted.
        if (!(error instanceof Problem && error.code === "not_ready")) throw error;
      }
    }
    return { run, video: await videoOf(app, run, signal), result: null, mustRelease: false };
  }
  const heading = el("h1", { tabindex: "-1" }, t("review.title"));
  const content = loaded(app.api, signal, load, ({ run, video, result, mustRelease }, reload) => {
    if (!result) return unfinished(app, run, video, signal, reload);
    if (result.video) heading.textContent = t("review.of", { name: nameOf(result.video) });
    const start = Number.parseInt(place.query.get("frame") ?? "", 10);
    if (!Number.isNaN(start)) result.seek(start);
    const playback = new Playback(result, signal);
    // Browsers limit how often the address changes, so it does not follow the playback.
    for (const [target, event] of /** @type {[EventTarget, string][]} */ ([[result, "frame"], [playback, "playing"]])) {
      target.addEventListener(event, () => {
        // As a string, because a number 0 would be left out of the address.
        if (!playback.isPlaying && !signal.aborted) remember(place.path, { frame: String(result.frame) });
      });
    }
    return workspace(app, result, playback, mustRelease, signal);
  });
  return el("div", {}, el("a", { class: "up", href: link("/runs") }, t("runs.title")), heading, content.node);
}

/**
 * @param {import("../app.js").App} app
 * @param {import("../review/result.js").Result} result
 * @param {Playback} playback
 * @param {boolean} mustRelease whether results have to be released before they are downloaded
 * @param {AbortSignal} signal
 */
function workspace(app, result, playback, mustRelease, signal) {
  const { run } = result;
  const { button, sheet } = report(app, result, signal);
  const blanked = blankedIn(run);
  const facts = [...kindOf(run), t("frames", { count: run.total_frames }), dateTime(run.created_at)];
  const undoable = result.canEdit ? result.boxes : null;
  const tools = viewerTools(app, playback, reviewShortcuts(result.canEdit), undoable, "boxes", signal);
  frameKeys(result, signal, { ...tools.keys, b: () => result.showBoxes(!result.showsBoxes) });
  const actions = el("div", { class: "actions" });
  function showActions() {
    const download = result.isOwn && downloadButton(app, run.request_id, mustRelease && !run.released_at);
    fill(actions, mustRelease ? [button, download] : [download, button]);
  }
  result.addEventListener("released", showActions, { signal });
  showActions();
  return [
    el("p", { class: "facts" }, facts.join(" · ")),
    blanked && el("p", { class: "reason" }, blanked),
    run.anonymization_level !== "minimal" && el("p", { class: "help" }, t("review.searched")),
    actions,
    el(
      "div",
      { class: "workspace" },
      el(
        "section",
        { class: "viewer", "aria-label": t("review.viewer") },
        comparison(app, result, signal),
        el(
          "div",
          { class: "controls" },
          frameSteps(result),
          tools.node,
          el("p", { class: "help" }, result.canEdit ? t("review.keys") : t("review.fixedKeys")),
        ),
        filmstrip(app, result, signal),
      ),
      el(
        "div",
        { class: "lists" },
        releasePanel(app, result, signal),
        panel(app, result),
        textPanel(app, result, signal),
        result.canEdit && rerenderPanel(app, result, mustRelease, signal),
      ),
    ),
    sheet,
  ];
}

/**
 * A run without a result: unfinished, failed, cancelled or expired.
 * @param {import("../app.js").App} app
 * @param {import("../runs/progress-stream.js").Run} run
 * @param {import("../review/result.js").Video | null} video null when it was deleted or is not accessible
 * @param {AbortSignal} signal
 * @param {() => Promise<void>} reload
 */
function unfinished(app, run, video, signal, reload) {
  const reorder = video && reorderLink(run);
  if (run.status === "completed") return empty(t("review.expired"), reorder);
  if (run.status === "failed") {
    const { message, detail } = failureOf("review.failed", run);
    return empty(message, detail, reorder);
  }
  if (run.status === "cancelled") return empty(t("review.cancelled"), reorder);
  const entry = new Entry(app, run, t("review.thisRun"), true);
  app.progress.subscribe(run.request_id, signal, (state) => {
    entry.update(state);
    if (isFinal(state)) reload();
  });
  return [el("p", {}, t("review.soon")), el("ul", { class: "runs" }, entry.node)];
}
