"""Schemas of receipts for deleted results and videos."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from msgspec import Meta

from framecloak.domain.anonymization.requests.erasure import Receipt
from framecloak.entrypoints.schemas.common import View


class ErasedResultView(View, frozen=True, kw_only=True):
    """A deleted result."""

    request_id: UUID
    reference: Annotated[str | None, Meta(description="Reference of the order.", examples=["STUDY-7 B12"])]
    result_bytes: Annotated[int, Meta(description="Size of the archive.", examples=[1048576])]
    manifest_sha256: Annotated[
        str | None,
        Meta(description="SHA-256 of its manifest, by which copies are recognised; null if gone or altered."),
    ]


class ReceiptView(View, frozen=True, kw_only=True):
    """Receipt of a deletion; the audit log keeps the same."""

    receipt_id: Annotated[str, Meta(description="Id of the receipt, also in the audit log.")]
    erased_at: datetime
    erased_by: Annotated[str, Meta(description="User name.", examples=["ada"])]
    video_id: Annotated[int | None, Meta(description="Deleted video; null if only a result was deleted.")]
    video_sha256: Annotated[str | None, Meta(description="SHA-256 of the deleted video, or null.")]
    results: list[ErasedResultView]

    @classmethod
    def of(cls, receipt: Receipt) -> Self:
        """Build the view of a receipt."""
        results = [
            ErasedResultView(
                request_id=each.request_id,
                reference=each.reference,
                result_bytes=each.result_bytes,
                manifest_sha256=each.manifest_sha256,
            )
            for each in receipt.results
        ]
        return cls(
            receipt_id=receipt.id,
            erased_at=receipt.erased_at,
            erased_by=receipt.username,
            video_id=receipt.video_id,
            video_sha256=receipt.video_sha256,
            results=results,
        )
