/** List of galleries, with creation and deletion. */

import { el } from "../core/dom.js";
import { dateTime, t } from "../core/language.js";
import { link, numberOf, remember } from "../core/router.js";
import { confirmed } from "../ui/dialog.js";
import { field, form } from "../ui/fields.js";
import { pageAt, pager } from "../ui/pager.js";
import { empty, loaded } from "../ui/placeholders.js";

const PAGE = 20;

/**
 * @typedef {object} Gallery a gallery as returned by the API
 * @property {string} id
 * @property {string} name
 * @property {string} model
 * @property {number} threshold default threshold: cosine from which two faces count as the same person
 * @property {import("../faces/similarity.js").SimilarityScale | null} likeness
 * @property {number} face_count
 * @property {string} created_at
 * @property {string | null} expires_at
 */

/**
 * @param {import("../app.js").App} app
 * @param {import("../core/router.js").Place} place
 * @param {AbortSignal} signal
 */
export function galleries(app, place, signal) {
  let offset = numberOf(place.query, "offset");
  const fetchPage = (/** @type {number} */ from) =>
    app.api.get("/galleries/", { query: { limit: PAGE, offset: from }, signal });
  const load = () => pageAt(fetchPage, offset);
  const list = loaded(app.api, signal, load, (page, reload) => {
    if (!page.items.length) return empty(t("galleries.none"));
    return [
      el(
        "ul",
        { class: "cards" },
        page.items.map((/** @type {Gallery} */ gallery) => card(app, gallery, reload)),
      ),
      pager(page, (next) => {
        offset = next;
        remember("/galleries", { offset });
        reload();
      }) ?? el("span"),
    ];
  });
  const name = el("input", { required: true, maxlength: 200 });
  const expiry = el("input", { type: "date", min: new Date().toISOString().slice(0, 10) });
  const creationForm = form(
    { class: "card row" },
    async () => {
      const ends = expiry.value && new Date(`${expiry.value}T23:59:59`).toISOString();
      await app.api.post("/galleries/", { name: name.value.trim(), expires_at: ends || null });
      app.announcer.say(t("galleries.made", { name: name.value }));
      creationForm.reset();
      await list.reload();
    },
    field(t("galleries.name"), name),
    field(t("galleries.expiry"), expiry, t("galleries.expiryHelp")),
    el("button", { type: "submit", class: "primary" }, t("galleries.make")),
  );
  return el(
    "div",
    {},
    el("h1", { tabindex: "-1" }, t("galleries.title")),
    el("p", { class: "lead" }, t("galleries.lead")),
    creationForm,
    list.node,
  );
}

/**
 * @param {import("../app.js").App} app
 * @param {Gallery} gallery
 * @param {() => void} reload
 */
function card(app, gallery, reload) {
  async function remove() {
    const text = t("galleries.deleteWords", { name: gallery.name, count: gallery.face_count });
    if (!(await confirmed({ title: t("galleries.delete"), text, action: t("delete") }))) return;
    try {
      await app.api.delete(`/galleries/${gallery.id}`);
      app.announcer.say(t("galleries.deleted", { name: gallery.name }));
      reload();
    } catch (error) {
      app.announcer.problem(error);
    }
  }
  const ends = gallery.expires_at
    ? t("galleries.ends", { when: dateTime(gallery.expires_at) })
    : t("galleries.endless");
  return el(
    "li",
    { class: "card" },
    el("h2", {}, el("a", { href: link(`/galleries/${gallery.id}`) }, gallery.name)),
    el(
      "p",
      { class: "facts" },
      [t("galleries.faces", { count: gallery.face_count }), gallery.model, ends].join(" · "),
    ),
    el(
      "div",
      { class: "actions" },
      el("a", { class: "button", href: link(`/galleries/${gallery.id}`) }, t("galleries.open")),
      el("button", { type: "button", class: "danger", onclick: remove }, t("delete")),
    ),
  );
}
