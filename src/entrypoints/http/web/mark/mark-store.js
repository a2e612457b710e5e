/** The service's store of segments and regions of a video. */

import { within } from "../core/areas.js";

/**
 * @typedef {import("./marks.js").Segment} Segment
 * @typedef {import("./video-view.js").Region} Region
 */

/** Calls of the API that list, create, change and delete marks. */
export class MarkStore {
  #api;
  #video;
  #path;

  /**
   * @param {import("../core/api.js").Api} api
   * @param {{id: number, width: number, height: number}} video
   */
  constructor(api, video) {
    this.#api = api;
    this.#video = video;
    this.#path = `/api/videos/${video.id}`;
  }

  /**
   * @param {AbortSignal} [signal]
   * @returns {Promise<{segments: Segment[], regions: Region[]}>}
   */
  async load(signal) {
    const [segments, regions] = await Promise.all([
      this.#api.get(`${this.#path}/segments/`, { signal }),
      this.#api.get(`${this.#path}/regions/`, { signal }),
    ]);
    return { segments, regions };
  }

  /**
   * @param {Omit<Segment, "id">} segment
   * @returns {Promise<Segment>}
   */
  createSegment({ start_frame, end_frame, label }) {
    return this.#api.post(`${this.#path}/segments/`, { start_frame, end_frame, label });
  }

  /**
   * @param {number} id
   * @param {Partial<Segment>} changes
   * @returns {Promise<Segment>}
   */
  changeSegment(id, changes) {
    return this.#api.patch(`${this.#path}/segments/${id}`, changes);
  }

  /** @param {number} id */
  async deleteSegment(id) {
    await this.#api.delete(`${this.#path}/segments/${id}`);
  }

  /**
   * @param {Partial<import("./video-view.js").Area>} region clamped to the image
   * @returns {Promise<Region>}
   */
  createRegion({ x, y, width, height, start_frame, end_frame, label }) {
    const area = within({ x, y, width, height, start_frame, end_frame, label }, this.#video);
    return this.#api.post(`${this.#path}/regions/`, area);
  }

  /** @param {number} id */
  async deleteRegion(id) {
    await this.#api.delete(`${this.#path}/regions/${id}`);
  }
}
