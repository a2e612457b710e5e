/** The regions of the frame that is looked at, on the picture. */

import { t } from "../core/language.js";
import { boxLayer } from "../ui/box-layer.js";
import { nameOf } from "./names.js";

/**
 * @param {import("../app.js").App} app
 * @param {import("./film.js").DrawnFilm} marks
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
        const name = nameOf(marks.regions, region, marks.words.name);
        return { id, area: { x, y, width, height }, name, of: region };
      }),
    selected: () => marks.selected,
    select: (id) => marks.select(Number(id)),
    add: (area) => marks.addRegion(area),
    change: (box, area) => marks.changeRegion(box.of, area),
    remove: (box) => marks.removeRegion(box.of),
  });
  for (const what of ["frame", "marks", "selected"]) marks.addEventListener(what, layer.show);
  return layer.node;
}
