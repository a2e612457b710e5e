"""Schemas of face analysis and comparison."""

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
from framecloak.domain.model.faces import EmbeddingSpace, Face, ImageAnalysis, Quality
from framecloak.domain.reid.calibration import Calibration, Scale
from framecloak.domain.reid.matching import Match, VectorLike, similarity_scale
from framecloak.entrypoints.schemas.common import Body, View
from framecloak.entrypoints.schemas.problems import Problem

EmbeddingFormat: TypeAlias = Annotated[
    Literal["list", "base64"],
    Meta(
        description="Format of embeddings: lists of numbers, or little-endian float32 as base64 in JSON and"
        " as binary in msgpack.",
    ),
]
ImageFile: TypeAlias = Annotated[
    msgspec.Raw,
    Meta(
        description="Image file: base64, also as a data URL, or binary in msgpack.",
        extra_json_schema={"type": "string", "contentEncoding": "base64"},
    ),
]
Vector: TypeAlias = Annotated[
    list[float] | bytes,
    Meta(description="Embedding as numbers, or as little-endian float32: base64 in JSON, binary in msgpack."),
]
Cosine: TypeAlias = Annotated[float, Meta(ge=-1, le=1, description="Cosine similarity.", examples=[0.85])]
Threshold: TypeAlias = Annotated[
    float, Meta(ge=-1, le=1, description="Minimum cosine similarity of a match.", examples=[0.5])
]
RowDecoder: TypeAlias = Callable[[msgspec.Raw, int], list[float]]
"""Decodes a row of a list, given its encoded value and its index."""

_LITTLE_ENDIAN = np.dtype("<f4")


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


Score: TypeAlias = Annotated[
    float,
    Meta(
        description=(
            "Calibrated score, 0 to 1: how likely both faces show one person, where pairs of one and of two "
            "people are equally frequent. 0.5 is as likely as not."
        ),
        examples=[0.97],
    ),
]
ScaleOfAnswer: TypeAlias = Annotated[
    Scale | None,
    Meta(
        description=(
            "Scale of `threshold` and `similarity`: `cosine`, whose meaning depends on the model, or "
            "`calibrated`, 0 to 1 for every model. Without it, `similarity` is the cosine, and so is "
            "`threshold`, except for embeddings of dlib, where 0.5 as a cosine would match everybody: there "
            "it is a score."
        ),
        examples=["calibrated"],
    ),
]
ModelOfEmbeddings: TypeAlias = Annotated[
    Annotated[str, Meta(max_length=200)] | None,
    Meta(
        description="Model of the embeddings, for their calibration; default: by their length.",
        examples=["buffalo_l"],
    ),
]


class CompareBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Two embeddings of the same model."""

    face1_embedding: Vector
    face2_embedding: Vector
    scale: ScaleOfAnswer = None
    model: ModelOfEmbeddings = None


class SimilarityView(View, frozen=True, kw_only=True):
    """Similarity of two faces."""

    similarity: Annotated[
        float,
        Meta(description="Similarity on the requested scale: the cosine, or the score.", examples=[0.85]),
    ]
    cosine: Cosine
    score: Score

    @classmethod
    def of(cls, cosine: float, calibration: Calibration, scale: Scale | None) -> Self:
        """Build the view of a similarity."""
        score = calibration.score(cosine)
        return cls(similarity=score if scale is Scale.CALIBRATED else cosine, cosine=cosine, score=score)


class FindMatchesBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An embedding, and embeddings of the same model to compare it with."""

    target_embedding: Vector
    embeddings: Annotated[
        list[msgspec.Raw] | memoryview,
        Meta(
            description="Lists of numbers; or row-major little-endian float32 as base64 in JSON and as binary"
            " in msgpack, which is many times faster.",
            extra_json_schema={
                "anyOf": [
                    {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
                    {"type": "string", "contentEncoding": "base64"},
                ]
            },
        ),
    ]
    threshold: Annotated[
        float,
        Meta(
            ge=-1,
            le=1,
            description="Minimum similarity of a match, on the requested scale.",
            examples=[0.5],
        ),
    ] = 0.5
    scale: ScaleOfAnswer = None
    model: ModelOfEmbeddings = None
    top_k: Annotated[int, Meta(ge=1, description="Maximum number of matches.")] | None = None


class MatchView(View, frozen=True, kw_only=True):
    """An embedding that matches the target."""

    index: Annotated[int, Meta(description="Index in `embeddings`, from 0.", examples=[0])]
    similarity: Annotated[
        float,
        Meta(description="Similarity on the requested scale: the cosine, or the score.", examples=[0.85]),
    ]
    cosine: Cosine
    score: Score

    @classmethod
    def of(cls, match: Match, calibration: Calibration, scale: Scale | None) -> Self:
        """Build the view of a match."""
        cosine, score = match.similarity, calibration.score(match.similarity)
        similarity = score if scale is Scale.CALIBRATED else cosine
        return cls(index=match.index, similarity=similarity, cosine=cosine, score=score)


def decode_embedding(vector: list[float] | bytes) -> VectorLike:
    """Return the numbers of an embedding in a request.

    Raises:
        InvalidEmbeddingError: the bytes are not a sequence of float32.
    """
    return vector if isinstance(vector, list) else _floats(vector)


def decode_embeddings(vectors: list[msgspec.Raw] | memoryview, width: int, decode: RowDecoder) -> FloatArray:
    """Return the embeddings of a request as a matrix of shape (n, width), float32.

    Rows are decoded one by one: a list of all numbers would take ten times the memory, spend most of the time
    on its allocation, and hold the global interpreter lock meanwhile.

    Args:
        vectors: encoded rows, or the bytes of a matrix.
        width: length of an embedding.
        decode: decodes a row.

    Raises:
        InvalidEmbeddingError: a row has another length, or the bytes are not a matrix of that width.
        InvalidBodyError: a row is not a list of numbers.
    """
    if not width:
        raise InvalidEmbeddingError("the target embedding is empty", "send what an analysis returned")
    if isinstance(vectors, memoryview):
        return _matrix(vectors, width)
    pack, packed = struct.Struct(f"{width}f").pack, []
    for index, encoded in enumerate(vectors):
        row = decode(encoded, index)
        if len(row) != width:
            raise InvalidEmbeddingError(
                f"embedding {index} has {len(row)} numbers, but the target has {width}",
                "compare embeddings of one model only",
            )
        try:
            packed.append(pack(*row))
        except OverflowError as error:
            raise InvalidEmbeddingError(
                f"embedding {index} has a number out of range of float32", "send what an analysis returned"
            ) from error
    return np.frombuffer(b"".join(packed), np.float32).reshape(-1, width)


def _matrix(data: memoryview, width: int) -> FloatArray:
    floats = _floats(data)
    if len(floats) % width:
        raise InvalidEmbeddingError(
            f"{len(floats)} numbers are not a multiple of {width}, the length of the target",
            "send all numbers of all rows, one row after the other",
        )
    return floats.reshape(-1, width)


def encode_embedding(vector: FloatArray, embedding_format: EmbeddingFormat) -> list[float] | bytes:
    """Encode an embedding in the requested format."""
    if embedding_format == "base64":
        return vector.astype(_LITTLE_ENDIAN, copy=False).tobytes()
    values: list[float] = vector.tolist()
    return values


def _floats(data: bytes | memoryview) -> FloatArray:
    if len(data) % _LITTLE_ENDIAN.itemsize:
        raise InvalidEmbeddingError(
            f"{len(data)} bytes are not a whole number of float32 values", "send little-endian float32"
        )
    return np.frombuffer(data, _LITTLE_ENDIAN)
