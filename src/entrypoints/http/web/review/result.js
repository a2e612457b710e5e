/** A result under review: current frame, selected box, and the frames that changes apply to. */

import { Problem } from "../core/api.js";
import { areaOf } from "./box.js";
import { boxesOf } from "./drafts.js";

/**
 * @typedef {import("./box.js").Box} Box
 * @typedef {import("../core/areas.js").Area} Area
 * @typedef {import("../pages/videos.js").Video & {sha256: string, access?: string}} Video
 * @typedef {"frame" | "range" | "all"} Reach frames that a change applies to
 */

/**
 * A result. Dispatches `frame` when the current frame changes, `boxes` when the visible boxes change, `selected`
 * when the selection changes, and `reach` when the frames that changes apply to change.
 */
export class Result extends EventTarget {
  /** Id of the selected box; empty for none. */
  selected = "";
  showsBoxes = true;
  /** Kind of new boxes. @type {import("./box.js").Kind} */
  kind = "face";
  /** @type {Reach} */
  reach = "frame";
  /** Size of its frames in pixels. */
  size = { width: 16, height: 9 };
  /** @type {import("./boxes.js").Range} */
  #range;

  /**
   * @param {import("../runs/progress-stream.js").Run} run
   * @param {Video | null} video null when it was deleted or is not accessible
   * @param {import("./boxes.js").Boxes} boxes
   * @param {boolean} isOwn whether the user ordered it, or is an administrator; others only review it
   * @param {AbortSignal} signal the boxes outlast the page
   */
  constructor(run, video, boxes, isOwn, signal) {
    super();
    this.isOwn = isOwn;
    this.run = run;
    this.video = video;
    this.boxes = boxes;
    if (video) this.size = { width: video.width, height: video.height };
    this.frame = boxes.ranges.first;
    this.#range = { first: this.frame, last: this.frame };
    boxes.addEventListener("boxes", () => this.#emit("boxes"), { signal });
  }

  /** API path of the result. */
  get path() {
    return pathOf(this.run);
  }

  /** Whether the user may edit the video, which includes rendering results again; the service checks it, too. */
  get canEdit() {
    return this.isOwn && this.video !== null && this.video.access !== "viewer";
  }

  /** Note that the result was released just now. */
  release() {
    this.run.released_at = new Date().toISOString();
    this.#emit("released");
  }

  get lastFrame() {
    return this.boxes.ranges.last;
  }

  /** Boxes of the current frame; null when it is black, undefined while they are not loaded. */
  get shown() {
    return this.boxes.at(this.frame);
  }

  /** The selected box, if it is in the current frame. */
  get box() {
    return this.shown?.find(({ id }) => id === this.selected);
  }

  /** The frames that a change applies to. @returns {import("./boxes.js").Range} */
  get range() {
    const { first, last } = this.boxes.ranges;
    if (this.reach === "all") return { first, last };
    return this.reach === "range" ? this.#range : { first: this.frame, last: this.frame };
  }

  /** @param {number} frame moved to the nearest frame of the result */
  seek(frame) {
    const target = this.boxes.ranges.nearest(Math.round(frame));
    if (target === this.frame) return;
    this.frame = target;
    const { first, last } = this.#range;
    // The user could not see changes of frames elsewhere.
    if (this.reach === "range" && (target < first || target > last)) this.setReach("frame");
    this.#emit("frame");
  }

  /** @param {number} frames backwards when negative */
  move(frames) {
    this.seek(this.boxes.ranges.after(this.frame, frames));
  }

  /** @param {number} frame */
  seconds(frame) {
    return this.video && frame / this.video.frame_rate;
  }

  /** @param {{width: number, height: number}} size of its frames in pixels */
  measure(size) {
    this.size = size;
    this.#emit("boxes");
  }

  /** @param {string} id empty for none */
  select(id) {
    if (id === this.selected) return;
    this.selected = id;
    this.#emit("selected");
  }

  /** @param {boolean} areShown */
  showBoxes(areShown) {
    this.showsBoxes = areShown;
    this.#emit("boxes");
  }

  /** @param {Reach} reach */
  setReach(reach) {
    this.reach = reach;
    this.#range = { first: this.frame, last: this.frame };
    this.#emit("reach");
  }

  /**
   * Apply changes to a range of frames that includes the current one.
   * @param {Partial<import("./boxes.js").Range>} change
   */
  setRange(change) {
    const { first, last } = { ...this.#range, ...change };
    this.#range = { first: Math.min(first, last), last: Math.max(first, last) };
    this.seek(Math.min(this.#range.last, Math.max(this.#range.first, this.frame)));
    this.#emit("reach");
  }

  /**
   * Add a box.
   * @param {Area} area
   */
  async add(area) {
    this.select(await this.boxes.add(this.range, area, this.kind));
  }

  /**
   * @param {Box} box the box in that frame
   * @param {Partial<Area>} changes
   * @param {number} [frame] frame of the box; the user may have moved on before the change is saved
   */
  async change(box, changes, frame = this.frame) {
    const area = areaOf(box);
    const range = this.reach === "frame" ? { first: frame, last: frame } : this.range;
    await this.boxes.change(range, box.id, area, { ...area, ...changes }, this.size);
  }

  /** @param {Box} box */
  async remove(box) {
    await this.boxes.remove(this.range, box.id);
  }

  /** @param {string} type */
  #emit(type) {
    this.dispatchEvent(new Event(type));
  }
}

/**
 * Load the result of a completed run for review, at the frame with the highest risk.
 * @param {import("../app.js").App} app
 * @param {import("../runs/progress-stream.js").Run} run
 * @param {AbortSignal} signal
 */
export async function loadResult(app, run, signal) {
  const boxes = boxesOf(app, pathOf(run));
  const [video, riskiest] = await Promise.all([
    videoOf(app, run, signal),
    app.api.get(`${pathOf(run)}/review/`, { query: { limit: 1 }, signal }),
    boxes.load(signal),
  ]);
  const result = new Result(run, video, boxes, run.user_id === app.user?.id || app.isAdmin, signal);
  result.seek(riskiest.items[0]?.index ?? 0);
  return result;
}

/**
 * Return the video of a run; null when it was deleted or is not accessible.
 * @param {import("../app.js").App} app
 * @param {import("../runs/progress-stream.js").Run} run
 * @param {AbortSignal} signal
 */
export async function videoOf(app, run, signal) {
  try {
    return await app.api.get(`/api/videos/${run.video_id}`, { signal });
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return null;
    throw error;
  }
}

/** @param {import("../runs/progress-stream.js").Run} run */
function pathOf(run) {
  return `/api/frames/anonymize/${run.request_id}`;
}
