"""Face analysis according to the settings, loaded once per process."""

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


async def test_concurrent_first_callers_share_one_loading(tmp_path: Path) -> None:
    meters = {model: FakeModelMeter() for model in ModelKind}
    async with build_faces(settings(tmp_path), meters) as faces:
        first, second = await asyncio.gather(faces.analyzer(), faces.analyzer())
        assert first is second
        image = cv2.imencode(".jpg", images.group_photo()[:, :, ::-1])[1].tobytes()
        analysis = await first.analyze(image)
        health = await faces.health()
    assert analysis.detected == 6
    assert (meters[ModelKind.DETECTOR].sizes, meters[ModelKind.RECOGNIZER].sizes) == ([1], [1])
    assert analysis.faces[0].embedding.space.name == "dlib-resnet"
    assert health.recognizer is not None
    assert (health.recognizer.name, health.recognizer.provider) == ("dlib-resnet", "CPU")


@pytest.mark.parametrize("seconds", ["0.1", "3", "60"])
def test_the_client_of_the_clip_service_times_out_before_the_analysis(tmp_path: Path, seconds: str) -> None:
    service = {"CLIP_SERVICE_URL": "http://clip.test", "CLIP_SERVICE_TIMEOUT_SECONDS": seconds}
    assert analysis_capacity(settings(tmp_path, **service)).emotion_seconds >= float(seconds) + 1


async def test_a_missing_model_is_reported_on_first_use(tmp_path: Path) -> None:
    async with build_faces(settings(tmp_path, RECOGNIZER="buffalo_l")) as faces:
        with pytest.raises(ModelMissingError):
            await faces.analyzer()
