/** Frame of every page: brand, navigation and account menu. */

import { el } from "../core/dom.js";
import { LANGUAGES, language, t } from "../core/language.js";
import { link } from "../core/router.js";
import { chosenTheme, THEMES, useTheme } from "../core/theme.js";
import { select } from "./fields.js";
import { icon } from "./icons.js";

/** @type {{section: string, path: string, forAdmin?: boolean}[]} */
const SECTIONS = [
  { section: "videos", path: "/videos" },
  { section: "runs", path: "/runs" },
  { section: "faces", path: "/faces" },
  { section: "galleries", path: "/galleries" },
  { section: "admin", path: "/admin", forAdmin: true },
];

/**
 * @param {import("../app.js").App} app
 * @param {string} section the current one
 * @param {Node} page
 */
export function shell(app, section, page) {
  const shown = SECTIONS.filter(({ forAdmin }) => !forAdmin || app.isAdmin);
  const entries = shown.map(({ section: name, path }) =>
    el(
      "a",
      { href: link(path), "aria-current": name === section ? "page" : null },
      icon(/** @type {any} */ (name)),
      el("span", {}, t(`section.${name}`)),
    ),
  );
  const main = el("main", { id: "content", tabindex: "-1" }, page);
  return [
    el("button", { class: "skip", type: "button", onclick: () => main.focus() }, t("skip")),
    el(
      "header",
      { class: "top" },
      el("a", { class: "brand", href: link("/videos") }, brandMark(), el("span", {}, "Framecloak")),
      el("nav", { class: "sections", "aria-label": t("navigation") }, entries),
      accountMenu(app),
    ),
    main,
  ];
}

/** The Framecloak logo. */
export function brandMark() {
  return el("img", { src: new URL("../mark.svg", import.meta.url), alt: "", width: 28, height: 28 });
}

/**
 * Choice of language and theme.
 * @param {import("../app.js").App} app
 */
export function preferences(app) {
  const languages = select(Object.entries(LANGUAGES), language(), {
    "aria-label": t("language"),
    onchange: () => app.changeLanguage(/** @type {any} */ (languages.value)),
  });
  const themes = select(
    THEMES.map((theme) => [theme, t(`theme.${theme}`)]),
    chosenTheme(),
    { "aria-label": t("theme"), onchange: () => useTheme(/** @type {any} */ (themes.value)) },
  );
  return el("div", { class: "preferences" }, languages, themes);
}

/** @param {import("../app.js").App} app */
function accountMenu(app) {
  const menu = el(
    "details",
    {
      class: "account",
      onkeydown: (/** @type {KeyboardEvent} */ event) => {
        if (event.key === "Escape" && menu.open) close();
      },
      onfocusout: (/** @type {FocusEvent} */ event) => {
        const to = /** @type {Node | null} */ (event.relatedTarget);
        if (to && !menu.contains(to)) menu.open = false;
      },
    },
    el("summary", {}, icon("account"), el("span", {}, app.user?.display_name ?? app.user?.username)),
    el(
      "div",
      { class: "menu" },
      el(
        "p",
        { class: "who" },
        t("account.signedInAs", { name: app.user?.username ?? "" }),
        el("br"),
        t("account.number", { number: String(app.user?.id ?? "") }),
      ),
      preferences(app),
      el("a", { href: link("/templates") }, t("templates.title")),
      el("a", { href: link("/keys") }, t("keys.title")),
      el("button", { type: "button", onclick: () => app.signOut() }, t("account.signOut")),
    ),
  );
  function close() {
    menu.open = false;
    menu.querySelector("summary")?.focus();
  }
  return menu;
}
