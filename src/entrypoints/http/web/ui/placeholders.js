/** Placeholders while content is loading, empty or failed. */

import { isAborted, Problem, messageOf } from "../core/api.js";
import { el, fill } from "../core/dom.js";
import { t } from "../core/language.js";
import { icon } from "./icons.js";

/** Content is loading. */
export function loading() {
  return el("p", { class: "state", role: "status" }, el("span", { class: "spinner" }), t("loading"));
}

/**
 * There is no content.
 * @param {string} text
 * @param {...import("../core/dom.js").Child} actions what the user can do about it
 */
export function empty(text, ...actions) {
  return el("div", { class: "state" }, el("p", {}, text), ...actions);
}

/**
 * Loading failed.
 * @param {unknown} error
 * @param {() => void} retry
 */
export function failure(error, retry) {
  const button = el("button", { type: "button", onclick: retry }, t("tryAgain"));
  return el(
    "div",
    { class: "state problem", role: "alert" },
    icon("warning"),
    el("p", {}, messageOf(error)),
    button,
  );
}

/**
 * A container for content that is loaded. It reloads when a lost connection is restored.
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
