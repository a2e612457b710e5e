"""Messages of the report; each language has a module that defines them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from framecloak.adapters.report.messages.history import HistoryMessages
from framecloak.adapters.report.messages.search import SearchMessages
from framecloak.adapters.report.messages.text import TextMessages
from framecloak.domain.anonymization.model.frames import BlankReason
from framecloak.domain.anonymization.model.identities import Decision, IdentityMode, Unknown
from framecloak.domain.anonymization.model.options import Audio, Level, RedactionShape, RedactionStyle, Verify
from framecloak.domain.anonymization.model.record.provenance import SignatureState
from framecloak.domain.imaging.pixel_aspect import AspectOrigin


@dataclass(frozen=True, slots=True, kw_only=True)
class Messages:
    """Messages of the report in one language; some contain placeholders in braces for `str.format`."""

    language: str
    thousands: str
    decimal: str

    title: str
    lead_clean: str
    lead_blanked: str
    lead_minimal: str
    lead_rendered: Mapping[bool | None, str]
    history: HistoryMessages
    text: TextMessages
    search: SearchMessages

    numbers: str
    frames: str
    faces: str
    tracks: str
    inferred: str
    texts: str
    plates: str
    plates_by_shape: str
    regions: str
    blanked: str

    timeline: str
    timeline_help: str
    timeline_label: str
    timeline_most: str
    silent_sound: str
    legend_found: str
    legend_inferred: str
    legend_writing: str
    legend_regions: str
    legend_blanked: str

    settings: str
    scope_by_level: Mapping[Level, str]
    boxes_from_manifest: str
    inherited_identities: str
    signatures: Mapping[SignatureState, str]
    styles: Mapping[RedactionStyle, str]
    shapes: Mapping[RedactionShape, str]
    formats: Mapping[bool, str]
    hardware_encoder: str
    audio: Mapping[Audio, str]
    scope_regardless_of_identity: Mapping[Level, str]
    identities: Mapping[IdentityMode, str]
    unknown: Mapping[Unknown, str]
    identity_evidence: str
    people: str
    no_people_decided: str
    faces_left_visible: str
    decided_before: str
    decisions: Mapping[Decision, str]
    decision: str
    similarity: str
    views: str
    was_kept: str
    was_redacted: str
    threshold: str
    search_for_text: str
    kept_text: str
    pixel_aspects: Mapping[AspectOrigin, str]
    aspect_hint: str
    turned_hint: str
    dropped_video_tracks: str

    sources: str
    source: str
    size: str
    rate: str
    frames_written: str
    marked_regions: str
    digest: str
    whole_source: str
    still_image: str

    blanks: str
    no_blanks: str
    some_blanks: str
    blank_reason: str
    blank_reasons: Mapping[BlankReason, str]
    frame_range: str
    one_frame: str
    more: str

    gaps: str
    no_gaps: str
    some_gaps: str
    length: str
    track: str
    where: str

    weakest: str
    no_tracks: str
    weakest_help: str
    weak_frames: str
    weak_frames_help: str
    no_weak_frames: str
    best_score: str
    detected_in: str
    redacted_in: str
    thumbnails_help: str

    residuals: str
    no_residual_check: str
    residual_scope: Mapping[Verify, str]
    residuals_help: str
    residuals_compared: str
    residuals_not_compared: str
    residual_frames: str
    residual_gap_frames: str
    residuals_before: str
    residuals_after: str
    residual_redacted_again: str
    residual_blanked: str
    similarity_before: str
    similarity_after: str
    nothing_compared: str

    models: str
    no_models: str
    model: str
    licence: str
    runs_on: str

    check: str
    check_help: str
    check_steps: tuple[str, ...]
    key: str
    videos: str
    video: str
    limits: str
    limits_help: str
    made_with: str

    def number(self, value: float, digits: int = 0) -> str:
        """Format a number with the separators of the language."""
        text = f"{value:,.{digits}f}"
        return text.translate({ord(","): self.thousands, ord("."): self.decimal})
