/** Thumbnails of the frames of a result, highest risk first. */

import { el } from "../core/dom.js";
import { percent, t } from "../core/language.js";
import { pager } from "../ui/pager.js";
import { loaded } from "../ui/placeholders.js";

const PAGE = 24;
/** Width of a thumbnail in pixels, twice its displayed width. */
const WIDTH = 320;
/** Minimum risk of each band. */
const BANDS = /** @type {const} */ ([
  [0.8, "high"],
  [0.4, "raised"],
  [0, "low"],
]);

/**
 * @typedef {object} Risk
 * @property {number} index
 * @property {number} risk
 * @property {string | null} reason
 * @property {number | null} lowest_score
 * @property {unknown[]} boxes
 */

/**
 * @param {import("../app.js").App} app
 * @param {import("./result.js").Result} result
 * @param {AbortSignal} signal
 */
export function filmstrip(app, result, signal) {
  let offset = 0;
  /** @type {Map<number, HTMLElement>} */
  const shown = new Map();
  const load = () => app.api.get(`${result.path}/review/`, { query: { limit: PAGE, offset }, signal });
  const list = loaded(app.api, signal, load, (page) => {
    shown.clear();
    for (const risk of page.items) shown.set(risk.index, item(risk));
    showFrame();
    return [
      el(
        "ol",
        { class: "strip", start: offset + 1 },
        [...shown.values()].map((button) => el("li", {}, button)),
      ),
      pager(page, turn) ?? el("span"),
    ];
  });

  /** @param {number} to */
  function turn(to) {
    offset = to;
    list.reload();
  }

  /** @param {Risk} risk */
  function item(risk) {
    const { index } = risk;
    const band = BANDS.find(([min]) => risk.risk >= min)?.[1];
    const image = el("img", {
      src: `${result.path}/frames/${index}/?width=${WIDTH}`,
      alt: "",
      loading: "lazy",
      onerror: () => image.replaceWith(el("span", { class: "help" }, t("videos.noThumbnail"))),
    });
    return el(
      "button",
      { type: "button", class: "risk", "data-band": band, onclick: () => result.seek(index) },
      el("span", { class: "picture" }, image),
      el("b", {}, t("review.frame", { frame: index })),
      el("small", {}, reasonOf(risk)),
    );
  }

  function showFrame() {
    for (const [index, button] of shown) {
      if (index === result.frame) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }

  result.addEventListener("frame", showFrame);
  return el(
    "section",
    { class: "card" },
    el("h2", {}, t("review.strip")),
    el("p", { class: "help" }, t("review.stripHelp")),
    list.node,
  );
}

/**
 * Return why a frame should be reviewed.
 * @param {Risk} risk
 */
function reasonOf({ reason, lowest_score: score, boxes }) {
  // Boxes that were drawn or marked by hand have no score.
  if (reason === null) return boxes.length ? t("review.reason.drawn") : t("review.reason.nothing");
  return t(`review.reason.${reason}`, { score: percent(score ?? 0) });
}
