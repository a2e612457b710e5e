/** Whose faces are covered: everybody's, everybody's but those of some people, or theirs alone. */

import { el } from "../core/dom.js";
import { number, t } from "../core/language.js";
import { link } from "../core/router.js";
import { thresholds } from "../faces/likeness.js";
import { choices, chosen, disableBecause, field, select } from "../ui/fields.js";

const EVERYBODY = "everybody";
const MODES = [EVERYBODY, "except", "only"];
const UNKNOWN = ["redact", "keep"];

/**
 * @param {import("../pages/galleries.js").Gallery[]} galleries
 * @param {string} problem why there are none, in words
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
      reason: value === EVERYBODY ? "" : reason,
    })),
    EVERYBODY,
  );
  const gallery = select(
    usable.map(({ id, name, face_count: count }) => [id, `${name} (${t("galleries.faces", { count })})`]),
    usable[0]?.id ?? "",
    { name: "gallery", onchange: begin },
  );
  const value = el("output", {});
  const threshold = el("input", { type: "range", name: "threshold", oninput: show });
  const thresholdField = field(t("identities.threshold"), threshold, t("identities.thresholdHelp"));
  const unknown = choices(
    t("identities.unknown"),
    "unknown",
    UNKNOWN.map((one) => ({
      value: one,
      label: t(`identities.${one}`),
      help: t(`identities.${one}Help`),
    })),
    UNKNOWN[0],
  );
  const details = el(
    "div",
    { class: "details" },
    field(t("identities.gallery"), gallery),
    el("div", { class: "with-value" }, thresholdField, value),
    unknown,
  );
  modes.append(details);
  if (reason && !problem) modes.append(el("a", { href: link("/galleries") }, t("identities.toGalleries")));
  begin();

  /** Suggest what is usual for the model of the gallery. */
  function begin() {
    const taken = galleryAtHand();
    if (taken) Object.assign(threshold, thresholds(taken));
    limit();
  }

  /** Offer nothing that the service refuses because it would leave faces visible that are to be covered. */
  function limit() {
    const taken = galleryAtHand();
    if (taken) {
      const mode = chosen(modes, "identities");
      const { min, max } = thresholds(taken);
      const keepsUnknown = mode === "only" && chosen(unknown, "unknown") === "keep";
      threshold.min = String(mode === "except" ? (taken.likeness?.possible ?? min) : min);
      threshold.max = String(keepsUnknown ? taken.threshold : max);
    }
    show();
  }

  function galleryAtHand() {
    return usable.find(({ id }) => id === gallery.value);
  }

  function show() {
    value.textContent = number(threshold.valueAsNumber, 2);
  }

  /** @param {string} level */
  function suit(level) {
    const mode = chosen(modes, "identities");
    details.hidden = mode === EVERYBODY;
    disableBecause(unknown, mode === "except" ? t("identities.unknownExcept") : "");
    disableBecause(modes, level === "minimal" ? t("identities.minimal") : "");
    limit();
  }

  /**
   * What the order says about people; null for everybody.
   * @param {string} level
   */
  function wanted(level) {
    const mode = chosen(modes, "identities");
    const taken = galleryAtHand();
    if (mode === EVERYBODY || level === "minimal" || !taken) return null;
    const least = threshold.valueAsNumber;
    return {
      mode,
      gallery_id: taken.id,
      // What is usual is left to the service, which says so in the report.
      threshold: least === taken.threshold ? null : least,
      unknown: mode === "only" ? chosen(unknown, "unknown") : "redact",
    };
  }

  /**
   * Choices that can be taken here: where the gallery is gone, everybody's faces are covered.
   * @param {import("./choices.js").Choices} choices
   */
  function fitting(choices) {
    const { identities, ...others } = choices;
    const isThere = identities === EVERYBODY || usable.some(({ id }) => id === choices.gallery);
    return isThere ? choices : others;
  }

  return { node: modes, suit, wanted, fitting };
}
