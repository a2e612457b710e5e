"""What is sealed of a gallery, and for which place: from the domain's objects to stored rows, and back.

A sealed value opens only where it was put: its place names the gallery, the face and the field, so that
whoever can write to the tables cannot give one face the label of another.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

import numpy as np

from framecloak.domain.imaging.detections import FloatArray
from framecloak.domain.ports.galleries import Query, SealedFace, SealedGallery, Vault
from framecloak.domain.reid.galleries.model import EnrolledFace, Enrolment, Gallery


def seal_name(vault: Vault, key_id: str, gallery_id: UUID, name: str) -> bytes:
    """A gallery's name as it is stored.

    Raises:
        GalleryKeyMissingError: there is no such key.
    """
    return vault.seal(key_id, _gallery_place(gallery_id), name.encode())


def open_gallery(vault: Vault, sealed: SealedGallery) -> Gallery:
    """A gallery as people know it.

    Raises:
        GalleryKeyMissingError: its key is not there.
        GalleryDamagedError: it cannot be opened.
    """
    name = vault.open(sealed.key_id, _gallery_place(sealed.id), sealed.name).decode()
    return Gallery(
        sealed.id,
        sealed.owner_id,
        name,
        sealed.space,
        sealed.face_count,
        sealed.created_at,
        sealed.expires_at,
    )


def seal_faces(
    vault: Vault, gallery: SealedGallery, enrolments: Sequence[Enrolment], now: datetime
) -> tuple[list[SealedFace], FloatArray]:
    """New faces as they are stored.

    Returns:
        n faces, and (n, dimension) float32.

    Raises:
        GalleryKeyMissingError: the gallery's key is not there.
    """
    faces = [
        _seal_face(
            vault,
            EnrolledFace(uuid4(), gallery.id, enrolment.label, enrolment.metadata, now),
            gallery.key_id,
        )
        for enrolment in enrolments
    ]
    vectors = np.stack([enrolment.embedding.vector for enrolment in enrolments]).astype(np.float32)
    return faces, vault.turn(gallery.key_id, gallery.id, vectors)


def open_face(vault: Vault, sealed: SealedFace) -> EnrolledFace:
    """A face as people know it.

    Raises:
        GalleryKeyMissingError: its key is not there.
        GalleryDamagedError: it cannot be opened.
    """
    label = vault.open(sealed.key_id, _face_place(sealed.gallery_id, sealed.id, "label"), sealed.label)
    metadata = vault.open(
        sealed.key_id, _face_place(sealed.gallery_id, sealed.id, "metadata"), sealed.metadata
    )
    return EnrolledFace(sealed.id, sealed.gallery_id, label.decode(), json.loads(metadata), sealed.created_at)


def queries(vault: Vault, gallery: SealedGallery, vector: FloatArray) -> list[Query]:
    """What to look for under every key of a gallery.

    Args:
        vault: where the keys are.
        gallery: where to look.
        vector: (dimension,) float32 of unit length.

    Raises:
        GalleryKeyMissingError: a key of the gallery is not there.
    """
    return [
        Query(key_id, vault.turn(key_id, gallery.id, vector[np.newaxis])[0]) for key_id in gallery.key_ids
    ]


def reseal(
    vault: Vault, faces: Sequence[SealedFace], vectors: FloatArray, key_id: str
) -> tuple[list[SealedFace], FloatArray]:
    """The same faces of one gallery under another key.

    Args:
        vault: where the keys are.
        faces: n faces, each under whatever key.
        vectors: (n, dimension) float32 that belong to them.
        key_id: of the key they are to be under.

    Returns:
        n faces, and (n, dimension) float32.

    Raises:
        GalleryKeyMissingError: a key is not there.
        GalleryDamagedError: a face cannot be opened.
    """
    turned = np.empty_like(vectors)
    for old in {face.key_id for face in faces}:
        rows = [number for number, face in enumerate(faces) if face.key_id == old]
        gallery_id = faces[rows[0]].gallery_id
        turned[rows] = vault.turn(key_id, gallery_id, vault.turn_back(old, gallery_id, vectors[rows]))
    return [_seal_face(vault, open_face(vault, face), key_id) for face in faces], turned


def reseal_name(vault: Vault, gallery: SealedGallery, key_id: str) -> bytes:
    """The name of a gallery under another key.

    Raises:
        GalleryKeyMissingError: a key is not there.
        GalleryDamagedError: the name cannot be opened.
    """
    return seal_name(vault, key_id, gallery.id, open_gallery(vault, gallery).name)


def _seal_face(vault: Vault, face: EnrolledFace, key_id: str) -> SealedFace:
    metadata = json.dumps(dict(face.metadata), ensure_ascii=False).encode()
    return SealedFace(
        id=face.id,
        gallery_id=face.gallery_id,
        key_id=key_id,
        person=vault.pseudonym(key_id, face.gallery_id, face.label),
        label=vault.seal(key_id, _face_place(face.gallery_id, face.id, "label"), face.label.encode()),
        metadata=vault.seal(key_id, _face_place(face.gallery_id, face.id, "metadata"), metadata),
        created_at=face.created_at,
    )


def _gallery_place(gallery_id: UUID) -> str:
    return f"gallery/{gallery_id}/name"


def _face_place(gallery_id: UUID, face_id: UUID, field: str) -> str:
    return f"gallery/{gallery_id}/face/{face_id}/{field}"
