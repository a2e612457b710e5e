/** Calls of the service, and what can come of them. */

import { hasWords, t, duration } from "./language.js";

/** An answer that is no success: problem details (RFC 9457), or no answer at all. */
export class Problem extends Error {
  /**
   * @param {{code?: string, detail?: string, hint?: string, errors?: {field: string, message: string}[]}} body
   * @param {number} [status] 0 when there was no answer
   * @param {number} [retryAfter] seconds
   */
  constructor(body, status = 0, retryAfter = 0) {
    super(body.detail ?? body.code ?? "");
    this.code = body.code ?? "internal_error";
    this.hint = body.hint ?? "";
    this.errors = body.errors ?? [];
    this.status = status;
    this.retryAfter = retryAfter;
  }

  /** What to tell a person: our own words where we have some, else those of the service. */
  get words() {
    const name = `error.${this.code}`;
    if (hasWords(name)) return t(name, { wait: duration(this.retryAfter), detail: this.message });
    const details = this.errors.map((error) => error.message).join(". ");
    return [this.message, details, this.hint].filter(Boolean).map(sentence).join(" ");
  }
}

/**
 * Whatever was thrown, in words.
 * @param {unknown} error
 */
export function wordsOf(error) {
  return error instanceof Problem ? error.words : t("error.internal_error");
}

/**
 * Whether somebody has left meanwhile, so that nobody wants to know.
 * @param {unknown} error
 */
export function isAborted(error) {
  return error instanceof DOMException && error.name === "AbortError";
}

/** @param {string} words */
function sentence(words) {
  const text = words.trim();
  return text && text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}

/**
 * Speaks to the service with the session's cookie. Dispatches `expired` when the session has ended, `lost`
 * when there is no connection, and `back` when there is one again.
 */
export class Api extends EventTarget {
  #lost = false;

  /**
   * @param {string} path
   * @param {{query?: Record<string, any>, signal?: AbortSignal}} [options]
   * @returns {Promise<any>}
   */
  get(path, options = {}) {
    return this.#call("GET", path, undefined, options);
  }

  /**
   * @param {string} path
   * @param {unknown} [body]
   * @param {{signal?: AbortSignal}} [options]
   * @returns {Promise<any>}
   */
  post(path, body, options = {}) {
    return this.#call("POST", path, body, options);
  }

  /**
   * @param {string} path
   * @param {unknown} body
   * @returns {Promise<any>}
   */
  put(path, body) {
    return this.#call("PUT", path, body, {});
  }

  /**
   * @param {string} path
   * @param {unknown} body
   * @returns {Promise<any>}
   */
  patch(path, body) {
    return this.#call("PATCH", path, body, {});
  }

  /**
   * @param {string} path
   * @returns {Promise<any>}
   */
  delete(path) {
    return this.#call("DELETE", path, undefined, {});
  }

  /**
   * Send a file, which may be large.
   * @param {string} path
   * @param {File} file
   * @param {(share: number) => void} onProgress
   * @param {AbortSignal} signal
   * @returns {Promise<any>}
   */
  upload(path, file, onProgress, signal) {
    // fetch cannot tell how much has been sent.
    const call = new XMLHttpRequest();
    return new Promise((resolve, reject) => {
      const stop = () => call.abort();
      signal.addEventListener("abort", stop);
      call.upload.onprogress = (event) => onProgress(event.total ? event.loaded / event.total : 0);
      call.onload = () => {
        const body = parsed(call.responseText);
        if (call.status < 300) resolve(body);
        else reject(this.#refused(body, call.status, Number(call.getResponseHeader("Retry-After"))));
      };
      call.onerror = () => reject(this.#unreachable());
      call.onabort = () => reject(new DOMException("", "AbortError"));
      call.onloadend = () => signal.removeEventListener("abort", stop);
      call.open("POST", path);
      call.setRequestHeader(
        "Content-Type",
        file.type.startsWith("video/") ? file.type : "application/octet-stream",
      );
      call.setRequestHeader("X-CSRFToken", csrfToken());
      call.send(file);
    });
  }

  /** Say that there is no connection; looks for it until it is back. */
  lose() {
    if (this.#lost) return;
    this.#lost = true;
    this.dispatchEvent(new Event("lost"));
    const timer = setInterval(async () => {
      const answer = await fetch("/health").catch(() => null);
      if (!answer?.ok || !this.#lost) return;
      clearInterval(timer);
      this.#lost = false;
      this.dispatchEvent(new Event("back"));
    }, 2000);
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {unknown} body
   * @param {{query?: Record<string, any>, signal?: AbortSignal}} options
   */
  async #call(method, path, body, { query = {}, signal }) {
    /** @type {Record<string, string>} */
    const headers = { Accept: "application/json" };
    if (method !== "GET") headers["X-CSRFToken"] = csrfToken();
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const given = Object.entries(query).filter(([, value]) => value !== "" && value !== undefined);
    const address = given.length ? `${path}?${new URLSearchParams(given)}` : path;
    let answer;
    try {
      answer = await fetch(address, {
        method,
        headers,
        signal,
        body: body === undefined ? null : JSON.stringify(body),
      });
    } catch (error) {
      if (isAborted(error)) throw error;
      throw this.#unreachable();
    }
    const content = parsed(await answer.text());
    if (answer.ok) return content;
    throw this.#refused(content, answer.status, Number(answer.headers.get("Retry-After")));
  }

  /**
   * @param {any} body
   * @param {number} status
   * @param {number} retryAfter
   */
  #refused(body, status, retryAfter) {
    const problem = new Problem(body ?? {}, status, retryAfter);
    if (problem.code === "not_authenticated" || problem.code === "csrf_failed") {
      this.dispatchEvent(new Event("expired"));
    }
    return problem;
  }

  #unreachable() {
    this.lose();
    return new Problem({ code: "connection_lost" });
  }
}

/** What proves that a change is asked for by our own page; signing in sets it, so a stranger has none. */
export function csrfToken() {
  const cookies = document.cookie.split("; ").map((cookie) => cookie.split("="));
  return cookies.find(([name]) => name === "csrftoken")?.[1] ?? "";
}

/** @param {string} text */
function parsed(text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    // A proxy in between answers in HTML.
    return null;
  }
}
