// Runs the documented JavaScript client as it stands, in what a browser gives it: fetch that knows the page's
// host and cookies, csrfToken, window.location, which downloads what it is set to, and a clock that is quicker.
//
// Usage: node run_browser.mjs CLIENT ADDRESS USERNAME PASSWORD OUTPUT
import { readFile, writeFile } from "node:fs/promises";

const [client, address, username, password, output] = process.argv.slice(2);
const cookies = new Map();

async function browserFetch(path, options = {}) {
  const headers = new Headers(options.headers);
  headers.set("Cookie", [...cookies].map(([name, value]) => `${name}=${value}`).join("; "));
  const response = await fetch(new URL(path, address), { ...options, headers });
  for (const cookie of response.headers.getSetCookie()) {
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
    cookies.set(name, value);
  }
  return response;
}

const signedIn = await browserFetch("/api/auth/login", {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ username, password }),
});
if (!signedIn.ok) throw new Error(await signedIn.text());

const downloaded = new Promise((resolve, reject) => {
  globalThis.window = {
    location: {
      set href(path) {
        browserFetch(path).then(async (response) => {
          if (!response.ok) throw new Error(await response.text());
          await writeFile(output, Buffer.from(await response.arrayBuffer()));
          resolve();
        }).catch(reject);
      },
    },
  };
});

const AsyncFunction = (async () => {}).constructor;
const code = await readFile(client, "utf-8");
// It looks again every five seconds; for who has a film of a second that is long.
const hasty = (again, delay) => setTimeout(again, delay / 50);
const names = { fetch: browserFetch, csrfToken: cookies.get("csrftoken"), setTimeout: hasty };
await new AsyncFunction(...Object.keys(names), code)(...Object.values(names));
await downloaded;
