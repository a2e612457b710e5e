"""Controller of face analysis and comparison."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from litestar import Controller, post
from litestar.params import JSONBody, QueryParameter

from framecloak.domain.errors import DomainError, InvalidImageError
from framecloak.domain.model.faces import ImageAnalysis
from framecloak.domain.ports.clock import Clock
from framecloak.domain.reid.analysis import require_batch_size
from framecloak.domain.reid.calibration import calibration_of, min_cosine, require_calibration
from framecloak.domain.reid.lazy_analysis import LazyFaceAnalyzer
from framecloak.domain.reid.matching import compare, find_matches
from framecloak.entrypoints.asgi.content_negotiation import ApiRequest, decode
from framecloak.entrypoints.asgi.disconnect import cancel_on_disconnect
from framecloak.entrypoints.asgi.problem_details import domain_problem
from framecloak.entrypoints.http.body_operations import ImageOperation
from framecloak.entrypoints.http.dependencies import Injected
from framecloak.entrypoints.http.openapi import problems
from framecloak.entrypoints.http.transport.images import (
    image_bytes,
    incoming_image,
    media_type_of,
    run_off_loop,
)
from framecloak.entrypoints.schemas.faces.analysis import (
    AnalysisView,
    AnalyzeBatchBody,
    BatchAnalysisView,
    FaceView,
    LikenessView,
    PictureAnalysisView,
)
from framecloak.entrypoints.schemas.faces.comparison import (
    CompareBody,
    FindMatchesBody,
    MatchView,
    SimilarityView,
)
from framecloak.entrypoints.schemas.faces.embeddings import (
    EmbeddingFormat,
    decode_embedding,
    decode_embeddings,
)

MAX_IMAGE_BYTES = 64 * 1024**2
"""Maximum size of a body with an image: 4096 x 4096 pixels as PNG in base64."""

MAX_BATCH_BYTES = 256 * 1024**2
"""Maximum size of a body with up to 32 images."""

MAX_MATCH_BYTES = 256 * 1024**2
"""Maximum size of a body with embeddings: 10,000 of 512 numbers take up to 110 MB in JSON."""

IMAGE_PROBLEMS = ("invalid_image", "image_too_large", "face_not_found", "face_too_small")

MODEL_PROBLEMS = (
    "examination_failed",
    "model_missing",
    "model_corrupt",
    "provider_unavailable",
    "invalid_option",
    "overloaded",
)


class FacesController(Controller):
    """Endpoints to analyse and compare faces; nothing is stored."""

    path = "/"
    tags = ("Re-identification",)

    @post(
        "/analyze",
        operation_id="analyzeFace",
        operation_class=ImageOperation,
        summary="Analyse a face",
        status_code=200,
        request_max_body_size=MAX_IMAGE_BYTES,
        responses=problems(
            *IMAGE_PROBLEMS,
            *MODEL_PROBLEMS,
            writes=True,
            body=True,
        ),
    )
    async def analyze(
        self,
        request: ApiRequest,
        faces: Injected[LazyFaceAnalyzer],
        clock: Injected[Clock],
        embedding_format: Annotated[
            EmbeddingFormat,
            QueryParameter(
                description="Embedding format, for forms and image bodies; JSON and msgpack have a field."
            ),
        ] = "list",
    ) -> AnalysisView:
        """Return box, landmarks, pose and sharpness of the most prominent face, which is the largest.

        The response also has its emotions and an embedding to compare it with other faces.
        """
        picture = await incoming_image(request, embedding_format)
        analysis = await faces.analyzer()
        result = await cancel_on_disconnect(request, analysis.analyze(picture.data))
        return AnalysisView.of_analysis(result, picture.embedding_format, analysis.space.name, clock.now())

    @post(
        "/analyze/batch",
        operation_id="analyzeFaces",
        summary="Analyse all faces of several images",
        status_code=200,
        request_max_body_size=MAX_BATCH_BYTES,
        responses=problems("batch_too_large", *MODEL_PROBLEMS, writes=True, body=True),
    )
    async def analyze_batch(
        self,
        data: JSONBody[AnalyzeBatchBody],
        request: ApiRequest,
        faces: Injected[LazyFaceAnalyzer],
        clock: Injected[Clock],
    ) -> BatchAnalysisView:
        """Analyse up to 32 images with up to 32 faces each; an invalid image does not affect the others."""
        analysis = await faces.analyzer()
        media_type = media_type_of(request)
        require_batch_size(len(data.images))
        images = await run_off_loop(
            lambda: [_decode_batch_image(picture, media_type) for picture in data.images],
            sum(map(len, data.images)),
        )
        outcomes = await cancel_on_disconnect(request, analysis.analyze_all(images))
        return BatchAnalysisView(
            results=[
                _result(index, outcome, data.embedding_format) for index, outcome in enumerate(outcomes)
            ],
            timestamp=clock.now(),
            model=analysis.space.name,
            likeness=LikenessView.of(analysis.space),
        )

    @post(
        "/compare",
        operation_id="compareFaces",
        summary="Compare two faces",
        status_code=200,
        responses=problems("invalid_embedding", "invalid_option", writes=True, body=True),
    )
    async def compare_faces(self, data: JSONBody[CompareBody]) -> SimilarityView:
        """Return the cosine similarity of two embeddings of the same model, and its calibrated score."""
        first, second = decode_embedding(data.face1_embedding), decode_embedding(data.face2_embedding)
        calibration = calibration_of(data.model, len(first))
        require_calibration(calibration, data.scale)
        return SimilarityView.of(compare(first, second), calibration, data.scale)

    @post(
        "/find_matches",
        operation_id="findMatches",
        summary="Find matching faces",
        status_code=200,
        request_max_body_size=MAX_MATCH_BYTES,
        responses=problems("invalid_embedding", "invalid_option", writes=True, body=True),
    )
    async def find_matches(self, data: JSONBody[FindMatchesBody], request: ApiRequest) -> list[MatchView]:
        """Return the embeddings that match a target embedding, best match first."""
        media_type = media_type_of(request)

        def row(sent: msgspec.Raw, number: int) -> list[float]:
            found: list[float] = decode(sent, media_type, list[float], base_path=f"embeddings[{number}]")
            return found

        def search() -> list[MatchView]:
            target = decode_embedding(data.target_embedding)
            candidates = decode_embeddings(data.embeddings, len(target), row)
            calibration = calibration_of(data.model, len(target))
            threshold = min_cosine(data.threshold, data.scale, calibration)
            found = find_matches(target, candidates, threshold, data.top_k)
            return [MatchView.of(match, calibration, data.scale) for match in found]

        # Run in a thread: other requests proceed between two rows and during NumPy calls.
        return await asyncio.to_thread(search)


def _decode_batch_image(field: msgspec.Raw, media_type: str) -> bytes:
    """Return an image of a batch; empty bytes, which are no valid image, if it is not valid base64."""
    try:
        return image_bytes(field, media_type)
    except InvalidImageError:
        return b""


def _result(
    index: int, outcome: ImageAnalysis | DomainError, embedding_format: EmbeddingFormat
) -> PictureAnalysisView:
    if isinstance(outcome, DomainError):
        return PictureAnalysisView(index=index, faces=[], faces_detected=0, error=domain_problem(outcome))
    views = [FaceView.of(face, embedding_format) for face in outcome.faces]
    return PictureAnalysisView(index=index, faces=views, faces_detected=outcome.detected, error=None)
