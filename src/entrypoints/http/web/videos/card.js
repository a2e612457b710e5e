/** One video in the list: its properties and actions. */

import { el } from "../core/dom.js";
import { dateTime, duration, number, size, t } from "../core/language.js";
import { link } from "../core/router.js";
import { saveReceipt } from "../runs/receipt.js";
import { confirmed } from "../ui/dialog.js";
import { icon } from "../ui/icons.js";
import { describe } from "./describe.js";
import { share } from "./sharing.js";
import { accessBadge, nameOf, thumbnail } from "./video.js";

/**
 * @param {import("../app.js").App} app
 * @param {import("./video.js").Video} video
 * @param {() => void} reload
 * @param {AbortSignal} signal
 */
export function videoCard(app, video, reload, signal) {
  const name = nameOf(video);
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
    selectBox(app, video, signal),
    el("h2", {}, el("a", { href: page, title: video.filename }, name)),
    el(
      "p",
      { class: "labels" },
      el("span", { class: "badge", "data-state": video.state }, t(`state.${video.state}`)),
      video.tags.map((tag) => el("span", { class: "video-tag" }, tag)),
    ),
    el("p", { class: "facts" }, facts.join(" · ")),
    el("p", { class: "facts" }, t("videos.uploadedAt", { when: dateTime(video.created_at) })),
    accessBadge(video),
    el("div", { class: "actions" }, actions(app, video, reload)),
  );
}

/**
 * @param {import("../app.js").App} app
 * @param {import("./video.js").Video} video
 * @param {AbortSignal} signal
 */
function selectBox(app, video, signal) {
  const box = el("input", {
    type: "checkbox",
    checked: app.selection.has(video.id),
    "aria-label": t("selection.one", { name: nameOf(video) }),
    onchange: () => app.selection.set([video], box.checked),
  });
  app.selection.addEventListener("change", () => (box.checked = app.selection.has(video.id)), { signal });
  return el("label", { class: "select" }, box);
}

/**
 * @param {import("../app.js").App} app
 * @param {import("./video.js").Video} video
 * @param {() => void} reload
 */
function actions(app, video, reload) {
  const page = `/videos/${video.id}`;
  const name = nameOf(video);
  if (video.access === "viewer")
    return [el("a", { class: "button primary", href: link(page) }, t("videos.look"))];
  const links = [
    el("a", { class: "button primary", href: link(page) }, t("videos.mark")),
    el("a", { class: "button", href: link(`${page}/run`) }, t("videos.run")),
  ];
  const rename = iconButton("rename", "quiet", t("describe.one", { name }), () => describe(app, video, reload));
  if (video.access !== "owner") return [...links, el("span", { class: "apart" }, rename)];
  const shareButton = iconButton("share", "quiet", t("videos.shareOne", { name }), () => share(app, video));
  const deleteButton = iconButton("delete", "quiet danger", t("videos.deleteOne", { name }), () =>
    remove(app, video, reload),
  );
  return [...links, el("span", { class: "apart" }, rename, shareButton, deleteButton)];
}

/**
 * @param {"rename" | "share" | "delete"} name
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
  const name = nameOf(video);
  const everything = el("input", { type: "checkbox" });
  const question = {
    title: t("videos.delete"),
    text: t("videos.deleteWords", { name }),
    extra: el("label", { class: "check" }, everything, el("span", {}, t("videos.deleteAll"))),
    action: t("delete"),
  };
  if (!(await confirmed(question))) return;
  try {
    if (everything.checked) saveReceipt(await app.api.delete(`/api/videos/${video.id}/everything`));
    else await app.api.delete(`/api/videos/${video.id}`);
    app.selection.set([video], false);
    app.announcer.say(t("videos.deleted", { name }));
    reload();
  } catch (error) {
    app.announcer.problem(error);
  }
}
