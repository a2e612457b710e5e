/** Files on their way to the service. */

import { isAborted, wordsOf } from "../core/api.js";
import { el, fill, uniqueId } from "../core/dom.js";
import { percent, size, t } from "../core/language.js";
import { link } from "../core/router.js";

/** All of them, whatever page is shown; dispatches `done` for each that has become a video. */
export class Uploads extends EventTarget {
  node = el("div", { class: "uploads" });
  /** @type {Set<Upload>} */
  #running = new Set();

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
    this.#running.add(upload);
    this.node.append(upload.node);
    upload.addEventListener("done", () => this.dispatchEvent(new Event("done")));
    upload.addEventListener("over", () => this.#running.delete(upload));
  }

  /** Forget them all, as whoever comes next must not see them. */
  clear() {
    for (const upload of this.#running) upload.cancel();
    fill(this.node);
  }
}

/** Sends a file at once, and shows how far it is; dispatches `done` when it is a video, `over` at any end. */
class Upload extends EventTarget {
  #app;
  #file;
  #cancelled = new AbortController();
  #nameId = uniqueId("upload");
  #bar = el("progress", { max: 1, value: 0, "aria-labelledby": this.#nameId });
  #words = el("p", { class: "facts" });
  #actions = el("div", { class: "actions" });
  node;

  /**
   * @param {import("../app.js").App} app
   * @param {File} file
   */
  constructor(app, file) {
    super();
    this.#app = app;
    this.#file = file;
    const name = el("p", { id: this.#nameId, class: "name" }, `${file.name} (${size(file.size)})`);
    this.node = el("div", { class: "card upload" }, name, this.#bar, this.#words, this.#actions);
    this.#send();
  }

  /** Send no more of it. */
  cancel() {
    this.#cancelled.abort();
  }

  async #send() {
    this.#cancelled = new AbortController();
    this.#bar.hidden = false;
    fill(
      this.#actions,
      this.#button("cancel", () => this.cancel()),
    );
    try {
      const path = `/api/videos/?filename=${encodeURIComponent(this.#file.name)}`;
      const video = await this.#app.api.upload(
        path,
        this.#file,
        (share) => this.#show(share),
        this.#cancelled.signal,
      );
      this.#words.textContent = t("upload.done");
      this.#bar.hidden = true;
      const mark = el("a", { class: "button primary", href: link(`/videos/${video.id}`) }, t("upload.mark"));
      fill(
        this.#actions,
        mark,
        this.#button("close", () => this.node.remove()),
      );
      this.#app.announcer.say(t("upload.doneOne", { name: this.#file.name }));
      this.dispatchEvent(new Event("done"));
    } catch (error) {
      this.#bar.hidden = true;
      if (isAborted(error)) return this.node.remove();
      this.node.classList.add("problem");
      fill(this.#words, el("span", { role: "alert" }, wordsOf(error)));
      fill(
        this.#actions,
        this.#button("tryAgain", () => this.#again()),
        this.#button("close", () => this.node.remove()),
      );
    } finally {
      this.dispatchEvent(new Event("over"));
    }
  }

  #again() {
    this.node.classList.remove("problem");
    this.#send();
  }

  /** @param {number} share */
  #show(share) {
    this.#bar.value = share;
    // All is sent, and the service looks through it.
    this.#words.textContent = share < 1 ? t("upload.sent", { share: percent(share) }) : t("upload.examined");
  }

  /**
   * @param {string} words
   * @param {() => void} onclick
   */
  #button(words, onclick) {
    return el("button", { type: "button", onclick }, t(words));
  }
}
