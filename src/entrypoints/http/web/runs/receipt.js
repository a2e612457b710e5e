/** Receipts of deletions, offered as files. */

import { el } from "../core/dom.js";

/**
 * Download a receipt as a JSON file.
 * @param {{receipt_id: string}} receipt
 */
export function saveReceipt(receipt) {
  const file = new Blob([JSON.stringify(receipt, null, 2)], { type: "application/json" });
  const address = URL.createObjectURL(file);
  el("a", { href: address, download: `deleted-${receipt.receipt_id.slice(0, 8)}.json` }).click();
  URL.revokeObjectURL(address);
}
