/** Search, filters and order of the list of videos. */

import { el } from "../core/dom.js";
import { t } from "../core/language.js";
import { Debounced } from "../core/debounce.js";
import { field, select } from "../ui/fields.js";

const STATES = ["new", "marked", "ordered", "failed", "ready", "released"];
const ORDERS = ["newest", "oldest", "name", "state", "longest"];

/**
 * @typedef {object} Filter
 * @property {string} q
 * @property {string} tag
 * @property {string} state
 * @property {string} sort
 * @property {number} offset
 */

/**
 * Read the filter from an address.
 * @param {URLSearchParams} query
 * @param {number} offset
 * @returns {Filter}
 */
export function filterOf(query, offset) {
  const one = (/** @type {string} */ name, /** @type {string[]} */ allowed) =>
    allowed.includes(query.get(name) ?? "") ? (query.get(name) ?? "") : "";
  const sort = one("sort", ORDERS.slice(1));
  return { q: query.get("q") ?? "", tag: query.get("tag") ?? "", state: one("state", STATES), sort, offset };
}

/** @param {Filter} filter */
export function isFiltered({ q, tag, state }) {
  return Boolean(q || tag || state);
}

/**
 * @param {import("../app.js").App} app
 * @param {Filter} filter
 * @param {(changes: Partial<Filter>) => void} change
 * @param {AbortSignal} signal
 */
export function videoFilters(app, filter, change, signal) {
  const typed = new Debounced();
  const search = el("input", {
    type: "search",
    value: filter.q,
    maxlength: 200,
    oninput: () => typed.schedule(search.value.trim(), (q) => change({ q, offset: 0 })),
  });
  const state = select([["", t("list.allStates")], ...labels("state", STATES)], filter.state, {
    onchange: () => change({ state: state.value, offset: 0 }),
  });
  const sort = select(labels("sort", ORDERS), filter.sort || ORDERS[0], {
    onchange: () => change({ sort: sort.value === ORDERS[0] ? "" : sort.value, offset: 0 }),
  });
  const tag = select([["", t("list.allTags")]], "", { onchange: () => change({ tag: tag.value, offset: 0 }) });

  async function showTags() {
    /** @type {{tag: string}[]} */
    const tags = await app.api.get("/api/videos/tags", { signal }).catch(() => []);
    const names = tags.map((each) => each.tag);
    if (filter.tag && !names.includes(filter.tag)) names.push(filter.tag);
    const options = names.map((name) => new Option(name, name, false, name === filter.tag));
    tag.replaceChildren(new Option(t("list.allTags"), ""), ...options);
  }
  const node = el(
    "div",
    { class: "filters", role: "search" },
    field(t("list.search"), search),
    field(t("list.tag"), tag),
    field(t("list.state"), state),
    field(t("list.sort"), sort),
  );
  return { node, showTags };
}

/**
 * @param {"state" | "sort"} kind
 * @param {string[]} names
 * @returns {[string, string][]}
 */
function labels(kind, names) {
  return names.map((name) => [name, kind === "state" ? t(`state.${name}`) : t(`sort.${name}`)]);
}
