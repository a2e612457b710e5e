"""The people of a gallery, for requests that ask whose faces are redacted.

Their vectors stay under the gallery's secret rotation, in a worker's memory too: what they are compared with
is turned likewise. The comparison is exact whatever the size of the gallery, because an approximate one would
not give every slice the same answer.

Who submitted a request must be able to use the gallery when it is submitted, and whenever a part of it is
made. Who is enrolled later does not count, and when somebody is removed the request fails: two parts of one
result must not look for different people.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from framecloak.domain.accounts.model import Means, Principal, enabled, principal_of
from framecloak.domain.anonymization.identification.decisions import Identification, rule_for
from framecloak.domain.anonymization.model.identities import Identities, PinnedPeople
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
from framecloak.domain.ports.database import Database, UnitOfWork
from framecloak.domain.ports.galleries import SealedFace, SealedGallery, Vault
from framecloak.domain.ports.recognition import FaceRecognizer
from framecloak.domain.ports.services import Clock
from framecloak.domain.reid.galleries.encryption import open_gallery
from framecloak.domain.reid.reference_people import Likenesses, People

MOST_FACES = 20_000
"""Of a gallery that is compared with every face of a video."""

_LOST = (
    GalleryNotFoundError,
    GalleryKeyMissingError,
    GalleryDamagedError,
    ModelMismatchError,
    NotAuthenticatedError,
)


class GalleryPeople:
    """Finds out who is meant by a gallery.

    Args:
        database: where galleries are.
        vault: keeps their contents secret.
        clock: tells the time.
        recognizer: gives what faces are recognised with; may take a while the first time.
    """

    def __init__(
        self, database: Database, vault: Vault, clock: Clock, recognizer: Callable[[], FaceRecognizer]
    ) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._load = recognizer

    async def recognizer(self) -> FaceRecognizer:
        """What faces are recognised with.

        Raises:
            ModelMissingError: there is nothing to do it with.
            ModelCorruptError: its file is damaged.
            ProviderUnavailableError: it cannot run where it was asked to.
        """
        return await asyncio.to_thread(self._load)

    async def pin(
        self, work: UnitOfWork, principal: Principal, wanted: Identities, recognizer: FaceRecognizer
    ) -> PinnedPeople:
        """Who is enrolled at this moment.

        Raises:
            GalleryNotFoundError: there is no such gallery that the caller may use.
            ModelMismatchError: it is of another model than faces are recognised with here.
            GalleryKeyMissingError: it is sealed with a key that the settings do not name.
            InvalidOptionError: nobody is enrolled, or too many are; or the threshold makes no sense with
                that model.
        """
        gallery = await work.galleries.get(wanted.gallery_id, principal, self._clock.now())
        open_gallery(self._vault, gallery).require_space(recognizer.space)
        faces = (await work.gallery_faces.list(gallery.id, MOST_FACES + 1, 0)).items
        if not faces:
            raise InvalidOptionError(f"nobody is enrolled in gallery {gallery.id}", "enrol a face first")
        if len(faces) > MOST_FACES:
            raise InvalidOptionError(
                f"gallery {gallery.id} has more than {MOST_FACES} faces",
                "put the people who matter to the video into a gallery of their own",
            )
        rule = rule_for(gallery.space, wanted.mode, wanted.threshold, wanted.unknown)
        return PinnedPeople(rule.threshold, len(faces), _digest(faces))

    async def require(self, request: AnonymizationRequest) -> None:
        """Make sure that the gallery of a request may still be used, if it uses one.

        Raises:
            IdentitiesLostError: it may not.
        """
        wanted = request.order.identities
        if wanted and request.order.tells_people_apart:
            try:
                async with self._database.unit_of_work() as work:
                    await self._gallery(work, request, wanted)
            except _LOST as error:
                raise _lost(wanted, str(error.told())) from error

    async def identification(
        self, request: AnonymizationRequest, pinned: PinnedPeople | None
    ) -> Identification | None:
        """What to tell faces of a request apart with; None where nobody is to. The use is recorded.

        Raises:
            IdentitiesLostError: the gallery is gone, may not be used any more, is of another model than
                faces are recognised with here, or lacks a face that it had.
            InvalidOptionError: the threshold makes no sense with that model; a program before this one may
                have taken it in.
            ModelMissingError: there is nothing to recognise faces with.
        """
        wanted = request.order.identities
        if wanted is None or not request.order.tells_people_apart:
            return None
        if pinned is None:
            raise _lost(wanted, "who was enrolled in it is not known")
        recognizer = await self.recognizer()
        try:
            async with self._database.unit_of_work() as work:
                principal, gallery = await self._gallery(work, request, wanted)
                open_gallery(self._vault, gallery).require_space(recognizer.space)
                faces, vectors = await work.gallery_faces.first(gallery.id, pinned.faces)
                details = {"request": str(request.id), "faces": len(faces)}
                await work.audit.add(principal, "gallery.identify", f"gallery:{gallery.id}", details)
                await work.commit()
            if _digest(faces) != pinned.digest:
                raise _lost(wanted, "a face was removed from it")
            likenesses = await asyncio.to_thread(self._likenesses, gallery, faces, vectors)
        except _LOST as error:
            raise _lost(wanted, str(error.told())) from error
        people = People(f"gallery:{gallery.id}", gallery.space, likenesses)
        rule = rule_for(gallery.space, wanted.mode, pinned.threshold, wanted.unknown)
        return Identification(recognizer, people, rule)

    async def _gallery(
        self, work: UnitOfWork, request: AnonymizationRequest, wanted: Identities
    ) -> tuple[Principal, SealedGallery]:
        """Who submitted a request, and its gallery if that account may use it now."""
        principal = principal_of(enabled(await work.users.get(request.user_id)), Means.COMMAND)
        return principal, await work.galleries.get(wanted.gallery_id, principal, self._clock.now())

    def _likenesses(
        self, gallery: SealedGallery, faces: Sequence[SealedFace], vectors: np.ndarray
    ) -> list[Likenesses]:
        """Faces by the key that they are under; while a key is changed there are two."""
        found = []
        for key_id in sorted({face.key_id for face in faces}):
            rows = [number for number, face in enumerate(faces) if face.key_id == key_id]
            turn = partial(self._vault.turn, key_id, gallery.id)
            # Makes the rotation now, where a key that is missing can still be told.
            turn(np.zeros((1, gallery.space.dimension), np.float32))
            found.append(Likenesses(vectors[rows], turn))
        return found


def _digest(faces: Sequence[SealedFace]) -> bytes:
    return hashlib.sha256(b"".join(face.id.bytes for face in faces)).digest()


def _lost(wanted: Identities, why: str) -> IdentitiesLostError:
    return IdentitiesLostError(
        f"gallery {wanted.gallery_id} cannot be used as it was when the request was submitted: {why}",
        "submit the order again with a gallery that is there",
    )
