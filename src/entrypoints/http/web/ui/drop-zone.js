/** A place to drop files, which is also a button for those who rather choose them. */

import { el, uniqueId } from "../core/dom.js";
import { icon } from "./icons.js";

/**
 * Let nothing happen to files that are dropped beside a place for them: the browser would leave the console,
 * and everything in it that was not sent, to show the file.
 */
export function refuseStrayFiles() {
  for (const what of ["dragover", "drop"]) document.addEventListener(what, refuse);

  /** @param {Event} event */
  function refuse(event) {
    const { dataTransfer, target } = /** @type {DragEvent} */ (event);
    const isFile = dataTransfer?.types.includes("Files");
    const isTaken = event.defaultPrevented || (target instanceof Element && target.matches("[type=file]"));
    if (!dataTransfer || !isFile || isTaken) return;
    dataTransfer.dropEffect = "none";
    event.preventDefault();
  }
}

/**
 * @param {{label: string, help: string, accept: string, multiple?: boolean}} options
 * @param {(files: File[]) => void} take
 */
export function dropZone({ label, help, accept, multiple = false }, take) {
  const [inputId, helpId] = [uniqueId("files"), uniqueId("help")];
  const input = el("input", {
    type: "file",
    id: inputId,
    accept,
    multiple,
    "aria-describedby": helpId,
    onchange: chosen,
  });
  const zone = el(
    "div",
    {
      class: "drop-zone",
      ondragover: over,
      ondragleave: () => zone.classList.remove("over"),
      ondrop: dropped,
    },
    icon("upload"),
    el("label", { for: inputId }, label),
    el("p", { class: "help", id: helpId }, help),
    input,
  );
  function chosen() {
    give([...(input.files ?? [])]);
    // So that choosing the same file again counts.
    input.value = "";
  }
  /** @param {DragEvent} event */
  function over(event) {
    event.preventDefault();
    zone.classList.add("over");
  }
  /** @param {DragEvent} event */
  function dropped(event) {
    event.preventDefault();
    zone.classList.remove("over");
    give([...(event.dataTransfer?.files ?? [])]);
  }
  /** @param {File[]} files */
  function give(files) {
    if (files.length) take(multiple ? files : files.slice(0, 1));
  }
  return zone;
}
