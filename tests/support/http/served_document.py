"""The OpenAPI document as the service serves it; run, it writes the committed copy anew: ``make openapi``."""

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
    """Ask an API for it.

    Args:
        folder: for the files of that API.
    """
    api = make_api(folder, replace(CONFIG, version=version("framecloak")))
    _, ada = await api.person("ada")
    answer = await ada.get("/schema/openapi.json")
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


def as_committed(document: dict[str, Any]) -> str:
    """The document as the file has it: in an order that shows what a change changes."""
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        COMMITTED.write_text(as_committed(asyncio.run(served_document(Path(scratch)))), "utf-8")
