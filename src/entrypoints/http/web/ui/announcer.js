/** Says what has happened, to those who look and to those who listen. */

import { wordsOf, isAborted } from "../core/api.js";
import { el, fill } from "../core/dom.js";
import { t } from "../core/language.js";
import { icon } from "./icons.js";

const SHOWN_FOR = 6000;

/** A place for short messages in a corner, and a banner for what lasts. */
export class Announcer {
  #messages = el("div", { class: "messages", role: "status", "aria-live": "polite" });
  #alerts = el("div", { class: "messages", role: "alert" });
  #banner = el("div", { class: "banner", role: "alert", hidden: true });
  node = el("div", { class: "announcer" }, this.#banner, this.#alerts, this.#messages);

  /**
   * Something went well.
   * @param {string} words
   */
  say(words) {
    const message = el("p", { class: "message" }, words);
    this.#messages.append(message);
    setTimeout(() => message.remove(), SHOWN_FOR);
  }

  /**
   * Something needs to be known, and stays until it is put away.
   * @param {string} words
   */
  warn(words) {
    const close = el(
      "button",
      { class: "quiet", type: "button", onclick: () => message.remove() },
      t("close"),
    );
    const message = el("div", { class: "message problem" }, icon("warning"), el("p", {}, words), close);
    fill(this.#alerts, message);
  }

  /**
   * Something was refused or failed.
   * @param {unknown} error
   */
  problem(error) {
    if (!isAborted(error)) this.warn(wordsOf(error));
  }

  /** Put away what was said before. */
  quiet() {
    fill(this.#alerts);
    fill(this.#messages);
  }

  /** @param {boolean} isThere */
  connection(isThere) {
    this.#banner.hidden = isThere;
    fill(this.#banner, isThere ? "" : t("connection.lost"));
  }
}
