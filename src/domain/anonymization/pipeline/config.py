"""Tools and specification of one run of the pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from framecloak.domain.anonymization.detection.scales import Look, longest_wait
from framecloak.domain.anonymization.detection.text_and_plates import AreaSettings
from framecloak.domain.anonymization.identification.decisions import Identification
from framecloak.domain.anonymization.identification.face_samples import ViewPlan
from framecloak.domain.anonymization.model.options import Appearance, Verify
from framecloak.domain.anonymization.residuals.detector import SAMPLE_LOOK, Inspector
from framecloak.domain.anonymization.residuals.guard import Prover
from framecloak.domain.anonymization.tracking.tracker import TrackingSettings
from framecloak.domain.imaging.detections import Kind
from framecloak.domain.model.segments import Region
from framecloak.domain.ports.metrics import NULL_METER, Meter
from framecloak.domain.ports.models import AreaDetector, FaceDetector, FaceRecognizer
from framecloak.domain.ports.pixels import FrameEncoder, FrameReader, Redactor
from framecloak.domain.ports.video import FilmStudio


@dataclass(frozen=True, slots=True)
class Lens:
    """Tools of the residual check, besides the detector.

    Attributes:
        reader: decoder of encoded images.
        thumbnailer: encoder of thumbnails.
        recognizer: face recogniser that compares residuals with the removed faces; None if none is installed.
    """

    reader: FrameReader
    thumbnailer: FrameEncoder
    recognizer: FaceRecognizer | None


@dataclass(frozen=True, slots=True)
class Instruments:
    """Tools of the pipeline.

    Attributes:
        detector: face detector; None if faces are not detected.
        redactor: implementation of redaction.
        encoder: encoder of image files.
        threads: number of frames that are analysed, redacted or encoded in parallel.
        meter: recorder of processing times.
        films: encoder of videos; None if only images are written.
        areas: detectors of text and plates, by the kind they detect; empty if those are not detected.
        identification: setup of face identification; None if all faces are redacted.
        lens: tools of the residual check; None if frames are not checked.
    """

    detector: FaceDetector | None
    redactor: Redactor
    encoder: FrameEncoder
    threads: int
    meter: Meter = NULL_METER
    films: FilmStudio | None = None
    areas: Mapping[Kind, AreaDetector] = field(default_factory=dict)
    identification: Identification | None = None
    lens: Lens | None = None


@dataclass(frozen=True, slots=True)
class Instructions:
    """Specification of what to redact and how the result looks.

    Attributes:
        appearance: style and format of the written frames.
        regions: regions to redact whatever they contain.
        tracking: tracker settings for faces.
        looks: scales at which the face detector runs.
        threshold: lowest face score that is passed to the tracker.
        areas: settings of text and plate detection; None if those are not detected.
        keep_text: regions in which text stays readable.
        views: plan of the frames from which face samples are taken, for identification.
        verify: frames that undergo the residual check; none without a detector.
    """

    appearance: Appearance
    regions: tuple[Region, ...]
    tracking: TrackingSettings
    looks: tuple[Look, ...]
    threshold: float = 0.12
    areas: AreaSettings | None = None
    keep_text: tuple[Region, ...] = ()
    views: ViewPlan = field(default_factory=ViewPlan)
    verify: Verify = Verify.NONE


def prover(instructions: Instructions, instruments: Instruments, *, continuous: bool) -> Prover | None:
    """Build the residual check of redacted frames; None if they are not to be checked.

    Raises:
        ValueError: the check is requested, but its tools are missing.
    """
    detector, lens = instruments.detector, instruments.lens
    if detector is None or instructions.verify is Verify.NONE:
        return None
    if lens is None:
        raise ValueError("redacted frames cannot be checked without the tools of the residual check")
    sampled = continuous and instructions.verify is Verify.SAMPLE
    inspector = Inspector(
        detector,
        lens.recognizer,
        (SAMPLE_LOOK,) if sampled else instructions.looks,
        instructions.tracking.accept,
        # Faces that a periodic scale detected are redacted. The check applies that scale half an
        # interval away from those frames, where further faces may show.
        0 if sampled else longest_wait(instructions.looks) // 2,
    )
    return Prover(
        inspector,
        lens.reader,
        instruments.redactor,
        instruments.encoder,
        instructions.appearance,
        instruments.threads,
        instruments.meter,
    )
