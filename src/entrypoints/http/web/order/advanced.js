/** Advanced options: priority and webhook. */

import { el } from "../core/dom.js";
import { t } from "../core/language.js";
import { field, select } from "../ui/fields.js";

const PRIORITIES = ["normal", "high"];

/** Collapsed by default. */
export function advancedOptions() {
  const priority = select(
    PRIORITIES.map((name) => [name, t(`priority.${name}`)]),
    PRIORITIES[0],
    { name: "priority" },
  );
  const webhook = el("input", {
    type: "url",
    name: "webhook",
    pattern: "https?://.+",
    maxlength: 2000,
    placeholder: "https://",
    autocomplete: "off",
  });
  const node = el(
    "details",
    { class: "more" },
    el("summary", {}, t("run.more")),
    el(
      "div",
      { class: "row" },
      field(t("run.priority"), priority, t("run.priorityHelp")),
      field(t("run.webhook"), webhook, t("run.webhookHelp")),
    ),
  );
  // Settings other than the defaults must be visible.
  for (const control of [priority, webhook])
    control.addEventListener("change", () => (node.open ||= isChanged()));
  // An invalid address must be visible when the form reports it.
  webhook.addEventListener("invalid", () => (node.open = true));

  function isChanged() {
    return priority.value !== PRIORITIES[0] || webhook.value !== "";
  }

  function value() {
    return { priority: priority.value, webhook_url: webhook.value.trim() || null };
  }

  return { node, value };
}
