"""Schemas of the identity rule of a request."""

from __future__ import annotations

from typing import Annotated, Self
from uuid import UUID

from msgspec import Meta

from framecloak.domain.anonymization.model.identities import IdentityMode, IdentityOptions, Unknown
from framecloak.entrypoints.schemas.common import Body, View


class IdentitiesBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rule that selects the faces to redact by identity."""

    mode: Annotated[
        IdentityMode,
        Meta(
            description="`except`: redact all faces but those of the gallery's people; `only`: only those.",
            examples=["except"],
        ),
    ]
    gallery_id: Annotated[UUID, Meta(description="Id of a gallery that you may use.")]
    threshold: Annotated[
        Annotated[float, Meta(gt=0, le=1)] | None,
        Meta(
            description=(
                "Minimum cosine similarity at which two faces are considered the same person. The default, "
                "which is recommended, is the `threshold` of the gallery. Mode `except` rejects values below "
                "`likeness.possible` of the gallery's model, which would leave other people unredacted; "
                "`unknown: keep` rejects values above the default."
            ),
            examples=[0.93],
        ),
    ] = None
    unknown: Annotated[
        Unknown,
        Meta(
            description=(
                "Treatment of faces that cannot be identified with confidence in mode `only`; mode `except` "
                "always redacts them."
            ),
            examples=["redact"],
        ),
    ] = Unknown.REDACT

    def identities(self) -> IdentityOptions:
        """Return the identity rule of the domain.

        Raises:
            InvalidOptionError: mode ``except`` is combined with keeping faces that cannot be identified.
        """
        return IdentityOptions(self.mode, self.gallery_id, self.threshold, self.unknown)


class IdentitiesView(View, frozen=True, kw_only=True):
    """Rule that selects the redacted faces by identity."""

    mode: Annotated[IdentityMode, Meta(examples=["except"])]
    gallery_id: UUID
    threshold: Annotated[
        float | None, Meta(description="Requested threshold; null for the default.", examples=[0.93])
    ]
    unknown: Annotated[Unknown, Meta(examples=["redact"])]

    @classmethod
    def of(cls, identities: IdentityOptions) -> Self:
        """Build the view of an identity rule."""
        return cls(
            mode=identities.mode,
            gallery_id=identities.gallery_id,
            threshold=identities.threshold,
            unknown=identities.unknown,
        )
