/** Areas in which level `full` leaves text readable: drawn on a frame, kept with the order alone. */

import { within } from "../core/areas.js";
import { el, fill } from "../core/dom.js";
import { t } from "../core/language.js";
import { Film } from "../mark/film.js";
import { regionList } from "../mark/lists.js";
import { picture } from "../mark/picture.js";
import { disableBecause } from "../ui/fields.js";
import { frameSteps } from "../ui/frame-steps.js";
import { icon } from "../ui/icons.js";

/**
 * @typedef {object} Kept an area as orders name it; in the whole film without frames
 * @property {number} x
 * @property {number} y
 * @property {number} width
 * @property {number} height
 * @property {number | null} start_frame
 * @property {number | null} end_frame
 */

/** The areas, numbered as they are drawn. */
class KeptText extends Film {
  words = { name: "kept.name", none: "kept.none", remove: "kept.remove" };
  hasLabels = false;
  #last = 0;

  /** @param {Partial<import("../mark/film.js").Area>} area */
  async addRegion(area) {
    this.#last += 1;
    const drawn = { start_frame: null, end_frame: null, label: null, ...within(area, this.video) };
    this.regions = [...this.regions, { ...drawn, id: this.#last }];
    this.selected = this.#last;
    this.tell("marks");
  }

  /** @param {Kept[]} areas */
  drawn(areas) {
    this.regions = areas.map((area, index) => ({ ...area, label: null, id: index + 1 }));
    this.#last = areas.length;
    this.tell("marks");
  }

  /**
   * @param {import("../mark/film.js").Region} region
   * @param {Partial<import("../mark/film.js").Area>} changes
   */
  async changeRegion(region, changes) {
    const changed = within({ ...region, ...changes }, this.video);
    this.regions = this.regions.map((one) => (one.id === region.id ? changed : one));
    this.tell("marks");
  }

  /** @param {import("../mark/film.js").Region} region */
  async removeRegion(region) {
    this.regions = this.regions.filter((one) => one.id !== region.id);
    this.tell("marks");
  }
}

/**
 * @param {import("../app.js").App} app
 * @param {import("../videos/video.js").Video} video
 * @param {AbortSignal} signal
 */
export function keptTextChoice(app, video, signal) {
  const kept = new KeptText(video);
  const desk = el("div", { class: "kept", hidden: true, onkeydown: pressed });
  const toggle = el("button", { type: "button", "aria-expanded": "false", onclick: open }, icon("region"));
  const words = el("span", {});
  toggle.append(words);
  const node = el(
    "fieldset",
    {},
    el("legend", {}, t("kept.title")),
    el("p", { class: "help" }, t("kept.help")),
    toggle,
    desk,
  );

  function open() {
    desk.hidden = !desk.hidden;
    toggle.setAttribute("aria-expanded", String(!desk.hidden));
    // Whoever looks at a frame is recorded, so none is fetched before it is wanted.
    if (!desk.childElementCount) fill(desk, drawingBoard());
  }

  function drawingBoard() {
    const add = () => kept.addRegion(kept.middle);
    return [
      picture(app, kept, signal),
      el(
        "div",
        { class: "controls" },
        frameSteps(kept),
        el("button", { type: "button", onclick: add }, icon("add"), t("kept.add")),
      ),
      regionList(app, kept),
    ];
  }

  /**
   * Numbers are taken over by Enter, which must not send the order.
   * @param {KeyboardEvent} event
   */
  function pressed(event) {
    if (event.key !== "Enter" || !(event.target instanceof HTMLInputElement)) return;
    event.preventDefault();
    event.target.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function count() {
    const { length } = kept.regions;
    words.textContent = length ? t("kept.chosen", { count: length }) : t("kept.choose");
  }

  kept.addEventListener("marks", () => {
    count();
    // As every other choice of the form.
    node.dispatchEvent(new Event("change", { bubbles: true }));
  });
  count();

  /** @param {string} level */
  function suit(level) {
    disableBecause(node, level === "full" ? "" : t("kept.onlyFull"));
    if (level !== "full" && !desk.hidden) open();
  }

  /** @param {string} level */
  function wanted(level) {
    return level === "full" ? areas() : [];
  }

  /** Areas as the order names them. @returns {Kept[]} */
  function areas() {
    return kept.regions.map(({ x, y, width, height, start_frame, end_frame }) => ({
      x,
      y,
      width,
      height,
      start_frame,
      end_frame,
    }));
  }

  return { node, suit, wanted, areas, draw: (/** @type {Kept[]} */ areas) => kept.drawn(areas) };
}
