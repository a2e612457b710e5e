/** One video in the list: its properties and actions. */

import { el } from "../core/dom.js";
import { dateTime, duration, number, size, t } from "../core/language.js";
import { link } from "../core/router.js";
import { confirmed } from "../ui/dialog.js";
import { icon } from "../ui/icons.js";
import { share } from "./sharing.js";
import { accessBadge, thumbnail } from "./video.js";

/**
 * @param {import("../app.js").App} app
 * @param {import("./video.js").Video} video
 * @param {() => void} reload
 */
export function videoCard(app, video, reload) {
  const page = link(`/videos/${video.id}`);
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
    el("a", { href: page, class: "thumbnail", tabindex: "-1", "aria-hidden": "true" }, thumbnail(video)),
    el("h2", {}, el("a", { href: page, title: video.filename }, video.filename)),
    el("p", { class: "facts" }, facts.join(" · ")),
    el("p", { class: "facts" }, t("videos.uploadedAt", { when: dateTime(video.created_at) })),
    accessBadge(video),
    el("div", { class: "actions" }, actions(app, video, reload)),
  );
}

/**
 * @param {import("../app.js").App} app
 * @param {import("./video.js").Video} video
 * @param {() => void} reload
 */
function actions(app, video, reload) {
  const page = `/videos/${video.id}`;
  const name = video.filename;
  if (video.access === "viewer")
    return [el("a", { class: "button primary", href: link(page) }, t("videos.look"))];
  const links = [
    el("a", { class: "button primary", href: link(page) }, t("videos.mark")),
    el("a", { class: "button", href: link(`${page}/run`) }, t("videos.run")),
  ];
  if (video.access !== "owner") return links;
  const shareButton = iconButton("share", "quiet", t("videos.shareOne", { name }), () => share(app, video));
  const deleteButton = iconButton("delete", "quiet danger", t("videos.deleteOne", { name }), () =>
    remove(app, video, reload),
  );
  return [...links, el("span", { class: "apart" }, shareButton, deleteButton)];
}

/**
 * @param {"share" | "delete"} name
 * @param {string} kind
 * @param {string} label
 * @param {() => void} onclick
 */
function iconButton(name, kind, label, onclick) {
  return el(
    "button",
    { type: "button", class: kind, "aria-label": label, title: label, onclick },
    icon(name),
  );
}

/**
 * @param {import("../app.js").App} app
 * @param {import("./video.js").Video} video
 * @param {() => void} reload
 */
async function remove(app, video, reload) {
  const question = {
    title: t("videos.delete"),
    text: t("videos.deleteWords", { name: video.filename }),
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
