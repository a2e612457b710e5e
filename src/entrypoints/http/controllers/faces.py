"""Faces in pictures, and how alike they are."""

from __future__ import annotations

import asyncio
from typing import Annotated

from litestar import Controller, post
from litestar.params import JSONBody, QueryParameter

from domain.errors import DomainError
from domain.reid.faces import Analysis
from domain.reid.matching import compare, find_matches
from entrypoints.http.bodies import ApiRequest
from entrypoints.http.dependencies import Caller, TheClock, TheFaces
from entrypoints.http.errors import problem_of
from entrypoints.http.images import incoming_picture, media_type_of, picture_bytes
from entrypoints.http.openapi import ImageOperation, problems
from entrypoints.http.schemas.faces import (
    AnalysisView,
    AnalyzeBatchBody,
    BatchAnalysisView,
    CompareBody,
    EmbeddingFormat,
    FaceView,
    FindMatchesBody,
    MatchView,
    PictureAnalysisView,
    SimilarityView,
    numbers,
    rows,
)

MAX_PICTURE_BYTES = 64 * 1024**2
"""Of a body with one picture: 4096 x 4096 pixels as PNG, in base64."""

MAX_BATCH_BYTES = 256 * 1024**2
"""Of a body with up to 32 pictures."""

MAX_MATCH_BYTES = 256 * 1024**2
"""Of a body with embeddings: 10,000 of 512 numbers take up to 110 MB as JSON."""

_MODEL_PROBLEMS = (
    "examination_failed",
    "model_missing",
    "model_corrupt",
    "provider_unavailable",
    "invalid_option",
    "overloaded",
)


class FacesController(Controller):
    """Analyse and compare faces. Nothing of what is sent is stored."""

    path = "/"
    tags = ("Re-identification",)

    @post(
        "/analyze",
        operation_id="analyzeFace",
        operation_class=ImageOperation,
        summary="Analyse a face",
        status_code=200,
        request_max_body_size=MAX_PICTURE_BYTES,
        responses=problems(
            "invalid_image",
            "image_too_large",
            "face_not_found",
            "face_too_small",
            *_MODEL_PROBLEMS,
            writes=True,
            body=True,
        ),
    )
    async def analyze(
        self,
        request: ApiRequest,
        caller: Caller,
        faces: TheFaces,
        clock: TheClock,
        embedding_format: Annotated[
            EmbeddingFormat,
            QueryParameter(description="For forms and pictures; JSON and msgpack bodies say it themselves."),
        ] = "list",
    ) -> AnalysisView:
        """The most prominent face of a picture, which is the largest: where it is, how it is turned and how
        sharp, what it expresses, and an embedding to compare it by."""
        del caller
        picture = await incoming_picture(request, embedding_format)
        analysis = await faces.analysis()
        found = await analysis.analyze(picture.data)
        return AnalysisView.of_analysis(found, picture.embedding_format, analysis.space.name, clock.now())

    @post(
        "/analyze/batch",
        operation_id="analyzeFaces",
        summary="Analyse every face of several pictures",
        status_code=200,
        request_max_body_size=MAX_BATCH_BYTES,
        responses=problems("batch_too_large", *_MODEL_PROBLEMS, writes=True, body=True),
    )
    async def analyze_batch(
        self,
        data: JSONBody[AnalyzeBatchBody],
        request: ApiRequest,
        caller: Caller,
        faces: TheFaces,
        clock: TheClock,
    ) -> BatchAnalysisView:
        """At most 32 pictures with at most 32 faces; a picture that is none does not stop the others."""
        del caller
        analysis = await faces.analysis()
        media_type = media_type_of(request)
        pictures = [picture_or_error(one, media_type) for one in data.images]
        found = iter(await analysis.analyze_all([one for one in pictures if isinstance(one, bytes)]))
        outcomes = [next(found) if isinstance(one, bytes) else one for one in pictures]
        return BatchAnalysisView(
            results=[
                _result(index, outcome, data.embedding_format) for index, outcome in enumerate(outcomes)
            ],
            timestamp=clock.now(),
            model=analysis.space.name,
        )
