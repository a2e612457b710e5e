"""Tools and specification of one run of the pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from framecloak.domain.anonymization.detection.pixel_aspect import ShapeLooks
from framecloak.domain.anonymization.detection.scales import DetectionScale, key_interval, verified_scales
from framecloak.domain.anonymization.detection.second_opinion import SecondOpinion
from framecloak.domain.anonymization.detection.text_and_plates import TextAndPlateSettings
from framecloak.domain.anonymization.identification.decisions import IdentificationSetup
from framecloak.domain.anonymization.identification.face_samples import SamplingPlan
from framecloak.domain.anonymization.model.options import FOLLOW_SECONDS, MAX_TEXT_SHARE, Appearance, Verify
from framecloak.domain.anonymization.residuals.detector import (
    MIN_TURNED_RESIDUAL_SCORE,
    SAMPLE_SCALES,
    ResidualDetector,
)
from framecloak.domain.anonymization.residuals.directions import ALL_TURNS
from framecloak.domain.anonymization.residuals.guard import ResidualGuard
from framecloak.domain.anonymization.residuals.readable_names import NameGuard, NameSearch
from framecloak.domain.anonymization.text_policy.line_reading import LineReader
from framecloak.domain.anonymization.tracking.settings import TrackingSettings
from framecloak.domain.imaging.detections import TargetKind
from framecloak.domain.model.segments import Region
from framecloak.domain.ports.frames import SourceInfo
from framecloak.domain.ports.metrics import NULL_METER, Meter
from framecloak.domain.ports.models import BoxDetector, FaceDetector, FaceRecognizer
from framecloak.domain.ports.pixels import EncodedFrameReader, FrameEncoder, ImageSampler, Redactor
from framecloak.domain.ports.video import VideoEncoder


@dataclass(frozen=True, slots=True)
class ResidualTools:
    """Tools of the residual check, besides the detector.

    Attributes:
        reader: decoder of encoded images.
        thumbnailer: encoder of thumbnails.
        recognizer: face recogniser that compares residuals with the removed faces; None if none is installed.
    """

    reader: EncodedFrameReader
    thumbnailer: FrameEncoder
    recognizer: FaceRecognizer | None


@dataclass(frozen=True, slots=True)
class PipelineTools:
    """Tools of the pipeline.

    Attributes:
        detector: face detector; None if faces are not detected.
        redactor: implementation of redaction.
        encoder: encoder of image files.
        sampler: sampler of turned images and of crops.
        threads: number of frames that are analysed, redacted or encoded in parallel.
        meter: recorder of processing times.
        second_detector: face detector for second opinions on weak detections; None if there is none.
        video_encoder: encoder of videos; None if only images are written.
        box_detectors: detectors of text and plates, by the kind they detect; empty if those are not detected.
        identification: setup of face identification; None if all faces are redacted.
        residual_tools: tools of the residual check; None if frames are not checked.
        max_text_share: share of the frame's area above which text needs agreement.
        follow_seconds: time for which heads are followed by their pixels; 0 for not at all.
        line_reader: reader that decides which text is kept; None if all text is redacted.
    """

    detector: FaceDetector | None
    redactor: Redactor
    encoder: FrameEncoder
    sampler: ImageSampler
    threads: int
    meter: Meter = NULL_METER
    second_detector: FaceDetector | None = None
    video_encoder: VideoEncoder | None = None
    box_detectors: Mapping[TargetKind, BoxDetector] = field(default_factory=dict)
    identification: IdentificationSetup | None = None
    residual_tools: ResidualTools | None = None
    max_text_share: float = MAX_TEXT_SHARE
    follow_seconds: float = FOLLOW_SECONDS
    line_reader: LineReader | None = None


@dataclass(frozen=True, slots=True)
class RedactionSpec:
    """Specification of what to redact and how the result looks.

    Attributes:
        appearance: style and format of the written frames.
        regions: regions to redact whatever they contain.
        tracking: tracker settings for faces.
        scales: scales at which the face detector runs.
        low_threshold: lowest face score that is passed to the tracker.
        text_and_plates: settings of text and plate detection; None if those are not detected.
        keep_text: regions in which text stays readable.
        sampling: plan of the frames from which face samples are taken, for identification.
        verify: frames that undergo the residual check; none without a detector.
        shape_looks: frames that are looked at in other shapes, for a hint; None for none.
    """

    appearance: Appearance
    regions: tuple[Region, ...]
    tracking: TrackingSettings
    scales: tuple[DetectionScale, ...]
    low_threshold: float = 0.12
    text_and_plates: TextAndPlateSettings | None = None
    keep_text: tuple[Region, ...] = ()
    sampling: SamplingPlan = field(default_factory=SamplingPlan)
    verify: Verify = Verify.NONE
    shape_looks: ShapeLooks | None = None


def residual_guard(
    spec: RedactionSpec, tools: PipelineTools, info: SourceInfo, *, checked_again: bool = False
) -> ResidualGuard | None:
    """Build the residual check of redacted frames; None if they are not to be checked.

    Args:
        spec: specification of the redaction.
        tools: tools of the pipeline.
        info: properties of the source.
        checked_again: True if frames are checked once more after they are encoded as a group.

    Raises:
        ValueError: the check is requested, but its tools are missing.
    """
    detector, residual_tools = tools.detector, tools.residual_tools
    if detector is None or spec.verify is Verify.NONE:
        return None
    if residual_tools is None:
        raise ValueError("redacted frames cannot be checked without the tools of the residual check")
    sampled = info.continuous and spec.verify is Verify.SAMPLE
    residual_detector = ResidualDetector(
        detector,
        tools.sampler,
        residual_tools.recognizer,
        _search_scales(spec, sampled=sampled),
        spec.tracking.accept,
        # Faces that a periodic scale detected are redacted. The check applies that scale half an
        # interval away from those frames, where further faces may show.
        0 if sampled else key_interval(spec.scales) // 2,
        turns=ALL_TURNS,
        opinion=SecondOpinion(detector, tools.second_detector, tools.sampler),
    )
    return ResidualGuard(
        residual_detector,
        residual_tools.reader,
        tools.redactor,
        tools.encoder,
        spec.appearance,
        tools.threads,
        tools.meter,
        checked_again,
        info.pixel_aspect,
    )


def name_guard(spec: RedactionSpec, tools: PipelineTools, info: SourceInfo) -> NameGuard | None:
    """Build the search of redacted frames for names; None unless all frames are checked and names are given.

    Args:
        spec: specification of the redaction.
        tools: tools of the pipeline.
        info: properties of the source.
    """
    lines, residual_tools = tools.line_reader, tools.residual_tools
    if lines is None or not len(lines.policy.names) or spec.verify is not Verify.ALL or not residual_tools:
        return None
    return NameGuard(
        NameSearch.of(lines.policy.names, tools.box_detectors[TargetKind.TEXT], lines.reader),
        residual_tools.reader,
        tools.redactor,
        tools.encoder,
        spec.appearance,
        (info.width, info.height),
        info.pixel_aspect,
        tools.meter,
    )


def _search_scales(spec: RedactionSpec, *, sampled: bool) -> tuple[DetectionScale, ...]:
    """Return the scales, and with them the directions, in which redacted frames are searched whole."""
    if sampled:
        return SAMPLE_SCALES
    # The check has no second opinion on turned detections, which are false more often than upright ones.
    return tuple(
        replace(scale, min_score=max(scale.min_score, MIN_TURNED_RESIDUAL_SCORE))
        if scale.direction
        else scale
        for scale in verified_scales(spec.scales)
    )
