/** A video viewed frame by frame, with regions on its frames. */

/**
 * @typedef {object} Region an area in image pixels; applies to the whole video when start and end are null
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
 *
 * @typedef {VideoView & {
 *   addRegion: (area: Partial<Area>) => Promise<void>,
 *   changeRegion: (region: Region, changes: Partial<Area>) => Promise<void>,
 *   removeRegion: (region: Region) => Promise<void>,
 * }} RegionEditor a view whose regions can be edited
 */

/**
 * Current frame, regions and selection; subclasses store the regions. Dispatches `frame` when the current frame
 * changes, `marks` when a region changes, and `selected` when the selection changes.
 */
export class VideoView extends EventTarget {
  /** Text keys for the name of a region, the empty list and the removal button. */
  textKeys = { name: "region.name", none: "region.none", remove: "region.delete" };
  /** Whether the user can name regions. */
  hasLabels = true;
  mayEdit = true;
  /** @type {Region[]} */
  regions = [];
  /** Id of the selected region, 0 for none. */
  selected = 0;
  frame = 0;

  /** @param {import("../videos/video.js").Video} video */
  constructor(video) {
    super();
    this.video = video;
  }

  get lastFrame() {
    return this.video.frame_count - 1;
  }

  /** @param {number} frame clamped to the video */
  seek(frame) {
    const target = Math.min(this.lastFrame, Math.max(0, Math.round(frame)));
    if (target === this.frame) return;
    this.frame = target;
    this.emit("frame");
  }

  /** @param {number} frames backwards when negative */
  move(frames) {
    this.seek(this.frame + frames);
  }

  /**
   * Return the time of a frame in seconds from the start.
   * @param {number} frame
   */
  seconds(frame) {
    return frame / this.video.frame_rate;
  }

  /** @param {number} id 0 for none */
  select(id) {
    this.selected = id;
    this.emit("selected");
  }

  /**
   * @param {number} frame
   * @returns {Region[]} regions that apply to the frame
   */
  regionsAt(frame) {
    return this.regions.filter(
      ({ start_frame: start, end_frame: end }) => start === null || (start <= frame && frame < Number(end)),
    );
  }

  /** An area in the middle of the image, for new regions. */
  get middle() {
    const { width, height } = this.video;
    return { x: width * 0.375, y: height * 0.375, width: width / 4, height: height / 4 };
  }

  /** @param {string} type */
  emit(type) {
    this.dispatchEvent(new Event(type));
  }
}
