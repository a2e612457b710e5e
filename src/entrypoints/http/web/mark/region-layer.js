/** The regions of the current frame, drawn on the image. */

import { t } from "../core/language.js";
import { boxLayer } from "../ui/box-layer.js";
import { nameOf } from "./names.js";

/**
 * @param {import("../app.js").App} app
 * @param {import("./video-view.js").RegionEditor} marks
 */
export function regionLayer(app, marks) {
  const { video } = marks;
  const layer = boxLayer(app, {
    role: marks.mayEdit ? t("region.role") : t("region.fixedRole"),
    isFixed: !marks.mayEdit,
    size: () => video,
    boxes: () =>
      marks.regionsAt(marks.frame).map((region) => {
        const { id, x, y, width, height } = region;
        const name = nameOf(marks.regions, region, marks.textKeys.name);
        return { id, area: { x, y, width, height }, name, of: region };
      }),
    selected: () => marks.selected,
    select: (id) => marks.select(Number(id)),
    add: (area) => marks.addRegion(area),
    change: (box, area) => marks.changeRegion(box.of, area),
    remove: (box) => marks.removeRegion(box.of),
  });
  for (const type of ["frame", "marks", "selected"]) marks.addEventListener(type, layer.show);
  return layer.node;
}
