/** List of the boxes of the current frame, with their coordinates. */

import { el, fill, refill, uniqueId } from "../core/dom.js";
import { percent, t } from "../core/language.js";
import { field, select } from "../ui/fields.js";
import { icon } from "../ui/icons.js";
import { numberInput, removeButton } from "../ui/inputs.js";
import { areaOf, KINDS, nameOf } from "./box.js";

/** Size of a box that was added without drawing, relative to the image. */
const NEW_BOX_SIZE = 0.25;
const REACHES = ["frame", "range", "all"];
const SIDES = /** @type {const} */ (["x", "y", "width", "height"]);

/**
 * @param {import("../app.js").App} app
 * @param {import("./result.js").Result} result
 */
export function panel(app, result) {
  const visible = el("input", {
    type: "checkbox",
    role: "switch",
    "aria-keyshortcuts": "b",
    onchange: () => result.showBoxes(visible.checked),
  });
  const list = el("div", { class: "boxes" });

  function show() {
    visible.checked = result.showsBoxes;
    const boxes = result.shown;
    if (!boxes?.length) {
      const key = boxes === null ? "review.black" : boxes ? "review.noBoxes" : "loading";
      return fill(list, el("p", { class: "help" }, t(key)));
    }
    refill(list, el("ul", {}, boxes.map(item)));
  }

  /** @param {import("./box.js").Box} box */
  function item(box) {
    const isSelected = box.id === result.selected;
    const name = nameOf(box);
    const basis = box.basis === "shape" && t("review.basis.shape");
    const score = box.score === null ? "" : percent(box.score);
    return el(
      "li",
      { class: isSelected ? "mark selected" : "mark" },
      el(
        "button",
        {
          type: "button",
          class: "quiet name",
          "aria-pressed": String(isSelected),
          "data-key": `${box.id} name`,
          onclick: () => result.select(isSelected ? "" : box.id),
        },
        el("span", { class: "swatch", "data-kind": box.kind, "aria-hidden": "true" }),
        el("span", {}, name),
        el("small", {}, [t(`review.origin.${box.origin}`), basis, score].filter(Boolean).join(" · ")),
      ),
      result.canEdit && removeButton(t("review.remove", { name }), () => remove(box)),
      isSelected &&
        result.canEdit &&
        el(
          "div",
          { class: "numbers" },
          SIDES.map((side) => sideInput(box, side)),
        ),
    );
  }

  /**
   * @param {import("./box.js").Box} box
   * @param {"x" | "y" | "width" | "height"} side
   */
  function sideInput(box, side) {
    const isHorizontal = side === "x" || side === "width";
    const max = isHorizontal ? result.size.width : result.size.height;
    /** @type {[number, number]} */
    const limits = side === "x" || side === "y" ? [0, max - 1] : [1, max];
    const save = (/** @type {number} */ value) => attempt(() => result.change(box, { [side]: value }));
    return numberInput(t(`region.${side}`), areaOf(box)[side], limits, `${box.id} ${side}`, save);
  }

  /** @param {import("./box.js").Box} box */
  async function remove(box) {
    await attempt(() => result.remove(box));
    // The button is gone: move the keyboard focus to the list.
    (list.querySelector("button") ?? visible).focus();
  }

  /** @param {() => Promise<unknown>} change */
  async function attempt(change) {
    try {
      await change();
    } catch (error) {
      app.announcer.problem(error);
      show();
    }
  }

  for (const type of ["frame", "boxes", "selected"]) result.addEventListener(type, show);
  show();
  const heading = uniqueId("boxes");
  return el(
    "section",
    { class: "card", "aria-labelledby": heading },
    el("h2", { id: heading }, t("review.boxes")),
    el("label", { class: "check" }, visible, t("review.showBoxes")),
    list,
    result.canEdit
      ? [addControls(result, attempt), reachChoice(result)]
      : el("p", { class: "help" }, t("review.fixed")),
  );
}

/**
 * @param {import("./result.js").Result} result
 * @param {(change: () => Promise<unknown>) => Promise<void>} attempt
 */
function addControls(result, attempt) {
  const kind = select(
    KINDS.map((name) => [name, t(`review.kind.${name}`)]),
    result.kind,
    { "aria-label": t("review.kindOf"), onchange: () => (result.kind = /** @type {any} */ (kind.value)) },
  );
  function add() {
    const { width, height } = result.size;
    const side = (1 - NEW_BOX_SIZE) / 2;
    const area = {
      x: side * width,
      y: side * height,
      width: NEW_BOX_SIZE * width,
      height: NEW_BOX_SIZE * height,
    };
    result.showBoxes(true);
    return attempt(() => result.add(area));
  }
  const button = el("button", { type: "button", onclick: add }, icon("add"), t("review.add"));
  const show = () => {
    button.disabled = !result.shown;
  };
  for (const type of ["frame", "boxes"]) result.addEventListener(type, show);
  show();
  return el("div", { class: "adding" }, kind, button);
}

/**
 * Choice of the frames that changes apply to.
 * @param {import("./result.js").Result} result
 */
function reachChoice(result) {
  const reach = select(
    REACHES.map((name) => [name, t(`review.reach.${name}`)]),
    result.reach,
    { onchange: () => result.setReach(/** @type {any} */ (reach.value)) },
  );
  const ends = el("div", { class: "ends" });
  function show() {
    reach.value = result.reach;
    ends.hidden = result.reach !== "range";
    const { first, last } = result.range;
    const limits = /** @type {[number, number]} */ ([result.boxes.ranges.first, result.lastFrame]);
    refill(
      ends,
      numberInput(t("segment.first"), first, limits, "range first", (value) =>
        result.setRange({ first: value }),
      ),
      numberInput(t("segment.last"), last, limits, "range last", (value) => result.setRange({ last: value })),
    );
  }
  result.addEventListener("reach", show);
  show();
  return el("div", { class: "reaching" }, field(t("review.reach"), reach), ends);
}
