/** Buttons that ask the service for something. */

import { el } from "../core/dom.js";

/**
 * A button that cannot be pressed again before it is done, and says in words what went wrong.
 * @param {import("../app.js").App} app
 * @param {Record<string, any>} props
 * @param {() => Promise<unknown>} act
 * @param {...import("../core/dom.js").Child} children
 */
export function actionButton(app, props, act, ...children) {
  const button = el("button", { type: "button", ...props, onclick: press }, ...children);
  async function press() {
    button.disabled = true;
    try {
      await act();
    } catch (error) {
      app.announcer.problem(error);
    } finally {
      button.disabled = false;
    }
  }
  return button;
}
