/** Page to mark segments and regions of a video. */

import { el } from "../core/dom.js";
import { number, t } from "../core/language.js";
import { link, remember } from "../core/router.js";
import { copyButton } from "../mark/copy.js";
import { controls } from "../mark/controls.js";
import { regionList, segmentList } from "../mark/lists.js";
import { Marks } from "../mark/marks.js";
import { frameImage } from "../mark/frame-image.js";
import { proposalLayer, proposalList } from "../mark/proposal-views.js";
import { Proposals } from "../mark/proposals.js";
import { timeline } from "../mark/timeline.js";
import { loaded } from "../ui/placeholders.js";
import { nameOf } from "../videos/video.js";

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
    if (!signal.aborted) restorePosition(marks, place, signal);
    return marks;
  }
  const heading = el("h1", { tabindex: "-1" }, t("mark.title"));
  const content = loaded(app.api, signal, load, (marks) => {
    heading.textContent = nameOf(marks.video);
    return workspace(app, marks, signal);
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
 * Restore the position after a new session or a change of language: both leave the page and return to its
 * address.
 * @param {Marks} marks
 * @param {import("../core/router.js").Place} place
 * @param {AbortSignal} signal
 */
function restorePosition(marks, { path, query }, signal) {
  const [frame, begun] = ["frame", "begun"].map((name) => Number.parseInt(query.get(name) ?? "", 10));
  if (begun >= 0 && begun <= marks.lastFrame && marks.mayEdit) marks.begun = begun;
  if (!Number.isNaN(frame)) marks.seek(frame);
  remember(path, {});
  const address = location.hash;
  signal.addEventListener("abort", () => {
    // As strings, because a number 0 would be left out of the address.
    const position = { frame: String(marks.frame), begun: String(marks.begun ?? "") };
    if (location.hash === address) remember(path, position);
  });
}

/**
 * @param {import("../app.js").App} app
 * @param {import("../mark/marks.js").Marks} marks
 * @param {AbortSignal} signal
 */
function workspace(app, marks, signal) {
  const { video } = marks;
  const size = `${video.width} × ${video.height}`;
  const rate = t("perSecond", { rate: number(video.frame_rate, 2) });
  const proposals = new Proposals(app, marks, signal);
  return [
    el("p", { class: "facts" }, [size, rate, t("frames", { count: video.frame_count })].join(" · ")),
    !marks.mayEdit && el("p", { class: "notice" }, t("mark.viewerOnly")),
    el(
      "div",
      { class: "workspace" },
      el(
        "section",
        { class: "viewer", "aria-label": t("mark.viewer") },
        frameImage(app, marks, signal, proposalLayer(marks, proposals)),
        timeline(app, marks, signal),
        controls(app, marks, signal),
      ),
      el(
        "div",
        { class: "lists" },
        listed(t("segment.title"), t("segment.help"), segmentList(app, marks)),
        listed(t("region.title"), t("region.help"), regionList(app, marks)),
        marks.mayEdit && listed(t("proposal.title"), t("proposal.help"), proposalList(app, proposals)),
        marks.mayEdit && copyButton(app, marks),
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
