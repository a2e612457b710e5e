/** Buttons and keys that marking and review share: play, undo, redo and the help on keys. */

import { el, fill } from "../core/dom.js";
import { t } from "../core/language.js";
import { icon } from "./icons.js";
import { showShortcuts } from "./shortcuts.js";

/**
 * Something whose changes can be undone; dispatches an event when that changes.
 * @typedef {EventTarget & {
 *   canUndo: boolean,
 *   canRedo: boolean,
 *   undo: () => unknown,
 *   redo: () => unknown,
 * }} Undoable
 *
 * @typedef {import("./shortcuts.js").Shortcut} Shortcut
 */

/**
 * @param {import("../app.js").App} app
 * @param {import("./playback.js").Playback} playback
 * @param {Shortcut[]} shortcuts keys of the page
 * @param {Undoable | null} undoable null for users without the right to edit
 * @param {string} event name of the event that the undoable dispatches
 * @param {AbortSignal} signal
 * @returns {{node: HTMLElement, keys: Record<string, () => void>}} the buttons, and the actions by key
 */
export function viewerTools(app, playback, shortcuts, undoable, event, signal) {
  const toggle = () => playback.toggle();
  const play = el("button", { type: "button", "aria-keyshortcuts": "p", onclick: toggle });
  function showPlaying() {
    const name = playback.isPlaying ? "pause" : "play";
    fill(play, icon(name), t(`viewer.${name}`), el("kbd", { "aria-hidden": "true" }, "P"));
  }
  playback.addEventListener("playing", showPlaying, { signal });
  showPlaying();
  /** @type {Record<string, () => void>} */
  const keys = { p: toggle, " ": toggle, "?": () => showShortcuts(shortcuts) };
  const help = el(
    "button",
    { type: "button", "aria-keyshortcuts": "?", onclick: keys["?"] },
    t("viewer.keys"),
    el("kbd", { "aria-hidden": "true" }, "?"),
  );
  return { node: el("div", { class: "actions" }, play, undoable && undoButtons(undoable), help), keys };

  /** @param {Undoable} edited */
  function undoButtons(edited) {
    const undo = iconButton("undo", "Control+z", () => attempt(edited, "canUndo", "undo"));
    const redo = iconButton("redo", "Control+Shift+z", () => attempt(edited, "canRedo", "redo"));
    Object.assign(keys, {
      "ctrl+z": () => attempt(edited, "canUndo", "undo"),
      "ctrl+shift+z": () => attempt(edited, "canRedo", "redo"),
      "ctrl+y": () => attempt(edited, "canRedo", "redo"),
    });
    function show() {
      const focused = document.activeElement;
      [undo.disabled, redo.disabled] = [!edited.canUndo, !edited.canRedo];
      // A disabled button loses the keyboard focus; the other one is always possible then.
      if (focused === undo && undo.disabled) redo.focus();
      if (focused === redo && redo.disabled) undo.focus();
    }
    edited.addEventListener(event, show, { signal });
    show();
    return [undo, redo];
  }

  /**
   * @param {Undoable} edited
   * @param {"canUndo" | "canRedo"} possible
   * @param {"undo" | "redo"} action
   */
  async function attempt(edited, possible, action) {
    if (!edited[possible]) return;
    try {
      await edited[action]();
    } catch (error) {
      app.announcer.problem(error);
    }
  }
}

/**
 * @param {"undo" | "redo"} name
 * @param {string} keys
 * @param {() => void} onclick
 */
function iconButton(name, keys, onclick) {
  const label = t(`viewer.${name}`);
  const props = { type: "button", "aria-label": label, title: label, "aria-keyshortcuts": keys, onclick };
  return el("button", props, icon(name));
}
