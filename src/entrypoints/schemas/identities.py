"""Whose faces an order redacts."""

from __future__ import annotations

from typing import Annotated, Self
from uuid import UUID

from msgspec import Meta

from framecloak.domain.anonymization.model.identities import Identities, IdentityMode, Unknown
from framecloak.entrypoints.schemas.common import Body, View


class IdentitiesBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose faces are redacted."""

    mode: Annotated[
        IdentityMode,
        Meta(
            description="`except`: everybody's but those of the gallery's people; `only`: theirs.",
            examples=["except"],
        ),
    ]
    gallery_id: Annotated[UUID, Meta(description="Of a gallery that you may use.")]
    threshold: Annotated[
        Annotated[float, Meta(gt=0, le=1)] | None,
        Meta(
            description=(
                "Least cosine at which two faces are taken for one person's; the gallery's `threshold`, "
                "which is the usual one of its model, when left out: the best choice for most. It is refused "
                "in mode `except` below the `likeness.possible` of the gallery's model, where other people "
                "would be kept, and with `unknown: keep` above the usual one."
            ),
            examples=[0.93],
        ),
    ] = None
    unknown: Annotated[
        Unknown,
        Meta(
            description=(
                "What becomes of a face of which it is not sure whose it is, in mode `only`; mode `except` "
                "redacts it."
            ),
            examples=["redact"],
        ),
    ] = Unknown.REDACT

    def identities(self) -> Identities:
        """As an order has it.

        Raises:
            InvalidOptionError: uncertain faces should be kept in mode ``except``.
        """
        return Identities(self.mode, self.gallery_id, self.threshold, self.unknown)


class IdentitiesView(View, frozen=True, kw_only=True):
    """Whose faces are redacted."""

    mode: Annotated[IdentityMode, Meta(examples=["except"])]
    gallery_id: UUID
    threshold: Annotated[float | None, Meta(description="As it was asked for.", examples=[0.93])]
    unknown: Annotated[Unknown, Meta(examples=["redact"])]

    @classmethod
    def of(cls, identities: Identities) -> Self:
        """As shown to whoever submitted it."""
        return cls(
            mode=identities.mode,
            gallery_id=identities.gallery_id,
            threshold=identities.threshold,
            unknown=identities.unknown,
        )
