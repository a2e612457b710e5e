/** Boxes of each frame of a result, and the user's edits. */

import { Problem } from "../core/api.js";
import { within } from "../core/areas.js";
import { areaOf, corners, covers, serialized, toRequest, withIds } from "./box.js";
import { Edits } from "./edits.js";
import { FrameRanges } from "./ranges.js";

/** Minimum and maximum number of frames per request for boxes. */
const BATCH_FRAMES = { min: 100, max: 1000 };

/**
 * @typedef {import("./box.js").Box} Box
 * @typedef {import("./box.js").Kind} Kind
 * @typedef {import("../core/areas.js").Area} Area
 * @typedef {{first: number, last: number}} Range first and last frame, both inclusive
 */

/**
 * Original and edited boxes by frame. Dispatches `boxes` when they change.
 */
export class Boxes extends EventTarget {
  ranges = new FrameRanges([{ start_frame: 0, end_frame: 1 }]);
  /** Whether the edits were sent for rendering. */
  isSent = false;
  #api;
  #path;
  /** Boxes of the result; null for a black frame. @type {Map<number, Box[] | null>} */
  #original = new Map();
  #edits = new Edits();
  #added = 0;
  /** Number of changes that wait for boxes to load. */
  #pendingChanges = 0;

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
   * Load the frame ranges of the result and its first boxes.
   * @param {AbortSignal} signal
   */
  async load(signal) {
    const { stretches, items } = await this.#fetch({ start_frame: 0, limit: BATCH_FRAMES.min }, signal);
    this.ranges = new FrameRanges(stretches);
    this.#store(items);
  }

  /**
   * Load the boxes of a range of frames if they are missing.
   * @param {Range} range
   */
  async ensure({ first, last }) {
    for (const frame of this.ranges.between(first, last)) {
      if (this.#original.has(frame)) continue;
      const limit = Math.min(BATCH_FRAMES.max, Math.max(BATCH_FRAMES.min, last - frame + 1));
      const { items } = await this.#fetch({ start_frame: frame, limit });
      this.#store(items);
      if (!this.#original.has(frame)) throw new Problem({ code: "frame_not_found" });
      this.#emit();
    }
  }

  /**
   * @param {number} frame
   * @returns {Box[] | null | undefined} null for a black frame, undefined while they are not loaded
   */
  at(frame) {
    return this.#edits.at(frame) ?? this.#original.get(frame);
  }

  /**
   * @param {number} frame
   * @returns {Box[]} original boxes that the edits no longer cover completely
   */
  uncoveredAt(frame) {
    const edited = this.#edits.at(frame);
    if (!edited) return [];
    return (this.#original.get(frame) ?? []).filter((box) => !edited.some((other) => covers(other, box)));
  }

  /** Number of edited frames, and number of frames in which something becomes visible that was covered. */
  get changes() {
    const { frames } = this.#edits;
    return {
      frames: frames.length,
      uncovered: frames.filter((frame) => this.uncoveredAt(frame).length).length,
    };
  }

  /** Whether a change is in progress, which takes a moment for a long video. */
  get isBusy() {
    return this.#pendingChanges > 0;
  }

  /** Whether there are edits that were not sent for rendering. */
  get isUnsent() {
    return this.#edits.frames.length > 0 && !this.isSent;
  }

  /**
   * Add a box.
   * @param {Range} range
   * @param {Area} area
   * @param {Kind} kind
   * @returns {Promise<string>} id of the box
   */
  async add(range, area, kind) {
    this.#added += 1;
    const box = { id: `new ${this.#added}`, xyxy: corners(area), kind, track: null, score: null };
    await this.edit(range, (boxes) => [...boxes, { ...box, origin: "manual" }]);
    return box.id;
  }

  /**
   * Move or resize a box; in frames where it is elsewhere, its sides move by the same amounts.
   * @param {Range} range
   * @param {string} id
   * @param {Area} from
   * @param {Area} to
   * @param {{width: number, height: number}} image
   */
  async change(range, id, from, to, image) {
    const before = corners(from);
    const moves = corners(to).map((side, index) => side - before[index]);
    await this.edit(range, (boxes) =>
      boxes.map((box) => {
        if (box.id !== id) return box;
        const area = areaOf({ xyxy: box.xyxy.map((side, index) => side + moves[index]) });
        const origin = box.track === null ? "manual" : "edited";
        return { ...box, xyxy: corners(within(area, image)), score: null, origin };
      }),
    );
  }

  /**
   * Remove a box.
   * @param {Range} range
   * @param {string} id
   */
  async remove(range, id) {
    await this.edit(range, (boxes) => boxes.filter((box) => box.id !== id));
  }

  get canUndo() {
    return this.#edits.canUndo && !this.isBusy;
  }

  get canRedo() {
    return this.#edits.canRedo && !this.isBusy;
  }

  /** Undo the last change. */
  undo() {
    this.#edits.undo();
    this.#changed();
  }

  /** Repeat the last change that was undone. */
  redo() {
    this.#edits.redo();
    this.#changed();
  }

  /** Discard all changes. */
  discard() {
    this.#edits.clear();
    this.#changed();
  }

  /** The edits in the form that the API accepts. */
  patch() {
    return this.#edits.frames.map((index) => ({ index, boxes: (this.at(index) ?? []).map(toRequest) }));
  }

  /**
   * Change the boxes of a range of frames; black frames stay as they are.
   * @param {Range} range
   * @param {(boxes: Box[], frame: number) => Box[]} change
   */
  async edit(range, change) {
    this.#pendingChanges += 1;
    this.#emit();
    try {
      await this.ensure(range);
    } finally {
      this.#pendingChanges -= 1;
      this.#emit();
    }
    /** @type {import("./edits.js").Change} */
    const changes = [];
    for (const frame of this.ranges.between(range.first, range.last)) {
      const before = this.at(frame);
      // Black frames have no boxes.
      if (!before) continue;
      const after = change(before, frame);
      if (serialized(after) === serialized(before)) continue;
      const isOriginal = serialized(after) === serialized(this.#original.get(frame) ?? []);
      changes.push([frame, isOriginal ? undefined : after]);
    }
    this.#edits.apply(changes);
    this.#changed();
  }

  /**
   * @param {{start_frame: number, limit: number}} query
   * @param {AbortSignal} [signal]
   */
  #fetch(query, signal) {
    return this.#api.get(`${this.#path}/boxes/`, { query, signal });
  }

  /** @param {{index: number, reason: string | null, boxes: Omit<Box, "id">[]}[]} items */
  #store(items) {
    for (const { index, reason, boxes } of items) {
      this.#original.set(index, reason === "blanked" ? null : withIds(boxes));
    }
  }

  #changed() {
    this.isSent = false;
    this.#emit();
  }

  #emit() {
    this.dispatchEvent(new Event("boxes"));
  }
}
