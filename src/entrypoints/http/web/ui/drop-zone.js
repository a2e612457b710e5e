/** An area to drop files on, which is also a button to choose files. */

import { el, uniqueId } from "../core/dom.js";
import { icon } from "./icons.js";

/**
 * Ignore files that are dropped outside of a drop zone: the browser would leave the console to show the file,
 * and unsent input would be lost.
 */
export function preventStrayDrops() {
  for (const type of ["dragover", "drop"]) document.addEventListener(type, prevent);

  /** @param {Event} event */
  function prevent(event) {
    const { dataTransfer, target } = /** @type {DragEvent} */ (event);
    const isFile = dataTransfer?.types.includes("Files");
    const isHandled = event.defaultPrevented || (target instanceof Element && target.matches("[type=file]"));
    if (!dataTransfer || !isFile || isHandled) return;
    dataTransfer.dropEffect = "none";
    event.preventDefault();
  }
}

/**
 * @param {{label: string, help: string, accept: string, multiple?: boolean}} options
 * @param {(files: File[]) => void} onFiles
 */
export function dropZone({ label, help, accept, multiple = false }, onFiles) {
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
    deliver([...(input.files ?? [])]);
    // Otherwise choosing the same file again would not fire a change event.
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
    deliver([...(event.dataTransfer?.files ?? [])]);
  }
  /** @param {File[]} files */
  function deliver(files) {
    if (files.length) onFiles(multiple ? files : files.slice(0, 1));
  }
  return zone;
}
