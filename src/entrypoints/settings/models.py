"""Settings of the models for detection and recognition, and of the hardware that they run on."""

# ruff: noqa: RUF009 -- `setting` makes a field, as `dataclasses.field` does, and no default

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from framecloak.adapters.vision.weights.catalogue import models_folder
from framecloak.entrypoints.settings.resources import available_cores
from framecloak.entrypoints.settings.variables import (
    integer,
    one_of,
    path,
    setting,
    text,
)

PROVIDERS = ("auto", "cpu", "cuda", "tensorrt")
VIDEO_ENCODERS = ("libx264", "h264_nvenc", "h264_qsv", "h264_vaapi")
PRECISIONS = ("auto", "fp32", "fp16", "int8")
MAX_THREADS = 256


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """Settings of the models for detection and recognition, and of the hardware that they run on."""

    models: Path = setting(
        "MODEL_PATH",
        "Folder of the model files.",
        path,
        models_folder,
        default_text="the user's cache folder",
    )
    detector: str = setting(
        "FRAMECLOAK_DETECTOR",
        "Face detector: auto, centerface, yunet or the name of a pack.",
        text,
        "auto",
    )
    recognizer: str = setting(
        "RECOGNIZER",
        "Face recogniser: auto, dlib-resnet, or the name or path of a pack.",
        text,
        "auto",
    )
    recognition_queue: int = setting(
        "RECOGNITION_QUEUE",
        "Maximum number of images waiting for a model in one process; a request beyond it is refused, unless"
        " the queue is empty.",
        integer(1, 100_000),
        "64",
        unit="images",
    )
    recognition_linger_ms: int = setting(
        "RECOGNITION_LINGER_MS",
        "Longest time that a face waits to share a model call with others, while other calls are running.",
        integer(0, 1000),
        "3",
        unit="milliseconds",
    )
    provider: str = setting(
        "FRAMECLOAK_PROVIDER",
        f"Execution provider of the models: {', '.join(PROVIDERS)}.",
        one_of(PROVIDERS),
        "auto",
    )
    precision: str = setting(
        "FRAMECLOAK_PRECISION",
        f"Numeric precision of the models: {', '.join(PRECISIONS)}.",
        one_of(PRECISIONS),
        "auto",
    )
    video_encoder: str = setting(
        "VIDEO_ENCODER",
        f"Encoder of result videos: {', '.join(VIDEO_ENCODERS)}. Only libx264 gives the same bytes on every"
        " machine; the others need a device, and are tried at the start. The same for all workers.",
        one_of(VIDEO_ENCODERS),
        VIDEO_ENCODERS[0],
    )
    threads: int = setting(
        "FRAMECLOAK_THREADS",
        "Number of frames processed in parallel.",
        integer(1, MAX_THREADS),
        lambda _: available_cores(),
        unit="threads",
        default_text="all available cores",
    )
