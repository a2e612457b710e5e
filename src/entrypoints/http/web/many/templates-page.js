/** Page of the templates: renamed, shared, chosen as default and deleted. */

import { el } from "../core/dom.js";
import { t } from "../core/language.js";
import { link } from "../core/router.js";
import { actionButton } from "../ui/buttons.js";
import { confirmed, showDialog } from "../ui/dialog.js";
import { field, form } from "../ui/fields.js";
import { removeButton } from "../ui/inputs.js";
import { empty, loaded } from "../ui/placeholders.js";

/** @typedef {import("./order-page.js").Template} Template */

/**
 * @param {import("../app.js").App} app
 * @param {import("../core/router.js").Place} _place
 * @param {AbortSignal} signal
 */
export function templatesPage(app, _place, signal) {
  const load = () => app.api.get("/api/templates/", { signal });
  return el(
    "div",
    {},
    el("a", { class: "up", href: link("/videos") }, t("many.back")),
    el("h1", { tabindex: "-1" }, t("templates.title")),
    el("p", { class: "lead" }, t("templates.lead")),
    loaded(app.api, signal, load, (/** @type {Template[]} */ templates, reload) =>
      templates.length
        ? el("ul", { class: "rows" }, templates.map((template) => row(app, template, reload)))
        : empty(t("templates.none")),
    ).node,
  );
}

/**
 * @param {import("../app.js").App} app
 * @param {Template} template
 * @param {() => void} reload
 */
function row(app, template, reload) {
  const { name, owner, is_own: isOwn, is_default: isDefault, shared_with: shared } = template;
  const path = `/api/templates/${template.id}`;
  const facts = [t("templates.owner", { name: owner })];
  if (shared.length) facts.push(t("templates.sharedWith", { names: shared.join(", ") }));
  const change = (/** @type {unknown} */ body) => app.api.patch(path, body).then(reload);
  async function remove() {
    const question = { title: t("templates.delete"), text: t("templates.deleteWords", { name }), action: t("delete") };
    if (!(await confirmed(question))) return;
    await app.api.delete(path).then(reload, (error) => app.announcer.problem(error));
  }
  const makeDefault = () => change({ is_default: !isDefault });
  return el(
    "li",
    {},
    el("b", {}, name),
    isDefault && el("span", { class: "badge" }, t("templates.default")),
    el("span", { class: "facts" }, facts.join(" · ")),
    app.isAdmin &&
      actionButton(app, {}, makeDefault, t(isDefault ? "templates.noDefault" : "templates.makeDefault")),
    isOwn && el("button", { type: "button", onclick: () => edit(app, template, reload) }, t("templates.edit")),
    isOwn && removeButton(t("templates.deleteOne", { name }), remove),
  );
}

/**
 * @param {import("../app.js").App} app
 * @param {Template} template
 * @param {() => void} reload
 */
function edit(app, template, reload) {
  const name = el("input", { value: template.name, required: true, maxlength: 100, autocomplete: "off" });
  const shared = el("input", { value: template.shared_with.join(", "), autocomplete: "off" });
  const dialog = showDialog(
    t("templates.editTitle", { name: template.name }),
    form(
      { class: "stack" },
      async () => {
        const names = shared.value.split(",").map((each) => each.trim());
        const change = { name: name.value, shared_with: names.filter(Boolean) };
        await app.api.patch(`/api/templates/${template.id}`, change);
        dialog.close();
        reload();
      },
      field(t("templates.name"), name),
      field(t("templates.shared"), shared, t("templates.sharedHelp")),
      el("button", { type: "submit", class: "primary" }, t("describe.save")),
    ),
  );
}
