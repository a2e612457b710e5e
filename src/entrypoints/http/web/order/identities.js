/** Whose faces are covered: all, all except those of a gallery, or only those of a gallery. */

import { el } from "../core/dom.js";
import { number, t } from "../core/language.js";
import { link } from "../core/router.js";
import { thresholdRange } from "../faces/similarity.js";
import { choices, chosen, disableBecause, field, select } from "../ui/fields.js";

const ALL = "everybody";
const MODES = [ALL, "except", "only"];
const UNKNOWN = ["redact", "keep"];

/**
 * @param {import("../pages/galleries.js").Gallery[]} galleries
 * @param {string} problem message when the galleries cannot be listed; empty otherwise
 */
export function identityChoice(galleries, problem) {
  const usable = galleries.filter((gallery) => gallery.face_count);
  const reason = usable.length ? "" : problem || t("identities.noGallery");
  const modes = choices(
    t("identities.title"),
    "identities",
    MODES.map((value) => ({
      value,
      label: t(`identities.${value}`),
      help: t(`identities.${value}Help`),
      reason: value === ALL ? "" : reason,
    })),
    ALL,
  );
  const gallery = select(
    usable.map(({ id, name, face_count: count }) => [id, `${name} (${t("galleries.faces", { count })})`]),
    usable[0]?.id ?? "",
    { name: "gallery", onchange: suggestThreshold },
  );
  const output = el("output", {});
  const threshold = el("input", { type: "range", name: "threshold", oninput: show });
  const thresholdField = field(t("identities.threshold"), threshold, t("identities.thresholdHelp"));
  const unknown = choices(
    t("identities.unknown"),
    "unknown",
    UNKNOWN.map((option) => ({
      value: option,
      label: t(`identities.${option}`),
      help: t(`identities.${option}Help`),
    })),
    UNKNOWN[0],
  );
  const details = el(
    "div",
    { class: "details" },
    field(t("identities.gallery"), gallery),
    el("div", { class: "with-value" }, thresholdField, output),
    unknown,
  );
  modes.append(details);
  if (reason && !problem) modes.append(el("a", { href: link("/galleries") }, t("identities.toGalleries")));
  suggestThreshold();

  /** Suggest the default threshold of the gallery's model. */
  function suggestThreshold() {
    const selected = selectedGallery();
    if (selected) Object.assign(threshold, thresholdRange(selected));
    limit();
  }

  /** Limit the threshold to values that the service accepts: others could leave faces visible that must be covered. */
  function limit() {
    const selected = selectedGallery();
    if (selected) {
      const mode = chosen(modes, "identities");
      const { min, max } = thresholdRange(selected);
      const keepsUnknown = mode === "only" && chosen(unknown, "unknown") === "keep";
      threshold.min = String(mode === "except" ? (selected.likeness?.possible ?? min) : min);
      threshold.max = String(keepsUnknown ? selected.threshold : max);
    }
    show();
  }

  function selectedGallery() {
    return usable.find(({ id }) => id === gallery.value);
  }

  function show() {
    output.textContent = number(threshold.valueAsNumber, 2);
  }

  /** @param {string} level */
  function update(level) {
    const mode = chosen(modes, "identities");
    details.hidden = mode === ALL;
    disableBecause(unknown, mode === "except" ? t("identities.unknownExcept") : "");
    disableBecause(modes, level === "minimal" ? t("identities.minimal") : "");
    limit();
  }

  /**
   * Return the identities of the request; null to cover all faces.
   * @param {string} level
   */
  function value(level) {
    const mode = chosen(modes, "identities");
    const selected = selectedGallery();
    if (mode === ALL || level === "minimal" || !selected) return null;
    const cosine = threshold.valueAsNumber;
    return {
      mode,
      gallery_id: selected.id,
      // The default is left to the service, which then names it as such in the report.
      threshold: cosine === selected.threshold ? null : cosine,
      unknown: mode === "only" ? chosen(unknown, "unknown") : "redact",
    };
  }

  /**
   * Return the choices that are available: if the gallery is gone, all faces are covered.
   * @param {import("./choices.js").Choices} choices
   */
  function available(choices) {
    const { identities, ...others } = choices;
    const isAvailable = identities === ALL || usable.some(({ id }) => id === choices.gallery);
    return isAvailable ? choices : others;
  }

  return { node: modes, update, value, available };
}
