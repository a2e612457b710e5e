/** Calls to the service and their errors. */

import { hasText, t, duration } from "./language.js";

/** Milliseconds after which a call without an answer counts as a lost connection. */
const TIMEOUT = 30_000;
/** Milliseconds for calls that analyse images or a video, where the service may first have to load models. */
export const LONG_TIMEOUT = 300_000;
/** Milliseconds between attempts to reconnect, and the timeout of each attempt. */
const RECONNECT_INTERVAL = 2000;

/**
 * @typedef {object} CallOptions
 * @property {Record<string, any>} [query]
 * @property {AbortSignal} [signal] aborts the call
 * @property {number} [timeout] milliseconds until the connection counts as lost
 * @property {number} [acceptedStatus] an error status that counts as success for this call
 */

/** An error response with problem details (RFC 9457), or no response at all. */
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

  /** Message for the user: the console's own text for the code, or the service's detail and hint. */
  get userMessage() {
    const name = `error.${this.code}`;
    if (hasText(name)) return t(name, { wait: duration(this.retryAfter), detail: this.#detail });
    return [this.#detail, this.hint].filter(Boolean).map(sentence).join(" ");
  }

  /** The service's own description of the error, with the invalid fields. */
  get #detail() {
    const fields = this.errors.map(({ field, message }) => [field, message].filter(Boolean).join(": "));
    return fields.join("; ") || this.message;
  }
}

/**
 * Return a message for the user from anything that was thrown.
 * @param {unknown} error
 */
export function messageOf(error) {
  return error instanceof Problem ? error.userMessage : t("error.internal_error");
}

/**
 * Return whether a call was aborted, for example because the user left the page.
 * @param {unknown} error
 */
export function isAborted(error) {
  return error instanceof DOMException && error.name === "AbortError";
}

/** @param {string} message */
function sentence(message) {
  const text = message.trim();
  return text && text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}

/**
 * Client of the service that authenticates with the session cookie. Dispatches `expired` when the session has
 * ended, `lost` when the connection is lost, and `back` when it is restored.
 */
export class Api extends EventTarget {
  #lost = false;

  /**
   * @param {string} path
   * @param {CallOptions} [options]
   * @returns {Promise<any>}
   */
  get(path, options = {}) {
    return this.#call("GET", path, undefined, options);
  }

  /**
   * @param {string} path
   * @param {unknown} [body]
   * @param {CallOptions} [options]
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
   * Upload a file and report progress.
   * @param {string} path
   * @param {File} file
   * @param {(share: number) => void} onProgress
   * @param {AbortSignal} signal
   * @returns {Promise<any>}
   */
  upload(path, file, onProgress, signal) {
    // fetch does not report upload progress.
    const call = new XMLHttpRequest();
    return new Promise((resolve, reject) => {
      const stop = () => call.abort();
      signal.addEventListener("abort", stop);
      call.upload.onprogress = (event) => onProgress(event.total ? event.loaded / event.total : 0);
      call.onload = () => {
        const body = parsed(call.responseText);
        if (call.status < 300) resolve(body);
        else reject(this.problem(body, call.status, Number(call.getResponseHeader("Retry-After"))));
      };
      call.onerror = () => reject(this.unreachable());
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

  /** Mark the connection as lost and retry until it is back. */
  async markLost() {
    if (this.#lost) return;
    this.#lost = true;
    this.dispatchEvent(new Event("lost"));
    while (this.#lost) {
      await new Promise((resolve) => setTimeout(resolve, RECONNECT_INTERVAL));
      const answer = await fetchText("/health", {}, RECONNECT_INTERVAL).catch(() => null);
      this.#lost = !answer?.ok;
    }
    this.dispatchEvent(new Event("back"));
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {unknown} body
   * @param {CallOptions} options
   */
  async #call(method, path, body, { query = {}, signal, timeout = TIMEOUT, acceptedStatus }) {
    /** @type {Record<string, string>} */
    const headers = { Accept: "application/json" };
    if (method !== "GET") headers["X-CSRFToken"] = csrfToken();
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const parameters = Object.entries(query).filter(([, value]) => value !== "" && value !== undefined);
    const address = parameters.length ? `${path}?${new URLSearchParams(parameters)}` : path;
    const payload = body === undefined ? null : JSON.stringify(body);
    let answer;
    try {
      answer = await fetchText(address, { method, headers, signal, body: payload }, timeout);
    } catch {
      if (signal?.aborted) throw new DOMException("", "AbortError");
      throw this.unreachable();
    }
    const content = parsed(answer.text);
    if (answer.ok || (answer.status === acceptedStatus && !content?.code)) return content;
    throw this.problem(content, answer.status, answer.retryAfter);
  }

  /**
   * Return the error of a response; the session may have ended with it.
   * @param {any} body
   * @param {number} status
   * @param {number} retryAfter
   */
  problem(body, status, retryAfter) {
    const problem = new Problem(body ?? {}, status, retryAfter);
    if (problem.code === "not_authenticated" || problem.code === "csrf_failed") {
      this.dispatchEvent(new Event("expired"));
    }
    return problem;
  }

  unreachable() {
    this.markLost();
    return new Problem({ code: "connection_lost" });
  }
}

/**
 * Fetch a response and read its whole body.
 * @param {string} address
 * @param {RequestInit} call
 * @param {number} timeout milliseconds
 */
async function fetchText(address, call, timeout) {
  const expiry = new AbortController();
  const timer = setTimeout(() => expiry.abort(), timeout);
  const signal = call.signal ? AbortSignal.any([call.signal, expiry.signal]) : expiry.signal;
  try {
    const answer = await fetch(address, { ...call, signal });
    const retryAfter = Number(answer.headers.get("Retry-After"));
    return { ok: answer.ok, status: answer.status, text: await answer.text(), retryAfter };
  } finally {
    clearTimeout(timer);
  }
}

/** Return the CSRF token that signing in sets as a cookie; empty without a session. */
export function csrfToken() {
  const cookies = document.cookie.split("; ").map((cookie) => cookie.split("="));
  return cookies.find(([name]) => name === "csrftoken")?.[1] ?? "";
}

/** @param {string} text */
function parsed(text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    // For example an HTML error page of a proxy.
    return null;
  }
}
