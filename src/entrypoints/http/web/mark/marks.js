/** What is marked on a video, and which frame of it is looked at. */

import { within } from "../core/areas.js";

/**
 * @typedef {object} Segment frames from `start_frame` up to, and without, `end_frame`
 * @property {number} id
 * @property {number} start_frame
 * @property {number} end_frame
 * @property {string | null} label
 *
 * @typedef {object} Region an area of the picture, in its pixels; in the whole film without frames
 * @property {number} id
 * @property {number} x
 * @property {number} y
 * @property {number} width
 * @property {number} height
 * @property {number | null} start_frame
 * @property {number | null} end_frame
 * @property {string | null} label
 *
 * @typedef {Omit<Region, "id">} Area
 */

/**
 * Keeps marks as the service has them. Dispatches `frame` when another frame is looked at, `marks` when
 * something marked has changed, and `selected` when another region is at hand.
 */
export class Marks extends EventTarget {
  /** @type {Segment[]} */
  segments = [];
  /** @type {Region[]} */
  regions = [];
  /** Number of the region at hand, 0 for none. */
  selected = 0;
  frame = 0;
  /** Where a segment is about to begin; null when none is. @type {number | null} */
  begun = null;
  #api;
  #path;

  /**
   * @param {import("../core/api.js").Api} api
   * @param {import("../pages/videos.js").Video} video
   */
  constructor(api, video) {
    super();
    this.#api = api;
    this.#path = `/api/videos/${video.id}`;
    this.video = video;
  }

  /** @param {AbortSignal} signal */
  async load(signal) {
    const [segments, regions] = await Promise.all([
      this.#api.get(`${this.#path}/segments/`, { signal }),
      this.#api.get(`${this.#path}/regions/`, { signal }),
    ]);
    [this.segments, this.regions] = [segments, regions];
  }

  get lastFrame() {
    return this.video.frame_count - 1;
  }

  /** @param {number} frame the nearest that there is */
  seek(frame) {
    const there = Math.min(this.lastFrame, Math.max(0, Math.round(frame)));
    if (there === this.frame) return;
    this.frame = there;
    this.#tell("frame");
  }

  /** @param {number} frames how many further; backwards when negative */
  move(frames) {
    this.seek(this.frame + frames);
  }

  /** @param {number} frame seconds from the beginning */
  seconds(frame) {
    return frame / this.video.frame_rate;
  }

  /** Begin a segment at this frame. */
  begin() {
    this.begun = this.frame;
    this.#tell("marks");
  }

  /** End the segment that was begun with this frame; they may be chosen in either order. */
  async end() {
    const first = this.begun ?? 0;
    await this.addSegment(Math.min(first, this.frame), Math.max(first, this.frame) + 1);
    this.begun = null;
    this.#tell("marks");
  }

  /**
   * @param {number} start
   * @param {number} end
   */
  async addSegment(start, end) {
    const made = await this.#api.post(`${this.#path}/segments/`, { start_frame: start, end_frame: end });
    this.segments = [...this.segments, made];
    this.#tell("marks");
  }

  /**
   * @param {Segment} segment
   * @param {Partial<Segment>} changes
   */
  async changeSegment(segment, changes) {
    try {
      const changed = await this.#api.patch(`${this.#path}/segments/${segment.id}`, changes);
      this.segments = this.segments.map((one) => (one.id === segment.id ? changed : one));
    } finally {
      // When it was refused, too: what was dragged goes back.
      this.#tell("marks");
    }
  }

  /** @param {Segment} segment */
  async removeSegment(segment) {
    await this.#api.delete(`${this.#path}/segments/${segment.id}`);
    this.segments = this.segments.filter((one) => one.id !== segment.id);
    this.#tell("marks");
  }

  /** @param {number} id 0 for none */
  select(id) {
    this.selected = id;
    this.#tell("selected");
  }

  /**
   * @param {number} frame
   * @returns {Region[]} those that cover it
   */
  regionsAt(frame) {
    return this.regions.filter(
      ({ start_frame: start, end_frame: end }) => start === null || (start <= frame && frame < Number(end)),
    );
  }

  /** @param {Partial<Area>} area */
  async addRegion(area) {
    const made = await this.#api.post(`${this.#path}/regions/`, within(area, this.video));
    this.regions = [...this.regions, made];
    this.selected = made.id;
    this.#tell("marks");
  }

  /**
   * Put another area in the place of a region. The new one is made first, so that what it covers is
   * covered at every moment.
   * @param {Region} region
   * @param {Partial<Area>} changes
   */
  async changeRegion(region, changes) {
    const { x, y, width, height, start_frame, end_frame, label } = { ...region, ...changes };
    const area = { x, y, width, height, start_frame, end_frame, label };
    try {
      const made = await this.#api.post(`${this.#path}/regions/`, within(area, this.video));
      this.regions = [...this.regions, made];
      if (this.selected === region.id) this.selected = made.id;
      await this.#api.delete(`${this.#path}/regions/${region.id}`);
      // It keeps its place in the list.
      this.regions = this.regions
        .filter((one) => one !== made)
        .map((one) => (one.id === region.id ? made : one));
    } finally {
      this.#tell("marks");
    }
  }

  /** @param {Region} region */
  async removeRegion(region) {
    await this.#api.delete(`${this.#path}/regions/${region.id}`);
    this.regions = this.regions.filter((one) => one.id !== region.id);
    this.#tell("marks");
  }

  /** @param {string} what */
  #tell(what) {
    this.dispatchEvent(new Event(what));
  }
}
