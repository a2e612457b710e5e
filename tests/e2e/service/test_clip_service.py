"""``framecloak clip-service`` as a process, and its clients."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest

from framecloak.adapters.vision.emotions.clip_http import HttpEmotionReader
from framecloak.domain.errors import EmotionsUnavailableError
from framecloak.entrypoints.composition.emotions import choose_emotion_reader
from framecloak.entrypoints.settings import Settings
from support.processes.command import run
from support.processes.service_process import ServiceProcess, started
from support.samples import clip_models, images

TOKEN = "hunter2 hunter2 hunter2"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    clip_models.write_clip(tmp_path / "models")
    return {
        "MODEL_PATH": str(tmp_path / "models"),
        "DATA_DIR": str(tmp_path / "data"),
        "FRAMECLOAK_PROVIDER": "cpu",
        "CLIP_SERVICE_TOKEN": TOKEN,
        "LOG_LEVEL": "debug",
        "LOG_FORMAT": "json",
    }


@pytest.fixture
def service(environment: dict[str, str], tmp_path: Path) -> Iterator[ServiceProcess]:
    arguments = ("clip-service", "--port", "0")
    with started(*arguments, environment=environment, errors=tmp_path / "log", installed=True) as process:
        yield process


async def test_several_client_processes_use_it(
    service: ServiceProcess, environment: dict[str, str], tmp_path: Path
) -> None:
    address = service.wait_for("listening on ")
    settings = Settings.from_environment(
        {**environment, "CLIP_SERVICE_URL": address, "CLIP_SERVICE_TIMEOUT_SECONDS": "60"}
    )
    crops = [clip_models.face(clip_models.EMOTIONS[index % 3]) for index in range(30)]
    async with choose_emotion_reader(settings) as one, choose_emotion_reader(settings) as another:
        assert one is not None
        assert another is not None
        found = await asyncio.gather(*(reader.read(crops[:10]) for reader in (one, another) * 3))
        for rows in found:
            np.testing.assert_allclose(rows, clip_models.expected(crops[:10]), atol=1e-6)
        np.testing.assert_allclose(await one.read(crops), clip_models.expected(crops), atol=1e-6)
        assert one.emotions == clip_models.EMOTIONS
        assert await another.is_available()
    async with HttpEmotionReader(address, token="somebody else's") as stranger:
        with pytest.raises(EmotionsUnavailableError, match="401"):
            await stranger.read(crops[:1])
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{address}/health")).json()["model"] == "clip/tiny"
    assert service.stop(signal.SIGTERM) == 0
    log = (tmp_path / "log").read_text()
    assert '"path": "/emotions"' in log
    assert TOKEN not in log
    assert "Traceback" not in log


def test_reid_command_uses_it(service: ServiceProcess, environment: dict[str, str], tmp_path: Path) -> None:
    address = service.wait_for("listening on ")
    x1, y1, x2, y2 = images.GROUP_BOXES[4].astype(int)
    face = np.ascontiguousarray(images.group_photo()[y1 - 40 : y2 + 40, x1 - 40 : x2 + 40, ::-1])
    file = tmp_path / "face.png"
    assert cv2.imwrite(str(file), face)
    # Models without an export: only the service can classify emotions.
    variables = {**environment, "MODEL_PATH": str(tmp_path / "others"), "CLIP_SERVICE_URL": address}
    done = run("reid", "analyze", file, "--json", environment=variables)
    (found,) = json.loads(done.out)["faces"]
    assert set(found["emotions"]) == set(clip_models.EMOTIONS)
    assert service.stop(signal.SIGTERM) == 0
    done = run("reid", "analyze", file, "--json", environment=variables)
    (found,) = json.loads(done.out)["faces"]
    assert (done.code, found["emotions"]) == (0, None)


def test_error_without_an_export_explains_how_to_get_one(tmp_path: Path) -> None:
    done = run("clip-service", "--port", "0", environment={"MODEL_PATH": str(tmp_path)})
    assert done.code == 31
    assert "framecloak models export-clip" in done.err
    assert len(done.err.splitlines()) == 1
