"""Settings and models of an export, as the manifest records them."""

from __future__ import annotations

from dataclasses import replace

from framecloak.domain.anonymization.detection.large_text import MAX_TEXT_SHARE
from framecloak.domain.anonymization.detection.scales import (
    IMAGE_SCALES,
    VIDEO_SCALES,
)
from framecloak.domain.anonymization.detection.text_and_plates import (
    IMAGE_TEXT_AND_PLATES,
    VIDEO_TEXT_AND_PLATES,
    TextAndPlateSettings,
)
from framecloak.domain.anonymization.identification.log import RecordedIdentities
from framecloak.domain.anonymization.model.options import Appearance, Level, Verify
from framecloak.domain.anonymization.model.provenance import BasedOn
from framecloak.domain.anonymization.model.residuals import CheckMethod
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.anonymization.residuals.detector import SEARCH_THRESHOLD
from framecloak.domain.anonymization.results.manifest import RecordedSettings
from framecloak.domain.imaging.detections import ModelCard
from framecloak.domain.reid.matching import default_threshold


def recorded_settings(
    level: Level,
    appearance: Appearance,
    threshold: float | None,
    based_on: BasedOn | None = None,
    identities: RecordedIdentities | None = None,
    max_text_share: float = MAX_TEXT_SHARE,
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
    )


def recorded_identities(tools: PipelineTools) -> RecordedIdentities | None:
    """Return the identification settings for the manifest; None without identification."""
    identification = tools.identification
    return RecordedIdentities.of(identification) if identification else None


def used_models(tools: PipelineTools, verify: Verify) -> list[ModelCard]:
    """Return the cards of all models used: detectors, and recognisers of faces and of their residuals."""
    cards = [detector.card for detector in (tools.detector, tools.second_detector) if detector]
    cards += [detector.card for detector in tools.box_detectors.values()]
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
