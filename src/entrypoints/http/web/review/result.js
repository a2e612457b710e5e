/** A result that is looked over: which frame, which box, and how far a change reaches. */

import { Problem } from "../core/api.js";
import { areaOf } from "./box.js";
import { boxesOf } from "./drafts.js";

/**
 * @typedef {import("./box.js").Box} Box
 * @typedef {import("../core/areas.js").Area} Area
 * @typedef {import("../pages/videos.js").Video & {sha256: string, access?: string}} Video
 * @typedef {"frame" | "range" | "all"} Reach which frames a change is made in
 */

/**
 * A result. Dispatches `frame` when another frame is looked at, `boxes` when other boxes are to be seen,
 * `selected` when another box is at hand, and `reach` when changes are to be made in other frames.
 */
export class Result extends EventTarget {
  /** Id of the box at hand; empty for none. */
  selected = "";
  showsBoxes = true;
  /** What new boxes are. @type {import("./box.js").Kind} */
  kind = "face";
  /** @type {Reach} */
  reach = "frame";
  /** Pixels of its pictures. */
  size = { width: 16, height: 9 };
  /** @type {import("./boxes.js").Range} */
  #range;

  /**
   * @param {import("../runs/follow.js").Run} run
   * @param {Video | null} video null for whoever may not see it, or when it is gone
   * @param {import("./boxes.js").Boxes} boxes
   * @param {AbortSignal} signal the boxes outlast the page
   */
  constructor(run, video, boxes, signal) {
    super();
    this.run = run;
    this.video = video;
    this.boxes = boxes;
    if (video) this.size = { width: video.width, height: video.height };
    this.frame = boxes.stretches.first;
    this.#range = { first: this.frame, last: this.frame };
    boxes.addEventListener("boxes", () => this.#tell("boxes"), { signal });
  }

  /** Where the service has it. */
  get path() {
    return pathOf(this.run);
  }

  /** Whoever may have the video anonymised may have it rendered again; the service decides. */
  get canEdit() {
    return this.video !== null && this.video.access !== "viewer";
  }

  get lastFrame() {
    return this.boxes.stretches.last;
  }

  /** What is covered in the frame; null when it is black, undefined while that is not known. */
  get shown() {
    return this.boxes.at(this.frame);
  }

  /** The box at hand, if it is in this frame. */
  get box() {
    return this.shown?.find(({ id }) => id === this.selected);
  }

  /** The frames that a change is made in. @returns {import("./boxes.js").Range} */
  get range() {
    const { first, last } = this.boxes.stretches;
    if (this.reach === "all") return { first, last };
    return this.reach === "range" ? this.#range : { first: this.frame, last: this.frame };
  }

  /** @param {number} frame the nearest that there is is looked at */
  seek(frame) {
    const there = this.boxes.stretches.nearest(Math.round(frame));
    if (there === this.frame) return;
    this.frame = there;
    const { first, last } = this.#range;
    // Nobody sees what a change does to frames that are elsewhere.
    if (this.reach === "range" && (there < first || there > last)) this.reaches("frame");
    this.#tell("frame");
  }

  /** @param {number} frames how many further; backwards when negative */
  move(frames) {
    this.seek(this.boxes.stretches.after(this.frame, frames));
  }

  /** @param {number} frame */
  seconds(frame) {
    return this.video && frame / this.video.frame_rate;
  }

  /** @param {{width: number, height: number}} size pixels of its pictures */
  measure(size) {
    this.size = size;
    this.#tell("boxes");
  }

  /** @param {string} id empty for none */
  select(id) {
    if (id === this.selected) return;
    this.selected = id;
    this.#tell("selected");
  }

  /** @param {boolean} areShown */
  showBoxes(areShown) {
    this.showsBoxes = areShown;
    this.#tell("boxes");
  }

  /** @param {Reach} reach */
  reaches(reach) {
    this.reach = reach;
    this.#range = { first: this.frame, last: this.frame };
    this.#tell("reach");
  }

  /**
   * Make changes in a range of frames, with the one that is looked at among them.
   * @param {Partial<import("./boxes.js").Range>} change
   */
  stretchRange(change) {
    const { first, last } = { ...this.#range, ...change };
    this.#range = { first: Math.min(first, last), last: Math.max(first, last) };
    this.seek(Math.min(this.#range.last, Math.max(this.#range.first, this.frame)));
    this.#tell("reach");
  }

  /**
   * Cover an area.
   * @param {Area} area
   */
  async add(area) {
    this.select(await this.boxes.add(this.range, area, this.kind));
  }

  /**
   * @param {Box} box as it is in a frame
   * @param {Partial<Area>} changes
   * @param {number} [frame] that one; whoever nudged a box may have gone on meanwhile
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

  /** @param {string} what */
  #tell(what) {
    this.dispatchEvent(new Event(what));
  }
}

/**
 * A run that is completed, with what is needed to look its result over, at the frame that needs it most.
 * @param {import("../app.js").App} app
 * @param {import("../runs/follow.js").Run} run
 * @param {AbortSignal} signal
 */
export async function opened(app, run, signal) {
  const boxes = boxesOf(app, pathOf(run));
  const [video, riskiest] = await Promise.all([
    videoOf(app, run, signal),
    app.api.get(`${pathOf(run)}/review/`, { query: { limit: 1 }, signal }),
    boxes.load(signal),
  ]);
  const result = new Result(run, video, boxes, signal);
  result.seek(riskiest.items[0]?.index ?? 0);
  return result;
}

/**
 * The video of a run; null for whoever may not see it, or when it is gone.
 * @param {import("../app.js").App} app
 * @param {import("../runs/follow.js").Run} run
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

/** @param {import("../runs/follow.js").Run} run */
function pathOf(run) {
  return `/api/frames/anonymize/${run.request_id}`;
}
