/** Limit on open connections, shared by all tabs: a browser allows few connections to one server. */

/** A fixed number of slots that all tabs of the browser share. */
export class ConnectionSlots {
  #name;
  #count;
  #isAcquiredHere = false;

  /**
   * @param {string} name
   * @param {number} count
   */
  constructor(name, count) {
    this.#name = name;
    this.#count = count;
  }

  /**
   * Acquire a slot if one is free. Closing the tab releases it, too.
   * @returns {Promise<(() => void) | null>} releases the slot; null when none is free
   */
  async acquire() {
    // Browsers offer locks only over TLS. Without them, tabs cannot coordinate.
    if (!navigator.locks) return this.#acquireHere();
    for (let number = 1; number <= this.#count; number += 1) {
      const release = await tryLock(`${this.#name} ${number}`);
      if (release) return release;
    }
    return null;
  }

  /** Without locks, each tab has one slot. */
  #acquireHere() {
    if (this.#isAcquiredHere) return null;
    this.#isAcquiredHere = true;
    return () => {
      this.#isAcquiredHere = false;
    };
  }
}

/**
 * Acquire a lock and return its release function; null when the lock is taken or unavailable.
 * @param {string} name
 * @returns {Promise<(() => void) | null>}
 */
function tryLock(name) {
  return new Promise((resolve) => {
    /** @param {Lock | null} lock */
    const granted = (lock) =>
      lock ? new Promise((release) => resolve(() => release(undefined))) : resolve(null);
    navigator.locks.request(name, { ifAvailable: true }, granted).catch(() => resolve(null));
  });
}
