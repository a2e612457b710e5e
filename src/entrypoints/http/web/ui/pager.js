/** Turns the pages of a long list. */

import { el } from "../core/dom.js";
import { t } from "../core/language.js";
import { icon } from "./icons.js";

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
