/** Editable lists of segments and regions. */

import { el, refill } from "../core/dom.js";
import { t, timecode } from "../core/language.js";
import { numberInput, removeButton } from "../ui/inputs.js";
import { empty } from "../ui/placeholders.js";
import { nameOf } from "./names.js";

/**
 * @param {import("../app.js").App} app
 * @param {import("./marks.js").Marks} marks
 */
export function segmentList(app, marks) {
  const list = el("div", { class: "marked" });
  function show() {
    const sorted = marks.segments.toSorted((first, second) => first.start_frame - second.start_frame);
    refill(list, sorted.length ? el("ul", {}, sorted.map(item)) : empty(t("segment.none")));
  }

  /** @param {import("./marks.js").Segment} segment */
  function item(segment) {
    const change = (/** @type {object} */ changes) =>
      guarded(app, () => marks.changeSegment(segment, changes), show);
    const last = segment.end_frame - 1;
    const name = nameOf(marks.segments, segment, "segment.name");
    if (!marks.mayEdit) {
      const frames = t("mark.frames", { first: segment.start_frame, last });
      return readOnlyItem(name, frames, () => marks.seek(segment.start_frame));
    }
    return el(
      "li",
      { class: "mark" },
      labelInput(segment.label, t("segment.label"), `s${segment.id}`, name, (label) => change({ label })),
      numberInput(t("segment.first"), segment.start_frame, [0, last], `s${segment.id} first`, (frame) =>
        change({ start_frame: frame }),
      ),
      numberInput(
        t("segment.last"),
        last,
        [segment.start_frame, marks.lastFrame],
        `s${segment.id} last`,
        (frame) => change({ end_frame: frame + 1 }),
      ),
      el(
        "span",
        { class: "facts" },
        `${timecode(marks.seconds(segment.start_frame))} – ${timecode(marks.seconds(last + 1))}`,
      ),
      el(
        "span",
        { class: "actions" },
        el(
          "button",
          { type: "button", class: "quiet", onclick: () => marks.seek(segment.start_frame) },
          t("mark.goThere"),
        ),
        removeButton(t("segment.delete", { name }), () =>
          guarded(app, () => marks.removeSegment(segment), show),
        ),
      ),
    );
  }

  marks.addEventListener("marks", show);
  show();
  return list;
}

/**
 * @param {import("../app.js").App} app
 * @param {import("./video-view.js").RegionEditor} marks
 */
export function regionList(app, marks) {
  const list = el("div", { class: "marked" });
  function show() {
    refill(
      list,
      marks.regions.length ? el("ul", {}, marks.regions.map(item)) : empty(t(marks.textKeys.none)),
    );
  }

  /** @param {import("./video-view.js").Region} region */
  function item(region) {
    const change = (/** @type {object} */ changes) =>
      guarded(app, () => marks.changeRegion(region, changes), show);
    const isWhole = region.start_frame === null;
    const [first, last] = [region.start_frame ?? 0, (region.end_frame ?? marks.video.frame_count) - 1];
    const name = nameOf(marks.regions, region, marks.textKeys.name);
    if (!marks.mayEdit) {
      const frames = isWhole ? t("region.whole") : t("mark.frames", { first, last });
      return readOnlyItem(name, frames, () => showRegion(region));
    }
    const whole = el("input", {
      type: "checkbox",
      checked: isWhole,
      onchange: () =>
        change(
          whole.checked
            ? { start_frame: null, end_frame: null }
            : { start_frame: marks.frame, end_frame: marks.video.frame_count },
        ),
    });
    const sides = /** @type {const} */ (["x", "y", "width", "height"]);
    return el(
      "li",
      { class: region.id === marks.selected ? "mark selected" : "mark" },
      marks.hasLabels
        ? labelInput(region.label, t("region.label"), `r${name}`, name, (label) =>
            change({ label: label || null }),
          )
        : el("b", { class: "label" }, name),
      el(
        "div",
        { class: "numbers" },
        sides.map((side) =>
          numberInput(
            t(`region.${side}`),
            region[side],
            [0, Math.max(marks.video.width, marks.video.height)],
            `r${name} ${side}`,
            (value) => change({ [side]: value }),
          ),
        ),
      ),
      el("label", { class: "check" }, whole, t("region.whole")),
      !isWhole &&
        numberInput(t("segment.first"), first, [0, last], `r${name} first`, (frame) =>
          change({ start_frame: frame, end_frame: last + 1 }),
        ),
      !isWhole &&
        numberInput(t("segment.last"), last, [first, marks.lastFrame], `r${name} last`, (frame) =>
          change({ start_frame: first, end_frame: frame + 1 }),
        ),
      el(
        "span",
        { class: "actions" },
        el(
          "button",
          { type: "button", class: "quiet", onclick: () => showRegion(region) },
          t("mark.goThere"),
        ),
        removeButton(t(marks.textKeys.remove, { name }), () =>
          guarded(app, () => marks.removeRegion(region), show),
        ),
      ),
    );
  }

  /** @param {import("./video-view.js").Region} region */
  function showRegion(region) {
    if (!marks.regionsAt(marks.frame).includes(region)) marks.seek(region.start_frame ?? 0);
    marks.select(region.id);
  }

  for (const type of ["marks", "selected"]) marks.addEventListener(type, show);
  show();
  return list;
}

/**
 * Item for users without the right to edit.
 * @param {string} name
 * @param {string} frames
 * @param {() => void} open
 */
function readOnlyItem(name, frames, open) {
  const show = el("button", { type: "button", class: "quiet", onclick: open }, t("mark.goThere"));
  return el(
    "li",
    { class: "mark" },
    el("b", { class: "label" }, name),
    el("span", { class: "facts" }, frames),
    el("span", { class: "actions" }, show),
  );
}

/**
 * @param {string | null} label
 * @param {string} text
 * @param {string} key
 * @param {string} placeholder
 * @param {(label: string) => void} save
 */
function labelInput(label, text, key, placeholder, save) {
  const input = el("input", {
    value: label ?? "",
    placeholder,
    maxlength: 200,
    "aria-label": `${text}: ${placeholder}`,
    "data-key": `${key} label`,
    class: "label",
    onchange: () => save(input.value.trim()),
  });
  return input;
}

/**
 * @param {import("../app.js").App} app
 * @param {() => Promise<unknown>} change
 * @param {() => void} restore shows the stored state again when the change is refused
 */
async function guarded(app, change, restore) {
  try {
    await change();
  } catch (error) {
    app.announcer.problem(error);
    restore();
  }
}
