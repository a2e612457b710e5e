/** A video that is looked at frame by frame, with areas on its picture. */

/**
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
 *
 * @typedef {Film & {
 *   addRegion: (area: Partial<Area>) => Promise<void>,
 *   changeRegion: (region: Region, changes: Partial<Area>) => Promise<void>,
 *   removeRegion: (region: Region) => Promise<void>,
 * }} DrawnFilm one whose areas can be changed
 */

/**
 * Knows which frame is looked at and which area is at hand; where areas are kept is for others to say.
 * Dispatches `frame` when another frame is looked at, `marks` when an area has changed, and `selected` when
 * another one is at hand.
 */
export class Film extends EventTarget {
  /** What areas are called, and what is said when there are none. */
  words = { name: "region.name", none: "region.none", remove: "region.delete" };
  /** Whether people name areas themselves. */
  hasLabels = true;
  mayEdit = true;
  /** @type {Region[]} */
  regions = [];
  /** Number of the area at hand, 0 for none. */
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

  /** @param {number} frame the nearest that there is */
  seek(frame) {
    const there = Math.min(this.lastFrame, Math.max(0, Math.round(frame)));
    if (there === this.frame) return;
    this.frame = there;
    this.tell("frame");
  }

  /** @param {number} frames how many further; backwards when negative */
  move(frames) {
    this.seek(this.frame + frames);
  }

  /** @param {number} frame seconds from the beginning */
  seconds(frame) {
    return frame / this.video.frame_rate;
  }

  /** @param {number} id 0 for none */
  select(id) {
    this.selected = id;
    this.tell("selected");
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

  /** An area in the middle of the picture, to begin with. */
  get middle() {
    const { width, height } = this.video;
    return { x: width * 0.375, y: height * 0.375, width: width / 4, height: height / 4 };
  }

  /** @param {string} what */
  tell(what) {
    this.dispatchEvent(new Event(what));
  }
}
