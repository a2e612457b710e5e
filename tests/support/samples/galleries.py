"""Embeddings and galleries for tests."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

import numpy as np

from framecloak.domain.imaging.detections import FloatArray
from framecloak.domain.model.accounts import User
from framecloak.domain.model.faces import Embedding, EmbeddingSpace
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.repositories.galleries import EncryptedFace, EncryptedGallery
from support.samples.persistence import NOW

SPACE = EmbeddingSpace("dlib-resnet", "ab" * 32, 8)


def unit_vector(*numbers: float) -> FloatArray:
    """Return a vector of length 1 that starts with these numbers."""
    vector = np.zeros(SPACE.dimension, np.float32)
    vector[: len(numbers)] = numbers
    return vector / np.linalg.norm(vector)


def embedding(*numbers: float) -> Embedding:
    return Embedding(SPACE, unit_vector(*numbers))


def encrypted_gallery(owner: User, **changes: object) -> EncryptedGallery:
    values: dict[str, object] = {
        "id": uuid4(),
        "owner_id": owner.id,
        "name": b"sealed name",
        "space": SPACE,
        "key_id": "first",
        "old_key_id": None,
        "face_count": 0,
        "indexed": False,
        "created_at": NOW,
        "expires_at": None,
    }
    return EncryptedGallery(**{**values, **changes})


def encrypted_face(
    gallery_id: UUID, person: str, key_id: str = "first", created_at: datetime = NOW
) -> EncryptedFace:
    pseudonym = f"{key_id}/{person}".encode().ljust(16)
    return EncryptedFace(uuid4(), gallery_id, key_id, pseudonym, b"label\0", b"metadata\xff", created_at)


async def add_gallery(database: Database, owner: User, **changes: object) -> EncryptedGallery:
    gallery = encrypted_gallery(owner, **changes)
    async with database.unit_of_work() as work:
        await work.galleries.add(gallery)
        await work.commit()
    return gallery


async def add_face(
    database: Database, gallery: EncryptedGallery, person: str, vector: FloatArray, key_id: str = "first"
) -> EncryptedFace:
    face = encrypted_face(gallery.id, person, key_id)
    async with database.unit_of_work() as work:
        await work.gallery_faces.add([face], vector[np.newaxis])
        await work.commit()
    return face
