/** What is covered in each frame of a result, and what somebody would rather have covered. */

import { Problem } from "../core/api.js";
import { within } from "../core/areas.js";
import { areaOf, corners, covers, identified, said, written } from "./box.js";
import { Stretches } from "./stretches.js";

/** Frames whose boxes are fetched at once: at least, and at most. */
const FETCHED = { least: 100, most: 1000 };

/**
 * @typedef {import("./box.js").Box} Box
 * @typedef {import("./box.js").Kind} Kind
 * @typedef {import("../core/areas.js").Area} Area
 * @typedef {{first: number, last: number}} Range frames, both included
 */

/**
 * Boxes by frame, as the result has them and as they are edited. Dispatches `boxes` when there are others.
 */
export class Boxes extends EventTarget {
  stretches = new Stretches([{ start_frame: 0, end_frame: 1 }]);
  /** Whether what is edited is being rendered. */
  isSent = false;
  #api;
  #path;
  /** As the result has them; null where the frame is black. @type {Map<number, Box[] | null>} */
  #known = new Map();
  /** Frames that were edited, as they are to be. @type {Map<number, Box[]>} */
  #edited = new Map();
  /** What was edited before each change. @type {[number, Box[] | undefined][][]} */
  #past = [];
  #added = 0;
  /** Changes whose frames are on their way. */
  #waiting = 0;

  /**
   * @param {import("../core/api.js").Api} api
   * @param {string} path of the result
   */
  constructor(api, path) {
    super();
    this.#api = api;
    this.#path = path;
  }

  /**
   * Find out which frames there are.
   * @param {AbortSignal} signal
   */
  async load(signal) {
    const { stretches, items } = await this.#fetch({ start_frame: 0, limit: FETCHED.least }, signal);
    this.stretches = new Stretches(stretches);
    this.#learn(items);
  }

  /**
   * Have the boxes of some frames at hand.
   * @param {Range} range
   */
  async ensure({ first, last }) {
    for (const frame of this.stretches.between(first, last)) {
      if (this.#known.has(frame)) continue;
      const limit = Math.min(FETCHED.most, Math.max(FETCHED.least, last - frame + 1));
      const { items } = await this.#fetch({ start_frame: frame, limit });
      this.#learn(items);
      if (!this.#known.has(frame)) throw new Problem({ code: "frame_not_found" });
      this.#tell();
    }
  }

  /**
   * @param {number} frame
   * @returns {Box[] | null | undefined} null where it is black, undefined while they are not at hand
   */
  at(frame) {
    return this.#edited.get(frame) ?? this.#known.get(frame);
  }

  /**
   * @param {number} frame
   * @returns {Box[]} those of the result of which no longer all is covered
   */
  uncoveredAt(frame) {
    const edited = this.#edited.get(frame);
    if (!edited) return [];
    return (this.#known.get(frame) ?? []).filter((box) => !edited.some((one) => covers(one, box)));
  }

  /** How many frames were changed, and in how many of them something is to be seen that was covered. */
  get changes() {
    const frames = [...this.#edited.keys()];
    return { frames: frames.length, uncovered: frames.filter((one) => this.uncoveredAt(one).length).length };
  }

  /** Whether a change is being made: of a long film, that takes a moment. */
  get isBusy() {
    return this.#waiting > 0;
  }

  /** Whether there are changes that would be lost. */
  get isUnsent() {
    return this.#edited.size > 0 && !this.isSent;
  }

  /**
   * Cover an area.
   * @param {Range} range
   * @param {Area} area
   * @param {Kind} kind
   * @returns {Promise<string>} id of the box
   */
  async add(range, area, kind) {
    this.#added += 1;
    const box = { id: `new ${this.#added}`, xyxy: corners(area), kind, track: null, score: null };
    await this.#edit(range, (boxes) => [...boxes, { ...box, origin: "manual" }]);
    return box.id;
  }

  /**
   * Move the sides of a box; where it is elsewhere in other frames, they move by as much.
   * @param {Range} range
   * @param {string} id
   * @param {Area} from
   * @param {Area} to
   * @param {{width: number, height: number}} picture
   */
  async change(range, id, from, to, picture) {
    const before = corners(from);
    const moves = corners(to).map((side, index) => side - before[index]);
    await this.#edit(range, (boxes) =>
      boxes.map((box) => {
        if (box.id !== id) return box;
        const area = areaOf({ xyxy: box.xyxy.map((side, index) => side + moves[index]) });
        const origin = box.track === null ? "manual" : "edited";
        return { ...box, xyxy: corners(within(area, picture)), score: null, origin };
      }),
    );
  }

  /**
   * Cover something no longer.
   * @param {Range} range
   * @param {string} id
   */
  async remove(range, id) {
    await this.#edit(range, (boxes) => boxes.filter((box) => box.id !== id));
  }

  /** Take the last change back. */
  undo() {
    for (const [frame, boxes] of this.#past.pop() ?? []) this.#keep(frame, boxes);
    this.#changed();
  }

  /** Take all changes back. */
  discard() {
    this.#past = [];
    this.#edited.clear();
    this.#changed();
  }

  /** The changes as the service takes them. */
  patch() {
    const frames = [...this.#edited].toSorted(([one], [other]) => one - other);
    return frames.map(([index, boxes]) => ({ index, boxes: boxes.map(written) }));
  }

  /**
   * @param {Range} range
   * @param {(boxes: Box[]) => Box[]} change
   */
  async #edit(range, change) {
    this.#waiting += 1;
    this.#tell();
    try {
      await this.ensure(range);
    } finally {
      this.#waiting -= 1;
      this.#tell();
    }
    /** @type {[number, Box[] | undefined][]} */
    const past = [];
    for (const frame of this.stretches.between(range.first, range.last)) {
      const before = this.at(frame);
      // In a frame that is black nothing shows.
      if (!before) continue;
      const after = change(before);
      if (said(after) === said(before)) continue;
      past.push([frame, this.#edited.get(frame)]);
      this.#keep(frame, said(after) === said(this.#known.get(frame) ?? []) ? undefined : after);
    }
    if (past.length) this.#past.push(past);
    this.#changed();
  }

  /**
   * @param {number} frame
   * @param {Box[] | undefined} boxes
   */
  #keep(frame, boxes) {
    if (boxes) this.#edited.set(frame, boxes);
    else this.#edited.delete(frame);
  }

  /**
   * @param {{start_frame: number, limit: number}} query
   * @param {AbortSignal} [signal]
   */
  #fetch(query, signal) {
    return this.#api.get(`${this.#path}/boxes/`, { query, signal });
  }

  /** @param {{index: number, reason: string | null, boxes: Omit<Box, "id">[]}[]} items */
  #learn(items) {
    for (const { index, reason, boxes } of items) {
      this.#known.set(index, reason === "blanked" ? null : identified(boxes));
    }
  }

  #changed() {
    this.isSent = false;
    this.#tell();
  }

  #tell() {
    this.dispatchEvent(new Event("boxes"));
  }
}
