/** Areas in which level `full` leaves text readable: drawn on a frame, stored only with the request. */

import { within } from "../core/areas.js";
import { el, fill } from "../core/dom.js";
import { t } from "../core/language.js";
import { VideoView } from "../mark/video-view.js";
import { regionList } from "../mark/lists.js";
import { frameImage } from "../mark/frame-image.js";
import { disableBecause } from "../ui/fields.js";
import { frameSteps } from "../ui/frame-steps.js";
import { icon } from "../ui/icons.js";

/**
 * @typedef {object} KeptArea an area as sent to the API; applies to the whole video when start and end are null
 * @property {number} x
 * @property {number} y
 * @property {number} width
 * @property {number} height
 * @property {number | null} start_frame
 * @property {number | null} end_frame
 */

/** The areas, numbered in the order in which they were drawn. */
class KeptText extends VideoView {
  textKeys = { name: "kept.name", none: "kept.none", remove: "kept.remove" };
  hasLabels = false;
  #lastId = 0;

  /** @param {Partial<import("../mark/video-view.js").Area>} area */
  async addRegion(area) {
    this.#lastId += 1;
    const region = { start_frame: null, end_frame: null, label: null, ...within(area, this.video) };
    this.regions = [...this.regions, { ...region, id: this.#lastId }];
    this.selected = this.#lastId;
    this.emit("marks");
  }

  /** @param {KeptArea[]} areas */
  setAreas(areas) {
    this.regions = areas.map((area, index) => ({ ...area, label: null, id: index + 1 }));
    this.#lastId = areas.length;
    this.emit("marks");
  }

  /**
   * @param {import("../mark/video-view.js").Region} region
   * @param {Partial<import("../mark/video-view.js").Area>} changes
   */
  async changeRegion(region, changes) {
    const changed = within({ ...region, ...changes }, this.video);
    this.regions = this.regions.map((other) => (other.id === region.id ? changed : other));
    this.emit("marks");
  }

  /** @param {import("../mark/video-view.js").Region} region */
  async removeRegion(region) {
    this.regions = this.regions.filter(({ id }) => id !== region.id);
    this.emit("marks");
  }
}

/**
 * @param {import("../app.js").App} app
 * @param {import("../videos/video.js").Video} video
 * @param {AbortSignal} signal
 */
export function keptTextChoice(app, video, signal) {
  const kept = new KeptText(video);
  const editor = el("div", { class: "kept", hidden: true, onkeydown: onKey });
  const toggle = el(
    "button",
    { type: "button", "aria-expanded": "false", onclick: toggleEditor },
    icon("region"),
  );
  const caption = el("span", {});
  toggle.append(caption);
  const node = el(
    "fieldset",
    {},
    el("legend", {}, t("kept.title")),
    el("p", { class: "help" }, t("kept.help")),
    toggle,
    editor,
  );

  function toggleEditor() {
    editor.hidden = !editor.hidden;
    toggle.setAttribute("aria-expanded", String(!editor.hidden));
    // Access to frames is audited, so none is fetched before the editor is opened.
    if (!editor.childElementCount) fill(editor, editorContent());
  }

  function editorContent() {
    const add = () => kept.addRegion(kept.middle);
    return [
      frameImage(app, kept, signal),
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
   * Enter in a number input applies the number; it must not submit the form.
   * @param {KeyboardEvent} event
   */
  function onKey(event) {
    if (event.key !== "Enter" || !(event.target instanceof HTMLInputElement)) return;
    event.preventDefault();
    event.target.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function showCount() {
    const { length } = kept.regions;
    caption.textContent = length ? t("kept.chosen", { count: length }) : t("kept.choose");
  }

  kept.addEventListener("marks", () => {
    showCount();
    // Report the change like every other control of the form.
    node.dispatchEvent(new Event("change", { bubbles: true }));
  });
  showCount();

  /** @param {string} level */
  function update(level) {
    disableBecause(node, level === "full" ? "" : t("kept.onlyFull"));
    if (level !== "full" && !editor.hidden) toggleEditor();
  }

  /** @param {string} level */
  function value(level) {
    return level === "full" ? areas() : [];
  }

  /** The areas as sent to the API. @returns {KeptArea[]} */
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

  return { node, update, value, areas, setAreas: (/** @type {KeptArea[]} */ areas) => kept.setAreas(areas) };
}
