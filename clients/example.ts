// A film, anonymised with the generated types and openapi-fetch: from signing in to the ZIP.
// Usage: node example.js ADDRESS USERNAME PASSWORD FILM ZIP

import { openAsBlob } from "node:fs";
import { writeFile } from "node:fs/promises";
import { basename } from "node:path";
import createClient from "openapi-fetch";
import type { components, paths } from "./framecloak.js";

type Problem = components["schemas"]["Problem"];
type StatusView = components["schemas"]["StatusView"];

class RefusedError extends Error {
  constructor(readonly problem: Problem) {
    super(`${problem.code}: ${problem.detail}`);
  }
}

/** What was hoped for; every error of the API is a `Problem` with a stable code. */
function expect<Data>(answer: { data?: Data; error?: Problem }): Data {
  if (answer.error) throw new RefusedError(answer.error);
  return answer.data as Data;
}

/** Every change of a request until it ends: server-sent events, whose data is what `getRequestStatus` answers. */
async function* changes(stream: ReadableStream<Uint8Array>): AsyncGenerator<StatusView> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of stream) {
    const lines = (text + decoder.decode(piece, { stream: true })).split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) {
      if (line.startsWith("data:")) yield JSON.parse(line.slice("data:".length)) as StatusView;
    }
  }
}

const [address = "", username = "", password = "", film = "", output = ""] = process.argv.slice(2);

const tokens = expect(
  await createClient<paths>({ baseUrl: address }).POST("/api/auth/token", { body: { username, password } }),
);
const bearer = createClient<paths>({
  baseUrl: address,
  headers: { Authorization: `Bearer ${tokens.access_token}` },
});
const made = expect(await bearer.POST("/api/auth/api-keys", { body: { name: "example" } }));
const api = createClient<paths>({ baseUrl: address, headers: { "X-API-Key": made.key } });

const video = expect(
  await api.POST("/api/videos", {
    params: { query: { filename: basename(film) } },
    // Types of binary bodies are strings; what is sent is the file, as it is.
    body: (await openAsBlob(film)) as unknown as string,
    bodySerializer: (body) => body,
    headers: { "Content-Type": "application/octet-stream" },
  }),
);
console.log(`video of ${video.frame_count} frames`);
const segment = expect(
  await api.POST("/api/videos/{video_id}/segments", {
    params: { path: { video_id: video.id } },
    body: { start_frame: 0, end_frame: video.frame_count },
  }),
);

const submitted = expect(
  await api.POST("/api/frames/anonymize", { body: { video_id: video.id, segment_ids: [segment.id] } }),
);
const path = { request_id: submitted.request_id };
const stream = expect(
  await api.GET("/api/frames/anonymize/events/{request_id}", { params: { path }, parseAs: "stream" }),
);
for await (const now of changes(stream as ReadableStream<Uint8Array>)) {
  console.log(`${now.status} ${now.progress} %`);
}

const link = expect(
  await api.GET("/api/frames/anonymize/download/{request_id}", {
    params: { path, query: { redirect: false } },
  }),
);
const archive = expect(
  await api.GET("/api/frames/anonymize/download/{request_id}/{token}", {
    params: { path: { ...path, token: link.token } },
    parseAs: "arrayBuffer",
  }),
);
await writeFile(output, new Uint8Array(archive));

const refused = await api.POST("/api/frames/anonymize", { body: { video_id: 2 ** 31, segment_ids: [1] } });
if (refused.error) console.log(`refused with ${refused.error.status} ${refused.error.code}`);
