/** Advanced options: priority, pixel aspect and webhook. */

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
  const aspect = el("input", {
    name: "aspect",
    pattern: " *[1-9][0-9]{0,5}:[1-9][0-9]{0,5} *",
    maxlength: 20,
    placeholder: "24:11",
    autocomplete: "off",
  });
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
      field(t("run.aspect"), aspect, t("run.aspectHelp")),
      field(t("run.webhook"), webhook, t("run.webhookHelp")),
    ),
  );
  // Settings other than the defaults must be visible.
  for (const control of [priority, aspect, webhook])
    control.addEventListener("change", () => (node.open ||= isChanged()));
  // An invalid entry must be visible when the form reports it.
  for (const control of [aspect, webhook]) control.addEventListener("invalid", () => (node.open = true));

  function isChanged() {
    return priority.value !== PRIORITIES[0] || aspect.value !== "" || webhook.value !== "";
  }

  function value() {
    return {
      priority: priority.value,
      pixel_aspect: aspect.value.trim() || null,
      webhook_url: webhook.value.trim() || null,
    };
  }

  return { node, value };
}
