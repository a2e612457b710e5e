"""Files of results, and what two results of equal orders have in common."""

from __future__ import annotations

import json
from io import BytesIO
from zipfile import ZipFile


def unzipped(data: bytes) -> dict[str, bytes]:
    with ZipFile(BytesIO(data)) as zipped:
        return {name: zipped.read(name) for name in zipped.namelist()}


def without_order(entries: dict[str, bytes]) -> dict[str, bytes]:
    """Return the files of a result without what differs between two orders: ids and digests."""
    document = json.loads(entries["manifest.json"])
    for member in ("order", "corrections", "files", "signing"):
        document.pop(member, None)
    document["settings"].pop("based_on", None)
    kept = {name: data for name, data in entries.items() if not name.endswith((".html", ".sig"))}
    return {**kept, "manifest.json": json.dumps(document).encode()}
