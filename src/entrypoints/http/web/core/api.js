/** Calls of the service, and what can come of them. */

import { hasWords, t, duration } from "./language.js";

/** Milliseconds after which nobody believes that an answer is still coming. */
const PATIENCE = 30_000;
/** The same where the service first looks through pictures or a video, with models that it may have to load. */
export const LONG_PATIENCE = 300_000;
/** How often a lost connection is looked for, and how long that may take. */
const LOOKED_FOR_EVERY = 2000;

/**
 * @typedef {object} Terms of a call
 * @property {Record<string, any>} [query]
 * @property {AbortSignal} [signal] of whoever wants to know
 * @property {number} [patience] milliseconds until the connection counts as lost
 * @property {number} [alsoGood] a status that is a plain answer here and an error elsewhere
 */

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
    if (hasWords(name)) return t(name, { wait: duration(this.retryAfter), detail: this.#detail });
    return [this.#detail, this.hint].filter(Boolean).map(sentence).join(" ");
  }

  /** What exactly is wrong, as the service says it. */
  get #detail() {
    const wrong = this.errors.map(({ field, message }) => [field, message].filter(Boolean).join(": "));
    return wrong.join("; ") || this.message;
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
   * @param {Terms} [terms]
   * @returns {Promise<any>}
   */
  get(path, terms = {}) {
    return this.#call("GET", path, undefined, terms);
  }

  /**
   * @param {string} path
   * @param {unknown} [body]
   * @param {Terms} [terms]
   * @returns {Promise<any>}
   */
  post(path, body, terms = {}) {
    return this.#call("POST", path, body, terms);
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
  async lose() {
    if (this.#lost) return;
    this.#lost = true;
    this.dispatchEvent(new Event("lost"));
    while (this.#lost) {
      await new Promise((resolve) => setTimeout(resolve, LOOKED_FOR_EVERY));
      const answer = await answered("/health", {}, LOOKED_FOR_EVERY).catch(() => null);
      this.#lost = !answer?.ok;
    }
    this.dispatchEvent(new Event("back"));
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {unknown} body
   * @param {Terms} terms
   */
  async #call(method, path, body, { query = {}, signal, patience = PATIENCE, alsoGood }) {
    /** @type {Record<string, string>} */
    const headers = { Accept: "application/json" };
    if (method !== "GET") headers["X-CSRFToken"] = csrfToken();
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const given = Object.entries(query).filter(([, value]) => value !== "" && value !== undefined);
    const address = given.length ? `${path}?${new URLSearchParams(given)}` : path;
    const sent = body === undefined ? null : JSON.stringify(body);
    let answer;
    try {
      answer = await answered(address, { method, headers, signal, body: sent }, patience);
    } catch {
      if (signal?.aborted) throw new DOMException("", "AbortError");
      throw this.#unreachable();
    }
    const content = parsed(answer.text);
    if (answer.ok || (answer.status === alsoGood && !content?.code)) return content;
    throw this.#refused(content, answer.status, answer.retryAfter);
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

/**
 * All of an answer.
 * @param {string} address
 * @param {RequestInit} call
 * @param {number} patience milliseconds until it is given up
 */
async function answered(address, call, patience) {
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), patience);
  const signal = call.signal ? AbortSignal.any([call.signal, over.signal]) : over.signal;
  try {
    const answer = await fetch(address, { ...call, signal });
    const retryAfter = Number(answer.headers.get("Retry-After"));
    return { ok: answer.ok, status: answer.status, text: await answer.text(), retryAfter };
  } finally {
    clearTimeout(timer);
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
