"""Schemas of galleries of enrolled faces."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self, TypeAlias
from uuid import UUID

import msgspec
from litestar.params import PathParameter, QueryParameter
from msgspec import UNSET, Meta, UnsetType

from framecloak.domain.reid.galleries.model import EnrolledFace, Gallery, GalleryMatch
from framecloak.domain.reid.matching import default_threshold
from framecloak.entrypoints.schemas.common import NO_NUL, Body, PageBase, View
from framecloak.entrypoints.schemas.faces.analysis import (
    ImageFile,
    LikenessOfModel,
    LikenessView,
    QualityView,
)
from framecloak.entrypoints.schemas.faces.comparison import Cosine, Threshold
from framecloak.entrypoints.schemas.faces.embeddings import Vector

GalleryId: TypeAlias = Annotated[UUID, PathParameter(description="Id of the gallery.")]
FaceId: TypeAlias = Annotated[UUID, PathParameter(description="Id of the enrolled face.")]

GalleryName: TypeAlias = Annotated[
    str, Meta(min_length=1, max_length=200, pattern=NO_NUL, description="Display name.")
]
PersonLabel: TypeAlias = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        pattern=NO_NUL,
        description="Name or label of the person; several faces may have the same label.",
        examples=["patient 17"],
    ),
]

_IF_BODY_IS_IMAGE = "If the body is the image"
LabelQuery: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        max_length=200,
        description=f"{_IF_BODY_IS_IMAGE}: name or label of the person. Proxies often log URLs, but not"
        " forms.",
    ),
]
MetadataQuery: TypeAlias = Annotated[
    str | None,
    QueryParameter(description=f"{_IF_BODY_IS_IMAGE}: additional data, a JSON object."),
]
ThresholdQuery: TypeAlias = Annotated[
    float | None,
    QueryParameter(ge=-1, le=1, description=f"{_IF_BODY_IS_IMAGE}: minimum cosine similarity of a match."),
]
TopKQuery: TypeAlias = Annotated[
    int | None,
    QueryParameter(ge=1, le=1000, description=f"{_IF_BODY_IS_IMAGE}: maximum number of people."),
]


class CreateGalleryBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A gallery to create, for embeddings of the installation's model."""

    name: GalleryName
    expires_at: (
        Annotated[datetime, Meta(tz=True, description="Time at which the gallery is deleted with its faces.")]
        | None
    ) = None


class GalleryView(View, frozen=True, kw_only=True):
    """A gallery of enrolled faces."""

    id: UUID
    name: Annotated[str, Meta(examples=["staff"])]
    model: Annotated[str, Meta(description="Model of the embeddings.", examples=["buffalo_l"])]
    dimension: Annotated[int, Meta(description="Length of an embedding.", examples=[512])]
    threshold: Annotated[
        Threshold,
        Meta(description="Similarity from which two faces are usually considered the same person."),
    ]
    likeness: LikenessOfModel
    face_count: Annotated[int, Meta(examples=[3])]
    created_at: datetime
    expires_at: datetime | None

    @classmethod
    def of(cls, gallery: Gallery) -> Self:
        """Build the view of a gallery."""
        return cls(
            id=gallery.id,
            name=gallery.name,
            model=gallery.space.name,
            dimension=gallery.space.dimension,
            threshold=default_threshold(gallery.space),
            likeness=LikenessView.of(gallery.space),
            face_count=gallery.face_count,
            created_at=gallery.created_at,
            expires_at=gallery.expires_at,
        )


class GalleryPage(PageBase, frozen=True, kw_only=True):
    """Galleries, newest first."""

    items: list[GalleryView]


class FaceSource(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A face: the largest one of an image, or an embedding."""

    image_data: ImageFile | UnsetType = UNSET
    embedding: Vector | UnsetType = UNSET
    model: (
        Annotated[
            str,
            Meta(
                max_length=200,
                description="Model of the embedding, as returned by the analysis. Without it, only the length"
                " of the embedding is checked.",
            ),
        ]
        | None
    ) = None


class EnrolBody(FaceSource, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A face to enrol."""

    label: PersonLabel
    metadata: Annotated[
        dict[str, Any],
        Meta(
            description="Additional data stored with the face; at most 4096 bytes.", examples=[{"ward": "3b"}]
        ),
    ] = msgspec.field(default_factory=dict)


class EnrolledFaceView(View, frozen=True, kw_only=True):
    """An enrolled face; its embedding is never returned."""

    id: UUID
    label: Annotated[str, Meta(examples=["patient 17"])]
    metadata: dict[str, Any]
    created_at: datetime

    @classmethod
    def of(cls, face: EnrolledFace) -> Self:
        """Build the view of an enrolled face."""
        return cls(id=face.id, label=face.label, metadata=dict(face.metadata), created_at=face.created_at)


class EnrolmentView(EnrolledFaceView, frozen=True, kw_only=True):
    """A newly enrolled face."""

    quality: Annotated[
        QualityView | None, Meta(description="Quality of the face in the image; null for an embedding.")
    ]
    faces_detected: Annotated[
        int | None,
        Meta(description="Number of faces in the image; the largest was enrolled. Null for an embedding."),
    ]


class EnrolledFacePage(PageBase, frozen=True, kw_only=True):
    """Enrolled faces, oldest first."""

    items: list[EnrolledFaceView]


class SearchBody(FaceSource, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A face to search for."""

    threshold: (
        Annotated[Threshold, Meta(description="Minimum cosine similarity; the default depends on the model.")]
        | None
    ) = None
    top_k: Annotated[int, Meta(ge=1, le=1000, description="Maximum number of people.")] = 10


class GalleryMatchView(View, frozen=True, kw_only=True):
    """A person who matches the face, with their most similar enrolled face."""

    face_id: UUID
    label: Annotated[str, Meta(examples=["patient 17"])]
    metadata: dict[str, Any]
    similarity: Cosine

    @classmethod
    def of(cls, match: GalleryMatch) -> Self:
        """Build the view of a match."""
        face = match.face
        return cls(
            face_id=face.id, label=face.label, metadata=dict(face.metadata), similarity=match.similarity
        )
