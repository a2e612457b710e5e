/** Uploads of video files. */

import { isAborted, messageOf } from "../core/api.js";
import { el, fill, uniqueId } from "../core/dom.js";
import { percent, size, t } from "../core/language.js";
import { link } from "../core/router.js";

/**
 * All uploads, independent of the current page; dispatches `done` for each that is complete. They are sent one
 * after the other: a browser has few connections to one server, and parallel uploads are not faster.
 */
export class Uploads extends EventTarget {
  #summary = el("p", { class: "facts", role: "status" });
  #cards = el("div", { class: "uploads" });
  node = el("div", { class: "uploads" }, this.#summary, this.#cards);
  /** Number of files since nothing was being sent, and of those that are complete. */
  #round = { files: 0, done: 0 };
  /** The first is being sent, the others wait. @type {Set<Upload>} */
  #queued = new Set();
  /** @type {Set<Upload>} */
  #all = new Set();

  constructor() {
    super();
    // The browser asks for confirmation before it leaves the page during an upload.
    addEventListener("beforeunload", (event) => this.#queued.size && event.preventDefault());
  }

  /**
   * @param {import("../app.js").App} app
   * @param {File} file
   */
  add(app, file) {
    const upload = new Upload(app, file);
    if (!this.#queued.size) this.#round = { files: 0, done: 0 };
    this.#round.files += 1;
    this.#all.add(upload);
    this.#cards.append(upload.node);
    this.retranslate();
    upload.addEventListener("done", () => this.#uploaded(app, upload, file.name));
    upload.addEventListener("finished", () => {
      this.#queued.delete(upload);
      this.#sendNext();
    });
    upload.addEventListener("retry", () => this.#enqueue(upload));
    upload.addEventListener("removed", () => this.#all.delete(upload));
    this.#enqueue(upload);
  }

  /**
   * One file keeps its card; of several, only one line tells how many are complete.
   * @param {import("../app.js").App} app
   * @param {Upload} upload
   * @param {string} name
   */
  #uploaded(app, upload, name) {
    const round = this.#round;
    round.done += 1;
    if (round.files > 1) upload.remove();
    const isLast = this.#queued.size === 1;
    if (round.files === 1) app.announcer.say(t("upload.doneOne", { name }));
    else if (isLast) app.announcer.say(t("upload.doneMany", { count: round.done }));
    this.retranslate();
    this.dispatchEvent(new Event("done"));
  }

  /** @param {Upload} upload */
  #enqueue(upload) {
    this.#queued.add(upload);
    this.#sendNext();
  }

  #sendNext() {
    const [next] = this.#queued;
    next?.send();
  }

  /** Cancel and remove all uploads, so that the next user does not see them. */
  clear() {
    const queued = [...this.#queued];
    this.#queued.clear();
    for (const upload of queued) upload.cancel();
    this.#all.clear();
    this.#round = { files: 0, done: 0 };
    fill(this.#cards);
    this.retranslate();
  }

  /** Show all texts in the current language. */
  retranslate() {
    for (const upload of this.#all) upload.show();
    const { files, done } = this.#round;
    this.#summary.hidden = files < 2;
    this.#summary.textContent = files < 2 ? "" : t("upload.many", { done, total: files });
    this.node.hidden = !this.#all.size && files < 2;
  }
}

/**
 * @typedef {{is: "waiting"} | {is: "sending", share: number} | {is: "done", id: number}
 *   | {is: "failed", error: unknown} | {is: "removed"}} State of an upload
 */

/**
 * Upload of one file and its progress; dispatches `done` when the upload is complete, `finished` when it has ended
 * in any way, `retry` when the user wants to try again, and `removed` when it is no longer shown.
 */
class Upload extends EventTarget {
  #app;
  #file;
  /** @type {State} */
  #state = { is: "waiting" };
  #cancelled = new AbortController();
  #nameId = uniqueId("upload");
  #name = el("p", { id: this.#nameId, class: "name" });
  #bar = el("progress", { max: 1, value: 0, "aria-labelledby": this.#nameId });
  #facts = el("p", { class: "facts" });
  #actions = el("div", { class: "actions" });
  node = el("div", { class: "card upload" }, this.#name, this.#bar, this.#facts, this.#actions);

  /**
   * @param {import("../app.js").App} app
   * @param {File} file
   */
  constructor(app, file) {
    super();
    this.#app = app;
    this.#file = file;
    this.show();
  }

  /** Cancel the upload. */
  cancel() {
    this.#cancelled.abort();
    if (this.#state.is !== "waiting") return;
    this.#setState({ is: "removed" });
    this.dispatchEvent(new Event("finished"));
  }

  /** Send the file, unless it is being sent already. */
  async send() {
    if (this.#state.is !== "waiting") return;
    this.#setState({ is: "sending", share: 0 });
    try {
      const path = `/api/videos/?filename=${encodeURIComponent(this.#file.name)}`;
      const onProgress = (/** @type {number} */ share) => this.#setState({ is: "sending", share });
      const { id } = await this.#app.api.upload(path, this.#file, onProgress, this.#cancelled.signal);
      this.#setState({ is: "done", id });
      this.dispatchEvent(new Event("done"));
    } catch (error) {
      this.#setState(isAborted(error) ? { is: "removed" } : { is: "failed", error });
    }
    this.dispatchEvent(new Event("finished"));
  }

  /** Show it no longer. */
  remove() {
    this.#setState({ is: "removed" });
  }

  #retry() {
    this.#setState({ is: "waiting" });
    this.dispatchEvent(new Event("retry"));
  }

  /** @param {State} state */
  #setState(state) {
    const isNewState = state.is !== this.#state.is;
    this.#state = state;
    if (isNewState) this.show();
    else this.#showProgress();
  }

  /** Show the state in the current language. */
  show() {
    const state = this.#state;
    if (state.is === "removed") {
      this.node.remove();
      this.dispatchEvent(new Event("removed"));
      return;
    }
    this.#name.textContent = `${this.#file.name} (${size(this.#file.size)})`;
    this.#bar.hidden = state.is === "done" || state.is === "failed";
    this.node.classList.toggle("problem", state.is === "failed");
    this.#showProgress();
    fill(this.#actions, this.#buttons());
  }

  #showProgress() {
    const state = this.#state;
    this.#bar.value = state.is === "sending" ? state.share : 0;
    const isFailed = state.is === "failed";
    fill(this.#facts, isFailed ? el("span", { role: "alert" }, messageOf(state.error)) : this.#statusText());
  }

  #statusText() {
    const state = this.#state;
    if (state.is === "done") return t("upload.done");
    if (state.is !== "sending") return t("upload.waits");
    // The file is sent, and the service is checking it.
    return state.share < 1 ? t("upload.sent", { share: percent(state.share) }) : t("upload.examined");
  }

  #buttons() {
    const state = this.#state;
    if (state.is === "waiting" || state.is === "sending")
      return [this.#button("cancel", () => this.cancel())];
    const close = this.#button("close", () => this.#setState({ is: "removed" }));
    if (state.is === "failed") return [this.#button("tryAgain", () => this.#retry()), close];
    const address = state.is === "done" ? link(`/videos/${state.id}`) : "";
    return [el("a", { class: "button primary", href: address }, t("upload.mark")), close];
  }

  /**
   * @param {string} key text key
   * @param {() => void} onclick
   */
  #button(key, onclick) {
    return el("button", { type: "button", onclick }, t(key));
  }
}
