"""The composition root: which adapter stands behind which port."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Self

from framecloak.adapters.media.opencv import (
    OpenCvEncoder,
    OpenCvReader,
    OpenCvRedactor,
    use_one_thread_per_call,
)
from framecloak.adapters.media.pictures.source import is_picture, open_picture
from framecloak.adapters.media.video.source import open_video
from framecloak.adapters.media.video.x264 import X264Studio
from framecloak.adapters.media.zip.archive import ZipArchive
from framecloak.adapters.vision.detection.pp_ocr import PpOcrText, text_is_installed
from framecloak.adapters.vision.detection.scrfd import choose_detector
from framecloak.adapters.vision.detection.yolo_plates import load_plate_detector
from framecloak.adapters.vision.recognition.arcface import AUTO, choose_recognizer
from framecloak.adapters.vision.runtime.onnx import Provider
from framecloak.adapters.vision.runtime.precision import Precision, describe
from framecloak.adapters.vision.weights.catalogue import CENTERFACE, TEXT
from framecloak.domain.anonymization.model.options import Level, Verify, require_available
from framecloak.domain.anonymization.pipeline.config import Instruments, Lens
from framecloak.domain.anonymization.results.archive_writer import Imprint
from framecloak.domain.errors import ModelMissingError
from framecloak.domain.imaging.detections import Kind, ModelCard
from framecloak.domain.ports import Archive, AreaDetector, FaceDetector, FrameEncoder, FrameSource, Redactor
from framecloak.domain.ports.films import FilmStudio
from framecloak.domain.ports.recognition import FaceRecognizer
from framecloak.entrypoints.composition.issuer import imprint
from framecloak.entrypoints.settings import Settings

SWITCH_INTERVAL = 0.0005
"""Seconds after which a thread gives way to one that waits for the interpreter's lock.

Worker threads spend most of their time in native code and need the lock for moments; with Python's default
of 5 ms those moments queue up behind the tracker, and small frames lose a quarter of their speed.
"""


@dataclass(frozen=True, slots=True)
class Container:
    """Everything that a command needs; what is costly is made when it is asked for.

    Attributes:
        threads: frames worked on at the same time.
        open_source: opens a video or a picture.
        load_detector: loads the model that looks for faces.
        load_recognizer: loads the model that tells faces apart; once, however often it is asked for.
        find_recognizer: the same; gives None where there is none, and none was asked for by name.
        load_area_detectors: loads what looks for text and plates, by what it finds.
        redactor: removes pixels.
        encoder: writes picture files.
        create_archive: starts the file that people take away.
        describe_model: says which model it is, where and how it runs.
        film_studio: makes films, which lie in a folder while they are written.
        imprint: says who answers for a result; makes the installation's key when there is none.
    """

    threads: int
    open_source: Callable[[Path], FrameSource]
    load_detector: Callable[[], FaceDetector]
    load_recognizer: Callable[[], FaceRecognizer]
    find_recognizer: Callable[[], FaceRecognizer | None]
    load_area_detectors: Callable[[], Mapping[Kind, AreaDetector]]
    redactor: Redactor
    encoder: FrameEncoder
    create_archive: Callable[[Path], Archive]
    describe_model: Callable[[ModelCard], str]
    film_studio: Callable[[Path], FilmStudio]
    imprint: Callable[[], Imprint]

    @classmethod
    def build(cls, settings: Settings) -> Self:
        """The adapters that the settings ask for; ``dataclasses.replace`` puts others in their place."""
        use_one_thread_per_call()
        sys.setswitchinterval(SWITCH_INTERVAL)
        load_recognizer = recognizer_of(settings)
        return cls(
            threads=settings.threads,
            open_source=_open_source,
            load_detector=lambda: _load_detector(settings),
            load_recognizer=load_recognizer,
            find_recognizer=lambda: _find_recognizer(settings, load_recognizer),
            load_area_detectors=lambda: _load_area_detectors(settings),
            redactor=OpenCvRedactor(),
            encoder=OpenCvEncoder(),
            create_archive=ZipArchive,
            describe_model=_describe_model,
            film_studio=X264Studio,
            imprint=lambda: imprint(settings),
        )

    def instruments(self, level: Level, verify: Verify = Verify.NONE) -> Instruments:
        """What the pipeline works with at a level, and to search what it redacted.

        Raises:
            ModelMissingError: the detector is not installed.
            ModelCorruptError: its file is damaged.
            ProviderUnavailableError: it cannot run where it was asked to.
            InvalidOptionError: there is no such detector, or it has no such precision.
            LevelUnavailableError: text is to be looked for, and there is nothing to do it with; or plates,
                and there is more than one model that could.
        """
        detector = None if level is Level.MINIMAL else self.load_detector()
        areas = self.load_area_detectors() if level is Level.FULL else {}
        lens = None
        if detector and verify is not Verify.NONE:
            lens = Lens(OpenCvReader(), self.encoder, self.find_recognizer())
        return Instruments(detector, self.redactor, self.encoder, self.threads, areas=areas, lens=lens)


def require_detector(settings: Settings) -> None:
    """Make sure that what the settings name can look for faces.

    With nothing but ``auto`` in them a service may start without: requests then say what is missing.

    Raises:
        DomainError: as for `Container.instruments`.
    """
    if {settings.detector, settings.provider, settings.precision} != {"auto"}:
        _load_detector(settings)


def _open_source(path: Path) -> FrameSource:
    return open_picture(path) if is_picture(path) else open_video(path)


def _load_detector(settings: Settings) -> FaceDetector:
    provider, precision = Provider(settings.provider), Precision(settings.precision)
    return choose_detector(settings.detector, settings.models, provider, precision)


def recognizer_of(settings: Settings) -> Callable[[], FaceRecognizer]:
    """Gives the model that tells faces apart, which is loaded when it is first asked for.

    What it gives raises:
        ModelMissingError: there is none.
        ModelCorruptError: its file is damaged.
        ProviderUnavailableError: it cannot run where it was asked to.
    """
    return _recognizer_of(settings.recognizer, settings.models, Provider(settings.provider))


@cache
def _recognizer_of(name: str, models: Path, provider: Provider) -> Callable[[], FaceRecognizer]:
    # One for the whole process: requests by identity and the search of what was redacted share it.
    loading = Lock()

    @cache
    def load() -> FaceRecognizer:
        return choose_recognizer(name, models, provider)

    def give() -> FaceRecognizer:
        with loading:
            return load()

    return give


def _find_recognizer(settings: Settings, load: Callable[[], FaceRecognizer]) -> FaceRecognizer | None:
    """What the settings name; None where ``auto`` finds nothing."""
    try:
        return load()
    except ModelMissingError:
        if settings.recognizer != AUTO:
            raise
        return None


def level_is_available(level: Level) -> bool:
    """Whether this installation has what it takes to deliver a level; nothing is loaded."""
    return level is not Level.FULL or text_is_installed()


def load_text_detector(settings: Settings) -> AreaDetector:
    """What finds text, and nothing else.

    Raises:
        LevelUnavailableError: it is not installed.
        ModelCorruptError: its file is damaged.
        ProviderUnavailableError: it cannot run where it was asked to.
    """
    require_available(Level.FULL, level_is_available)
    return PpOcrText.load(Provider(settings.provider))


def _load_area_detectors(settings: Settings) -> dict[Kind, AreaDetector]:
    detectors: dict[Kind, AreaDetector] = {Kind.TEXT: load_text_detector(settings)}
    if plates := load_plate_detector(settings.models, Provider(settings.provider)):
        detectors[Kind.PLATE] = plates
    return detectors


def _describe_model(card: ModelCard) -> str:
    name = {CENTERFACE.name: "CenterFace", TEXT.name: "PP-OCR"}.get(card.name, card.name)
    return f"{name} on {describe(card)}"
