"""What one stretch of a video is redacted with, and how."""

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
from framecloak.domain.ports import AreaDetector, FaceDetector, FrameEncoder, FrameReader, Redactor
from framecloak.domain.ports.films import FilmStudio
from framecloak.domain.ports.metrics import NULL_METER, Meter
from framecloak.domain.ports.recognition import FaceRecognizer
from framecloak.domain.videos.segments import Region


@dataclass(frozen=True, slots=True)
class Lens:
    """What redacted frames are searched with, beside the detector.

    Attributes:
        reader: opens pictures that were written.
        thumbnailer: writes small pictures.
        recognizer: compares what is left of faces with them; None where none is installed.
    """

    reader: FrameReader
    thumbnailer: FrameEncoder
    recognizer: FaceRecognizer | None


@dataclass(frozen=True, slots=True)
class Instruments:
    """What the work is done with.

    Attributes:
        detector: None where faces are not looked for.
        redactor: removes pixels.
        encoder: writes picture files.
        threads: how many frames are examined, redacted or encoded at the same time.
        meter: told how long all that takes.
        films: makes films; None where pictures are all that is written.
        areas: detectors of text and plates, by what they find; empty where those are not looked for.
        identification: tells whose faces are redacted; None where everybody's are.
        lens: what redacted frames are searched with; None where they are not.
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
    """What is to be redacted and how the result looks.

    Attributes:
        appearance: of the written frames.
        regions: areas to redact whatever is in them.
        tracking: what counts as a face.
        looks: the sizes at which frames are examined.
        threshold: lowest detection score that the tracker gets to know.
        areas: how text and plates are looked for; None where they are not.
        keep_text: areas in which text stays.
        views: where it is found out whose faces are, if that is asked.
        verify: which of the redacted frames are searched again; none without a detector.
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
    """What checks redacted frames; None where they are not to be checked.

    Raises:
        ValueError: they are, and there is nothing to do it with.
    """
    detector, lens = instruments.detector, instruments.lens
    if detector is None or instructions.verify is Verify.NONE:
        return None
    if lens is None:
        raise ValueError("there is nothing to search redacted frames with")
    sampled = continuous and instructions.verify is Verify.SAMPLE
    inspector = Inspector(
        detector,
        lens.recognizer,
        (SAMPLE_LOOK,) if sampled else instructions.looks,
        instructions.tracking.accept,
        # What an occasional look saw is redacted; what it would have seen half way to the next may not be.
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
