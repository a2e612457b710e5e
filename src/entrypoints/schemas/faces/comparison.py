"""Schemas of comparing faces."""

from __future__ import annotations

from typing import Annotated, Self, TypeAlias

import msgspec
from msgspec import Meta

from framecloak.domain.reid.calibration import Calibration, Scale
from framecloak.domain.reid.matching import Match
from framecloak.entrypoints.schemas.common import Body, View
from framecloak.entrypoints.schemas.faces.embeddings import Vector

Cosine: TypeAlias = Annotated[float, Meta(ge=-1, le=1, description="Cosine similarity.", examples=[0.85])]
Threshold: TypeAlias = Annotated[
    float, Meta(ge=-1, le=1, description="Minimum cosine similarity of a match.", examples=[0.5])
]
Score: TypeAlias = Annotated[
    Annotated[float, Meta(ge=0, le=1)] | None,
    Meta(
        description=(
            "Calibrated score, 0 to 1: how likely both faces show one person, where pairs of one and of two "
            "people are equally frequent. 0.5 is as likely as not. `null` for a model without a calibration."
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
            "it is a score. `calibrated` is refused for a model without a calibration."
        ),
        examples=["calibrated"],
    ),
]
ModelOfEmbeddings: TypeAlias = Annotated[
    Annotated[str, Meta(max_length=200)] | None,
    Meta(
        description=(
            "Model of the embeddings, for their calibration; "
            "default: by their length (128: dlib, 512: ArcFace)."
        ),
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
    def of(cls, cosine: float, calibration: Calibration | None, scale: Scale | None) -> Self:
        """Build the view of a similarity."""
        score = _score(calibration, cosine)
        return cls(similarity=_similarity(cosine, score, scale), cosine=cosine, score=score)


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
    def of(cls, match: Match, calibration: Calibration | None, scale: Scale | None) -> Self:
        """Build the view of a match."""
        cosine, score = match.similarity, _score(calibration, match.similarity)
        return cls(
            index=match.index, similarity=_similarity(cosine, score, scale), cosine=cosine, score=score
        )


def _score(calibration: Calibration | None, cosine: float) -> float | None:
    return None if calibration is None else calibration.score(cosine)


def _similarity(cosine: float, score: float | None, scale: Scale | None) -> float:
    return score if score is not None and scale is Scale.CALIBRATED else cosine
