/** Output options: format, quality, sound and language of the report. */

import { el } from "../core/dom.js";
import { number, reportLanguage, reportLanguages, t } from "../core/language.js";
import { disableBecause, field, select } from "../ui/fields.js";

const FORMATS = ["jpg", "png", "webp", "mp4"];
/** One video per segment instead of images. */
const VIDEO = "mp4";
/** Formats without a choice of quality. */
const LOSSLESS = new Set(["png"]);
const QUALITY = 90;
const SOUNDS = ["drop", "mute-speech", "keep"];

/** @param {string} preset default format of this installation */
export function outputChoice(preset) {
  const format = select(
    FORMATS.map((name) => [name, t(`format.${name}`)]),
    // Aliases of the same format.
    preset === "jpeg" ? "jpg" : preset,
    { name: "format" },
  );
  const output = el("output", {});
  const quality = el("input", {
    type: "range",
    name: "quality",
    min: 30,
    max: 100,
    step: 5,
    value: String(QUALITY),
    oninput: show,
  });
  const qualityField = field(t("run.quality"), quality, t("run.qualityHelp"));
  const sound = select(
    SOUNDS.map((name) => [name, t(`sound.${name}`)]),
    SOUNDS[0],
    { name: "sound" },
  );
  const soundField = field(t("run.sound"), sound, t("run.soundHelp"));
  const report = select(reportLanguages(), reportLanguage(), { name: "report" });
  const node = el(
    "fieldset",
    {},
    el("legend", {}, t("run.output")),
    el(
      "div",
      { class: "row" },
      field(t("run.format"), format),
      el("div", { class: "with-value" }, qualityField, output),
      soundField,
      field(t("run.report"), report),
    ),
  );

  function show() {
    output.textContent = number(quality.valueAsNumber);
  }

  function update() {
    show();
    disableBecause(qualityField, LOSSLESS.has(format.value) ? t("run.lossless") : "");
    disableBecause(soundField, format.value === VIDEO ? "" : t("run.silent"));
  }

  function value() {
    return {
      output_format: format.value,
      ...(LOSSLESS.has(format.value) ? {} : { quality: quality.valueAsNumber }),
      audio: format.value === VIDEO ? sound.value : SOUNDS[0],
      language: report.value,
    };
  }

  return { node, update, value };
}
