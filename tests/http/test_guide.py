"""Examples and statements of the guide to the REST API, compared with the service."""

from __future__ import annotations

import json
import re
from pathlib import Path

from support.http.api import Scene

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "guides" / "rest-api.md").read_text("utf-8")
PAGED = {
    "listBatches",
    "listEnrolledFaces",
    "listFramesByRisk",
    "listGalleries",
    "listRequests",
    "listTexts",
    "listUsers",
    "listVideos",
}
COMPLETE = {
    "listApiKeys",
    "listGrants",
    "listRegions",
    "listSegments",
    "listTags",
    "listTemplates",
}


async def test_the_example_of_an_error_is_what_the_service_answers(scene: Scene) -> None:
    found = re.search(r"returns 404:\n\n```json\n(.*?)```", GUIDE, re.DOTALL)
    assert found
    answer = await scene.ada.post("/api/frames/anonymize/", json={"video_id": 999999, "segment_ids": [1]})
    assert answer.json() == json.loads(found[1])


def test_lists_are_pages_or_complete_as_the_guide_says() -> None:
    document = json.loads((ROOT / "openapi.json").read_text("utf-8"))
    schemas = document["components"]["schemas"]
    paged, complete = set(), set()
    for item in document["paths"].values():
        operation = item.get("get", {})
        content = operation.get("responses", {}).get("200", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema", {})
        name = schema.get("$ref", "").rpartition("/")[2]
        if schema.get("type") == "array":
            complete.add(operation["operationId"])
        elif {"items", "total", "limit", "offset"} <= schemas.get(name, {}).get("properties", {}).keys():
            paged.add(operation["operationId"])
    assert (paged, complete) == (PAGED, COMPLETE)
