"""Galleries of enrolled faces."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self, TypeAlias
from uuid import UUID

import msgspec
from litestar.params import PathParameter, QueryParameter
from msgspec import UNSET, Meta, UnsetType

from framecloak.domain.reid.galleries.model import EnrolledFace, Gallery, GalleryMatch
from framecloak.domain.reid.matching import usual_threshold
from framecloak.entrypoints.schemas.common import NO_NUL, Body, PageBase, View
from framecloak.entrypoints.schemas.faces import (
    Cosine,
    LikenessOfModel,
    LikenessView,
    Picture,
    QualityView,
    Threshold,
    Vector,
)

GalleryId: TypeAlias = Annotated[UUID, PathParameter(description="From when it was made.")]
FaceId: TypeAlias = Annotated[UUID, PathParameter(description="From when it was enrolled.")]

Name: TypeAlias = Annotated[
    str, Meta(min_length=1, max_length=200, pattern=NO_NUL, description="What people call it.")
]
Person: TypeAlias = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        pattern=NO_NUL,
        description="Whose face it is; several faces may have the same label.",
        examples=["patient 17"],
    ),
]

_WHERE_IT_IS_THE_BODY = "Where the body is the picture"
LabelOfPicture: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        max_length=200,
        description=f"{_WHERE_IT_IS_THE_BODY}: whose face it is. Addresses are often logged on their way;"
        " forms are not.",
    ),
]
MetadataOfPicture: TypeAlias = Annotated[
    str | None,
    QueryParameter(description=f"{_WHERE_IT_IS_THE_BODY}: what else is to be kept with it, a JSON object."),
]
ThresholdOfPicture: TypeAlias = Annotated[
    float | None,
    QueryParameter(ge=-1, le=1, description=f"{_WHERE_IT_IS_THE_BODY}: the least cosine of a match."),
]
TopOfPicture: TypeAlias = Annotated[
    int | None,
    QueryParameter(ge=1, le=1000, description=f"{_WHERE_IT_IS_THE_BODY}: the most people that are wanted."),
]


class CreateGalleryBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A gallery for embeddings of the installation's model."""

    name: Name
    expires_at: (
        Annotated[datetime, Meta(tz=True, description="When it is deleted, with every face in it.")] | None
    ) = None


class GalleryView(View, frozen=True, kw_only=True):
    """A gallery."""

    id: UUID
    name: Annotated[str, Meta(examples=["staff"])]
    model: Annotated[str, Meta(description="Whose embeddings it takes.", examples=["buffalo_l"])]
    dimension: Annotated[int, Meta(description="Numbers of an embedding.", examples=[512])]
    threshold: Annotated[
        Threshold,
        Meta(description="The least cosine at which two faces are usually taken for one person's."),
    ]
    likeness: LikenessOfModel
    face_count: Annotated[int, Meta(examples=[3])]
    created_at: datetime
    expires_at: datetime | None

    @classmethod
    def of(cls, gallery: Gallery) -> Self:
        """As shown to whoever may use it."""
        return cls(
            id=gallery.id,
            name=gallery.name,
            model=gallery.space.name,
            dimension=gallery.space.dimension,
            threshold=usual_threshold(gallery.space),
            likeness=LikenessView.of(gallery.space),
            face_count=gallery.face_count,
            created_at=gallery.created_at,
            expires_at=gallery.expires_at,
        )


class GalleryPage(PageBase, frozen=True, kw_only=True):
    """Galleries, newest first."""

    items: list[GalleryView]


class FaceSource(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A face: the largest one of a picture, or an embedding."""

    image_data: Picture | UnsetType = UNSET
    embedding: Vector | UnsetType = UNSET
    model: (
        Annotated[
            str,
            Meta(
                max_length=200,
                description="What the analysis called the embedding's model. Without it only its length can"
                " be checked.",
            ),
        ]
        | None
    ) = None


class EnrolBody(FaceSource, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A face to be enrolled."""

    label: Person
    metadata: Annotated[
        dict[str, Any],
        Meta(description="What else is to be kept with it; at most 4096 bytes.", examples=[{"ward": "3b"}]),
    ] = msgspec.field(default_factory=dict)


class EnrolledFaceView(View, frozen=True, kw_only=True):
    """An enrolled face; its embedding is not given out again."""

    id: UUID
    label: Annotated[str, Meta(examples=["patient 17"])]
    metadata: dict[str, Any]
    created_at: datetime

    @classmethod
    def of(cls, face: EnrolledFace) -> Self:
        """As shown to whoever may use the gallery."""
        return cls(id=face.id, label=face.label, metadata=dict(face.metadata), created_at=face.created_at)


class EnrolmentView(EnrolledFaceView, frozen=True, kw_only=True):
    """A face that was enrolled just now."""

    quality: Annotated[QualityView | None, Meta(description="Of the picture; null for an embedding.")]
    faces_detected: Annotated[
        int | None, Meta(description="Faces in the picture, of which the largest was taken.")
    ]


class EnrolledFacePage(PageBase, frozen=True, kw_only=True):
    """Enrolled faces, oldest first."""

    items: list[EnrolledFaceView]


class SearchBody(FaceSource, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A face to look for."""

    threshold: (
        Annotated[Threshold, Meta(description="The least cosine; what is usual for the model if left out.")]
        | None
    ) = None
    top_k: Annotated[int, Meta(ge=1, le=1000, description="The most people that are wanted.")] = 10


class GalleryMatchView(View, frozen=True, kw_only=True):
    """A person that the face may be of, by the most alike of the enrolled faces."""

    face_id: UUID
    label: Annotated[str, Meta(examples=["patient 17"])]
    metadata: dict[str, Any]
    similarity: Cosine

    @classmethod
    def of(cls, match: GalleryMatch) -> Self:
        """As it was found."""
        face = match.face
        return cls(
            face_id=face.id, label=face.label, metadata=dict(face.metadata), similarity=match.similarity
        )
