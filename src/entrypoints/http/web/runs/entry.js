/** One run in the list: its options, progress and actions. */

import { el, fill, uniqueId } from "../core/dom.js";
import { dateTime, duration, number, size, t } from "../core/language.js";
import { link } from "../core/router.js";
import { actionButton } from "../ui/buttons.js";
import { confirmed } from "../ui/dialog.js";
import { icon } from "../ui/icons.js";
import { removeButton } from "../ui/inputs.js";
import { blankedIn } from "./blanked.js";
import { downloadButton } from "./download.js";
import { failureOf } from "./failure.js";
import { isFinal } from "./progress-stream.js";
import { kindOf } from "./kind.js";
import { RateMeter } from "./rate.js";
import { saveReceipt } from "./receipt.js";

const PATH = "/api/frames/anonymize";

/**
 * A link to an order form with the options of a run.
 * @param {import("./progress-stream.js").Run} run
 */
export function reorderLink(run) {
  const address = link(`/videos/${run.video_id}/run`, { like: run.request_id });
  return el("a", { class: "button", href: address }, t("runs.again"));
}

/** List item that shows a run and its progress. */
export class Entry {
  #app;
  #run;
  #filename;
  #hasVideo;
  #mustRelease;
  #meter = new RateMeter();
  #titleId = uniqueId("run");
  #badge = el("span", { class: "badge" });
  #bar = el("progress", { max: 100, "aria-labelledby": this.#titleId });
  #facts = el("p", { class: "facts" });
  #warning = el("p", { class: "reason" });
  #actions = el("div", { class: "actions" });
  node;

  /**
   * @param {import("../app.js").App} app
   * @param {import("./progress-stream.js").Run} run
   * @param {string} filename of its video; empty when that is gone
   * @param {boolean} mustRelease whether results have to be released before they are downloaded
   */
  constructor(app, run, filename, mustRelease) {
    this.#app = app;
    this.#mustRelease = mustRelease;
    this.#run = run;
    this.#hasVideo = Boolean(filename);
    this.#filename = filename || t("runs.deletedVideo");
    const heading = run.reference ? `${run.reference} · ${this.#filename}` : this.#filename;
    const title = filename ? el("a", { href: link(`/videos/${run.video_id}`) }, heading) : heading;
    this.node = el(
      "li",
      { class: "card run" },
      el("div", { class: "title" }, el("h2", { id: this.#titleId }, title), this.#badge),
      el("p", { class: "facts" }, [...kindOf(run), dateTime(run.created_at)].join(" · ")),
      this.#bar,
      this.#facts,
      this.#warning,
      this.#actions,
    );
    this.#show();
  }

  get run() {
    return this.#run;
  }

  /** @param {import("./progress-stream.js").Run} state */
  update(state) {
    const wasFinal = isFinal(this.#run);
    // Progress does not tell the size of the result; null would mean that there is none.
    const size = wasFinal ? {} : { result_bytes: undefined };
    this.#run = { ...this.#run, ...size, ...state };
    this.#show();
    if (isFinal(state) && !wasFinal) {
      const isHeldBack = state.status === "completed" && this.#mustRelease;
      const name = this.#filename;
      const text = isHeldBack ? t("runs.completedToReview", { name }) : t(`runs.${state.status}One`, { name });
      if (state.status === "failed") this.#app.announcer.warn(text);
      else this.#app.announcer.say(text);
    }
  }

  #show() {
    const { status, progress } = this.#run;
    this.#badge.textContent = t(`status.${status}`);
    this.#badge.dataset.status = status;
    this.#bar.hidden = isFinal(this.#run);
    this.#bar.value = progress;
    fill(this.#facts, this.#summary());
    this.#warning.textContent = blankedIn(this.#run);
    this.#warning.hidden = !this.#warning.textContent;
    this.node.dataset.status = status;
    if (this.#actions.dataset.status === status) return;
    this.#actions.dataset.status = status;
    fill(this.#actions, this.#buttons());
  }

  /** The state as text. */
  #summary() {
    const run = this.#run;
    const frames = t("runs.frames", { done: run.processed_frames, total: run.total_frames });
    if (run.status === "completed") {
      const took = (Date.parse(run.completed_at ?? "") - Date.parse(run.started_at ?? "")) / 1000;
      const bytes = run.result_bytes ? size(run.result_bytes) : "";
      const released = run.released_at
        ? t("runs.releasedBy", { name: run.released_by ?? "", at: dateTime(run.released_at) })
        : "";
      return [t("frames", { count: run.total_frames }), bytes, t("runs.took", { time: duration(took) }), released]
        .filter(Boolean)
        .join(" · ");
    }
    if (run.status === "failed") {
      const { message, detail } = failureOf("runs.why", run);
      return [message, detail];
    }
    if (run.status === "cancelled") return frames;
    const rate = this.#meter.measure(run.processed_frames);
    const left = run.estimated_remaining_time;
    // All frames are done, and the ZIP is being written.
    if (run.processed_frames === run.total_frames) return [frames, t("runs.packing")].join(" · ");
    const parts = [frames];
    if (run.status === "pending") parts.push(t("runs.waits"));
    if (rate) parts.push(t("perSecond", { rate: number(rate, 0) }));
    if (typeof left === "number") parts.push(t("runs.left", { time: duration(left) }));
    return parts.join(" · ");
  }

  #buttons() {
    const { status, request_id: id } = this.#run;
    const app = this.#app;
    if (status === "completed" && this.#run.result_bytes === null)
      return [el("p", { class: "facts" }, t("runs.erased")), this.#hasVideo && reorderLink(this.#run)];
    if (status === "completed") {
      return [
        el("a", { class: "button primary", href: link(`/runs/${id}/review`) }, icon("review"), t("runs.review")),
        downloadButton(app, id, this.#mustRelease && !this.#run.released_at),
        removeButton(t("runs.erase"), () => this.#erase()),
      ];
    }
    if (isFinal(this.#run)) return [this.#hasVideo && reorderLink(this.#run)];
    return [actionButton(app, {}, () => this.#cancel(), t("runs.cancelRun"))];
  }

  async #erase() {
    const text = t("runs.eraseWords", { name: this.#filename });
    if (!(await confirmed({ title: t("runs.erase"), text, action: t("delete") }))) return;
    try {
      saveReceipt(await this.#app.api.delete(`${PATH}/${this.#run.request_id}/result`));
      this.#app.announcer.say(t("runs.eraseDone"));
      this.#actions.dataset.status = "";
      this.update({ ...this.#run, result_bytes: null });
    } catch (error) {
      this.#app.announcer.problem(error);
    }
  }

  async #cancel() {
    const question = {
      title: t("runs.cancelRun"),
      text: t("runs.cancelWords", { name: this.#filename }),
      action: t("runs.cancelRun"),
    };
    if (!(await confirmed(question))) return;
    await this.#app.api.delete(`${PATH}/${this.#run.request_id}/`);
    this.update({ ...this.#run, status: "cancelled" });
  }
}
