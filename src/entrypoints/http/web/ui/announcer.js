/** Messages about what has happened, also announced by screen readers. */

import { messageOf, isAborted } from "../core/api.js";
import { el, fill } from "../core/dom.js";
import { t } from "../core/language.js";
import { icon } from "./icons.js";

/** Milliseconds for which a success message is shown. */
const MESSAGE_DURATION = 6000;
/** Most success messages that are shown at once. */
const MAX_MESSAGES = 2;

/** Short messages in a corner, and a banner for lasting conditions. */
export class Announcer {
  #messages = el("div", { class: "messages", role: "status", "aria-live": "polite" });
  #alerts = el("div", { class: "messages", role: "alert" });
  #banner = el("div", { class: "banner", role: "alert", hidden: true });
  node = el("div", { class: "announcer" }, this.#banner, this.#alerts, this.#messages);

  /**
   * Announce a success.
   * @param {string} text
   */
  say(text) {
    const message = el("p", { class: "message" }, text);
    this.#messages.append(message);
    // More of them would cover the page.
    while (this.#messages.childElementCount > MAX_MESSAGES) this.#messages.firstElementChild?.remove();
    setTimeout(() => message.remove(), MESSAGE_DURATION);
  }

  /**
   * Show a warning that stays until it is closed.
   * @param {string} text
   */
  warn(text) {
    const close = el(
      "button",
      { class: "quiet", type: "button", onclick: () => message.remove() },
      t("close"),
    );
    const message = el("div", { class: "message problem" }, icon("warning"), el("p", {}, text), close);
    fill(this.#alerts, message);
  }

  /**
   * Show an error.
   * @param {unknown} error
   */
  problem(error) {
    if (!isAborted(error)) this.warn(messageOf(error));
  }

  /** Remove all messages. */
  clear() {
    fill(this.#alerts);
    fill(this.#messages);
  }

  /** @param {boolean} isConnected */
  connection(isConnected) {
    this.#banner.hidden = isConnected;
    fill(this.#banner, isConnected ? "" : t("connection.lost"));
  }
}
