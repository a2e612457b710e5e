/** The riskiest frames of one result, which count as seen once they were on the screen. */

import { isAborted } from "../core/api.js";
import { el, fill, uniqueId } from "../core/dom.js";
import { dateTime, t } from "../core/language.js";
import { link } from "../core/router.js";
import { kindOf } from "../runs/kind.js";
import { icon } from "../ui/icons.js";

/** Frames fetched at once. */
const PAGE = 12;
/** Milliseconds for which most of an image is on the screen before its frame counts as seen. */
const DWELL = 500;
/** Window width in pixels below which the bars at the bottom, which cover images, are higher. */
const NARROW = 720;
/** Width of an image in pixels. */
const WIDTH = 640;

/**
 * @param {import("../app.js").App} app
 * @param {import("../runs/progress-stream.js").Run} run
 * @param {string} name of its video
 * @param {() => void} onChange called when more frames were seen
 * @param {AbortSignal} signal
 */
export function contactSheet(app, run, name, onChange, signal) {
  const path = `/api/frames/anonymize/${run.request_id}`;
  const titleId = uniqueId("sheet");
  const state = el("p", { class: "facts" });
  const images = el("ol", { class: "strip" });
  const more = el("button", { type: "button", hidden: true, onclick: () => guarded(fetchMore) }, t("reviews.more"));
  /** @type {import("../review/release.js").Progress | null} */
  let progress = null;
  /** Frames that were on the screen, and are not recorded yet. @type {Set<number>} */
  const pending = new Set();
  /** @type {Map<Element, number>} */
  const timers = new Map();
  let shown = 0;
  /** Images that were on the screen since the page was opened. */
  let looked = 0;
  let isSaving = false;

  const watcher = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        clearTimeout(timers.get(target));
        if (isIntersecting) timers.set(target, window.setTimeout(() => noteSeen(target), DWELL));
      }
    },
    { threshold: 0.6, rootMargin: `0px 0px -${innerWidth < NARROW ? 220 : 120}px 0px` },
  );
  // Results are read one by one, which takes the service some work, so only those that come into view.
  const opener = new IntersectionObserver((entries) => {
    if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
    opener.disconnect();
    guarded(open);
  });

  /** @param {() => Promise<void>} act */
  async function guarded(act) {
    try {
      await act();
    } catch (error) {
      if (!isAborted(error) && !signal.aborted) app.announcer.problem(error);
    }
  }

  async function open() {
    show(await app.api.get(`${path}/seen/`, { signal }));
    await fetchMore();
  }

  async function fetchMore() {
    const page = await app.api.get(`${path}/review/`, { query: { limit: PAGE, offset: shown }, signal });
    const items = page.items.map((/** @type {import("../review/filmstrip.js").Risk} */ { index }) => {
      const image = el("img", { src: `${path}/frames/${index}/?width=${WIDTH}`, alt: t("review.frame", { frame: index }) });
      image.dataset.frame = String(index);
      image.addEventListener("load", () => watcher.observe(image));
      image.addEventListener("error", () => image.replaceWith(el("span", { class: "help" }, t("videos.noThumbnail"))));
      const address = link(`/runs/${run.request_id}/review`, { frame: String(index) });
      return el("li", {}, el("a", { class: "picture", href: address }, image));
    });
    images.append(...items);
    shown += items.length;
    onChange();
    more.hidden = shown >= page.total;
  }

  /** @param {Element} image */
  function noteSeen(image) {
    if (document.hidden || signal.aborted) return;
    watcher.unobserve(image);
    looked += 1;
    pending.add(Number(/** @type {HTMLElement} */ (image).dataset.frame));
    guarded(save);
  }

  async function save() {
    if (isSaving) return;
    isSaving = true;
    try {
      while (pending.size) {
        const frames = [...pending];
        show(await app.api.post(`${path}/seen/`, { frames }, { signal }));
        for (const frame of frames) pending.delete(frame);
      }
    } finally {
      isSaving = false;
    }
  }

  /** @param {import("../review/release.js").Progress} current */
  function show(current) {
    progress = current;
    const { risky, seen_risky: seen } = current;
    fill(
      state,
      risky
        ? t("review.seenRisky", { seen, total: risky })
        : t("review.noRisky", { seen: current.seen, total: current.frames }),
      !current.may_release && ` ${t("review.secondPerson")}`,
    );
    onChange();
  }

  const heading = run.reference ? `${run.reference} · ${name}` : name;
  const node = el(
    "li",
    { class: "card sheet", "aria-labelledby": titleId },
    el("h2", { id: titleId }, heading),
    el("p", { class: "facts" }, [...kindOf(run), dateTime(run.created_at)].join(" · ")),
    images,
    state,
    el(
      "div",
      { class: "actions" },
      more,
      el("a", { class: "button", href: link(`/runs/${run.request_id}/review`) }, icon("review"), t("runs.review")),
    ),
  );
  opener.observe(node);
  signal.addEventListener("abort", () => {
    opener.disconnect();
    watcher.disconnect();
    for (const timer of timers.values()) clearTimeout(timer);
  });
  return {
    node,
    /** Whether the user has seen the images, and all frames with weak evidence, and may release the result. */
    isSeen: () =>
      progress !== null &&
      progress.may_release &&
      shown > 0 &&
      looked === shown &&
      progress.seen_risky === progress.risky,
    isBlocked: () => progress !== null && !progress.may_release,
    release: () => app.api.post(`${path}/release/`),
  };
}
