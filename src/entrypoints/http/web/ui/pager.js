/** Pagination of long lists. */

import { el } from "../core/dom.js";
import { t } from "../core/language.js";
import { icon } from "./icons.js";

/**
 * Fetch a page of a list; the last existing one when the requested page has become empty.
 * @template {{items: any[], total: number, limit: number}} T
 * @param {(offset: number) => Promise<T>} fetchPage
 * @param {number} offset
 */
export async function pageAt(fetchPage, offset) {
  const page = await fetchPage(offset);
  if (page.items.length || !page.total) return page;
  return fetchPage(page.limit * Math.floor((page.total - 1) / page.limit));
}

/**
 * @param {{total: number, limit: number, offset: number}} page
 * @param {(offset: number) => void} turn
 */
export function pager({ total, limit, offset }, turn) {
  if (total <= limit) return null;
  const last = Math.min(offset + limit, total);
  return el(
    "nav",
    { class: "pager", "aria-label": t("pager.title") },
    el(
      "button",
      { type: "button", disabled: offset === 0, onclick: () => turn(Math.max(0, offset - limit)) },
      icon("previous"),
      t("pager.previous"),
    ),
    el("span", {}, t("pager.place", { first: offset + 1, last, total })),
    el(
      "button",
      { type: "button", disabled: last >= total, onclick: () => turn(offset + limit) },
      t("pager.next"),
      icon("next"),
    ),
  );
}
