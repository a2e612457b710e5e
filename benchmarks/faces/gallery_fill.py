"""Fast filling of a gallery with rows as the service makes them, copied in binary form.

The service enrols a few thousand faces a second, with a lock, an audit entry and checks for each request.
Rows are made by the same function here, and only the way into the table differs.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import numpy as np

from benchmarks.faces.synthetic_faces import Vectors
from framecloak.domain.model.faces import Embedding
from framecloak.domain.ports.repositories.galleries import EncryptedGallery
from framecloak.domain.ports.security import GalleryCipher
from framecloak.domain.reid.galleries.encryption import encrypt_faces
from framecloak.domain.reid.galleries.model import Enrolment

_COLUMNS = ("id", "gallery_id", "key_id", "person", "label", "metadata", "created_at", "vector")

Record = tuple[UUID, UUID, str, bytes, bytes, bytes, datetime, bytes]


async def copy_faces(
    url: str, cipher: GalleryCipher, gallery: EncryptedGallery, blocks: Iterable[tuple[int, Vectors]]
) -> int:
    """Copy faces into a gallery, whose labels are consecutive numbers; return their number.

    Args:
        url: address of the database.
        cipher: cipher of the service.
        gallery: gallery to fill; nobody else enrols faces meanwhile.
        blocks: first label and vectors, (n, dimension) float32, of each block.
    """
    connection = await asyncpg.connect(url, command_timeout=None)
    copied = 0
    try:
        schema = await connection.fetchval(
            "SELECT nspname FROM pg_type JOIN pg_namespace ON pg_namespace.oid = typnamespace "
            "WHERE typname = 'vector'"
        )
        await connection.set_type_codec(
            "vector", schema=schema, encoder=bytes, decoder=bytes, format="binary"
        )
        waiting = iter(blocks)
        following = asyncio.create_task(asyncio.to_thread(_next_rows, cipher, gallery, waiting))
        while rows := await following:
            # The next rows are made while Postgres takes these.
            following = asyncio.create_task(asyncio.to_thread(_next_rows, cipher, gallery, waiting))
            async with connection.transaction():
                await connection.copy_records_to_table("gallery_faces", records=rows, columns=_COLUMNS)
                await connection.execute(
                    "UPDATE galleries SET face_count = face_count + $1 WHERE id = $2", len(rows), gallery.id
                )
            copied += len(rows)
    finally:
        await connection.close()
    return copied


def _next_rows(
    cipher: GalleryCipher, gallery: EncryptedGallery, blocks: Iterable[tuple[int, Vectors]]
) -> Sequence[Record]:
    """Return the rows of the next block; none after the last."""
    for first, block in blocks:
        enrolments = [
            Enrolment(str(first + at), Embedding(gallery.space, vector)) for at, vector in enumerate(block)
        ]
        faces, vectors = encrypt_faces(cipher, gallery, enrolments, datetime.now(UTC))
        # pgvector's binary form: the dimension, two unused bytes, and the numbers in big-endian order.
        head = struct.pack(">HH", vectors.shape[1], 0)
        numbers = np.ascontiguousarray(vectors, ">f4")
        return [
            (
                face.id,
                face.gallery_id,
                face.key_id,
                face.person,
                face.label,
                face.metadata,
                face.created_at,
                head + row.tobytes(),
            )
            for face, row in zip(faces, numbers, strict=True)
        ]
    return []
