/** Choice of the segments to deliver; the whole video when none is marked. */

import { el } from "../core/dom.js";
import { t } from "../core/language.js";
import { nameOf } from "../mark/names.js";

const WHOLE = 0;
const NAME = "segment";

/**
 * Return the key of a segment's checkbox among the choices of the form.
 * @param {number} id
 */
export function checkboxKey(id) {
  return `${NAME} ${id}`;
}

/**
 * @param {import("../app.js").App} app
 * @param {import("../videos/video.js").Video} video
 * @param {import("../mark/marks.js").Segment[]} segments
 */
export function segmentChoice(app, video, segments) {
  const whole = { id: WHOLE, start_frame: 0, end_frame: video.frame_count, label: t("run.wholeVideo") };
  let listed = segments.length ? segments : [whole];
  const boxes = listed.map(({ id }) =>
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
    listed.map((segment, index) => {
      const { start_frame: first, end_frame: end } = segment;
      const name = nameOf(listed, segment, "segment.name");
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
    return listed.filter((_, index) => boxes[index].checked);
  }

  /** Return the ids of the chosen segments. Without any segment, one is created for the whole video. */
  async function ids() {
    if (listed[0].id === WHOLE) {
      const body = { start_frame: 0, end_frame: video.frame_count };
      listed = [await app.api.post(`/api/videos/${video.id}/segments/`, body)];
    }
    return chosen().map(({ id }) => id);
  }

  return { node, ids, frames: () => framesOf(chosen()) };
}

/**
 * Count the frames in ranges that may overlap; each frame counts once.
 * @param {{start_frame: number, end_frame: number}[]} ranges
 */
function framesOf(ranges) {
  let [frames, reached] = [0, 0];
  for (const { start_frame: start, end_frame: end } of ranges.toSorted(
    (first, second) => first.start_frame - second.start_frame,
  )) {
    frames += Math.max(0, end - Math.max(start, reached));
    reached = Math.max(reached, end);
  }
  return frames;
}
