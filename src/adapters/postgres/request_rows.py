"""How requests come out of their table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from adapters.postgres.connection import Record
from adapters.postgres.tables import RequestRow
from domain.anonymization.lifecycle import AnonymizationRequest, Order, Priority, Status
from domain.anonymization.request import (
    Appearance,
    Audio,
    Language,
    Level,
    OutputFormat,
    RedactionShape,
    RedactionStyle,
    Verify,
)

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
    RequestRow.result_key,
    RequestRow.result_bytes,
)
REQUEST = (*ORDER, *_STATE)
"""Columns for ``request_of``; those of its order, for ``order_of``, come first."""


def order_of(columns: Sequence[Any]) -> Order:
    """The order in the columns ``ORDER``."""
    video_id, segment_ids, level, *look, verify, priority, webhook_url = columns
    output_format, quality, style, shape, audio, language = look
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
        Verify(verify),
    )


def request_of(row: Record | Sequence[Any]) -> AnonymizationRequest:
    """The request in the columns ``REQUEST``."""
    order = order_of(row[: len(ORDER)])
    request_id, user_id, status, *rest = row[len(ORDER) :]
    return AnonymizationRequest(request_id, user_id, order, Status(status), *rest)
