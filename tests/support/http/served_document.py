"""The OpenAPI document as served; as a program, it rewrites the committed copy: ``make openapi``."""

from __future__ import annotations

import asyncio
import json
import tempfile
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from support.http.api import CONFIG, make_api

COMMITTED = Path(__file__).parents[3] / "openapi.json"


async def served_document(folder: Path) -> dict[str, Any]:
    """Request the document from an API.

    Args:
        folder: folder for the files of that API.
    """
    api = make_api(folder, replace(CONFIG, version=version("framecloak")))
    _, ada = await api.person("ada")
    answer = await ada.get("/schema/openapi.json")
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


def as_committed(document: dict[str, Any]) -> str:
    """Format the document as committed, in an order that keeps diffs readable."""
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        COMMITTED.write_text(as_committed(asyncio.run(served_document(Path(scratch)))), "utf-8")
