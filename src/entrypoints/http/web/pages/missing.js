/** Page for unknown addresses. */

import { el } from "../core/dom.js";
import { t } from "../core/language.js";
import { link } from "../core/router.js";
import { empty } from "../ui/placeholders.js";

/** A message and a link to the videos. */
export function missing() {
  return el(
    "div",
    {},
    el("h1", { tabindex: "-1" }, t("missing.title")),
    empty(t("missing.words"), el("a", { class: "button", href: link("/videos") }, t("missing.back"))),
  );
}
