/** A button that keeps the marks of a video and the options of its order as a template. */

import { el } from "../core/dom.js";
import { t } from "../core/language.js";
import { showDialog } from "../ui/dialog.js";
import { field, form } from "../ui/fields.js";

/** Options of an order that belong to one video. */
const OF_ONE_VIDEO = ["video_id", "segment_ids", "reference", "keep_text"];

/**
 * Return a text policy without its lists, which name people and are given with each order. One that consists of
 * lists alone covers all text instead.
 * @param {{mode: string} | null} text
 */
const withoutLists = (text) => (text?.mode === "identifying" ? { ...text, names: [], patterns: [] } : null);

/**
 * @param {import("../app.js").App} app
 * @param {import("../order/form.js").Order} order
 * @param {() => Promise<Record<string, any>>} orderBody body of the order as it would be sent
 */
export function saveTemplateButton(app, order, orderBody) {
  const { video, segments, regions } = order;
  const area = (/** @type {any} */ { x, y, width, height }) => ({ x, y, width, height });
  const isWhole = (/** @type {any} */ each) => each.start_frame === null;
  const hasParts = [...segments, ...regions].length > 0;

  /** @param {string} name */
  async function save(name) {
    const body = await orderBody();
    const options = Object.entries(body).filter(([key]) => !OF_ONE_VIDEO.includes(key));
    const seconds = (/** @type {number} */ frame) => frame / (video.frame_rate || 1);
    const isToEnd = (/** @type {any} */ each) => each.end_frame >= video.frame_count;
    await app.api.post("/api/templates/", {
      name,
      options: { ...Object.fromEntries(options), text: withoutLists(body.text) },
      segments: segments.map((each) => ({
        start_time: seconds(each.start_frame),
        end_time: isToEnd(each) ? null : seconds(each.end_frame),
        label: each.label,
      })),
      regions: regions.filter(isWhole).map((each) => ({ ...area(each), label: each.label })),
      keep_text: body.keep_text.filter(isWhole).map(area),
      frame_width: video.width,
      frame_height: video.height,
    });
  }

  function ask() {
    const name = el("input", { required: true, maxlength: 100, autocomplete: "off" });
    const dialog = showDialog(
      t("templates.save"),
      el("p", { class: "help" }, t(hasParts ? "templates.saveHelp" : "templates.saveOptions")),
      form(
        { class: "stack" },
        async () => {
          await save(name.value);
          app.announcer.say(t("templates.saved", { name: name.value.trim() }));
          dialog.close();
        },
        field(t("templates.name"), name),
        el("button", { type: "submit", class: "primary" }, t("describe.save")),
      ),
    );
  }
  return el("button", { type: "button", class: "wide", onclick: ask }, t("templates.save"));
}
