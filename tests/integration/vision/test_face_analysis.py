"""Face analysis as the settings want it, loaded once for a process."""

from __future__ import annotations

import asyncio
from pathlib import Path

import cv2
import pytest

from fakes.metrics import FakeModelMeter
from framecloak.domain.errors import ModelMissingError
from framecloak.domain.ports.metrics import ModelKind
from framecloak.entrypoints.composition.reid import analysis_capacity, build_faces
from framecloak.entrypoints.settings import Settings
from support.samples import images


def settings(models: Path, **more: str) -> Settings:
    return Settings.from_environment({"MODEL_PATH": str(models), "FRAMECLOAK_PROVIDER": "cpu", **more})


async def test_nothing_is_loaded_or_built_before_it_is_needed(tmp_path: Path) -> None:
    async with build_faces(settings(tmp_path)) as faces:
        assert (await faces.health()).recognizer is None
    assert not await asyncio.to_thread(lambda: list(tmp_path.iterdir()))


async def test_callers_that_come_first_share_one_loading(tmp_path: Path) -> None:
    meters = {model: FakeModelMeter() for model in ModelKind}
    async with build_faces(settings(tmp_path), meters) as faces:
        first, second = await asyncio.gather(faces.analyzer(), faces.analyzer())
        assert first is second
        picture = cv2.imencode(".jpg", images.group_photograph()[:, :, ::-1])[1].tobytes()
        found = await first.analyze(picture)
        health = await faces.health()
    assert found.detected == 6
    assert (meters[ModelKind.DETECTOR].sizes, meters[ModelKind.RECOGNIZER].sizes) == ([1], [1])
    assert found.faces[0].embedding.space.name == "dlib-resnet"
    assert health.recognizer is not None
    assert (health.recognizer.name, health.recognizer.provider) == ("dlib-resnet", "CPU")


@pytest.mark.parametrize("seconds", ["0.1", "3", "60"])
def test_a_clip_service_is_given_up_by_its_client_before_an_analysis_gives_both_up(
    tmp_path: Path, seconds: str
) -> None:
    service = {"CLIP_SERVICE_URL": "http://clip.test", "CLIP_SERVICE_TIMEOUT_SECONDS": seconds}
    assert analysis_capacity(settings(tmp_path, **service)).emotion_seconds >= float(seconds) + 1


async def test_a_model_that_is_not_there_is_told_when_it_is_needed(tmp_path: Path) -> None:
    async with build_faces(settings(tmp_path, RECOGNIZER="buffalo_l")) as faces:
        with pytest.raises(ModelMissingError):
            await faces.analyzer()
