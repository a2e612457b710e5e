"""Composition root of the pipeline: the adapter of each port."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Self

from framecloak.adapters.media.opencv import disable_opencv_threads
from framecloak.adapters.media.pictures.encoder import OpenCvEncoder
from framecloak.adapters.media.pictures.reader import OpenCvReader
from framecloak.adapters.media.pictures.redactor import OpenCvRedactor
from framecloak.adapters.media.pictures.source import is_image_file, open_image
from framecloak.adapters.media.sampling import OpenCvSampler
from framecloak.adapters.media.video.source import open_video
from framecloak.adapters.media.zip.archive import ZipArchive
from framecloak.adapters.vision.detection.factory import choose_detector, choose_second_detector
from framecloak.adapters.vision.detection.pp_ocr import PpOcrText, text_is_installed
from framecloak.adapters.vision.detection.yolo_plates import load_plate_detector
from framecloak.adapters.vision.reading.pp_ocr import PpOcrReader
from framecloak.adapters.vision.recognition.factory import AUTO, choose_recognizer
from framecloak.adapters.vision.runtime.onnx import Provider
from framecloak.adapters.vision.runtime.precision import Precision, describe_execution
from framecloak.adapters.vision.weights.catalogue import CENTERFACE, PP_OCR, PP_OCR_READER, YUNET
from framecloak.domain.anonymization.model.options import Level, Verify, require_available
from framecloak.domain.anonymization.pipeline.config import PipelineTools, ResidualTools
from framecloak.domain.anonymization.results.archive_writer import Issuer
from framecloak.domain.errors import ModelMissingError
from framecloak.domain.imaging.detections import ModelCard, TargetKind
from framecloak.domain.ports.archives import Archive
from framecloak.domain.ports.frames import FrameSource
from framecloak.domain.ports.models import BoxDetector, FaceDetector, FaceRecognizer, TextReader
from framecloak.domain.ports.pixels import FrameEncoder, Redactor
from framecloak.domain.ports.video import VideoEncoder
from framecloak.entrypoints.composition.issuer import issuer
from framecloak.entrypoints.composition.video_encoder import choose_video_encoder
from framecloak.entrypoints.settings import Settings

SWITCH_INTERVAL_SECONDS = 0.0005
"""Seconds after which a thread yields to another one that waits for the global interpreter lock.

Worker threads spend most of their time in native code and need the lock only briefly. With Python's default
of 5 ms they queue up behind the tracker, and throughput on small frames drops by a quarter.
"""


@dataclass(frozen=True, slots=True)
class Container:
    """Adapters and factories of the commands; costly ones are created on first use.

    Attributes:
        threads: number of frames processed at the same time.
        max_text_share: share of the frame's area above which text needs agreement.
        follow_seconds: time for which heads are followed by their pixels.
        open_source: opens a video or an image.
        load_detector: loads the face detector.
        load_second_detector: loads the face detector of second opinions, given the first one's card; returns
            None if there is no other.
        load_recognizer: loads the face recognition model; the process loads it only once.
        load_optional_recognizer: as `load_recognizer`, but returns None if no model is installed and none is
            named in the settings.
        load_box_detectors: loads the detectors of text and licence plates, by kind.
        load_text_reader: loads the model that reads text, once.
        redactor: removes pixels.
        encoder: encodes image files.
        create_archive: creates the archive of a result.
        describe_model: returns the name of a model, its device and its precision.
        create_video_encoder: creates the encoder of result videos, given the folder for unfinished files;
            raises `EncoderUnavailableError` if the encoder of the settings does not work.
        issuer: returns the issuer of results; creates the installation's key if there is none.
    """

    threads: int
    max_text_share: float
    follow_seconds: float
    open_source: Callable[[Path], FrameSource]
    load_detector: Callable[[], FaceDetector]
    load_second_detector: Callable[[ModelCard], FaceDetector | None]
    load_recognizer: Callable[[], FaceRecognizer]
    load_optional_recognizer: Callable[[], FaceRecognizer | None]
    load_box_detectors: Callable[[], Mapping[TargetKind, BoxDetector]]
    load_text_reader: Callable[[], TextReader]
    redactor: Redactor
    encoder: FrameEncoder
    create_archive: Callable[[Path], Archive]
    describe_model: Callable[[ModelCard], str]
    create_video_encoder: Callable[[Path], VideoEncoder]
    issuer: Callable[[], Issuer]

    @classmethod
    def build(cls, settings: Settings) -> Self:
        """Build the container from the settings; tests replace adapters with ``dataclasses.replace``."""
        disable_opencv_threads()
        sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
        load_recognizer = recognizer_loader(settings)
        return cls(
            threads=settings.threads,
            max_text_share=settings.max_text_share,
            follow_seconds=settings.follow_seconds,
            open_source=_open_source,
            load_detector=lambda: _load_detector(settings),
            load_second_detector=lambda first: _load_second_detector(settings, first),
            load_recognizer=load_recognizer,
            load_optional_recognizer=lambda: _load_optional_recognizer(settings, load_recognizer),
            load_box_detectors=lambda: _load_box_detectors(settings),
            load_text_reader=cache(lambda: PpOcrReader.load(Provider(settings.provider))),
            redactor=OpenCvRedactor(),
            encoder=OpenCvEncoder(),
            create_archive=ZipArchive,
            describe_model=_describe_model,
            create_video_encoder=lambda folder: choose_video_encoder(settings.video_encoder, folder),
            issuer=lambda: issuer(settings),
        )

    def pipeline_tools(self, level: Level, verify: Verify = Verify.NONE) -> PipelineTools:
        """Return the tools of the pipeline for a level of redaction.

        Args:
            level: determines which detectors are loaded.
            verify: whether the tools of the residual check are included.

        Raises:
            ModelMissingError: the detector is not installed.
            ModelCorruptError: the file of a model is damaged.
            ProviderUnavailableError: a model cannot run on the configured provider.
            InvalidOptionError: the detector does not exist, or not with this precision.
            LevelUnavailableError: the level includes text and no text detector is installed, or it includes
                plates and several plate detectors are installed.
        """
        detector = None if level is Level.MINIMAL else self.load_detector()
        areas = self.load_box_detectors() if level is Level.FULL else {}
        residual_tools = None
        if detector and verify is not Verify.NONE:
            residual_tools = ResidualTools(OpenCvReader(), self.encoder, self.load_optional_recognizer())
        return PipelineTools(
            detector,
            self.redactor,
            self.encoder,
            OpenCvSampler(),
            self.threads,
            second_detector=self.load_second_detector(detector.card) if detector else None,
            box_detectors=areas,
            residual_tools=residual_tools,
            max_text_share=self.max_text_share,
            follow_seconds=self.follow_seconds,
        )


def require_detector(settings: Settings) -> None:
    """Check that the configured face detector can be loaded.

    Nothing is checked if all settings of the detector are ``auto``: the service then starts without one,
    and requests fail with an error that names the missing model.

    Raises:
        DomainError: the detector cannot be loaded.
    """
    if {settings.detector, settings.provider, settings.precision} != {"auto"}:
        _load_detector(settings)


def _open_source(path: Path) -> FrameSource:
    return open_image(path) if is_image_file(path) else open_video(path)


def _load_detector(settings: Settings) -> FaceDetector:
    provider, precision = Provider(settings.provider), Precision(settings.precision)
    return choose_detector(settings.detector, settings.models, provider, precision)


def recognizer_loader(settings: Settings) -> Callable[[], FaceRecognizer]:
    """Return a function that loads the face recognition model once, on its first call.

    The returned function raises:
        ModelMissingError: no model is installed.
        ModelCorruptError: the file of the model is damaged.
        ProviderUnavailableError: the model cannot run on the configured provider.
    """
    return _cached_recognizer_loader(settings.recognizer, settings.models, Provider(settings.provider))


@cache
def _cached_recognizer_loader(name: str, models: Path, provider: Provider) -> Callable[[], FaceRecognizer]:
    # One model for the whole process: redaction by identity and the residual check share it.
    loading = Lock()

    @cache
    def load() -> FaceRecognizer:
        return choose_recognizer(name, models, provider)

    def load_once() -> FaceRecognizer:
        with loading:
            return load()

    return load_once


def _load_second_detector(settings: Settings, first: ModelCard) -> FaceDetector | None:
    """Return the detector of second opinions; None if there is none besides the first one."""
    second = choose_second_detector(settings.models, Provider(settings.provider))
    return None if second is None or second.card.name == first.name else second


def _load_optional_recognizer(
    settings: Settings, load: Callable[[], FaceRecognizer]
) -> FaceRecognizer | None:
    """Load the configured model; return None if the setting is ``auto`` and no model is installed."""
    try:
        return load()
    except ModelMissingError:
        if settings.recognizer != AUTO:
            raise
        return None


def level_is_available(level: Level) -> bool:
    """Return True if the models for a level are installed, without loading them."""
    return level is not Level.FULL or text_is_installed()


def load_text_detector(settings: Settings) -> BoxDetector:
    """Load the text detector.

    Raises:
        LevelUnavailableError: the text detector is not installed.
        ModelCorruptError: the file of the model is damaged.
        ProviderUnavailableError: the model cannot run on the configured provider.
    """
    require_available(Level.FULL, level_is_available)
    return PpOcrText.load(Provider(settings.provider))


def _load_box_detectors(settings: Settings) -> dict[TargetKind, BoxDetector]:
    detectors: dict[TargetKind, BoxDetector] = {TargetKind.TEXT: load_text_detector(settings)}
    if plates := load_plate_detector(settings.models, Provider(settings.provider)):
        detectors[TargetKind.PLATE] = plates
    return detectors


def _describe_model(card: ModelCard) -> str:
    names = {
        CENTERFACE.name: "CenterFace",
        PP_OCR.name: "PP-OCR",
        PP_OCR_READER.name: "PP-OCR",
        YUNET.name: "YuNet",
    }
    name = names.get(card.name, card.name)
    return f"{name} on {describe_execution(card)}"
