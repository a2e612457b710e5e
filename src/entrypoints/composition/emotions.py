"""Choice of the emotion reader: CLIP service, exported CLIP model, or none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from framecloak.adapters.vision.emotions.clip_files import is_exported
from framecloak.adapters.vision.emotions.clip_http import HttpEmotionReader
from framecloak.adapters.vision.emotions.clip_onnx import OnnxEmotionReader
from framecloak.adapters.vision.runtime.onnx import Provider
from framecloak.domain.ports.metrics import NULL_MODEL_METER, ModelMeter
from framecloak.domain.ports.models import EmotionReader
from framecloak.entrypoints.settings import Settings


@asynccontextmanager
async def choose_emotion_reader(
    settings: Settings, meter: ModelMeter = NULL_MODEL_METER
) -> AsyncIterator[EmotionReader | None]:
    """Yield the CLIP service if it is configured, else the exported CLIP model if installed, else None.

    The service need not be reachable yet; an exported model must load.

    Args:
        settings: address of the service or folder of the model.
        meter: metrics of the calls.

    Raises:
        ModelCorruptError: the files of the exported model are damaged.
        ProviderUnavailableError: the model cannot run on the configured provider.
    """
    if settings.clip_service_url:
        async with HttpEmotionReader(
            settings.clip_service_url,
            token=settings.clip_service_token,
            total_seconds=settings.clip_service_timeout_seconds,
            max_images=settings.clip_service_max_images,
            max_bytes=settings.clip_service_max_body_bytes,
            meter=meter,
        ) as service:
            yield service
    elif is_exported(settings.models):
        async with await local_emotion_reader(settings, meter) as reader:
            yield reader
    else:
        yield None


async def local_emotion_reader(settings: Settings, meter: ModelMeter = NULL_MODEL_METER) -> OnnxEmotionReader:
    """Load the exported CLIP model of the models folder.

    Args:
        settings: folder, provider and number of threads.
        meter: metrics of the calls.

    Raises:
        ModelMissingError: no model was exported.
        ModelCorruptError: the files of the exported model are damaged.
        ProviderUnavailableError: the model cannot run on the configured provider.
    """
    provider = Provider(settings.provider)
    return await OnnxEmotionReader.open(settings.models, provider, settings.threads, meter)
