"""Encryption of gallery contents: conversion between domain objects and stored rows.

An encrypted value can be decrypted only in its own field: the context of its encryption names the gallery,
the face and the field. Write access to the tables is therefore not enough to give one face the label of
another.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

import numpy as np

from framecloak.domain.imaging.detections import FloatArray
from framecloak.domain.ports.repositories.galleries import Query, SealedFace, SealedGallery
from framecloak.domain.ports.security import Vault
from framecloak.domain.reid.galleries.model import EnrolledFace, Enrolment, Gallery


def seal_name(vault: Vault, key_id: str, gallery_id: UUID, name: str) -> bytes:
    """Encrypt the name of a gallery.

    Raises:
        GalleryKeyMissingError: There is no such key.
    """
    return vault.seal(key_id, _gallery_place(gallery_id), name.encode())


def open_gallery(vault: Vault, sealed: SealedGallery) -> Gallery:
    """Decrypt a stored gallery.

    Raises:
        GalleryKeyMissingError: The gallery's key is missing.
        GalleryDamagedError: The name cannot be decrypted.
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
    """Encrypt new faces and rotate their vectors.

    Returns:
        n faces, and their vectors, (n, dimension) float32.

    Raises:
        GalleryKeyMissingError: The gallery's key is missing.
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
    """Decrypt a stored face.

    Raises:
        GalleryKeyMissingError: The face's key is missing.
        GalleryDamagedError: A field cannot be decrypted.
    """
    label = vault.open(sealed.key_id, _face_place(sealed.gallery_id, sealed.id, "label"), sealed.label)
    metadata = vault.open(
        sealed.key_id, _face_place(sealed.gallery_id, sealed.id, "metadata"), sealed.metadata
    )
    return EnrolledFace(sealed.id, sealed.gallery_id, label.decode(), json.loads(metadata), sealed.created_at)


def queries(vault: Vault, gallery: SealedGallery, vector: FloatArray) -> list[Query]:
    """Return a rotated search vector for every key of a gallery.

    Args:
        vault: Cipher with the keys.
        gallery: Gallery to search.
        vector: (dimension,) float32 of unit length.

    Raises:
        GalleryKeyMissingError: A key of the gallery is missing.
    """
    return [
        Query(key_id, vault.turn(key_id, gallery.id, vector[np.newaxis])[0]) for key_id in gallery.key_ids
    ]


def reseal(
    vault: Vault, faces: Sequence[SealedFace], vectors: FloatArray, key_id: str
) -> tuple[list[SealedFace], FloatArray]:
    """Re-encrypt faces of one gallery with another key.

    Args:
        vault: Cipher with the keys.
        faces: n faces; their keys may differ.
        vectors: Their vectors, (n, dimension) float32.
        key_id: Id of the new key.

    Returns:
        n faces, and their vectors, (n, dimension) float32.

    Raises:
        GalleryKeyMissingError: A key is missing.
        GalleryDamagedError: A face cannot be decrypted.
    """
    rotated = np.empty_like(vectors)
    for old_key_id in {face.key_id for face in faces}:
        rows = [number for number, face in enumerate(faces) if face.key_id == old_key_id]
        gallery_id = faces[rows[0]].gallery_id
        rotated[rows] = vault.turn(key_id, gallery_id, vault.turn_back(old_key_id, gallery_id, vectors[rows]))
    return [_seal_face(vault, open_face(vault, face), key_id) for face in faces], rotated


def reseal_name(vault: Vault, gallery: SealedGallery, key_id: str) -> bytes:
    """Re-encrypt the name of a gallery with another key.

    Raises:
        GalleryKeyMissingError: A key is missing.
        GalleryDamagedError: The name cannot be decrypted.
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
