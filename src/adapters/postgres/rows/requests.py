"""Conversion between rows of requests and domain objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from framecloak.adapters.postgres.connection import Record
from framecloak.adapters.postgres.tables.requests import RequestRow
from framecloak.domain.anonymization.model.identities import Identities, IdentityMode, PinnedPeople, Unknown
from framecloak.domain.anonymization.model.options import (
    Appearance,
    Audio,
    Language,
    Level,
    OutputFormat,
    RedactionShape,
    RedactionStyle,
    Verify,
)
from framecloak.domain.anonymization.model.provenance import BasedOn, SignatureState
from framecloak.domain.anonymization.model.request import AnonymizationRequest, Order, Priority, Status
from framecloak.domain.model.segments import Region, Segment

ORDER = (
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
    RequestRow.based_on_request_id,
    RequestRow.based_on_manifest,
    RequestRow.based_on_signature,
    RequestRow.edited_here,
    RequestRow.identity_mode,
    RequestRow.gallery_id,
    RequestRow.identity_threshold,
    RequestRow.unknown_faces,
)
_STATE = (
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
)
REQUEST = (*ORDER, *_STATE)
"""Columns for `request_of`; they begin with the columns ``ORDER`` for `order_of`."""


def order_of(columns: Sequence[Any]) -> Order:
    """Return the request specification in the columns ``ORDER``."""
    video_id, segment_ids, level, *appearance_columns, verify, priority, webhook_url = columns[:12]
    keep_text, base, manifest, signature, edited_here, *identity_columns = columns[12:]
    output_format, quality, style, shape, audio, language = appearance_columns
    appearance = Appearance(
        OutputFormat(output_format),
        quality,
        RedactionStyle(style),
        RedactionShape(shape),
        Audio(audio),
        Language(language),
    )
    return Order(
        video_id,
        tuple(segment_ids),
        Level(level),
        appearance,
        Priority(priority),
        webhook_url,
        tuple(_region(region) for region in keep_text),
        None if manifest is None else BasedOn(manifest, SignatureState(signature), base, edited_here),
        _identities(*identity_columns),
        Verify(verify),
    )


def _identities(
    mode: str | None, gallery_id: UUID | None, threshold: float | None, unknown: str | None
) -> Identities | None:
    if mode is None or gallery_id is None or unknown is None:
        return None
    return Identities(IdentityMode(mode), gallery_id, threshold, Unknown(unknown))


def region_row(region: Region) -> list[int | None]:
    """Return a region as a JSON array: x, y, width, height in pixels, then first and end frame or nulls."""
    segment = region.segment
    ends = (segment.start_frame, segment.end_frame) if segment else (None, None)
    return [region.x, region.y, region.width, region.height, *ends]


def _region(row: Sequence[Any]) -> Region:
    x, y, width, height, start, end = row
    return Region(x, y, width, height, None if start is None else Segment(start, end))


def request_of(row: Record | Sequence[Any]) -> AnonymizationRequest:
    """Return the request in the columns ``REQUEST``."""
    order = order_of(row[: len(ORDER)])
    request_id, user_id, status, *rest = row[len(ORDER) :]
    return AnonymizationRequest(request_id, user_id, order, Status(status), *rest)


def identity_values(wanted: Identities | None, people: PinnedPeople | None) -> dict[str, object]:
    """Return the column values of the identity rule; empty when all faces are redacted.

    Args:
        wanted: identity rule of the request.
        people: state of its gallery at submission; required with a rule.

    Raises:
        ValueError: there is an identity rule but no state of its gallery.
    """
    if wanted is None:
        return {}
    if people is None:
        raise ValueError("an identity rule needs the people pinned from its gallery")
    return {
        "identity_mode": wanted.mode,
        "gallery_id": wanted.gallery_id,
        "identity_threshold": wanted.threshold,
        "unknown_faces": wanted.unknown,
        "people_threshold": people.threshold,
        "people_faces": people.faces,
        "people_digest": people.digest,
    }
