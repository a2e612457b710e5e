/** Pages of the console and their addresses. */

import { batchPage } from "../many/batch-page.js";
import { reviewMany } from "../many/review-page.js";
import { orderMany } from "../many/order-page.js";
import { templatesPage } from "../many/templates-page.js";
import { admin } from "./admin.js";
import { faces } from "./faces.js";
import { galleries } from "./galleries.js";
import { gallery } from "./gallery.js";
import { keys } from "./keys.js";
import { mark } from "./mark.js";
import { missing } from "./missing.js";
import { review } from "./review.js";
import { run } from "./run.js";
import { runs } from "./runs.js";
import { videos } from "./videos.js";

/** @type {import("../core/router.js").Route[]} */
export const ROUTES = [
  { path: "/videos", title: "videos.title", section: "videos", page: videos },
  { path: "/videos/:id", title: "mark.title", section: "videos", page: mark },
  { path: "/videos/:id/run", title: "run.title", section: "videos", page: run },
  { path: "/order", title: "many.title", section: "videos", page: orderMany },
  { path: "/templates", title: "templates.title", section: "videos", page: templatesPage },
  { path: "/batches/:id", title: "batch.title", section: "runs", page: batchPage },
  { path: "/reviews", title: "reviews.title", section: "runs", page: reviewMany },
  { path: "/runs", title: "runs.title", section: "runs", page: runs },
  { path: "/runs/:id/review", title: "review.title", section: "runs", page: review },
  { path: "/faces", title: "faces.title", section: "faces", page: faces },
  { path: "/galleries", title: "galleries.title", section: "galleries", page: galleries },
  { path: "/galleries/:id", title: "gallery.title", section: "galleries", page: gallery },
  { path: "/keys", title: "keys.title", page: keys },
  { path: "/admin", title: "admin.title", section: "admin", page: admin },
  { path: "/missing", title: "missing.title", page: missing },
];
