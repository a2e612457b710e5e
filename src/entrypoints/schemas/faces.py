"""Faces: what is found in pictures, and how alike two are."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal, Self, TypeAlias
from uuid import UUID, uuid4

import msgspec
import numpy as np
from msgspec import Meta

from framecloak.domain.errors import InvalidEmbeddingError
from framecloak.domain.imaging.detections import FloatArray
from framecloak.domain.reid.matching import Match, Numbers, likeness
from framecloak.domain.reid.model import Analysis, EmbeddingSpace, Face
from framecloak.domain.reid.quality import Quality
from framecloak.entrypoints.schemas.common import Body, View
from framecloak.entrypoints.schemas.problems import Problem

EmbeddingFormat: TypeAlias = Annotated[
    Literal["list", "base64"],
    Meta(
        description="How embeddings are written: as numbers, or as little-endian float32, which is base64 in"
        " JSON and binary in msgpack.",
    ),
]
Picture: TypeAlias = Annotated[
    msgspec.Raw,
    Meta(
        description="A picture file: base64 (a data URL does, too), or binary in msgpack.",
        extra_json_schema={"type": "string", "contentEncoding": "base64"},
    ),
]
Vector: TypeAlias = Annotated[
    list[float] | bytes,
    Meta(description="As numbers, or as little-endian float32: base64 in JSON, binary in msgpack."),
]
Cosine: TypeAlias = Annotated[float, Meta(ge=-1, le=1, description="Cosine.", examples=[0.85])]
Threshold: TypeAlias = Annotated[
    float, Meta(ge=-1, le=1, description="The least cosine of a match.", examples=[0.5])
]
Decode: TypeAlias = Callable[[msgspec.Raw, int], list[float]]
"""Makes a row of what was sent, told which row it is."""

_LITTLE_ENDIAN = np.dtype("<f4")


class AnalyzeBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A picture of a face."""

    image_data: Picture
    embedding_format: EmbeddingFormat = "list"


class AnalyzeBatchBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pictures of faces."""

    images: Annotated[list[Picture], Meta(description="1 to 32 of them.", min_length=1)]
    embedding_format: EmbeddingFormat = "list"


class QualityView(View, frozen=True, kw_only=True):
    """Signals by which a client can refuse to enrol a bad picture."""

    sharpness: Annotated[
        float, Meta(description="0 (a smear) to 1; faces in focus have 0.5 and more.", examples=[0.71])
    ]
    yaw: Annotated[
        float, Meta(description="Degrees turned towards the right side of the picture.", examples=[-4.0])
    ]
    pitch: Annotated[float, Meta(description="Degrees raised.", examples=[2.5])]
    roll: Annotated[float, Meta(description="Degrees tilted clockwise.", examples=[0.4])]
    size: Annotated[float, Meta(description="Pixels of the shorter side of the box.", examples=[140.0])]

    @classmethod
    def of(cls, quality: Quality) -> Self:
        """As it was measured."""
        return cls(
            sharpness=quality.sharpness,
            yaw=quality.yaw,
            pitch=quality.pitch,
            roll=quality.roll,
            size=quality.size,
        )


class FaceView(View, frozen=True, kw_only=True):
    """A face in a picture."""

    face_id: Annotated[UUID, Meta(description="Names this finding; it is not stored.")]
    bbox: Annotated[
        list[float],
        Meta(
            description="`x, y, width, height` in pixels of the upright picture.",
            examples=[[412.0, 95.5, 118.0, 151.0]],
        ),
    ]
    landmarks: Annotated[
        list[list[float]],
        Meta(description="Left eye, right eye, nose, left and right corner of the mouth, as seen: `x, y`."),
    ]
    embedding: Annotated[
        list[float] | bytes, Meta(description="Unit length; to be compared within one `model` only.")
    ]
    confidence: Annotated[float, Meta(description="How sure the detector is, 0 to 1.", examples=[0.95])]
    quality: QualityView
    emotions: Annotated[
        dict[str, float] | None,
        Meta(description="Probability of each; null when no CLIP is available.", examples=[{"happy": 0.8}]),
    ]

    @classmethod
    def of(cls, face: Face, embedding_format: EmbeddingFormat) -> Self:
        """As shown to whoever sent the picture."""
        x1, y1, x2, y2 = face.box.tolist()
        return cls(
            face_id=uuid4(),
            bbox=[x1, y1, x2 - x1, y2 - y1],
            landmarks=face.landmarks.tolist(),
            embedding=written(face.embedding.vector, embedding_format),
            confidence=face.score,
            quality=QualityView.of(face.quality),
            emotions=None if face.emotions is None else dict(face.emotions),
        )


class AnalysisView(FaceView, frozen=True, kw_only=True):
    """The most prominent face of a picture."""

    timestamp: datetime
    model: Annotated[str, Meta(description="Whose embedding it is.", examples=["buffalo_l"])]
    faces_detected: Annotated[int, Meta(description="Faces in the picture, small ones too.", examples=[1])]

    @classmethod
    def of_analysis(
        cls, analysis: Analysis, embedding_format: EmbeddingFormat, model: str, now: datetime
    ) -> Self:
        """As shown to whoever sent the picture."""
        face: dict[str, Any] = msgspec.structs.asdict(FaceView.of(analysis.faces[0], embedding_format))
        return cls(**face, timestamp=now, model=model, faces_detected=analysis.detected)


class PictureAnalysisView(View, frozen=True, kw_only=True):
    """What was found in one picture of several."""

    index: Annotated[int, Meta(description="Which picture, from 0.", examples=[0])]
    faces: Annotated[list[FaceView], Meta(description="The largest first.")]
    faces_detected: Annotated[int, Meta(description="Faces in the picture, small ones too.", examples=[2])]
    error: Annotated[Problem | None, Meta(description="Why there are no faces; null when there are.")]


class LikenessView(View, frozen=True, kw_only=True):
    """What cosines of a model mean."""

    unrelated: Annotated[
        float, Meta(description="About the cosine of two people who have nothing in common.", examples=[0.0])
    ]
    possible: Annotated[
        float, Meta(description="From here on two faces may be of one person.", examples=[0.3])
    ]
    usual: Annotated[
        float,
        Meta(description="From here on they are usually taken for one person's.", examples=[0.4]),
    ]

    @classmethod
    def of(cls, space: EmbeddingSpace) -> Self | None:
        """Of the embeddings of a space; None for a model that nobody has looked into."""
        known = likeness(space)
        return cls(unrelated=known.unrelated, possible=known.possible, usual=known.usual) if known else None


LikenessOfModel: TypeAlias = Annotated[
    LikenessView | None,
    Meta(description="What cosines mean to the model; null for one that nobody has looked into."),
]


class BatchAnalysisView(View, frozen=True, kw_only=True):
    """What was found in several pictures."""

    results: list[PictureAnalysisView]
    timestamp: datetime
    model: Annotated[str, Meta(description="Whose embeddings they are.", examples=["buffalo_l"])]
    likeness: LikenessOfModel


class CompareBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Two embeddings of one model."""

    face1_embedding: Vector
    face2_embedding: Vector


class SimilarityView(View, frozen=True, kw_only=True):
    """How alike two faces are."""

    similarity: Cosine


class FindMatchesBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One embedding, and many of the same model to look for it in."""

    target_embedding: Vector
    embeddings: Annotated[
        list[msgspec.Raw] | memoryview,
        Meta(
            description="Lists of numbers; or row-major little-endian float32, as base64 in JSON and binary"
            " in msgpack, which is many times faster.",
            extra_json_schema={
                "anyOf": [
                    {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
                    {"type": "string", "contentEncoding": "base64"},
                ]
            },
        ),
    ]
    threshold: Threshold = 0.5
    top_k: Annotated[int, Meta(ge=1, description="The most matches that are wanted.")] | None = None


class MatchView(View, frozen=True, kw_only=True):
    """An embedding that is like the one that was looked for."""

    index: Annotated[int, Meta(description="Where it is in `embeddings`, from 0.", examples=[0])]
    similarity: Cosine

    @classmethod
    def of(cls, match: Match) -> Self:
        """As it was found."""
        return cls(index=match.index, similarity=match.similarity)


def numbers(vector: list[float] | bytes) -> Numbers:
    """One embedding as it was sent.

    Raises:
        InvalidEmbeddingError: the bytes are no float32.
    """
    return vector if isinstance(vector, list) else _floats(vector)


def rows(vectors: list[msgspec.Raw] | memoryview, width: int, decode: Decode) -> FloatArray:
    """Embeddings as they were sent, as (n, width) float32.

    Row by row: a list of all numbers at once would take ten times the memory, most of the time to get it from
    the operating system, and the interpreter for itself meanwhile.

    Args:
        vectors: rows that are not decoded yet, or the bytes of a matrix.
        width: numbers of an embedding.
        decode: makes a row of what was sent.

    Raises:
        InvalidEmbeddingError: a row has another width, or the bytes are no matrix of that width.
        InvalidBodyError: a row is no list of numbers.
    """
    if not width:
        raise InvalidEmbeddingError("the target embedding is empty", "send what an analysis returned")
    if isinstance(vectors, memoryview):
        return _matrix(vectors, width)
    pack, packed = struct.Struct(f"{width}f").pack, []
    for number, sent in enumerate(vectors):
        row = decode(sent, number)
        if len(row) != width:
            raise InvalidEmbeddingError(
                f"embedding {number} has {len(row)} numbers, and the target has {width}",
                "compare embeddings of one model only",
            )
        try:
            packed.append(pack(*row))
        except OverflowError as error:
            raise InvalidEmbeddingError(
                f"embedding {number} holds a number that float32 does not", "send what an analysis returned"
            ) from error
    return np.frombuffer(b"".join(packed), np.float32).reshape(-1, width)


def _matrix(data: memoryview, width: int) -> FloatArray:
    floats = _floats(data)
    if len(floats) % width:
        raise InvalidEmbeddingError(
            f"{len(floats)} numbers are no whole rows of {width}, which the target has",
            "send all numbers of all rows, one row after the other",
        )
    return floats.reshape(-1, width)


def written(vector: FloatArray, embedding_format: EmbeddingFormat) -> list[float] | bytes:
    """An embedding in the form that was asked for."""
    if embedding_format == "base64":
        return vector.astype(_LITTLE_ENDIAN, copy=False).tobytes()
    as_numbers: list[float] = vector.tolist()
    return as_numbers


def _floats(data: bytes | memoryview) -> FloatArray:
    if len(data) % _LITTLE_ENDIAN.itemsize:
        raise InvalidEmbeddingError(
            f"{len(data)} bytes are no whole float32 numbers", "send little-endian float32"
        )
    return np.frombuffer(data, _LITTLE_ENDIAN)
