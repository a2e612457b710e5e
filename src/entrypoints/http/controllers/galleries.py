"""Controller of galleries of enrolled faces."""

from __future__ import annotations

import msgspec
from litestar import Controller, delete, get, post
from litestar.params import JSONBody
from msgspec import UnsetType

from framecloak.domain.errors import InvalidOptionError, ModelMismatchError
from framecloak.domain.model.faces import Embedding, ImageAnalysis
from framecloak.domain.reid.galleries.model import Enrolment, Gallery
from framecloak.domain.reid.galleries.service import GalleryService
from framecloak.domain.reid.lazy_analysis import LazyFaceAnalyzer
from framecloak.domain.reid.matching import VectorLike, default_threshold, unit_vector
from framecloak.entrypoints.asgi.content_negotiation import ApiRequest
from framecloak.entrypoints.asgi.disconnect import cancel_on_disconnect
from framecloak.entrypoints.http.body_operations import EnrolOperation, SearchOperation
from framecloak.entrypoints.http.controllers.faces import IMAGE_PROBLEMS, MAX_IMAGE_BYTES, MODEL_PROBLEMS
from framecloak.entrypoints.http.dependencies import Caller, Injected
from framecloak.entrypoints.http.openapi import problems
from framecloak.entrypoints.http.transport.images import decode_image, incoming_face, media_type_of
from framecloak.entrypoints.schemas.common import Limit, Offset, in_utc
from framecloak.entrypoints.schemas.faces.analysis import QualityView
from framecloak.entrypoints.schemas.faces.embeddings import decode_embedding
from framecloak.entrypoints.schemas.faces.galleries import (
    CreateGalleryBody,
    EnrolBody,
    EnrolledFacePage,
    EnrolledFaceView,
    EnrolmentView,
    FaceId,
    FaceSource,
    GalleryId,
    GalleryMatchView,
    GalleryPage,
    GalleryView,
    LabelQuery,
    MetadataQuery,
    SearchBody,
    ThresholdQuery,
    TopKQuery,
)

_GALLERY_PROBLEMS = ("gallery_not_found", "gallery_key_missing", "gallery_damaged")
_FACE_PROBLEMS = ("invalid_embedding", "model_mismatch", "invalid_option", *IMAGE_PROBLEMS, *MODEL_PROBLEMS)


class GalleriesController(Controller):
    """Endpoints of the caller's galleries; administrators see all galleries."""

    path = "/galleries"
    tags = ("Galleries",)

    @post(
        "/",
        operation_id="createGallery",
        summary="Create a gallery",
        responses=problems("invalid_option", *MODEL_PROBLEMS, writes=True, body=True),
    )
    async def create_gallery(
        self,
        data: JSONBody[CreateGalleryBody],
        caller: Caller,
        galleries: Injected[GalleryService],
        faces: Injected[LazyFaceAnalyzer],
    ) -> GalleryView:
        """Create a gallery for embeddings of the current recognition model; those of others are rejected."""
        space = (await faces.analyzer()).space
        return GalleryView.of(await galleries.create(caller, data.name, space, in_utc(data.expires_at)))

    @get(
        "/",
        operation_id="listGalleries",
        summary="List galleries",
        responses=problems("gallery_key_missing", "gallery_damaged", parameters=True),
    )
    async def list_galleries(
        self, caller: Caller, galleries: Injected[GalleryService], limit: Limit = 20, offset: Offset = 0
    ) -> GalleryPage:
        """Return the galleries that you may use, newest first."""
        page = await galleries.list(caller, limit, offset)
        items = [GalleryView.of(gallery) for gallery in page.items]
        return GalleryPage(items=items, total=page.total, limit=limit, offset=offset)

    @get(
        "/{gallery_id:uuid}",
        operation_id="getGallery",
        summary="Get a gallery",
        responses=problems(*_GALLERY_PROBLEMS, parameters=True),
    )
    async def get_gallery(
        self, gallery_id: GalleryId, caller: Caller, galleries: Injected[GalleryService]
    ) -> GalleryView:
        """Return a gallery."""
        return GalleryView.of(await galleries.get(caller, gallery_id))

    @delete(
        "/{gallery_id:uuid}",
        operation_id="deleteGallery",
        summary="Delete a gallery",
        responses=problems("gallery_not_found", writes=True, parameters=True),
    )
    async def delete_gallery(
        self, gallery_id: GalleryId, caller: Caller, galleries: Injected[GalleryService]
    ) -> None:
        """Delete a gallery with all its faces; this cannot be undone."""
        await galleries.delete(caller, gallery_id)

    @post(
        "/{gallery_id:uuid}/faces",
        operation_id="enrolFace",
        operation_class=EnrolOperation,
        summary="Enrol a face",
        request_max_body_size=MAX_IMAGE_BYTES,
        responses=problems(*_GALLERY_PROBLEMS, *_FACE_PROBLEMS, "gallery_full", writes=True, body=True),
    )
    async def enrol_face(
        self,
        gallery_id: GalleryId,
        request: ApiRequest,
        caller: Caller,
        galleries: Injected[GalleryService],
        faces: Injected[LazyFaceAnalyzer],
        label: LabelQuery = None,
        metadata: MetadataQuery = None,
    ) -> EnrolmentView:
        """Enrol the largest face of an image, which is not stored, or an embedding of the gallery's model."""
        data = await incoming_face(request, EnrolBody, {"label": label, "metadata": metadata})
        gallery = await galleries.get(caller, gallery_id)
        embedding, analysis = await _embedding_of_source(data, request, gallery, faces)
        (face,) = await galleries.enrol(caller, gallery_id, [Enrolment(data.label, embedding, data.metadata)])
        return EnrolmentView(
            id=face.id,
            label=face.label,
            metadata=dict(face.metadata),
            created_at=face.created_at,
            quality=None if analysis is None else QualityView.of(analysis.faces[0].quality),
            faces_detected=None if analysis is None else analysis.detected,
        )

    @get(
        "/{gallery_id:uuid}/faces",
        operation_id="listEnrolledFaces",
        summary="List enrolled faces",
        responses=problems(*_GALLERY_PROBLEMS, parameters=True),
    )
    async def list_faces(
        self,
        gallery_id: GalleryId,
        caller: Caller,
        galleries: Injected[GalleryService],
        limit: Limit = 20,
        offset: Offset = 0,
    ) -> EnrolledFacePage:
        """Return the faces of a gallery, oldest first."""
        page = await galleries.faces(caller, gallery_id, limit, offset)
        items = [EnrolledFaceView.of(face) for face in page.items]
        return EnrolledFacePage(items=items, total=page.total, limit=limit, offset=offset)

    @delete(
        "/{gallery_id:uuid}/faces/{face_id:uuid}",
        operation_id="deleteEnrolledFace",
        summary="Remove an enrolled face",
        responses=problems("gallery_not_found", "gallery_face_not_found", writes=True, parameters=True),
    )
    async def delete_face(
        self, gallery_id: GalleryId, face_id: FaceId, caller: Caller, galleries: Injected[GalleryService]
    ) -> None:
        """Remove a face from a gallery; this cannot be undone."""
        await galleries.delete_face(caller, gallery_id, face_id)

    @post(
        "/{gallery_id:uuid}/search",
        operation_id="searchGallery",
        operation_class=SearchOperation,
        summary="Search a gallery for a person",
        status_code=200,
        request_max_body_size=MAX_IMAGE_BYTES,
        responses=problems(*_GALLERY_PROBLEMS, *_FACE_PROBLEMS, writes=True, body=True),
    )
    async def search_gallery(
        self,
        gallery_id: GalleryId,
        request: ApiRequest,
        caller: Caller,
        galleries: Injected[GalleryService],
        faces: Injected[LazyFaceAnalyzer],
        threshold: ThresholdQuery = None,
        top_k: TopKQuery = None,
    ) -> list[GalleryMatchView]:
        """Return people with a matching enrolled face, best match first, each with their best face."""
        data = await incoming_face(request, SearchBody, {"threshold": threshold, "top_k": top_k})
        gallery = await galleries.get(caller, gallery_id)
        embedding, _ = await _embedding_of_source(data, request, gallery, faces)
        threshold = default_threshold(gallery.space) if data.threshold is None else data.threshold
        matches = await galleries.search(caller, gallery_id, embedding, threshold, data.top_k)
        return [GalleryMatchView.of(match) for match in matches]


async def _embedding_of_source(
    data: FaceSource, request: ApiRequest, gallery: Gallery, faces: Injected[LazyFaceAnalyzer]
) -> tuple[Embedding, ImageAnalysis | None]:
    """Return the embedding of a face, and the analysis of its image if it is one.

    Raises:
        InvalidOptionError: neither image nor embedding is given, or both are.
        ModelMismatchError: the embedding is of another model than the gallery.
        ClientDisconnectedError: the client disconnected during the analysis of the image.
        DomainError: the image or embedding cannot be decoded, or the analysis failed.
    """
    match data.image_data, data.embedding:
        case msgspec.Raw() as picture, UnsetType():
            image = await decode_image(picture, media_type_of(request))
            analysis = await faces.analyzer()
            result = await cancel_on_disconnect(request, analysis.analyze(image))
            return result.faces[0].embedding, result
        case UnsetType(), list() | bytes() as vector:
            return _checked_embedding(decode_embedding(vector), data.model, gallery), None
    raise InvalidOptionError("a face is either an image or an embedding", "send image_data or embedding")


def _checked_embedding(values: VectorLike, model: str | None, gallery: Gallery) -> Embedding:
    """Return an embedding after checking its model, if given, and its length against the gallery.

    Raises:
        ModelMismatchError: the embedding is of another model.
        InvalidEmbeddingError: the numbers are not a valid embedding.
    """
    space = gallery.space
    if model not in {None, space.name} or len(values) != space.dimension:
        raise ModelMismatchError(
            f"gallery {gallery.id} holds embeddings of {space.name} with {space.dimension} numbers, not of"
            f" {model or 'a model'} with {len(values)}",
            "analyse the image again, or use a gallery of that model",
        )
    return Embedding(space, unit_vector(values))
