"""Settings and models of an export, as the manifest records them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from framecloak.domain.anonymization.detection.scales import (
    IMAGE_SCALES,
    VIDEO_SCALES,
    DetectionScale,
)
from framecloak.domain.anonymization.detection.text_and_plates import (
    IMAGE_TEXT_AND_PLATES,
    VIDEO_TEXT_AND_PLATES,
    TextAndPlateSettings,
)
from framecloak.domain.anonymization.identification.log import RecordedIdentities
from framecloak.domain.anonymization.model.options import (
    FOLLOW_SECONDS,
    MAX_TEXT_SHARE,
    Appearance,
    Level,
    Verify,
)
from framecloak.domain.anonymization.model.record.history import History
from framecloak.domain.anonymization.model.record.provenance import BasedOn
from framecloak.domain.anonymization.model.residuals import CheckMethod
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.anonymization.residuals.detector import SEARCH_THRESHOLD
from framecloak.domain.anonymization.results.sight import Sight
from framecloak.domain.anonymization.results.text_log import RecordedTextPolicy
from framecloak.domain.imaging.detections import ModelCard
from framecloak.domain.ports.frames import SourceInfo
from framecloak.domain.ports.video import EncoderIdentity
from framecloak.domain.reid.matching import default_threshold


@dataclass(frozen=True, slots=True)
class RecordedOrder:
    """Order that a result was made for.

    Attributes:
        id: id of the request.
        reference: code of the order; None without one.
        ordered_by: name or code of the person who ordered it.
        ordered_at: time of the order, RFC 3339 in UTC.
        title: title of the video when the result was made; None if results do not name it.
        completed_at: time at which its last frame was finished, RFC 3339 in UTC; None if it was not recorded.
    """

    id: str
    reference: str | None
    ordered_by: str
    ordered_at: str
    title: str | None = None
    completed_at: str | None = None


@dataclass(frozen=True, slots=True)
class RecordedSettings:
    """Settings of a request, common to all sources.

    Attributes:
        level: extent of the redaction.
        appearance: format, quality and redaction style of the output.
        threshold: lowest score of a detection passed to the tracker; None without face detection.
        video_scales: detection scales of video frames.
        image_scales: detection scales of still images.
        video_text_and_plates: settings of text and plate detection in videos; None without it.
        image_text_and_plates: settings of text and plate detection in still images; None without it.
        based_on: manifest that supplied the boxes; None if they were detected.
        identities: identification settings; None if redaction did not depend on identity.
        follow_seconds: time for which heads were followed by their pixels.
        detectors: names of the face detectors, the first one first.
        text_policy: text policy; None if all text was covered, or none was searched for.
        history: corrections by hand, and the search that found the boxes; None if they were detected.
        order: order that the result was made for; None outside a service.
        encoder: hardware encoder of the videos; None for images and for the software encoder.
    """

    level: Level
    appearance: Appearance
    threshold: float | None
    video_scales: tuple[DetectionScale, ...]
    image_scales: tuple[DetectionScale, ...]
    video_text_and_plates: TextAndPlateSettings | None = None
    image_text_and_plates: TextAndPlateSettings | None = None
    based_on: BasedOn | None = None
    identities: RecordedIdentities | None = None
    follow_seconds: float = FOLLOW_SECONDS
    detectors: tuple[str, ...] = ()
    text_policy: RecordedTextPolicy | None = None
    history: History | None = None
    order: RecordedOrder | None = None
    encoder: EncoderIdentity | None = None

    @property
    def sight(self) -> Sight | None:
        """Description of the search for faces; None if they were not searched for."""
        if self.threshold is None or self.based_on:
            return None
        return Sight.of(self.video_scales, self.image_scales, self.detectors, self.follow_seconds)

    def scales_of(self, info: SourceInfo) -> tuple[DetectionScale, ...]:
        """Return the detection scales of a source; the intervals are those of the reference frame rate."""
        return self.video_scales if info.continuous else self.image_scales


def recorded_settings(
    level: Level,
    appearance: Appearance,
    threshold: float | None,
    based_on: BasedOn | None = None,
    identities: RecordedIdentities | None = None,
    max_text_share: float = MAX_TEXT_SHARE,
    follow_seconds: float = FOLLOW_SECONDS,
    detectors: tuple[str, ...] = (),
    *,
    text_policy: RecordedTextPolicy | None = None,
    history: History | None = None,
    encoder: EncoderIdentity | None = None,
) -> RecordedSettings:
    """Return the settings for the manifest."""
    video, image = (text_and_plate_settings(level, max_text_share, continuous=each) for each in (True, False))
    return RecordedSettings(
        level=level,
        appearance=appearance,
        threshold=threshold,
        video_scales=VIDEO_SCALES,
        image_scales=IMAGE_SCALES,
        video_text_and_plates=None if based_on else video,
        image_text_and_plates=None if based_on else image,
        based_on=based_on,
        identities=identities,
        follow_seconds=follow_seconds,
        detectors=detectors,
        text_policy=text_policy,
        history=history,
        encoder=encoder,
    )


def recorded_text_policy(tools: PipelineTools) -> RecordedTextPolicy | None:
    """Return the text policy for the manifest; None if all text is covered."""
    return RecordedTextPolicy.of(tools.line_reader) if tools.line_reader else None


def hardware_encoder(tools: PipelineTools, appearance: Appearance) -> EncoderIdentity | None:
    """Return the hardware encoder of the videos; None for images and for the software encoder."""
    encoder = tools.video_encoder if appearance.output_format.is_video else None
    return encoder.identity if encoder and encoder.identity.is_hardware else None


def recorded_identities(tools: PipelineTools) -> RecordedIdentities | None:
    """Return the identification settings for the manifest; None without identification."""
    identification = tools.identification
    return RecordedIdentities.of(identification) if identification else None


def face_detectors(tools: PipelineTools) -> tuple[str, ...]:
    """Return the names of the face detectors: the first one, and that of second opinions."""
    return tuple(detector.card.name for detector in (tools.detector, tools.second_detector) if detector)


def used_models(tools: PipelineTools, verify: Verify) -> list[ModelCard]:
    """Return the cards of all models used: detectors, and recognisers of faces and of their residuals."""
    cards = [detector.card for detector in (tools.detector, tools.second_detector) if detector]
    cards += [detector.card for detector in tools.box_detectors.values()]
    if tools.line_reader:
        cards.append(tools.line_reader.reader.card)
    if tools.identification:
        cards.append(tools.identification.recognizer.card)
    residual_tools = tools.residual_tools if verify is not Verify.NONE and tools.detector else None
    if residual_tools and residual_tools.recognizer and residual_tools.recognizer.card not in cards:
        cards.append(residual_tools.recognizer.card)
    return cards


def residual_method(verify: Verify, tools: PipelineTools) -> CheckMethod | None:
    """Return the method of the residual check; None if redacted frames are not searched."""
    if verify is Verify.NONE or tools.detector is None:
        return None
    recognizer = tools.residual_tools.recognizer if tools.residual_tools else None
    strangers = default_threshold(recognizer.space) if recognizer else None
    return CheckMethod(verify, SEARCH_THRESHOLD, recognizer.card.name if recognizer else None, strangers)


def text_and_plate_settings(
    level: Level, max_text_share: float, *, continuous: bool
) -> TextAndPlateSettings | None:
    """Return the settings of text and plate detection; None at levels without it.

    Args:
        level: level of the export.
        max_text_share: share of the frame's area above which text needs agreement.
        continuous: True for a video, False for still images.
    """
    if level is not Level.FULL:
        return None
    settings = VIDEO_TEXT_AND_PLATES if continuous else IMAGE_TEXT_AND_PLATES
    return replace(settings, max_share=max_text_share)


def settings_entry(settings: RecordedSettings) -> dict[str, object]:
    """Return the manifest's entry of the settings."""
    detects_faces = settings.threshold is not None
    origin = {"based_on": settings.based_on.entry()} if settings.based_on else {}
    encoder = {"encoder": asdict(settings.encoder)} if settings.encoder else {}
    return {
        **origin,
        **encoder,
        "level": settings.level,
        "format": settings.appearance.output_format,
        "quality": settings.appearance.quality,
        "redaction": settings.appearance.style,
        "shape": settings.appearance.shape,
        "audio": settings.appearance.audio,
        "threshold": settings.threshold,
        "looks": {
            "video": [asdict(scale) for scale in settings.video_scales],
            "picture": [asdict(scale) for scale in settings.image_scales],
        }
        if detects_faces
        else None,
        "sight": asdict(settings.sight) if settings.sight else None,
        "areas": {
            "video": asdict(settings.video_text_and_plates),
            "picture": asdict(settings.image_text_and_plates),
        }
        if settings.video_text_and_plates and settings.image_text_and_plates
        else None,
    }
