/** Playback of a video by its frames, at the speed of the video. */

/** Frames per second where the rate of the video is unknown. */
const DEFAULT_RATE = 25;

/**
 * Moves a view from frame to frame; dispatches `playing` when it starts and when it ends. Images that take
 * longer than a frame lasts are left out, so that the speed stays right.
 */
export class Playback extends EventTarget {
  isPlaying = false;
  #view;
  #rate;
  /** Frame to which the playback moved last; another one was chosen by the user. */
  #frame = 0;
  /** Frame at which the clock was started, and the time of its start in milliseconds. */
  #from = { frame: 0, time: 0 };

  /**
   * @param {import("./frame-steps.js").FrameNavigator} view
   * @param {AbortSignal} signal ends the playback with the page
   */
  constructor(view, signal) {
    super();
    this.#view = view;
    this.#rate = 1 / (view.seconds(1) || 1 / DEFAULT_RATE);
    signal.addEventListener("abort", () => this.#set(false));
  }

  /** Start at the current frame, at the first one after the last, or pause. */
  toggle() {
    if (this.isPlaying) return this.#set(false);
    if (this.#view.frame >= this.#view.lastFrame) this.#view.seek(0);
    this.#restart(performance.now());
    this.#set(true);
    requestAnimationFrame((time) => this.#advance(time));
  }

  /** @param {number} time milliseconds */
  #advance(time) {
    if (!this.isPlaying) return;
    if (this.#view.frame !== this.#frame) this.#restart(time);
    // The time of an animation frame may lie before the start.
    const passed = Math.max(0, time - this.#from.time) / 1000;
    const target = this.#from.frame + Math.floor(passed * this.#rate);
    this.#view.seek(Math.min(target, this.#view.lastFrame));
    this.#frame = this.#view.frame;
    if (target >= this.#view.lastFrame) this.#set(false);
    else requestAnimationFrame((next) => this.#advance(next));
  }

  /** @param {number} time milliseconds */
  #restart(time) {
    this.#frame = this.#view.frame;
    this.#from = { frame: this.#frame, time };
  }

  /** @param {boolean} isPlaying */
  #set(isPlaying) {
    if (isPlaying === this.isPlaying) return;
    this.isPlaying = isPlaying;
    this.dispatchEvent(new Event("playing"));
  }
}
