"""Proposed regions for overlays that a device has burned into its video."""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from dataclasses import replace
from threading import Event

import cv2
import numpy as np
import pytest

from fakes.frames import CutFromWhole
from fakes.media import FakeSource
from fakes.vision import FakeBoxDetector, paint_text
from framecloak.domain.errors import FrameAnalysisError, LevelUnavailableError
from framecloak.domain.imaging.detections import Image
from framecloak.domain.ports.frames import Frame, SourceInfo
from framecloak.domain.ports.models import BoxDetector
from framecloak.entrypoints.http.transport.proposal_events import proposal_messages
from support.http.api import Scene
from support.patience import patience

NAME_BOX = (32, 32, 192, 64)
"""Box of a burned-in name, which the fake detector reports as text."""


class Scan(CutFromWhole):
    """A frame of a device: changing noise in a black border with a name."""

    def __init__(self, index: int) -> None:
        self.index, self.width, self.height, self.nbytes = index, 640, 384, 0
        self.display_size = 640, 384

    def bgr(self) -> Image:
        if self.index == 0:
            raise FrameAnalysisError("the first frame is damaged")
        image = np.zeros((384, 640, 3), np.uint8)
        noise = np.random.default_rng(self.index).integers(0, 120, (220, 400, 3), np.uint8)
        image[100:320, 120:520] = noise
        paint_text(image, NAME_BOX)
        return np.ascontiguousarray(image[:, :, ::-1])

    def rgb(self, width: int, height: int) -> Image:
        resized = cv2.resize(self.bgr(), (width, height), interpolation=cv2.INTER_NEAREST)
        return np.ascontiguousarray(resized[:, :, ::-1])


class Scans(FakeSource):
    """A video of a device."""

    @property
    def info(self) -> SourceInfo:
        return replace(super().info, width=640, height=384)

    def frames(self, start: int, stop: int) -> Generator[Frame, None, None]:
        yield from (Scan(index) for index in range(start, stop))


@pytest.fixture
def path(scene: Scene) -> str:
    scene.api.world.video_source = Scans("scan.mp4", 50)
    return f"/api/videos/{scene.video}/regions"


async def test_a_proposal_is_accepted_by_sending_it_back(scene: Scene, path: str) -> None:
    answer = await scene.ada.post(f"{path}/proposals/")
    assert answer.status_code == 200
    (proposal,) = answer.json()
    assert proposal["reason"] == "text"
    assert proposal["confidence"] == proposal["stillness"] > 0.9
    region = proposal["region"]
    x1, y1, x2, y2 = NAME_BOX
    assert region["x"] <= x1
    assert region["y"] <= y1
    assert region["x"] + region["width"] >= x2
    assert y2 <= region["y"] + region["height"] < 100
    assert (await scene.ada.get(f"{path}/")).json() == []
    scene.api.world.prober.video = replace(scene.api.world.prober.video, height=384)
    accepted = await scene.ada.post(f"{path}/", json=region)
    assert accepted.status_code == 201
    assert accepted.json()["label"] == "text overlay"


async def test_proposals_require_edit_access(scene: Scene, path: str) -> None:
    assert (await scene.bob.post(f"{path}/proposals")).status_code == 404
    grant = {"user_id": scene.bob_id, "role": "viewer"}
    (await scene.ada.put(f"/api/videos/{scene.video}/grants/", json=grant)).raise_for_status()
    answer = await scene.bob.post(f"{path}/proposals")
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_a_static_video_has_no_proposals(scene: Scene, path: str) -> None:
    scene.api.world.video_source = FakeSource("still.mp4", 20)
    assert (await scene.ada.post(f"{path}/proposals/")).json() == []


async def test_a_detector_that_fails_on_every_frame_proposes_nothing(scene: Scene, path: str) -> None:
    scene.api.world.text_detector = FakeBoxDetector(broken=True)
    assert (await scene.ada.post(f"{path}/proposals/")).json() == []


async def test_a_missing_text_detector_is_reported(scene: Scene, path: str) -> None:
    def missing() -> BoxDetector:
        raise LevelUnavailableError("the text detector is not installed", "install it")

    scene.api.world.overlays._load_text_detector = missing
    answer = await scene.ada.post(f"{path}/proposals/")
    assert (answer.status_code, answer.json()["code"]) == (422, "level_unavailable")


async def test_a_video_whose_file_is_missing_is_not_found(scene: Scene, path: str) -> None:
    for key in scene.api.stored():
        (scene.api.store._root / key).unlink()
    answer = await scene.ada.post(f"{path}/proposals/")
    assert (answer.status_code, answer.json()["code"]) == (404, "video_not_found")


def events(body: bytes) -> list[tuple[str, object]]:
    found = re.findall(rb"event: (\w+)\ndata: (.*)\n\n", body)
    return [(name.decode(), json.loads(data)) for name, data in found]


async def test_the_search_reports_its_progress_and_then_its_proposals(scene: Scene, path: str) -> None:
    answer = await scene.ada.post(f"{path}/proposals/events/")
    assert answer.headers["content-type"].startswith("text/event-stream")
    *progress, (last, proposals) = events(answer.content)
    assert last == "proposals"
    assert proposals == (await scene.ada.post(f"{path}/proposals/")).json()
    assert {name for name, _ in progress} == {"progress"}
    total = progress[-1][1]["total"]  # type: ignore[index]
    assert total > 10
    expected = [{"done": 0, "total": 0}] + [{"done": done, "total": total} for done in range(total + 1)]
    assert [data for _, data in progress] == expected


async def test_a_search_that_fails_ends_with_the_problem(scene: Scene, path: str) -> None:
    def missing() -> BoxDetector:
        raise LevelUnavailableError("the text detector is not installed", "install it")

    scene.api.world.overlays._load_text_detector = missing
    name, problem = events((await scene.ada.post(f"{path}/proposals/events")).content)[-1]
    assert (name, problem["code"]) == ("problem", "level_unavailable")  # type: ignore[index]
    refused = await scene.bob.post(f"{path}/proposals/events")
    assert (refused.status_code, refused.json()["code"]) == (404, "video_not_found")


async def test_a_search_ends_when_its_client_leaves(scene: Scene, path: str) -> None:
    asked: list[int] = []
    has_left = Event()

    class Watched(Scans):
        def frames(self, start: int, stop: int) -> Generator[Frame, None, None]:
            asked.append(start)
            if len(asked) == 3:
                assert has_left.wait(patience(30))
            yield from super().frames(start, stop)

    world = scene.api.world
    world.video_source = Watched("scan.mp4", 50)
    messages = proposal_messages(world.overlays, scene.owner, scene.video, 0.01)
    while len(asked) < 3:
        await anext(messages)
    await messages.aclose()
    has_left.set()
    totals: list[int] = []
    search = world.overlays.propose(scene.owner, scene.video, lambda _, total: totals.append(total))
    assert len(await search) == 1
    assert len(asked) == 3 + totals[0]
