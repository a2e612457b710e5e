/** Segments and regions of a video. */

import { within } from "../core/areas.js";
import { VideoView } from "./video-view.js";

/**
 * @typedef {object} Segment frames from `start_frame` up to and excluding `end_frame`
 * @property {number} id
 * @property {number} start_frame
 * @property {number} end_frame
 * @property {string | null} label
 */

/** Segments and regions stored by the service; dispatches `marks` when a segment changes, too. */
export class Marks extends VideoView {
  /** @type {Segment[]} */
  segments = [];
  /** First frame of an unfinished segment; null without one. @type {number | null} */
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
   */
  async addSegment(start, end) {
    const created = await this.#api.post(`${this.#path}/segments/`, { start_frame: start, end_frame: end });
    this.segments = [...this.segments, created];
    this.emit("marks");
  }

  /**
   * @param {Segment} segment
   * @param {Partial<Segment>} changes
   */
  async changeSegment(segment, changes) {
    try {
      const changed = await this.#api.patch(`${this.#path}/segments/${segment.id}`, changes);
      this.segments = this.segments.map((other) => (other.id === segment.id ? changed : other));
    } finally {
      // Also after an error, so that a dragged segment moves back.
      this.emit("marks");
    }
  }

  /** @param {Segment} segment */
  async removeSegment(segment) {
    await this.#api.delete(`${this.#path}/segments/${segment.id}`);
    this.segments = this.segments.filter(({ id }) => id !== segment.id);
    this.emit("marks");
  }

  /** @param {Partial<import("./video-view.js").Area>} area */
  async addRegion(area) {
    const created = await this.#api.post(`${this.#path}/regions/`, within(area, this.video));
    this.regions = [...this.regions, created];
    this.selected = created.id;
    this.emit("marks");
  }

  /**
   * Replace a region. The new one is created before the old one is deleted, so that the area is covered at
   * every moment.
   * @param {import("./video-view.js").Region} region
   * @param {Partial<import("./video-view.js").Area>} changes
   */
  async changeRegion(region, changes) {
    const { x, y, width, height, start_frame, end_frame, label } = { ...region, ...changes };
    const area = { x, y, width, height, start_frame, end_frame, label };
    try {
      const created = await this.#api.post(`${this.#path}/regions/`, within(area, this.video));
      this.regions = [...this.regions, created];
      if (this.selected === region.id) this.selected = created.id;
      await this.#api.delete(`${this.#path}/regions/${region.id}`);
      // Keep the position in the list.
      this.regions = this.regions
        .filter((other) => other !== created)
        .map((other) => (other.id === region.id ? created : other));
    } finally {
      this.emit("marks");
    }
  }

  /** @param {import("./video-view.js").Region} region */
  async removeRegion(region) {
    await this.#api.delete(`${this.#path}/regions/${region.id}`);
    this.regions = this.regions.filter(({ id }) => id !== region.id);
    this.emit("marks");
  }
}
