/** Files on their way to the service. */

import { isAborted, wordsOf } from "../core/api.js";
import { el, fill, uniqueId } from "../core/dom.js";
import { percent, size, t } from "../core/language.js";
import { link } from "../core/router.js";

/**
 * All of them, whatever page is shown; dispatches `done` for each that has become a video. One is sent at a
 * time: a browser has few connections to a service, and together they are no quicker.
 */
export class Uploads extends EventTarget {
  node = el("div", { class: "uploads" });
  /** The first is being sent, the others wait. @type {Set<Upload>} */
  #running = new Set();
  /** @type {Set<Upload>} */
  #all = new Set();

  constructor() {
    super();
    // The browser asks whether to leave while something is being sent.
    addEventListener("beforeunload", (event) => this.#running.size && event.preventDefault());
  }

  /**
   * @param {import("../app.js").App} app
   * @param {File} file
   */
  add(app, file) {
    const upload = new Upload(app, file);
    this.#all.add(upload);
    this.node.append(upload.node);
    upload.addEventListener("done", () => this.dispatchEvent(new Event("done")));
    upload.addEventListener("over", () => {
      this.#running.delete(upload);
      this.#sendNext();
    });
    upload.addEventListener("again", () => this.#queue(upload));
    upload.addEventListener("gone", () => this.#all.delete(upload));
    this.#queue(upload);
  }

  /** @param {Upload} upload */
  #queue(upload) {
    this.#running.add(upload);
    this.#sendNext();
  }

  #sendNext() {
    const [next] = this.#running;
    next?.send();
  }

  /** Forget them all, as whoever comes next must not see them. */
  clear() {
    const running = [...this.#running];
    this.#running.clear();
    for (const upload of running) upload.cancel();
    this.#all.clear();
    fill(this.node);
  }

  /** Say everything anew, in the language that is spoken now. */
  speak() {
    for (const upload of this.#all) upload.show();
  }
}

/**
 * @typedef {{is: "waiting"} | {is: "sending", share: number} | {is: "done", id: number}
 *   | {is: "failed", error: unknown} | {is: "gone"}} State of an upload
 */

/**
 * Sends a file when it is its turn, and shows how far it is; dispatches `done` when it is a video, `over` when
 * it is the turn of another one, `again` when it is to have another turn, and `gone` when it is shown no more.
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
  #words = el("p", { class: "facts" });
  #actions = el("div", { class: "actions" });
  node = el("div", { class: "card upload" }, this.#name, this.#bar, this.#words, this.#actions);

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

  /** Send no more of it. */
  cancel() {
    this.#cancelled.abort();
    if (this.#state.is !== "waiting") return;
    this.#become({ is: "gone" });
    this.dispatchEvent(new Event("over"));
  }

  /** It is its turn; nothing happens when it has that already. */
  async send() {
    if (this.#state.is !== "waiting") return;
    this.#become({ is: "sending", share: 0 });
    try {
      const path = `/api/videos/?filename=${encodeURIComponent(this.#file.name)}`;
      const progressed = (/** @type {number} */ share) => this.#become({ is: "sending", share });
      const { id } = await this.#app.api.upload(path, this.#file, progressed, this.#cancelled.signal);
      this.#become({ is: "done", id });
      this.#app.announcer.say(t("upload.doneOne", { name: this.#file.name }));
      this.dispatchEvent(new Event("done"));
    } catch (error) {
      this.#become(isAborted(error) ? { is: "gone" } : { is: "failed", error });
    }
    this.dispatchEvent(new Event("over"));
  }

  #again() {
    this.#become({ is: "waiting" });
    this.dispatchEvent(new Event("again"));
  }

  /** @param {State} state */
  #become(state) {
    const isAnother = state.is !== this.#state.is;
    this.#state = state;
    if (isAnother) this.show();
    else this.#showProgress();
  }

  /** In the language that is spoken. */
  show() {
    const state = this.#state;
    if (state.is === "gone") {
      this.node.remove();
      this.dispatchEvent(new Event("gone"));
      return;
    }
    this.#name.textContent = `${this.#file.name} (${size(this.#file.size)})`;
    this.#bar.hidden = state.is === "done" || state.is === "failed";
    this.node.classList.toggle("problem", state.is === "failed");
    this.#showProgress();
    fill(this.#actions, this.#possible());
  }

  #showProgress() {
    const state = this.#state;
    this.#bar.value = state.is === "sending" ? state.share : 0;
    const isAlarming = state.is === "failed";
    fill(this.#words, isAlarming ? el("span", { role: "alert" }, wordsOf(state.error)) : this.#told());
  }

  #told() {
    const state = this.#state;
    if (state.is === "done") return t("upload.done");
    if (state.is !== "sending") return t("upload.waits");
    // All is sent, and the service looks through it.
    return state.share < 1 ? t("upload.sent", { share: percent(state.share) }) : t("upload.examined");
  }

  #possible() {
    const state = this.#state;
    if (state.is === "waiting" || state.is === "sending")
      return [this.#button("cancel", () => this.cancel())];
    const close = this.#button("close", () => this.#become({ is: "gone" }));
    if (state.is === "failed") return [this.#button("tryAgain", () => this.#again()), close];
    const address = state.is === "done" ? link(`/videos/${state.id}`) : "";
    return [el("a", { class: "button primary", href: address }, t("upload.mark")), close];
  }

  /**
   * @param {string} words
   * @param {() => void} onclick
   */
  #button(words, onclick) {
    return el("button", { type: "button", onclick }, t(words));
  }
}
