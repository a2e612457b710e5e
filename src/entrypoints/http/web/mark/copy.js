/** Dialog to copy the marks of another video. */

import { el } from "../core/dom.js";
import { Debounced } from "../core/debounce.js";
import { dateTime, duration, t } from "../core/language.js";
import { offerKept } from "../order/copied-areas.js";
import { showDialog } from "../ui/dialog.js";
import { field, form } from "../ui/fields.js";
import { empty, loaded } from "../ui/placeholders.js";
import { nameOf } from "../videos/video.js";

/** Videos shown at once; a search finds the others. */
const MAX_LISTED = 20;

/**
 * @typedef {import("../videos/video.js").Video} Video
 * @typedef {{segments: boolean, regions: boolean}} Parts
 */

/**
 * Copy marks, as one change that can be undone.
 * @param {import("../app.js").App} app
 * @param {import("./marks.js").Marks} marks
 * @param {Video} source
 * @param {Parts} parts
 */
async function copyMarks(app, marks, source, parts) {
  const path = `/api/videos/${marks.video.id}/marks/copy`;
  let copied = { segments: [], regions: [], keep_text: [] };
  await marks.together(async () => {
    copied = await app.api.post(path, { from_video: source.id, ...parts });
    if (copied.segments.length) marks.segments = [...marks.segments, ...copied.segments];
    if (copied.regions.length) marks.regions = [...marks.regions, ...copied.regions];
  });
  const { segments, regions, keep_text: kept } = copied;
  offerKept(marks.video.id, kept);
  if (!segments.length && !regions.length && !kept.length) return t("copy.nothing", { name: nameOf(source) });
  const counts = [
    t("copy.segments", { count: segments.length }),
    t("copy.regions", { count: regions.length }),
    kept.length ? t("copy.kept", { count: kept.length }) : "",
  ];
  return t("copy.done", { name: nameOf(source), marks: counts.filter(Boolean).join(", ") });
}

/**
 * A button that opens the dialog.
 * @param {import("../app.js").App} app
 * @param {import("./marks.js").Marks} marks
 */
export function copyButton(app, marks) {
  return el("button", { type: "button", class: "wide", onclick: () => ask(app, marks) }, t("copy.open"));
}

/**
 * @param {import("../app.js").App} app
 * @param {import("./marks.js").Marks} marks
 */
function ask(app, marks) {
  const leaving = new AbortController();
  const { signal } = leaving;
  const typed = new Debounced();
  const search = el("input", {
    type: "search",
    maxlength: 200,
    oninput: () => typed.schedule(search.value.trim(), () => found.reload()),
  });
  const [segments, regions] = ["segments", "regions"].map((name) =>
    el("input", { type: "checkbox", name, checked: true }),
  );
  const found = loaded(
    app.api,
    signal,
    () => app.api.get("/api/videos/", { query: { q: search.value.trim(), limit: MAX_LISTED + 1 }, signal }),
    (page) => {
      const others = page.items.filter((/** @type {Video} */ each) => each.id !== marks.video.id);
      if (!others.length) return empty(t("copy.none"));
      return el("ul", { class: "choices" }, others.slice(0, MAX_LISTED).map(choice));
    },
  );

  /** @param {Video} video */
  function choice(video) {
    const size = `${video.width} × ${video.height}`;
    const facts = [size, duration(video.duration), dateTime(video.created_at)].join(" · ");
    const input = el("input", { type: "radio", name: "source", value: String(video.id), required: true });
    input.addEventListener("change", () => (source = video));
    input.checked = source?.id === video.id;
    return el(
      "li",
      {},
      el("label", { class: "choice" }, input, el("span", {}, el("b", {}, nameOf(video)), el("small", {}, facts))),
    );
  }
  /** @type {Video | null} */
  let source = null;
  const dialog = showDialog(
    t("copy.title"),
    el("p", { class: "help" }, t("copy.help")),
    form(
      { class: "stack" },
      async () => {
        if (!source) return;
        const parts = { segments: segments.checked, regions: regions.checked };
        app.announcer.say(await copyMarks(app, marks, source, parts));
        dialog.close();
      },
      field(t("list.search"), search),
      found.node,
      el("label", { class: "check" }, segments, t("copy.withSegments")),
      el("label", { class: "check" }, regions, t("copy.withRegions")),
      el("button", { type: "submit", class: "primary" }, t("copy.action")),
    ),
  );
  dialog.classList.add("copying");
  dialog.addEventListener("close", () => leaving.abort());
}
