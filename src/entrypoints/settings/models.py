"""What looks for faces, text and plates, what tells faces apart, and how much of the machine it has."""

# ruff: noqa: RUF009 -- `setting` makes a field, as `dataclasses.field` does, and no default

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from framecloak.adapters.vision.weights.catalogue import models_folder
from framecloak.entrypoints.runtime.resources import available_cores
from framecloak.entrypoints.settings.variables import (
    one_of,
    path,
    setting,
    text,
    whole,
)

PROVIDERS = ("auto", "cpu", "cuda", "tensorrt")
PRECISIONS = ("auto", "fp32", "fp16", "int8")
MAX_THREADS = 256


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """What looks for faces, text and plates, what tells faces apart, and how much of the machine it has."""

    models: Path = setting(
        "MODEL_PATH",
        "Folder that holds the model files.",
        path,
        models_folder,
        default_text="the user's cache folder",
    )
    detector: str = setting(
        "FRAMECLOAK_DETECTOR", "What finds faces: auto, centerface or the name of a pack.", text, "auto"
    )
    recognizer: str = setting(
        "RECOGNIZER",
        "What tells faces apart: auto, dlib-resnet, the name of a pack or the path of one.",
        text,
        "auto",
    )
    recognition_queue: int = setting(
        "RECOGNITION_QUEUE",
        "Pictures that may wait in one process to be looked at; more are refused, but for a batch that finds"
        " none waiting.",
        whole(1, 100_000),
        "64",
        unit="pictures",
    )
    recognition_linger_ms: int = setting(
        "RECOGNITION_LINGER_MS",
        "How long faces wait for others to share a model call with, while models are busy.",
        whole(0, 1000),
        "3",
        unit="milliseconds",
    )
    provider: str = setting(
        "FRAMECLOAK_PROVIDER", f"What models run on: {', '.join(PROVIDERS)}.", one_of(PROVIDERS), "auto"
    )
    precision: str = setting(
        "FRAMECLOAK_PRECISION",
        f"What models calculate with: {', '.join(PRECISIONS)}.",
        one_of(PRECISIONS),
        "auto",
    )
    threads: int = setting(
        "FRAMECLOAK_THREADS",
        "Frames worked on at the same time.",
        whole(1, MAX_THREADS),
        lambda _: available_cores(),
        unit="threads",
        default_text="all cores there are",
    )
