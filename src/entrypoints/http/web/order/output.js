/** What the result is made of. */

import { el } from "../core/dom.js";
import { language, LANGUAGES, number, t } from "../core/language.js";
import { disableBecause, field, select } from "../ui/fields.js";

const FORMATS = ["jpg", "png", "webp", "mp4"];
/** One film for every segment instead of pictures. */
const FILM = "mp4";
/** Of these, the quality cannot be chosen. */
const LOSSLESS = new Set(["png"]);
const QUALITY = 90;
const SOUNDS = ["drop", "keep"];

/** @param {string} usual format of this installation */
export function outputChoice(usual) {
  const format = select(
    FORMATS.map((one) => [one, t(`format.${one}`)]),
    // Two names of one format.
    usual === "jpeg" ? "jpg" : usual,
    { name: "format" },
  );
  const value = el("output", {});
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
    SOUNDS.map((one) => [one, t(`sound.${one}`)]),
    SOUNDS[0],
    { name: "sound" },
  );
  const soundField = field(t("run.sound"), sound, t("run.soundHelp"));
  const report = select(Object.entries(LANGUAGES), language(), { name: "report" });
  const node = el(
    "fieldset",
    {},
    el("legend", {}, t("run.output")),
    el(
      "div",
      { class: "row" },
      field(t("run.format"), format),
      el("div", { class: "with-value" }, qualityField, value),
      soundField,
      field(t("run.report"), report),
    ),
  );

  function show() {
    value.textContent = number(quality.valueAsNumber);
  }

  function suit() {
    show();
    disableBecause(qualityField, LOSSLESS.has(format.value) ? t("run.lossless") : "");
    disableBecause(soundField, format.value === FILM ? "" : t("run.silent"));
  }

  function wanted() {
    return {
      output_format: format.value,
      ...(LOSSLESS.has(format.value) ? {} : { quality: quality.valueAsNumber }),
      audio: format.value === FILM ? sound.value : SOUNDS[0],
      language: report.value,
    };
  }

  return { node, suit, wanted };
}
