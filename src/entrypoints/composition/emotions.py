"""Who says what faces express: a service, an exported CLIP, or nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from framecloak.adapters.vision.emotions.clip_files import is_exported
from framecloak.adapters.vision.emotions.clip_http import HttpEmotionReader
from framecloak.adapters.vision.emotions.clip_onnx import OnnxEmotionReader
from framecloak.adapters.vision.runtime.onnx import Provider
from framecloak.domain.ports.metrics import NULL_MODEL_METER, ModelMeter
from framecloak.domain.ports.recognition import EmotionReader
from framecloak.entrypoints.settings import Settings


@asynccontextmanager
async def choose_emotion_reader(
    settings: Settings, meter: ModelMeter = NULL_MODEL_METER
) -> AsyncIterator[EmotionReader | None]:
    """The service when it has an address, else the exported CLIP when there is one, else None.

    A service need not answer yet; an export has to work.

    Args:
        settings: say which.
        meter: told what is asked of it.

    Raises:
        ModelCorruptError: the export is not what was written.
        ProviderUnavailableError: it cannot run where the settings say.
    """
    if settings.clip_service_url:
        async with HttpEmotionReader(
            settings.clip_service_url,
            token=settings.clip_service_token,
            total_seconds=settings.clip_service_timeout_seconds,
            most_images=settings.clip_service_max_images,
            most_bytes=settings.clip_service_max_body_bytes,
            meter=meter,
        ) as service:
            yield service
    elif is_exported(settings.models):
        async with await local_emotion_reader(settings, meter) as reader:
            yield reader
    else:
        yield None


async def local_emotion_reader(settings: Settings, meter: ModelMeter = NULL_MODEL_METER) -> OnnxEmotionReader:
    """The exported CLIP of the models folder.

    Args:
        settings: say which.
        meter: told what is asked of it.

    Raises:
        ModelMissingError: there is none.
        ModelCorruptError: it is not what was written.
        ProviderUnavailableError: it cannot run where the settings say.
    """
    provider = Provider(settings.provider)
    return await OnnxEmotionReader.open(settings.models, provider, settings.threads, meter)
