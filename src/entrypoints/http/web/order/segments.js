/** Which segments of a video are delivered; all of it where none is marked. */

import { el } from "../core/dom.js";
import { t } from "../core/language.js";
import { nameOf } from "../mark/names.js";

const WHOLE = 0;
const NAME = "segment";

/**
 * What choosing a segment is called.
 * @param {number} id
 */
export function boxOf(id) {
  return `${NAME} ${id}`;
}

/**
 * @param {import("../app.js").App} app
 * @param {import("../videos/video.js").Video} video
 * @param {import("../mark/marks.js").Segment[]} segments
 */
export function segmentChoice(app, video, segments) {
  const whole = { id: WHOLE, start_frame: 0, end_frame: video.frame_count, label: t("run.wholeVideo") };
  let known = segments.length ? segments : [whole];
  const boxes = known.map(({ id }) =>
    el("input", {
      type: "checkbox",
      name: NAME,
      value: String(id),
      checked: true,
      disabled: id === WHOLE,
    }),
  );
  const node = el(
    "fieldset",
    {},
    el("legend", {}, t("run.what")),
    known.map((segment, index) => {
      const { start_frame: first, end_frame: end } = segment;
      const name = nameOf(known, segment, "segment.name");
      return el(
        "label",
        { class: "check" },
        boxes[index],
        t("run.part", { name, first, last: end - 1 }),
        el("small", {}, t("frames", { count: end - first })),
      );
    }),
    !segments.length && el("p", { class: "help" }, t("run.noSegments")),
  );

  function chosen() {
    return known.filter((_, index) => boxes[index].checked);
  }

  /** Numbers of the segments; the whole video is marked as one when nothing else is. */
  async function ids() {
    if (known[0].id === WHOLE) {
      const body = { start_frame: 0, end_frame: video.frame_count };
      known = [await app.api.post(`/api/videos/${video.id}/segments/`, body)];
    }
    return chosen().map(({ id }) => id);
  }

  return { node, ids, frames: () => framesOf(chosen()) };
}

/**
 * How many frames stretches have that may overlap; each counts once.
 * @param {{start_frame: number, end_frame: number}[]} stretches
 */
function framesOf(stretches) {
  let [frames, reached] = [0, 0];
  for (const { start_frame: start, end_frame: end } of stretches.toSorted(
    (one, other) => one.start_frame - other.start_frame,
  )) {
    frames += Math.max(0, end - Math.max(start, reached));
    reached = Math.max(reached, end);
  }
  return frames;
}
