"""People of a gallery, for requests that redact by identity.

Their embeddings stay under the gallery's secret rotation, even in a worker's memory: query embeddings are
rotated with the same key before the comparison. The comparison is exact for any size of gallery, because an
approximate search could give different slices different answers.

The submitting user needs access to the gallery on submission and whenever a part of the result is produced.
People who are enrolled later are ignored. If a face is removed from the gallery, the request fails: all
parts of a result must be based on the same people.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from framecloak.domain.anonymization.identification.decisions import IdentificationSetup, identity_rule
from framecloak.domain.anonymization.model.identities import IdentityOptions, PinnedPeople
from framecloak.domain.anonymization.model.request import AnonymizationRequest
from framecloak.domain.errors import (
    GalleryDamagedError,
    GalleryKeyMissingError,
    GalleryNotFoundError,
    IdentitiesLostError,
    InvalidOptionError,
    ModelMismatchError,
    NotAuthenticatedError,
)
from framecloak.domain.model.accounts import Means, Principal, principal_of, require_enabled
from framecloak.domain.ports.clock import Clock
from framecloak.domain.ports.database import Database, UnitOfWork
from framecloak.domain.ports.models import FaceRecognizer
from framecloak.domain.ports.repositories.galleries import EncryptedFace, EncryptedGallery
from framecloak.domain.ports.security import GalleryCipher
from framecloak.domain.reid.galleries.encryption import decrypt_gallery
from framecloak.domain.reid.reference_people import ReferenceEmbeddings, ReferencePeople

MAX_REFERENCE_FACES = 20_000
"""Maximum number of faces in a gallery that a request uses; all faces of a video are compared with it."""

_UNUSABLE_ERRORS = (
    GalleryNotFoundError,
    GalleryKeyMissingError,
    GalleryDamagedError,
    ModelMismatchError,
    NotAuthenticatedError,
)


class GalleryPeople:
    """Loader of the people in a gallery.

    Args:
        database: database with the galleries.
        cipher: cipher of their contents.
        clock: current time (UTC).
        recognizer: returns the face recogniser; may load its model on the first call.
    """

    def __init__(
        self,
        database: Database,
        cipher: GalleryCipher,
        clock: Clock,
        recognizer: Callable[[], FaceRecognizer],
    ) -> None:
        self._database = database
        self._cipher = cipher
        self._clock = clock
        self._load_recognizer = recognizer

    async def recognizer(self) -> FaceRecognizer:
        """Return the face recogniser, loading it in a thread if necessary.

        Raises:
            ModelMissingError: no recognition model is installed.
            ModelCorruptError: the model file is damaged.
            ProviderUnavailableError: the requested execution provider is unavailable.
        """
        return await asyncio.to_thread(self._load_recognizer)

    async def pin(
        self, work: UnitOfWork, principal: Principal, identities: IdentityOptions, recognizer: FaceRecognizer
    ) -> PinnedPeople:
        """Return a fingerprint of the people who are enrolled now, with the effective threshold.

        Raises:
            GalleryNotFoundError: there is no such gallery, or the caller has no access to it.
            ModelMismatchError: the gallery belongs to another recognition model than the installed one.
            GalleryKeyMissingError: the gallery is encrypted with a key that is not configured.
            InvalidOptionError: the gallery is empty or too large, or the threshold is unsafe with its model.
        """
        gallery = await work.galleries.get(identities.gallery_id, principal, self._clock.now())
        decrypt_gallery(self._cipher, gallery).require_space(recognizer.space)
        faces = (await work.gallery_faces.list(gallery.id, MAX_REFERENCE_FACES + 1, 0)).items
        if not faces:
            raise InvalidOptionError(f"gallery {gallery.id} has no enrolled faces", "enrol a face first")
        if len(faces) > MAX_REFERENCE_FACES:
            raise InvalidOptionError(
                f"gallery {gallery.id} has more than {MAX_REFERENCE_FACES} faces",
                "create a smaller gallery with the people relevant to the video",
            )
        rule = identity_rule(gallery.space, identities.mode, identities.threshold, identities.unknown)
        return PinnedPeople(rule.threshold, len(faces), _digest(faces))

    async def require_gallery(self, request: AnonymizationRequest) -> None:
        """Require that the gallery of a request, if it uses one, is still accessible.

        Raises:
            IdentitiesLostError: the gallery is gone, or the user has lost access to it.
        """
        identities = request.spec.identities
        if identities and request.spec.recognises_faces:
            try:
                async with self._database.unit_of_work() as work:
                    await self._gallery(work, request, identities)
            except _UNUSABLE_ERRORS as error:
                raise _identities_lost(identities, str(error.user_message())) from error

    async def identification(
        self, request: AnonymizationRequest, pinned: PinnedPeople | None
    ) -> IdentificationSetup | None:
        """Return the identification setup of a request and record the use of its gallery in the audit log.

        Returns:
            The setup; None if the request does not redact by identity.

        Raises:
            IdentitiesLostError: the gallery is gone, is no longer accessible, belongs to another model than
                the installed one, or lacks a face that it had on submission.
            InvalidOptionError: the threshold is unsafe with that model; an earlier version of the program may
                have accepted it.
            ModelMissingError: no recognition model is installed.
        """
        identities = request.spec.identities
        if identities is None or not request.spec.recognises_faces:
            return None
        if pinned is None:
            raise _identities_lost(identities, "its enrolled faces were not recorded")
        recognizer = await self.recognizer()
        try:
            async with self._database.unit_of_work() as work:
                principal, gallery = await self._gallery(work, request, identities)
                decrypt_gallery(self._cipher, gallery).require_space(recognizer.space)
                faces, vectors = await work.gallery_faces.first_with_vectors(gallery.id, pinned.faces)
                details = {"request": str(request.id), "faces": len(faces)}
                await work.audit.add(principal, "gallery.identify", f"gallery:{gallery.id}", details)
                await work.commit()
            if _digest(faces) != pinned.digest:
                raise _identities_lost(identities, "a face was removed from it")
            references = await asyncio.to_thread(self._reference_embeddings, gallery, faces, vectors)
        except _UNUSABLE_ERRORS as error:
            raise _identities_lost(identities, str(error.user_message())) from error
        people = ReferencePeople(f"gallery:{gallery.id}", gallery.space, references)
        rule = identity_rule(gallery.space, identities.mode, pinned.threshold, identities.unknown)
        return IdentificationSetup(recognizer, people, rule)

    async def _gallery(
        self, work: UnitOfWork, request: AnonymizationRequest, identities: IdentityOptions
    ) -> tuple[Principal, EncryptedGallery]:
        """Return the submitting principal of a request and its gallery, if still accessible to them."""
        principal = principal_of(require_enabled(await work.users.get(request.user_id)), Means.COMMAND)
        return principal, await work.galleries.get(identities.gallery_id, principal, self._clock.now())

    def _reference_embeddings(
        self, gallery: EncryptedGallery, faces: Sequence[EncryptedFace], vectors: np.ndarray
    ) -> list[ReferenceEmbeddings]:
        """Group faces by encryption key; during a key rotation there are two keys."""
        references = []
        for key_id in sorted({face.key_id for face in faces}):
            rows = [row for row, face in enumerate(faces) if face.key_id == key_id]
            turn = partial(self._cipher.rotate, key_id, gallery.id)
            # Compute the rotation now, so that a missing key is reported here and not during the analysis.
            turn(np.zeros((1, gallery.space.dimension), np.float32))
            references.append(ReferenceEmbeddings(vectors[rows], turn))
        return references


def _digest(faces: Sequence[EncryptedFace]) -> bytes:
    return hashlib.sha256(b"".join(face.id.bytes for face in faces)).digest()


def _identities_lost(identities: IdentityOptions, reason: str) -> IdentitiesLostError:
    return IdentitiesLostError(
        f"gallery {identities.gallery_id} is no longer usable as it was when the request was submitted: "
        f"{reason}",
        "submit the request again with an existing gallery",
    )
