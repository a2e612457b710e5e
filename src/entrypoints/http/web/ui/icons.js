/** Decorative icons beside text. */

import { svg } from "../core/dom.js";

const PATHS = {
  videos: "M4 6h16v12H4z M4 10h16 M8 6v4 M16 6v4 M10.500 12.500v3.500l3-1.750z",
  runs: "M5 5h14 M5 12h9 M5 19h6 M17 13v8 M13.500 17.500L17 21l3.500-3.500",
  faces:
    "M4 8V5.500A1.500 1.500 0 0 1 5.500 4H8 M16 4h2.500A1.500 1.500 0 0 1 20 5.500V8 M20 16v2.500a1.500 1.500 0 0 1-1.500 1.500H16 M8 20H5.500A1.500 1.500 0 0 1 4 18.500V16 M9 10v.5 M15 10v.5 M9 15c1.800 1.300 4.200 1.300 6 0",
  galleries: "M4 4h7v7H4z M13 4h7v7h-7z M4 13h7v7H4z M13 13h7v7h-7z",
  admin: "M4 20V10 M10 20V4 M16 20v-7 M21 20H3",
  account: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8z M4 20c1.500-3.500 4.500-5 8-5s6.500 1.500 8 5",
  upload: "M12 16V5 M7.500 9L12 4.500 16.500 9 M4.500 16v3.500h15V16",
  download: "M12 4.500V15 M7.500 11L12 15.500 16.500 11 M4.500 16v3.500h15V16",
  delete: "M5 7h14 M9.500 7V4.500h5V7 M7 7l1 12.500h8L17 7 M10.500 10.500v6 M13.500 10.500v6",
  add: "M12 5v14 M5 12h14",
  previous: "M14.500 6L8.500 12l6 6",
  next: "M9.500 6l6 6-6 6",
  warning: "M12 4L2.500 20h19z M12 10v5 M12 17.300v.2",
  review:
    "M2.500 12S6 5.500 12 5.500 21.500 12 21.500 12 18 18.500 12 18.500 2.500 12 2.500 12z M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6z",
  undo: "M8 5L3.500 9.500 8 14 M4 9.500h9.500a5 5 0 0 1 0 10H9",
  redo: "M16 5L20.500 9.500 16 14 M20 9.500h-9.500a5 5 0 0 0 0 10H15",
  play: "M7 4.500v15l12-7.500z",
  pause: "M8 5v14 M16 5v14",
  rename: "M4 20h4L19 9l-4-4L4 16z M13 7l4 4",
  share:
    "M17 8a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5z M7 14.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5z M17 21a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5z M9.200 10.700l5.600-3.800 M9.200 13.300l5.600 3.800",
  region: "M4 7h12v10H4z M16 11h4 M18 9v4",
};

/** @param {keyof typeof PATHS} name */
export function icon(name) {
  return svg(
    "svg",
    { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" },
    svg("path", { d: PATHS[name] }),
  );
}
