/** Videos: dropped, listed, deleted. */

import { el, fill } from "../core/dom.js";
import { dateTime, duration, number, size, t } from "../core/language.js";
import { link, remember } from "../core/router.js";
import { confirmed } from "../ui/dialog.js";
import { dropZone } from "../ui/drop-zone.js";
import { icon } from "../ui/icons.js";
import { pager } from "../ui/pager.js";
import { empty, loaded } from "../ui/states.js";

const PAGE = 12;

/**
 * @typedef {object} Video as the service describes it
 * @property {number} id
 * @property {string} filename
 * @property {number} size_bytes
 * @property {number} width
 * @property {number} height
 * @property {number} frame_rate
 * @property {number} frame_count
 * @property {number} duration
 * @property {string} created_at
 */

/**
 * @param {import("../app.js").App} app
 * @param {import("../core/router.js").Place} place
 * @param {AbortSignal} signal
 */
export function videos(app, place, signal) {
  let offset = Number(place.query.get("offset")) || 0;
  const list = loaded(
    app.api,
    signal,
    () => app.api.get("/api/videos/", { query: { limit: PAGE, offset }, signal }),
    (page, reload) => {
      if (!page.items.length) return empty(t("videos.none"));
      return [
        el(
          "ul",
          { class: "cards" },
          page.items.map((/** @type {Video} */ video) => card(app, video, reload)),
        ),
        pager(page, (wanted) => {
          offset = wanted;
          remember("/videos", { offset });
          reload();
        }) ?? el("span"),
      ];
    },
  );
  /** @param {File[]} files */
  function take(files) {
    for (const file of files) app.uploads.add(app, file);
  }
  app.uploads.addEventListener("done", () => list.reload(), { signal });
  const accept = "video/*,.mkv,.mov,.avi,.webm,.mp4,.m4v,.mpg,.ts";
  return el(
    "div",
    {},
    el("h1", { tabindex: "-1" }, t("videos.title")),
    el("p", { class: "lead" }, t("videos.lead")),
    dropZone({ label: t("videos.drop"), help: t("videos.dropHelp"), accept, multiple: true }, take),
    app.uploads.node,
    list.node,
  );
}

/**
 * @param {import("../app.js").App} app
 * @param {Video} video
 * @param {() => void} reload
 */
function card(app, video, reload) {
  async function remove() {
    const question = {
      title: t("videos.delete"),
      words: t("videos.deleteWords", { name: video.filename }),
      action: t("delete"),
    };
    if (!(await confirmed(question))) return;
    try {
      await app.api.delete(`/api/videos/${video.id}`);
      app.announcer.say(t("videos.deleted", { name: video.filename }));
      reload();
    } catch (error) {
      app.announcer.problem(error);
    }
  }
  const facts = [
    duration(video.duration),
    t("frames", { count: video.frame_count }),
    `${video.width} × ${video.height}`,
    t("perSecond", { rate: number(video.frame_rate, 2) }),
    size(video.size_bytes),
  ];
  return el(
    "li",
    { class: "card video" },
    el(
      "a",
      { href: link(`/videos/${video.id}`), class: "thumbnail", tabindex: "-1", "aria-hidden": "true" },
      thumbnail(video),
    ),
    el("h2", {}, el("a", { href: link(`/videos/${video.id}`), title: video.filename }, video.filename)),
    el("p", { class: "facts" }, facts.join(" · ")),
    el("p", { class: "facts" }, t("videos.uploadedAt", { when: dateTime(video.created_at) })),
    el(
      "div",
      { class: "actions" },
      el("a", { class: "button primary", href: link(`/videos/${video.id}`) }, t("videos.mark")),
      el("a", { class: "button", href: link(`/videos/${video.id}/run`) }, t("videos.run")),
      el(
        "button",
        {
          type: "button",
          class: "quiet danger",
          onclick: remove,
          "aria-label": t("videos.deleteOne", { name: video.filename }),
        },
        icon("delete"),
      ),
    ),
  );
}

/**
 * A frame from the middle, as films often begin in the dark.
 * @param {Video} video
 * @param {number} [width]
 */
export function thumbnail(video, width = 480) {
  const middle = Math.floor(video.frame_count / 2);
  const src = `/api/videos/${video.id}/frames/${middle}.jpg?width=${Math.min(width, video.width)}`;
  const picture = el("img", { src, alt: "", loading: "lazy", width: 16, height: 9 });
  picture.addEventListener("error", () => fill(frame, el("span", {}, t("videos.noThumbnail"))));
  const frame = el("span", { class: "picture" }, picture);
  return frame;
}
