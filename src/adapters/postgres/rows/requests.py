"""Conversion between rows of requests and domain objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from framecloak.adapters.postgres.connection import Record
from framecloak.adapters.postgres.tables.requests import RequestRow
from framecloak.domain.anonymization.model.identities import (
    IdentityMode,
    IdentityOptions,
    PinnedPeople,
    Unknown,
)
from framecloak.domain.anonymization.model.options import (
    Appearance,
    Audio,
    Language,
    Level,
    RedactionShape,
    RedactionStyle,
    Verify,
)
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.model.record.provenance import BasedOn, SignatureState
from framecloak.domain.anonymization.model.request import AnonymizationRequest, Priority, RequestSpec, Status
from framecloak.domain.anonymization.model.text_policy import Harmless, TextMode, TextPolicyOptions
from framecloak.domain.imaging.pixel_aspect import parse_aspect
from framecloak.domain.model.segments import Region, Segment

SPEC_COLUMNS = (
    RequestRow.video_id,
    RequestRow.segment_ids,
    RequestRow.level,
    RequestRow.output_format,
    RequestRow.quality,
    RequestRow.style,
    RequestRow.shape,
    RequestRow.audio,
    RequestRow.language,
    RequestRow.verify,
    RequestRow.priority,
    RequestRow.webhook_url,
    RequestRow.keep_text,
    RequestRow.pixel_aspect,
    RequestRow.reference,
    RequestRow.text_mode,
    RequestRow.text_keep,
    RequestRow.text_names,
    RequestRow.text_patterns,
    RequestRow.based_on_request_id,
    RequestRow.based_on_manifest,
    RequestRow.based_on_signature,
    RequestRow.edited_here,
    RequestRow.identity_mode,
    RequestRow.gallery_id,
    RequestRow.identity_threshold,
    RequestRow.unknown_faces,
)
_STATE_COLUMNS = (
    RequestRow.id,
    RequestRow.user_id,
    RequestRow.status,
    RequestRow.total_frames,
    RequestRow.processed_frames,
    RequestRow.blanked_frames,
    RequestRow.created_at,
    RequestRow.started_at,
    RequestRow.completed_at,
    RequestRow.error,
    RequestRow.error_code,
    RequestRow.result_key,
    RequestRow.result_bytes,
    RequestRow.result_sha256,
    RequestRow.released_at,
    RequestRow.released_by,
)
REQUEST_COLUMNS = (*SPEC_COLUMNS, *_STATE_COLUMNS)
"""Columns for `request_from_row`; they begin with ``SPEC_COLUMNS``, those for `spec_from_row`."""


def spec_from_row(columns: Sequence[Any]) -> RequestSpec:
    """Return the request specification in the columns ``SPEC_COLUMNS``."""
    video_id, segment_ids, level, *appearance_columns, verify, priority, webhook_url = columns[:12]
    keep_text, pixel_aspect, reference = columns[12:15]
    text_mode, text_keep, *text_lists = columns[15:19]
    base, manifest, signature, edited_here, *identity_columns = columns[19:]
    output_format, quality, style, shape, audio, language = appearance_columns
    appearance = Appearance(
        OutputFormat(output_format),
        quality,
        RedactionStyle(style),
        RedactionShape(shape),
        Audio(audio),
        Language(language),
    )
    return RequestSpec(
        video_id,
        tuple(segment_ids),
        Level(level),
        appearance,
        Priority(priority),
        webhook_url,
        tuple(region_from_values(region) for region in keep_text),
        None if manifest is None else BasedOn(manifest, SignatureState(signature), base, edited_here),
        _identities(*identity_columns),
        Verify(verify),
        None if pixel_aspect is None else parse_aspect(pixel_aspect),
        reference,
        TextPolicyOptions(TextMode(text_mode), frozenset(map(Harmless, text_keep)), *text_lists),
    )


def _identities(
    mode: str | None, gallery_id: UUID | None, threshold: float | None, unknown: str | None
) -> IdentityOptions | None:
    if mode is None or gallery_id is None or unknown is None:
        return None
    return IdentityOptions(IdentityMode(mode), gallery_id, threshold, Unknown(unknown))


def region_values(region: Region) -> list[int | None]:
    """Return a region as a JSON array: x, y, width, height in pixels, then first and end frame or nulls."""
    segment = region.segment
    ends = (segment.start_frame, segment.end_frame) if segment else (None, None)
    return [region.x, region.y, region.width, region.height, *ends]


def region_from_values(row: Sequence[Any]) -> Region:
    """Return the region in a JSON array, as written by `region_values`."""
    x, y, width, height, start, end = row
    return Region(x, y, width, height, None if start is None else Segment(start, end))


def request_from_row(row: Record | Sequence[Any]) -> AnonymizationRequest:
    """Return the request in the columns ``REQUEST_COLUMNS``."""
    spec = spec_from_row(row[: len(SPEC_COLUMNS)])
    request_id, user_id, status, *rest = row[len(SPEC_COLUMNS) :]
    return AnonymizationRequest(request_id, user_id, spec, Status(status), *rest)


def identity_values(identities: IdentityOptions | None, people: PinnedPeople | None) -> dict[str, object]:
    """Return the column values of the identity rule; empty when all faces are redacted.

    Args:
        identities: identity rule of the request.
        people: state of its gallery at submission; required with a rule.

    Raises:
        ValueError: there is an identity rule but no state of its gallery.
    """
    if identities is None:
        return {}
    if people is None:
        raise ValueError("an identity rule needs the people pinned from its gallery")
    return {
        "identity_mode": identities.mode,
        "gallery_id": identities.gallery_id,
        "identity_threshold": identities.threshold,
        "unknown_faces": identities.unknown,
        "people_threshold": people.threshold,
        "people_faces": people.faces,
        "people_digest": people.digest,
    }
