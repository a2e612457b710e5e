"""Schemas of face analysis."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self, TypeAlias
from uuid import UUID, uuid4

import msgspec
from msgspec import Meta

from framecloak.domain.model.faces import EmbeddingSpace, Face, ImageAnalysis, Quality
from framecloak.domain.reid.matching import similarity_scale
from framecloak.entrypoints.schemas.common import Body, View
from framecloak.entrypoints.schemas.faces.embeddings import EmbeddingFormat, encode_embedding
from framecloak.entrypoints.schemas.problems import Problem

ImageFile: TypeAlias = Annotated[
    msgspec.Raw,
    Meta(
        description="Image file: base64, also as a data URL, or binary in msgpack.",
        extra_json_schema={"type": "string", "contentEncoding": "base64"},
    ),
]


class AnalyzeBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An image to analyse."""

    image_data: ImageFile
    embedding_format: EmbeddingFormat = "list"


class AnalyzeBatchBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Images to analyse."""

    images: Annotated[list[ImageFile], Meta(description="1 to 32 images.", min_length=1)]
    embedding_format: EmbeddingFormat = "list"


class QualityView(View, frozen=True, kw_only=True):
    """Quality of a face, to keep poor images from being enrolled."""

    sharpness: Annotated[
        float, Meta(description="Sharpness, 0 to 1; faces in focus have at least 0.5.", examples=[0.71])
    ]
    yaw: Annotated[
        float, Meta(description="Rotation in degrees towards the right side of the image.", examples=[-4.0])
    ]
    pitch: Annotated[float, Meta(description="Upward rotation in degrees.", examples=[2.5])]
    roll: Annotated[float, Meta(description="Clockwise tilt in degrees.", examples=[0.4])]
    size: Annotated[float, Meta(description="Shorter side of the box in pixels.", examples=[140.0])]

    @classmethod
    def of(cls, quality: Quality) -> Self:
        """Build the view of measured values."""
        return cls(
            sharpness=quality.sharpness,
            yaw=quality.yaw,
            pitch=quality.pitch,
            roll=quality.roll,
            size=quality.size,
        )


class FaceView(View, frozen=True, kw_only=True):
    """A detected face."""

    face_id: Annotated[UUID, Meta(description="Id of this detection; it is not stored.")]
    bbox: Annotated[
        list[float],
        Meta(
            description="`x, y, width, height` in pixels of the upright image.",
            examples=[[412.0, 95.5, 118.0, 151.0]],
        ),
    ]
    landmarks: Annotated[
        list[list[float]],
        Meta(
            description="Left eye, right eye, nose, left and right corner of the mouth in the image: `x, y`."
        ),
    ]
    embedding: Annotated[
        list[float] | bytes,
        Meta(description="Embedding of unit length; comparable only within the same `model`."),
    ]
    confidence: Annotated[float, Meta(description="Confidence of the detector, 0 to 1.", examples=[0.95])]
    quality: QualityView
    emotions: Annotated[
        dict[str, float] | None,
        Meta(
            description="Probability by emotion; null if no CLIP model is available.",
            examples=[{"happy": 0.8}],
        ),
    ]

    @classmethod
    def of(cls, face: Face, embedding_format: EmbeddingFormat) -> Self:
        """Build the view of a detected face."""
        x1, y1, x2, y2 = face.box.tolist()
        return cls(
            face_id=uuid4(),
            bbox=[x1, y1, x2 - x1, y2 - y1],
            landmarks=face.landmarks.tolist(),
            embedding=encode_embedding(face.embedding.vector, embedding_format),
            confidence=face.score,
            quality=QualityView.of(face.quality),
            emotions=None if face.emotions is None else dict(face.emotions),
        )


class AnalysisView(FaceView, frozen=True, kw_only=True):
    """The most prominent face of an image."""

    timestamp: datetime
    model: Annotated[str, Meta(description="Model of the embedding.", examples=["buffalo_l"])]
    faces_detected: Annotated[
        int, Meta(description="Number of faces in the image, including small ones.", examples=[1])
    ]

    @classmethod
    def of_analysis(
        cls, analysis: ImageAnalysis, embedding_format: EmbeddingFormat, model: str, now: datetime
    ) -> Self:
        """Build the view of the most prominent face of an analysis."""
        face: dict[str, Any] = msgspec.structs.asdict(FaceView.of(analysis.faces[0], embedding_format))
        return cls(**face, timestamp=now, model=model, faces_detected=analysis.detected)


class PictureAnalysisView(View, frozen=True, kw_only=True):
    """Faces of one image of a batch."""

    index: Annotated[int, Meta(description="Index of the image in the batch, from 0.", examples=[0])]
    faces: Annotated[list[FaceView], Meta(description="Detected faces, largest first.")]
    faces_detected: Annotated[
        int, Meta(description="Number of faces in the image, including small ones.", examples=[2])
    ]
    error: Annotated[
        Problem | None, Meta(description="Reason why no faces are returned; null if there are faces.")
    ]


class LikenessView(View, frozen=True, kw_only=True):
    """Reference values for the cosine similarities of a model."""

    unrelated: Annotated[
        float, Meta(description="Typical similarity of two unrelated people.", examples=[0.0])
    ]
    possible: Annotated[
        float, Meta(description="Similarity from which two faces may show the same person.", examples=[0.3])
    ]
    usual: Annotated[
        float,
        Meta(
            description="Similarity from which two faces are usually considered the same person.",
            examples=[0.4],
        ),
    ]

    @classmethod
    def of(cls, space: EmbeddingSpace) -> Self | None:
        """Build the view of an embedding space; return None for a model without measured values."""
        reference = similarity_scale(space)
        return (
            cls(unrelated=reference.unrelated, possible=reference.possible, usual=reference.usual)
            if reference
            else None
        )


LikenessOfModel: TypeAlias = Annotated[
    LikenessView | None,
    Meta(description="Reference similarities of the model; null if they were not measured."),
]


class BatchAnalysisView(View, frozen=True, kw_only=True):
    """Faces of a batch of images."""

    results: list[PictureAnalysisView]
    timestamp: datetime
    model: Annotated[str, Meta(description="Model of the embeddings.", examples=["buffalo_l"])]
    likeness: LikenessOfModel
