/** Mark which frames are wanted, and what is always covered. */

import { el } from "../core/dom.js";
import { number, t } from "../core/language.js";
import { link } from "../core/router.js";
import { controls } from "../mark/controls.js";
import { regionList, segmentList } from "../mark/lists.js";
import { Marks } from "../mark/marks.js";
import { picture } from "../mark/picture.js";
import { timeline } from "../mark/timeline.js";
import { loaded } from "../ui/states.js";

/**
 * @param {import("../app.js").App} app
 * @param {import("../core/router.js").Place} place
 * @param {AbortSignal} signal
 */
export function mark(app, place, signal) {
  async function load() {
    const video = await app.api.get(`/api/videos/${encodeURIComponent(place.params.id)}`, { signal });
    const marks = new Marks(app.api, video);
    await marks.load(signal);
    return marks;
  }
  const heading = el("h1", { tabindex: "-1" }, t("mark.title"));
  const content = loaded(app.api, signal, load, (marks) => {
    heading.textContent = marks.video.filename;
    return desk(app, marks, signal);
  });
  return el(
    "div",
    {},
    el("a", { class: "up", href: link("/videos") }, t("videos.title")),
    heading,
    content.node,
  );
}

/**
 * @param {import("../app.js").App} app
 * @param {import("../mark/marks.js").Marks} marks
 * @param {AbortSignal} signal
 */
function desk(app, marks, signal) {
  const { video } = marks;
  const size = `${video.width} × ${video.height}`;
  const rate = t("perSecond", { rate: number(video.frame_rate, 2) });
  return [
    el("p", { class: "facts" }, [size, rate, t("frames", { count: video.frame_count })].join(" · ")),
    el(
      "div",
      { class: "desk" },
      el(
        "section",
        { class: "viewer", "aria-label": t("mark.viewer") },
        picture(app, marks, signal),
        timeline(app, marks),
        controls(app, marks, signal),
      ),
      el(
        "div",
        { class: "lists" },
        el(
          "section",
          { class: "card" },
          el("h2", {}, t("segment.title")),
          el("p", { class: "help" }, t("segment.help")),
          segmentList(app, marks),
        ),
        el(
          "section",
          { class: "card" },
          el("h2", {}, t("region.title")),
          el("p", { class: "help" }, t("region.help")),
          regionList(app, marks),
        ),
        el("a", { class: "button primary wide", href: link(`/videos/${video.id}/run`) }, t("mark.goOn")),
      ),
    ),
  ];
}
