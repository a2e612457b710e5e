/** What is shown while something is loaded, when there is none of it, and when that failed. */

import { isAborted, Problem, wordsOf } from "../core/api.js";
import { el, fill } from "../core/dom.js";
import { t } from "../core/language.js";
import { icon } from "./icons.js";

/** It takes a moment. */
export function loading() {
  return el("p", { class: "state", role: "status" }, el("span", { class: "spinner" }), t("loading"));
}

/**
 * There is nothing yet.
 * @param {string} words
 * @param {...import("../core/dom.js").Child} more what can be done about it
 */
export function empty(words, ...more) {
  return el("div", { class: "state" }, el("p", {}, words), ...more);
}

/**
 * It failed.
 * @param {unknown} error
 * @param {() => void} again
 */
export function failure(error, again) {
  const retry = el("button", { type: "button", onclick: again }, t("tryAgain"));
  return el(
    "div",
    { class: "state problem", role: "alert" },
    icon("warning"),
    el("p", {}, wordsOf(error)),
    retry,
  );
}

/**
 * A box for what has to be loaded first. It loads again by itself when a lost connection is back.
 * @template T
 * @param {import("../core/api.js").Api} api
 * @param {AbortSignal} signal
 * @param {() => Promise<T>} load
 * @param {(data: T, reload: () => Promise<void>) => import("../core/dom.js").Child | import("../core/dom.js").Child[]} view
 * @returns {{node: HTMLElement, reload: () => Promise<void>}}
 */
export function loaded(api, signal, load, view) {
  const node = el("div", { class: "loaded" }, loading());
  let waitsForConnection = false;
  async function reload() {
    node.setAttribute("aria-busy", "true");
    waitsForConnection = false;
    try {
      const data = await load();
      if (!signal.aborted) fill(node, view(data, reload));
    } catch (error) {
      if (isAborted(error) || signal.aborted) return;
      waitsForConnection = error instanceof Problem && error.code === "connection_lost";
      fill(node, failure(error, reload));
    } finally {
      node.removeAttribute("aria-busy");
    }
  }
  api.addEventListener("back", () => waitsForConnection && reload(), { signal });
  reload();
  return { node, reload };
}
