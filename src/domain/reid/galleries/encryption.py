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
from framecloak.domain.ports.repositories.galleries import EncryptedFace, EncryptedGallery, RotatedQuery
from framecloak.domain.ports.security import GalleryCipher
from framecloak.domain.reid.galleries.model import EnrolledFace, Enrolment, Gallery


def encrypt_name(cipher: GalleryCipher, key_id: str, gallery_id: UUID, name: str) -> bytes:
    """Encrypt the name of a gallery.

    Raises:
        GalleryKeyMissingError: there is no such key.
    """
    return cipher.encrypt(key_id, _name_context(gallery_id), name.encode())


def decrypt_gallery(cipher: GalleryCipher, encrypted: EncryptedGallery) -> Gallery:
    """Decrypt a stored gallery.

    Raises:
        GalleryKeyMissingError: the gallery's key is missing.
        GalleryDamagedError: the name cannot be decrypted.
    """
    name = cipher.decrypt(encrypted.key_id, _name_context(encrypted.id), encrypted.name).decode()
    return Gallery(
        encrypted.id,
        encrypted.owner_id,
        name,
        encrypted.space,
        encrypted.face_count,
        encrypted.created_at,
        encrypted.expires_at,
    )


def encrypt_faces(
    cipher: GalleryCipher, gallery: EncryptedGallery, enrolments: Sequence[Enrolment], now: datetime
) -> tuple[list[EncryptedFace], FloatArray]:
    """Encrypt new faces and rotate their vectors.

    Returns:
        n faces, and their vectors, (n, dimension) float32.

    Raises:
        GalleryKeyMissingError: the gallery's key is missing.
    """
    faces = [
        _encrypt_face(
            cipher,
            EnrolledFace(uuid4(), gallery.id, enrolment.label, enrolment.metadata, now),
            gallery.key_id,
        )
        for enrolment in enrolments
    ]
    vectors = np.stack([enrolment.embedding.vector for enrolment in enrolments]).astype(np.float32)
    return faces, cipher.rotate(gallery.key_id, gallery.id, vectors)


def decrypt_face(cipher: GalleryCipher, encrypted: EncryptedFace) -> EnrolledFace:
    """Decrypt a stored face.

    Raises:
        GalleryKeyMissingError: the face's key is missing.
        GalleryDamagedError: a field cannot be decrypted.
    """
    label = cipher.decrypt(
        encrypted.key_id, _field_context(encrypted.gallery_id, encrypted.id, "label"), encrypted.label
    )
    metadata = cipher.decrypt(
        encrypted.key_id, _field_context(encrypted.gallery_id, encrypted.id, "metadata"), encrypted.metadata
    )
    return EnrolledFace(
        encrypted.id, encrypted.gallery_id, label.decode(), json.loads(metadata), encrypted.created_at
    )


def rotated_queries(
    cipher: GalleryCipher, gallery: EncryptedGallery, vector: FloatArray
) -> list[RotatedQuery]:
    """Return a rotated search vector for every key of a gallery.

    Args:
        cipher: cipher with the keys.
        gallery: gallery to search.
        vector: (dimension,) float32 of unit length.

    Raises:
        GalleryKeyMissingError: a key of the gallery is missing.
    """
    return [
        RotatedQuery(key_id, cipher.rotate(key_id, gallery.id, vector[np.newaxis])[0])
        for key_id in gallery.key_ids
    ]


def reencrypt_faces(
    cipher: GalleryCipher, faces: Sequence[EncryptedFace], vectors: FloatArray, key_id: str
) -> tuple[list[EncryptedFace], FloatArray]:
    """Re-encrypt faces of one gallery with another key.

    Args:
        cipher: cipher with the keys.
        faces: n faces; their keys may differ.
        vectors: their vectors, (n, dimension) float32.
        key_id: id of the new key.

    Returns:
        n faces, and their vectors, (n, dimension) float32.

    Raises:
        GalleryKeyMissingError: a key is missing.
        GalleryDamagedError: a face cannot be decrypted.
    """
    rotated = np.empty_like(vectors)
    for old_key_id in {face.key_id for face in faces}:
        rows = [number for number, face in enumerate(faces) if face.key_id == old_key_id]
        gallery_id = faces[rows[0]].gallery_id
        rotated[rows] = cipher.rotate(
            key_id, gallery_id, cipher.rotate_back(old_key_id, gallery_id, vectors[rows])
        )
    return [_encrypt_face(cipher, decrypt_face(cipher, face), key_id) for face in faces], rotated


def reencrypt_name(cipher: GalleryCipher, gallery: EncryptedGallery, key_id: str) -> bytes:
    """Re-encrypt the name of a gallery with another key.

    Raises:
        GalleryKeyMissingError: a key is missing.
        GalleryDamagedError: the name cannot be decrypted.
    """
    return encrypt_name(cipher, key_id, gallery.id, decrypt_gallery(cipher, gallery).name)


def _encrypt_face(cipher: GalleryCipher, face: EnrolledFace, key_id: str) -> EncryptedFace:
    metadata = json.dumps(dict(face.metadata), ensure_ascii=False).encode()
    return EncryptedFace(
        id=face.id,
        gallery_id=face.gallery_id,
        key_id=key_id,
        person=cipher.pseudonym(key_id, face.gallery_id, face.label),
        label=cipher.encrypt(key_id, _field_context(face.gallery_id, face.id, "label"), face.label.encode()),
        metadata=cipher.encrypt(key_id, _field_context(face.gallery_id, face.id, "metadata"), metadata),
        created_at=face.created_at,
    )


def _name_context(gallery_id: UUID) -> str:
    return f"gallery/{gallery_id}/name"


def _field_context(gallery_id: UUID, face_id: UUID, field: str) -> str:
    return f"gallery/{gallery_id}/face/{face_id}/{field}"
