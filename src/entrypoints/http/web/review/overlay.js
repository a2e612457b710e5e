/** The boxes of the current frame, drawn on the image. */

import { place } from "../core/areas.js";
import { el, fill } from "../core/dom.js";
import { t } from "../core/language.js";
import { boxLayer } from "../ui/box-layer.js";
import { areaOf, nameOf } from "./box.js";

/**
 * @param {import("../app.js").App} app
 * @param {import("./result.js").Result} result
 */
export function overlay(app, result) {
  const uncovered = el("div", { class: "uncovered", "aria-hidden": "true" });
  const layer = boxLayer(app, {
    role: result.canEdit ? t("review.boxRole") : t("review.fixedRole"),
    isFixed: !result.canEdit,
    size: () => result.size,
    boxes: () =>
      (result.shown ?? []).map((box) => {
        const name = nameOf(box);
        const { kind, id } = box;
        return { id, area: areaOf(box), name, label: name, kind, of: { box, frame: result.frame } };
      }),
    selected: () => result.selected,
    select: (id) => result.select(id ? String(id) : ""),
    add: (area) => result.add(area),
    change: ({ of }, area) => result.change(of.box, area, of.frame),
    remove: ({ of }) => result.remove(of.box),
  });
  const node = el("div", { class: "overlay" }, uncovered, layer.node);

  function show() {
    node.hidden = !result.showsBoxes;
    layer.show();
    fill(
      uncovered,
      result.boxes.uncoveredAt(result.frame).map((box) => {
        const ghost = el("div", { class: "ghost" });
        place(ghost, areaOf(box), result.size);
        return ghost;
      }),
    );
  }

  for (const type of ["frame", "boxes", "selected"]) result.addEventListener(type, show);
  show();
  return node;
}
