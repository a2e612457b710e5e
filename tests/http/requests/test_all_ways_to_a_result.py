"""Every operation that shows a result, or a part of it, asks for the rights and compares the content.

The operations come from the document of the API: a new one fails here until it says which kind it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from uuid import UUID

import httpx
import pytest

from fakes.media import PROBED_VIDEO
from framecloak.domain.model.accounts import Means, principal_of
from framecloak.domain.model.videos import GrantRole
from support.http.api import Scene
from support.use_cases import chunks
from support.worker_harness import WorkerHarness

BASE = "/api/frames/anonymize"

SHOW_CONTENT = {
    "GET frames/{index}": None,
    "GET manifest": None,
    "GET report": None,
    "GET review": None,
    "GET boxes": None,
    "GET texts": None,
    "GET seen": None,
    "POST seen": {"frames": [0]},
    "POST release": {},
    "POST render": {"frames": []},
}
"""Operations that read the stored result, with their bodies."""
STATE_RIGHTS_ONLY = {"GET release"}
"""Operations on what was signed about a result: a document in the database, which its reader verifies."""
SHOW_STATE = {"DELETE result", "DELETE ", "GET status", "GET events", "GET requests", "GET download"}
"""Operations on the state of a request; a download link has tests of its own."""


@dataclass
class Result:
    """A result that Bob, an editor, made of Ada's video."""

    scene: Scene
    request: UUID

    async def call(self, operation: str, headers: dict[str, str] | None = None) -> httpx.Response:
        method, _, part = operation.partition(" ")
        path = f"{BASE}/{self.request}/{part.replace('{index}', '0')}"
        return await self.scene.bob.request(
            method, path, json=SHOW_CONTENT.get(operation), headers=headers, follow_redirects=True
        )

    async def revoke(self) -> None:
        scene = self.scene
        assert (await scene.ada.delete(f"/api/videos/{scene.video}/grants/{scene.bob_id}")).status_code == 204


@pytest.fixture
async def result(scene: Scene) -> Result:
    world = scene.api.world
    world.prober.video = replace(PROBED_VIDEO, width=64, height=64)
    harness = WorkerHarness(world)
    spec = await world.request_spec(scene.owner, (0, 10))
    await world.sharing.grant(scene.owner, spec.video_id, scene.bob_id, GrantRole.EDITOR)
    async with world.database.unit_of_work() as work:
        bob = principal_of(await work.users.get(scene.bob_id), Means.SESSION)
    spec = replace(spec, appearance=harness.appearance)
    harness.anna, harness.request_spec = bob, spec
    request = (await world.submissions.submit(bob, spec)).request.id
    await harness.process(request)
    return Result(replace(scene, video=spec.video_id), request)


async def test_the_lists_name_every_operation_on_a_request(scene: Scene) -> None:
    document = scene.api.app.openapi_schema.to_schema()
    found = set()
    for path, operations in document["paths"].items():
        match = re.fullmatch(rf"{BASE}/(.*?)/?{{request_id}}/?(.*?)/?", path)
        if match and "{token}" not in path:
            part = match[1] or match[2]
            found |= {f"{method.upper()} {part}" for method in operations if method != "parameters"}
    assert found == {*SHOW_CONTENT, *STATE_RIGHTS_ONLY, *SHOW_STATE}


@pytest.mark.parametrize("operation", [*SHOW_CONTENT, *STATE_RIGHTS_ONLY])
async def test_rights_end_with_the_grant(result: Result, operation: str) -> None:
    if operation == "GET release":
        assert (await result.call("POST release")).status_code == 201
    before = await result.call(operation)
    assert before.is_success, before.text
    await result.revoke()
    tag = before.headers.get("etag")
    after = await result.call(operation, {"If-None-Match": tag} if tag else None)
    assert after.status_code in {403, 404}, after.text
    assert after.json()["code"] in {"forbidden", "video_not_found"}


@pytest.mark.parametrize("operation", SHOW_CONTENT)
@pytest.mark.parametrize("change", ["swapped", "cut"])
async def test_an_altered_result_is_not_shown(result: Result, operation: str, change: str) -> None:
    world, key = result.scene.api.world, f"requests/{result.request}/frames.zip"
    content = b"".join([chunk async for chunk in world.store.read(key)])
    altered = content[:-1] if change == "cut" else content.replace(b"frames", b"FRAMES")
    assert altered != content
    await world.store.put(key, chunks(altered))
    answer = await result.call(operation)
    assert (answer.status_code, answer.json()["code"]) == (409, "result_damaged")
    assert set(world.meter.damaged) == {"result"}
