/** Detection of faces in one or two images, and their similarity. */

import { LONG_TIMEOUT, Problem, isAborted } from "../core/api.js";
import { el, fill } from "../core/dom.js";
import { number, t } from "../core/language.js";
import { base64 } from "../core/images.js";
import { analysedImage } from "../faces/analysis.js";
import { classify, fraction } from "../faces/similarity.js";
import { bar } from "../ui/bar.js";
import { dropZone } from "../ui/drop-zone.js";
import { failure, loading } from "../ui/placeholders.js";

const MAX_FILES = 2;
/** Statuses with which the service rejects an image. */
const IMAGE_ERROR_STATUSES = new Set([413, 422]);

/**
 * @param {import("../app.js").App} app
 * @param {import("../core/router.js").Place} _place
 * @param {AbortSignal} signal
 */
export function faces(app, _place, signal) {
  /** @type {File[]} */
  let files = [];
  /** The selected face of each image. @type {(import("../faces/analysis.js").Face | undefined)[]} */
  let chosen = [];
  let model = "";
  /** @type {import("../faces/similarity.js").SimilarityScale | null} */
  let scale = null;
  const results = el("div", { class: "loaded" });
  const similarity = el("div", { class: "similarity", "aria-live": "polite" });

  /** @param {File[]} dropped */
  function addFiles(dropped) {
    // A third image starts over.
    files = [...(files.length < MAX_FILES ? files : []), ...dropped].slice(-MAX_FILES);
    analyse();
  }

  async function analyse() {
    const requested = files;
    fill(similarity);
    fill(results, loading());
    try {
      const analysed = await Promise.all(requested.map((file) => analysedFile(app, file, signal)));
      if (requested !== files) return;
      ({ model, likeness: scale } = analysed.find(({ error }) => !error) ?? { model: "", likeness: null });
      show(analysed);
    } catch (error) {
      if (!isAborted(error) && requested === files) fill(results, failure(error, analyse));
    }
  }

  /** @param {Analysed[]} analysed one for each file */
  function show(analysed) {
    chosen = analysed.map(({ faces: detected }) => detected[0]);
    const boxes = analysed.map(({ faces: detected, error }, index) => {
      const onChoose = (/** @type {any} */ face) => {
        chosen[index] = face;
        compare();
      };
      const content = error
        ? el("p", { class: "state problem" }, error.userMessage)
        : analysedImage(files[index], detected, onChoose, signal);
      return el("section", { class: "card" }, el("h2", {}, files[index].name), content);
    });
    const reset = el("button", { type: "button", onclick: clear }, t("faces.again"));
    fill(results, el("div", { class: "pair" }, boxes), reset);
    compare();
  }

  async function compare() {
    const [first, second] = chosen;
    if (!first || !second)
      return fill(similarity, files.length === 1 && el("p", { class: "help" }, t("faces.second")));
    try {
      const body = { face1_embedding: first.embedding, face2_embedding: second.embedding };
      const { cosine } = await app.api.post("/compare", body, { signal });
      if (chosen[0] === first && chosen[1] === second) fill(similarity, comparisonCard(cosine, model, scale));
    } catch (error) {
      app.announcer.problem(error);
    }
  }

  function clear() {
    [files, chosen] = [[], []];
    fill(results);
    fill(similarity);
  }

  const zone = { label: t("faces.drop"), help: t("faces.dropHelp"), accept: "image/*", multiple: true };
  return el(
    "div",
    {},
    el("h1", { tabindex: "-1" }, t("faces.title")),
    el("p", { class: "lead" }, t("faces.lead")),
    dropZone(zone, addFiles),
    similarity,
    results,
  );
}

/**
 * @typedef {object} Analysed an analysed image
 * @property {import("../faces/analysis.js").Face[]} faces the largest first
 * @property {Problem | null} error why the image was rejected
 * @property {string} model
 * @property {import("../faces/similarity.js").SimilarityScale | null} likeness
 */

/**
 * Detect the faces in one image. Images are sent separately, so that an invalid one does not affect the other.
 * @param {import("../app.js").App} app
 * @param {File} file
 * @param {AbortSignal} signal
 * @returns {Promise<Analysed>}
 */
async function analysedFile(app, file, signal) {
  const body = { images: [await base64(file)], embedding_format: "base64" };
  try {
    const answer = await app.api.post("/analyze/batch", body, { signal, timeout: LONG_TIMEOUT });
    const [{ faces: detected, error }] = answer.results;
    return { ...answer, faces: detected, error: error && new Problem(error) };
  } catch (error) {
    const isImageError = error instanceof Problem && IMAGE_ERROR_STATUSES.has(error.status);
    if (!isImageError) throw error;
    return { faces: [], error, model: "", likeness: null };
  }
}

/**
 * @param {number} cosine
 * @param {string} model
 * @param {import("../faces/similarity.js").SimilarityScale | null} scale
 */
function comparisonCard(cosine, model, scale) {
  return el(
    "div",
    { class: "card verdict" },
    el("h2", {}, t("faces.similarity")),
    el("p", { class: "figure" }, number(cosine, 2)),
    bar(fraction(cosine, scale)),
    el("p", {}, scale ? t(`faces.${classify(cosine, scale)}`) : t("faces.unjudged", { model })),
    el("p", { class: "help" }, t("faces.caution")),
  );
}
