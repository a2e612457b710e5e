/** Buttons that call the service. */

import { el } from "../core/dom.js";

/**
 * A button that is disabled while its action runs, and announces errors.
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
