"""Conversion between rows of galleries and domain objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from framecloak.adapters.postgres.connection import Record
from framecloak.adapters.postgres.tables.galleries import GalleryFaceRow, GalleryRow
from framecloak.domain.imaging.detections import FloatArray
from framecloak.domain.model.faces import EmbeddingSpace
from framecloak.domain.ports.repositories.galleries import EncryptedFace, EncryptedGallery

GALLERY_COLUMNS = (
    GalleryRow.id,
    GalleryRow.owner_id,
    GalleryRow.name,
    GalleryRow.model_name,
    GalleryRow.model_sha256,
    GalleryRow.dimension,
    GalleryRow.key_id,
    GalleryRow.old_key_id,
    GalleryRow.face_count,
    GalleryRow.indexed,
    GalleryRow.created_at,
    GalleryRow.expires_at,
)
"""Columns for `gallery_from_row`."""

FACE_COLUMNS = (
    GalleryFaceRow.id,
    GalleryFaceRow.gallery_id,
    GalleryFaceRow.key_id,
    GalleryFaceRow.person,
    GalleryFaceRow.label,
    GalleryFaceRow.notes,
    GalleryFaceRow.created_at,
)
"""Columns for `face_from_row`."""


def gallery_from_row(row: Record | Sequence[Any]) -> EncryptedGallery:
    """Return the gallery in the columns ``GALLERY_COLUMNS``."""
    gallery_id, owner_id, name, model, sha256, dimension, *rest = row
    return EncryptedGallery(gallery_id, owner_id, name, EmbeddingSpace(model, sha256, dimension), *rest)


def gallery_values(gallery: EncryptedGallery) -> dict[str, object]:
    """Return the column values of a gallery."""
    return {
        "id": gallery.id,
        "owner_id": gallery.owner_id,
        "name": gallery.name,
        "model_name": gallery.space.name,
        "model_sha256": gallery.space.sha256,
        "dimension": gallery.space.dimension,
        "key_id": gallery.key_id,
        "old_key_id": gallery.old_key_id,
        "face_count": gallery.face_count,
        "indexed": gallery.indexed,
        "created_at": gallery.created_at,
        "expires_at": gallery.expires_at,
    }


def face_from_row(row: Record | Sequence[Any]) -> EncryptedFace:
    """Return the face in the columns ``FACE_COLUMNS``."""
    return EncryptedFace(*row)


def encrypted_values(face: EncryptedFace) -> dict[str, object]:
    """Return the column values of a face that depend on its key, without the vector."""
    return {"key_id": face.key_id, "person": face.person, "label": face.label, "metadata": face.metadata}


def vectors_from_rows(rows: Sequence[Sequence[float]]) -> FloatArray:
    """Return vectors as an array: (n, dimension) float32; (0, 0) for no rows."""
    return np.asarray(rows, np.float32).reshape(len(rows), -1 if rows else 0)
