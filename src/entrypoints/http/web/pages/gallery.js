/** One gallery: enrol faces, search for a person, remove faces. */

import { LONG_TIMEOUT } from "../core/api.js";
import { el, fill } from "../core/dom.js";
import { dateTime, number, percent, t } from "../core/language.js";
import { base64 } from "../core/images.js";
import { link } from "../core/router.js";
import { fraction, thresholdRange } from "../faces/similarity.js";
import { bar } from "../ui/bar.js";
import { confirmed } from "../ui/dialog.js";
import { field, form } from "../ui/fields.js";
import { icon } from "../ui/icons.js";
import { pageAt, pager } from "../ui/pager.js";
import { empty, loaded } from "../ui/placeholders.js";

const PAGE = 20;

/**
 * @param {import("../app.js").App} app
 * @param {import("../core/router.js").Place} place
 * @param {AbortSignal} signal
 */
export function gallery(app, place, signal) {
  const path = `/galleries/${encodeURIComponent(place.params.id)}`;
  const heading = el("h1", { tabindex: "-1" }, t("gallery.title"));
  const content = loaded(
    app.api,
    signal,
    () => app.api.get(path, { signal }),
    (loadedGallery) => {
      heading.textContent = loadedGallery.name;
      const faces = faceList(app, path, signal);
      return [
        el("p", { class: "lead" }, t("gallery.lead", { model: loadedGallery.model })),
        el(
          "div",
          { class: "pair" },
          enrolForm(app, path, faces.reload),
          searchForm(app, path, loadedGallery),
        ),
        el("section", {}, el("h2", {}, t("gallery.faces")), faces.node),
      ];
    },
  );
  return el(
    "div",
    {},
    el("a", { class: "up", href: link("/galleries") }, t("galleries.title")),
    heading,
    content.node,
  );
}

/**
 * @param {import("../app.js").App} app
 * @param {string} path
 * @param {() => Promise<void>} reload
 */
function enrolForm(app, path, reload) {
  const label = el("input", { required: true, maxlength: 200 });
  const image = el("input", { type: "file", accept: "image/*", required: true });
  const node = form(
    { class: "card stack" },
    async () => {
      const [file] = image.files ?? [];
      const body = { label: label.value.trim(), image_data: await base64(file) };
      const face = await app.api.post(`${path}/faces`, body, { timeout: LONG_TIMEOUT });
      app.announcer.say(
        t("gallery.enrolled", { name: face.label, sharpness: percent(face.quality.sharpness) }),
      );
      node.reset();
      await reload();
    },
    el("h2", {}, t("gallery.enrol")),
    field(t("gallery.label"), label, t("gallery.labelHelp")),
    field(t("gallery.picture"), image, t("gallery.pictureHelp")),
    el("button", { type: "submit", class: "primary" }, t("gallery.enrolAction")),
  );
  return node;
}

/**
 * @param {import("../app.js").App} app
 * @param {string} path
 * @param {import("./galleries.js").Gallery} gallery
 */
function searchForm(app, path, gallery) {
  const image = el("input", { type: "file", accept: "image/*", required: true });
  const value = el("output", {}, number(gallery.threshold, 2));
  const threshold = el("input", {
    type: "range",
    ...thresholdRange(gallery),
    oninput: () => fill(value, number(threshold.valueAsNumber, 2)),
  });
  const results = el("div", { "aria-live": "polite" });
  return form(
    { class: "card stack" },
    async () => {
      fill(results);
      const [file] = image.files ?? [];
      const body = { image_data: await base64(file), threshold: threshold.valueAsNumber };
      const matches = await app.api.post(`${path}/search`, body, { timeout: LONG_TIMEOUT });
      fill(results, matchList(matches, gallery.likeness));
    },
    el("h2", {}, t("gallery.search")),
    field(t("gallery.searchPicture"), image),
    el(
      "div",
      { class: "with-value" },
      field(t("gallery.threshold"), threshold, t("gallery.thresholdHelp")),
      value,
    ),
    el("button", { type: "submit", class: "primary" }, t("gallery.searchAction")),
    results,
  );
}

/**
 * @param {{label: string, similarity: number}[]} matches
 * @param {import("../faces/similarity.js").SimilarityScale | null} scale
 */
function matchList(matches, scale) {
  if (!matches.length) return empty(t("gallery.nobody"));
  return el(
    "ul",
    { class: "bars" },
    matches.map(({ label, similarity }) =>
      el(
        "li",
        {},
        el("span", {}, label),
        bar(fraction(similarity, scale)),
        el("b", {}, number(similarity, 2)),
      ),
    ),
  );
}

/**
 * @param {import("../app.js").App} app
 * @param {string} path
 * @param {AbortSignal} signal
 */
function faceList(app, path, signal) {
  let offset = 0;
  const fetchPage = (/** @type {number} */ from) =>
    app.api.get(`${path}/faces`, { query: { limit: PAGE, offset: from }, signal });
  const load = () => pageAt(fetchPage, offset);
  return loaded(app.api, signal, load, (page, reload) => {
    if (!page.items.length) return empty(t("gallery.none"));
    const turn = (/** @type {number} */ next) => {
      offset = next;
      reload();
    };
    return [
      el(
        "ul",
        { class: "rows" },
        page.items.map((/** @type {any} */ face) => faceRow(app, path, face, reload)),
      ),
      pager(page, turn) ?? el("span"),
    ];
  });
}

/**
 * @param {import("../app.js").App} app
 * @param {string} path
 * @param {{id: string, label: string, created_at: string}} face
 * @param {() => void} reload
 */
function faceRow(app, path, face, reload) {
  async function remove() {
    const text = t("gallery.removeWords", { name: face.label });
    if (!(await confirmed({ title: t("gallery.remove", { name: face.label }), text, action: t("delete") })))
      return;
    try {
      await app.api.delete(`${path}/faces/${face.id}`);
      reload();
    } catch (error) {
      app.announcer.problem(error);
    }
  }
  const name = t("gallery.remove", { name: face.label });
  return el(
    "li",
    {},
    el("b", {}, face.label),
    el("span", { class: "facts" }, dateTime(face.created_at)),
    el(
      "button",
      { type: "button", class: "quiet danger", "aria-label": name, onclick: remove },
      icon("delete"),
    ),
  );
}
