/** Segments and regions of a video. */

import { MarkStore } from "./mark-store.js";
import { Replacements, replaced } from "./replacements.js";
import { unmatched } from "./snapshot.js";
import { VideoView } from "./video-view.js";

/**
 * @typedef {object} Segment frames from `start_frame` up to and excluding `end_frame`
 * @property {number} id
 * @property {number} start_frame
 * @property {number} end_frame
 * @property {string | null} label
 *
 * @typedef {import("./video-view.js").Area} Area
 * @typedef {import("./video-view.js").Region} Region
 * @typedef {{segments: Segment[], regions: Region[]}} Snapshot
 */

/** Segments and regions stored by the service; dispatches `marks` when a segment changes, too. */
export class Marks extends VideoView {
  /** @type {Segment[]} */
  segments = [];
  /** First frame of an unfinished segment; null without one. @type {number | null} */
  begun = null;
  #store;
  /** States before each change. @type {Snapshot[]} */
  #past = [];
  /** States that were undone. @type {Snapshot[]} */
  #future = [];
  /** Changes are made one after the other. @type {Promise<unknown>} */
  #queue = Promise.resolve();
  #isGrouping = false;
  #replacements = new Replacements();

  /**
   * @param {import("../core/api.js").Api} api
   * @param {import("../videos/video.js").Video} video
   */
  constructor(api, video) {
    super(video);
    this.#store = new MarkStore(api, video);
    this.mayEdit = video.access !== "viewer";
  }

  /** @param {AbortSignal} [signal] */
  async load(signal) {
    ({ segments: this.segments, regions: this.regions } = await this.#store.load(signal));
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  /** Undo the last change. */
  undo() {
    return this.#queued(() => this.#step(this.#past, this.#future));
  }

  /** Repeat the last change that was undone. */
  redo() {
    return this.#queued(() => this.#step(this.#future, this.#past));
  }

  /**
   * Make several changes that are undone together.
   * @param {() => Promise<void>} change
   */
  async together(change) {
    await this.#recorded(async () => {
      this.#isGrouping = true;
      try {
        await change();
      } finally {
        this.#isGrouping = false;
      }
    });
  }

  /** Begin a segment at the current frame. */
  begin() {
    this.begun = this.frame;
    this.emit("marks");
  }

  /** End the unfinished segment at the current frame, which may also be its first. */
  async end() {
    const first = this.begun ?? 0;
    await this.addSegment(Math.min(first, this.frame), Math.max(first, this.frame) + 1);
    this.begun = null;
    this.emit("marks");
  }

  /**
   * @param {number} start
   * @param {number} end
   * @param {string | null} [label]
   */
  async addSegment(start, end, label = null) {
    await this.#recorded(() => this.#createSegment({ start_frame: start, end_frame: end, label }));
  }

  /**
   * @param {Segment} segment
   * @param {Partial<Segment>} changes
   */
  async changeSegment(segment, changes) {
    await this.#recorded(async () => {
      const changed = await this.#store.changeSegment(segment.id, changes);
      this.segments = this.segments.map((other) => (other.id === segment.id ? changed : other));
    });
  }

  /** @param {Segment} segment */
  async removeSegment(segment) {
    await this.#recorded(() => this.#deleteSegment(segment));
  }

  /** @param {Partial<Area>} area */
  async addRegion(area) {
    await this.#recorded(async () => {
      this.selected = (await this.#createRegion(area)).id;
    });
  }

  /**
   * Replace a region. The new one is created before the old one is deleted, so that the area is covered at
   * every moment.
   * @param {Region} region
   * @param {Partial<Area>} changes
   */
  async changeRegion(region, changes) {
    await this.#recorded(async () => {
      const latest = this.#replacements.latest(region);
      const created = await this.#createRegion({ ...latest, ...changes });
      if (this.selected === latest.id) this.selected = created.id;
      await this.#deleteRegion(latest, created);
      this.#replacements.add(latest, created);
    });
  }

  /** @param {Region} region */
  async removeRegion(region) {
    await this.#recorded(() => this.#deleteRegion(this.#replacements.latest(region)));
  }

  /**
   * Make a change, and keep the state before it for undo.
   * @param {() => Promise<void>} change
   */
  #recorded(change) {
    if (this.#isGrouping) return change().finally(() => this.emit("marks"));
    return this.#queued(async () => {
      const before = this.#snapshot();
      try {
        await change();
      } finally {
        // A change that failed halfway can be undone, too.
        if (this.segments !== before.segments || this.regions !== before.regions) {
          this.#past.push(before);
          this.#future = [];
        }
        // Also after an error, so that a dragged segment moves back.
        this.emit("marks");
      }
    });
  }

  /** @param {() => Promise<void>} task begins when all earlier ones have ended */
  #queued(task) {
    const result = this.#queue.then(task);
    this.#queue = result.catch(() => {});
    return result;
  }

  /**
   * @param {Snapshot[]} from
   * @param {Snapshot[]} to
   */
  async #step(from, to) {
    const target = from.pop();
    if (!target) return;
    const current = this.#snapshot();
    try {
      await this.#restore(target);
      to.push(current);
    } catch (error) {
      // Another user has changed the marks: what is stored counts, and the earlier states are out of date.
      [this.#past, this.#future] = [[], []];
      await this.load();
      throw error;
    } finally {
      this.emit("marks");
    }
  }

  /**
   * Restore marks by their content. Removed marks return with new ids, and before others are removed, so that
   * an area is covered at every moment.
   * @param {Snapshot} target
   */
  async #restore(target) {
    const segments = unmatched(this.segments, target.segments);
    const regions = unmatched(this.regions, target.regions);
    for (const region of regions.missing) await this.#createRegion(region);
    for (const segment of segments.missing) await this.#createSegment(segment);
    for (const region of regions.surplus) await this.#deleteRegion(region);
    for (const segment of segments.surplus) await this.#deleteSegment(segment);
  }

  /** @returns {Snapshot} */
  #snapshot() {
    return { segments: this.segments, regions: this.regions };
  }

  /** @param {Omit<Segment, "id">} segment */
  async #createSegment(segment) {
    this.segments = [...this.segments, await this.#store.createSegment(segment)];
  }

  /** @param {Segment} segment */
  async #deleteSegment(segment) {
    await this.#store.deleteSegment(segment.id);
    this.segments = this.segments.filter(({ id }) => id !== segment.id);
  }

  /**
   * @param {Partial<Area>} area
   * @returns {Promise<Region>}
   */
  async #createRegion(area) {
    const created = await this.#store.createRegion(area);
    this.regions = [...this.regions, created];
    return created;
  }

  /**
   * @param {Region} region
   * @param {Region} [replacement] takes its position in the list
   */
  async #deleteRegion(region, replacement) {
    await this.#store.deleteRegion(region.id);
    this.regions = replaced(this.regions, region, replacement);
  }
}
