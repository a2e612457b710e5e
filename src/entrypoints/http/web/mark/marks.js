/** What is marked on a video. */

import { within } from "../core/areas.js";
import { Film } from "./film.js";

/**
 * @typedef {object} Segment frames from `start_frame` up to, and without, `end_frame`
 * @property {number} id
 * @property {number} start_frame
 * @property {number} end_frame
 * @property {string | null} label
 */

/** Keeps segments and regions as the service has them; dispatches `marks` when a segment has changed, too. */
export class Marks extends Film {
  /** @type {Segment[]} */
  segments = [];
  /** Where a segment is about to begin; null when none is. @type {number | null} */
  begun = null;
  #api;
  #path;

  /**
   * @param {import("../core/api.js").Api} api
   * @param {import("../videos/video.js").Video} video
   */
  constructor(api, video) {
    super(video);
    this.#api = api;
    this.#path = `/api/videos/${video.id}`;
    this.mayEdit = video.access !== "viewer";
  }

  /** @param {AbortSignal} signal */
  async load(signal) {
    const [segments, regions] = await Promise.all([
      this.#api.get(`${this.#path}/segments/`, { signal }),
      this.#api.get(`${this.#path}/regions/`, { signal }),
    ]);
    [this.segments, this.regions] = [segments, regions];
  }

  /** Begin a segment at this frame. */
  begin() {
    this.begun = this.frame;
    this.tell("marks");
  }

  /** End the segment that was begun with this frame; they may be chosen in either order. */
  async end() {
    const first = this.begun ?? 0;
    await this.addSegment(Math.min(first, this.frame), Math.max(first, this.frame) + 1);
    this.begun = null;
    this.tell("marks");
  }

  /**
   * @param {number} start
   * @param {number} end
   */
  async addSegment(start, end) {
    const made = await this.#api.post(`${this.#path}/segments/`, { start_frame: start, end_frame: end });
    this.segments = [...this.segments, made];
    this.tell("marks");
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
      this.tell("marks");
    }
  }

  /** @param {Segment} segment */
  async removeSegment(segment) {
    await this.#api.delete(`${this.#path}/segments/${segment.id}`);
    this.segments = this.segments.filter((one) => one.id !== segment.id);
    this.tell("marks");
  }

  /** @param {Partial<import("./film.js").Area>} area */
  async addRegion(area) {
    const made = await this.#api.post(`${this.#path}/regions/`, within(area, this.video));
    this.regions = [...this.regions, made];
    this.selected = made.id;
    this.tell("marks");
  }

  /**
   * Put another area in the place of a region. The new one is made first, so that what it covers is
   * covered at every moment.
   * @param {import("./film.js").Region} region
   * @param {Partial<import("./film.js").Area>} changes
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
      this.tell("marks");
    }
  }

  /** @param {import("./film.js").Region} region */
  async removeRegion(region) {
    await this.#api.delete(`${this.#path}/regions/${region.id}`);
    this.regions = this.regions.filter((one) => one.id !== region.id);
    this.tell("marks");
  }
}
