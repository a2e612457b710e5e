/** Mark which frames are wanted, and what is always covered. */

import { el } from "../core/dom.js";
import { number, t } from "../core/language.js";
import { link, remember } from "../core/router.js";
import { controls } from "../mark/controls.js";
import { regionList, segmentList } from "../mark/lists.js";
import { Marks } from "../mark/marks.js";
import { picture } from "../mark/picture.js";
import { proposalLayer, proposalList } from "../mark/proposal-views.js";
import { Proposals } from "../mark/proposals.js";
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
    if (!signal.aborted) goOn(marks, place, signal);
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
 * Go on where somebody was, who has signed in again or speaks another language now: both leave the page and
 * come back to its address.
 * @param {Marks} marks
 * @param {import("../core/router.js").Place} place
 * @param {AbortSignal} signal
 */
function goOn(marks, { path, query }, signal) {
  const [frame, begun] = ["frame", "begun"].map((name) => Number.parseInt(query.get(name) ?? "", 10));
  if (begun >= 0 && begun <= marks.lastFrame && marks.mayEdit) marks.begun = begun;
  if (!Number.isNaN(frame)) marks.seek(frame);
  remember(path, {});
  const address = location.hash;
  signal.addEventListener("abort", () => {
    // As text, which the first frame needs to be remembered.
    const left = { frame: String(marks.frame), begun: String(marks.begun ?? "") };
    if (location.hash === address) remember(path, left);
  });
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
  const proposals = new Proposals(app, marks, signal);
  return [
    el("p", { class: "facts" }, [size, rate, t("frames", { count: video.frame_count })].join(" · ")),
    !marks.mayEdit && el("p", { class: "notice" }, t("mark.viewerOnly")),
    el(
      "div",
      { class: "desk" },
      el(
        "section",
        { class: "viewer", "aria-label": t("mark.viewer") },
        picture(app, marks, signal, proposalLayer(marks, proposals)),
        timeline(app, marks),
        controls(app, marks, signal),
      ),
      el(
        "div",
        { class: "lists" },
        listed(t("segment.title"), t("segment.help"), segmentList(app, marks)),
        listed(t("region.title"), t("region.help"), regionList(app, marks)),
        marks.mayEdit && listed(t("proposal.title"), t("proposal.help"), proposalList(app, proposals)),
        marks.mayEdit &&
          el("a", { class: "button primary wide", href: link(`/videos/${video.id}/run`) }, t("mark.goOn")),
      ),
    ),
  ];
}

/**
 * @param {string} title
 * @param {string} help
 * @param {Node} list
 */
function listed(title, help, list) {
  return el("section", { class: "card" }, el("h2", {}, title), el("p", { class: "help" }, help), list);
}
