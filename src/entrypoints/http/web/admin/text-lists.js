/** Lists of text of the installation: terms that stay readable, and patterns that are always covered. */

import { el } from "../core/dom.js";
import { dateTime, t } from "../core/language.js";
import { field, form } from "../ui/fields.js";
import { loaded } from "../ui/placeholders.js";

/**
 * @typedef {object} TextLists lists as returned by the API
 * @property {string[]} device_terms
 * @property {string[]} patterns
 * @property {string | null} changed_at
 * @property {string | null} changed_by
 */

/**
 * @param {import("../app.js").App} app
 * @param {AbortSignal} signal
 */
export function textLists(app, signal) {
  const load = () => app.api.get("/api/text-lists", { signal });
  const card = loaded(app.api, signal, load, (lists, reload) => [editor(app, lists, reload)]);
  return el("section", {}, el("h2", {}, t("textLists.title")), el("p", {}, t("textLists.lead")), card.node);
}

/**
 * @param {import("../app.js").App} app
 * @param {TextLists} lists
 * @param {() => void} reload
 */
function editor(app, lists, reload) {
  const terms = area(lists.device_terms);
  const patterns = area(lists.patterns);
  const changed =
    lists.changed_at && t("textLists.changed", { name: lists.changed_by ?? "", time: dateTime(lists.changed_at) });
  return form(
    { class: "card" },
    async () => {
      await app.api.put("/api/text-lists", { device_terms: lines(terms), patterns: lines(patterns) });
      app.announcer.say(t("textLists.saved"));
      reload();
    },
    field(t("textLists.terms"), terms, t("textLists.termsHelp")),
    field(t("textLists.patterns"), patterns, t("textLists.patternsHelp")),
    changed ? el("p", {}, changed) : el("span"),
    el("button", { type: "submit", class: "primary" }, t("textLists.save")),
  );
}

/** @param {string[]} entries */
function area(entries) {
  return el("textarea", { rows: 6, spellcheck: "false", autocomplete: "off" }, entries.join("\n"));
}

/** @param {HTMLTextAreaElement} node */
function lines(node) {
  return node.value.split("\n").filter((line) => line.trim());
}
