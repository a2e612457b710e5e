/** Options of the orders of a batch: those of a template, of last time or the defaults, and changes to them. */

import { el } from "../core/dom.js";
import { reportLanguages, t } from "../core/language.js";
import { disableBecause, field, select } from "../ui/fields.js";

const LEVELS = ["faces", "full", "minimal"];
const FORMATS = ["jpg", "png", "webp", "mp4"];
const VERIFICATIONS = ["none", "sample", "all"];

/** @typedef {Record<string, any>} Options options of an order as in the API */

/** The choices that are changed most often; everything else stays as the template has it. */
export function optionChoices(/** @type {() => void} */ onchange) {
  const level = select(LEVELS.map(named("level")), "", { onchange });
  const format = select(FORMATS.map(named("format")), "", { onchange });
  const verify = select(VERIFICATIONS.map(named("verify")), "", { onchange });
  const report = select(reportLanguages(), "", { onchange });
  const verifyField = field(t("run.verify"), verify);
  const node = el(
    "div",
    { class: "row" },
    field(t("run.level"), level),
    field(t("run.format"), format),
    verifyField,
    field(t("run.report"), report),
  );
  /** @type {Options} */
  let base = {};

  /** @param {Options} options without gaps */
  function show(options) {
    base = options;
    level.value = options.anonymization_level;
    format.value = options.output_format === "jpeg" ? "jpg" : options.output_format;
    verify.value = options.verify;
    report.value = options.language;
    update();
  }

  function update() {
    disableBecause(verifyField, level.value === "minimal" ? t("verify.minimal") : "");
  }

  /** Options as chosen. @returns {Options} */
  function value() {
    update();
    const isVideo = format.value === "mp4";
    return {
      ...base,
      anonymization_level: level.value,
      output_format: format.value,
      verify: verify.value,
      language: report.value,
      audio: isVideo ? base.audio : "drop",
      keep_text: level.value === "full" ? base.keep_text : [],
      text: level.value === "full" ? base.text : null,
      identities: level.value === "minimal" ? null : base.identities,
    };
  }

  return { node, show, value };
}

/**
 * @param {"level" | "format" | "verify"} kind
 * @returns {(name: string) => [string, string]}
 */
function named(kind) {
  const label = (/** @type {string} */ name) => {
    if (kind === "level") return t(`level.${name}`);
    return kind === "format" ? t(`format.${name}`) : t(`verify.${name}`);
  };
  return (name) => [name, label(name)];
}
