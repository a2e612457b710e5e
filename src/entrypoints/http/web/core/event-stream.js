/** Responses of calls as streams of server-sent events. `EventSource` cannot send POST requests. */

import { csrfToken, Problem } from "./api.js";

/** Milliseconds without a message, for which the service sends heartbeats, before the connection is lost. */
const SILENCE = 60_000;

/**
 * Call the service, and receive the events of its response.
 * @param {import("./api.js").Api} api
 * @param {string} path
 * @param {(name: string, data: any) => void} onEvent
 * @param {AbortSignal} signal ends the call
 */
export async function postForEvents(api, path, onEvent, signal) {
  const silence = new AbortController();
  let timer = 0;
  const wait = () => {
    clearTimeout(timer);
    timer = window.setTimeout(() => silence.abort(), SILENCE);
  };
  try {
    wait();
    const answer = await fetch(path, {
      method: "POST",
      headers: { Accept: "text/event-stream, application/problem+json", "X-CSRFToken": csrfToken() },
      signal: AbortSignal.any([signal, silence.signal]),
    });
    if (!answer.ok || !answer.body) {
      const body = await answer.json().catch(() => null);
      throw api.problem(body, answer.status, Number(answer.headers.get("Retry-After")));
    }
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      wait();
      const messages = (text + part.value).split("\n\n");
      text = messages.pop() ?? "";
      for (const message of messages) deliver(message, onEvent);
    }
  } catch (error) {
    if (signal.aborted) throw new DOMException("", "AbortError");
    throw error instanceof Problem ? error : api.unreachable();
  } finally {
    clearTimeout(timer);
  }
}

/**
 * @param {string} message lines of an event, or of a comment
 * @param {(name: string, data: any) => void} onEvent
 */
function deliver(message, onEvent) {
  const fields = Object.fromEntries(message.split("\n").map((line) => line.split(/: (.*)/s, 2)));
  if (fields.event && fields.data) onEvent(fields.event, JSON.parse(fields.data));
}
