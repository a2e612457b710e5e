"""Contract of emotion readers: the fake, an exported model, and a service that serves one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest

from fakes.emotions import FakeEmotionReader
from framecloak.adapters.vision.emotions.clip_http import HttpEmotionReader
from framecloak.adapters.vision.emotions.clip_onnx import OnnxEmotionReader
from framecloak.adapters.vision.runtime.onnx import Provider
from framecloak.domain.ports.models import EmotionReader
from framecloak.entrypoints.clip.app import create_clip_app
from framecloak.entrypoints.clip.config import ClipServiceConfig
from support.samples import clip_models

TOKEN = "geteiltes Geheimnis der beiden: \u00fc"


@asynccontextmanager
async def fake(_: Path) -> AsyncIterator[EmotionReader]:
    yield FakeEmotionReader()


@asynccontextmanager
async def onnx(models: Path) -> AsyncIterator[EmotionReader]:
    clip_models.write_clip(models)
    async with await OnnxEmotionReader.open(models, Provider.CPU) as reader:
        yield reader


@asynccontextmanager
async def http(models: Path) -> AsyncIterator[EmotionReader]:
    clip_models.write_clip(models)
    async with await OnnxEmotionReader.open(models, Provider.CPU) as served:
        app = create_clip_app(served, ClipServiceConfig(served.card, TOKEN))
        async with HttpEmotionReader(
            "http://clip.test", token=TOKEN, transport=httpx.ASGITransport(app)
        ) as reader:
            yield reader


Kind = Callable[[Path], AbstractAsyncContextManager[EmotionReader]]
KINDS: dict[str, Kind] = {"fake": fake, "onnx": onnx, "http": http}


@pytest.fixture(params=KINDS)
async def reader(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EmotionReader]:
    async with KINDS[request.param](tmp_path) as opened:
        yield opened


async def test_each_face_has_a_row_of_probabilities_in_order(reader: EmotionReader) -> None:
    crops = [clip_models.face(name) for name in ("sad", "happy", "neutral", "happy")]
    probabilities = await reader.read(crops)
    assert reader.emotions == clip_models.EMOTIONS
    assert (probabilities.shape, probabilities.dtype) == ((4, 3), np.float32)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(probabilities, clip_models.expected(crops), atol=1e-6)
    assert [reader.emotions[best] for best in probabilities.argmax(axis=1)] == [
        "sad",
        "happy",
        "neutral",
        "happy",
    ]


async def test_faces_of_any_size_are_read_and_left_unchanged(reader: EmotionReader) -> None:
    crops = [clip_models.face("sad", *shape) for shape in ((1, 1), (300, 7), (5, 400), (64, 64))]
    probabilities = await reader.read(crops)
    np.testing.assert_allclose(probabilities, clip_models.expected(crops), atol=1e-6)
    assert all((crop == (0, 0, 255)).all() for crop in crops)


async def test_no_faces_give_no_rows(reader: EmotionReader) -> None:
    await reader.read([clip_models.face("sad")])
    assert (await reader.read([])).shape == (0, len(reader.emotions))


async def test_more_faces_than_fit_in_a_batch_are_read(reader: EmotionReader) -> None:
    crops = [clip_models.face(clip_models.EMOTIONS[index % 3]) for index in range(75)]
    np.testing.assert_allclose(await reader.read(crops), clip_models.expected(crops), atol=1e-6)


async def test_concurrent_callers_get_their_own_rows(reader: EmotionReader) -> None:
    crops = [clip_models.face(clip_models.EMOTIONS[index % 3]) for index in range(12)]
    rows = await asyncio.gather(*(reader.read([crop]) for crop in crops))
    np.testing.assert_allclose(np.concatenate(rows), clip_models.expected(crops), atol=1e-6)


@pytest.mark.parametrize("shape", [(4, 4), (0, 4, 3), (4, 4, 4)])
async def test_an_array_that_is_not_an_image_is_a_value_error(
    reader: EmotionReader, shape: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match="crop"):
        await reader.read([clip_models.face("sad"), np.zeros(shape, np.uint8)])


async def test_the_reader_is_available(reader: EmotionReader) -> None:
    assert await reader.is_available()
