"""Embeddings in requests and answers."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Annotated, Literal, TypeAlias

import msgspec
import numpy as np
from msgspec import Meta

from framecloak.domain.errors import InvalidEmbeddingError
from framecloak.domain.imaging.detections import FloatArray
from framecloak.domain.reid.matching import VectorLike

EmbeddingFormat: TypeAlias = Annotated[
    Literal["list", "base64"],
    Meta(
        description="Format of embeddings: lists of numbers, or little-endian float32 as base64 in JSON and"
        " as binary in msgpack.",
    ),
]
Vector: TypeAlias = Annotated[
    list[float] | bytes,
    Meta(description="Embedding as numbers, or as little-endian float32: base64 in JSON, binary in msgpack."),
]
RowDecoder: TypeAlias = Callable[[msgspec.Raw, int], list[float]]
"""Decodes a row of a list, given its encoded value and its index."""

_LITTLE_ENDIAN = np.dtype("<f4")


def decode_embedding(vector: list[float] | bytes) -> VectorLike:
    """Return the numbers of an embedding in a request.

    Raises:
        InvalidEmbeddingError: the bytes are not a sequence of float32.
    """
    return vector if isinstance(vector, list) else _floats(vector)


def decode_embeddings(vectors: list[msgspec.Raw] | memoryview, width: int, decode: RowDecoder) -> FloatArray:
    """Return the embeddings of a request as a matrix of shape (n, width), float32.

    Rows are decoded one by one: a list of all numbers would take ten times the memory, spend most of the time
    on its allocation, and hold the global interpreter lock meanwhile.

    Args:
        vectors: encoded rows, or the bytes of a matrix.
        width: length of an embedding.
        decode: decodes a row.

    Raises:
        InvalidEmbeddingError: a row has another length, or the bytes are not a matrix of that width.
        InvalidBodyError: a row is not a list of numbers.
    """
    if not width:
        raise InvalidEmbeddingError("the target embedding is empty", "send what an analysis returned")
    if isinstance(vectors, memoryview):
        return _matrix(vectors, width)
    pack, packed = struct.Struct(f"{width}f").pack, []
    for index, encoded in enumerate(vectors):
        row = decode(encoded, index)
        if len(row) != width:
            raise InvalidEmbeddingError(
                f"embedding {index} has {len(row)} numbers, but the target has {width}",
                "compare embeddings of one model only",
            )
        try:
            packed.append(pack(*row))
        except OverflowError as error:
            raise InvalidEmbeddingError(
                f"embedding {index} has a number out of range of float32", "send what an analysis returned"
            ) from error
    return np.frombuffer(b"".join(packed), np.float32).reshape(-1, width)


def _matrix(data: memoryview, width: int) -> FloatArray:
    floats = _floats(data)
    if len(floats) % width:
        raise InvalidEmbeddingError(
            f"{len(floats)} numbers are not a multiple of {width}, the length of the target",
            "send all numbers of all rows, one row after the other",
        )
    return floats.reshape(-1, width)


def encode_embedding(vector: FloatArray, embedding_format: EmbeddingFormat) -> list[float] | bytes:
    """Encode an embedding in the requested format."""
    if embedding_format == "base64":
        return vector.astype(_LITTLE_ENDIAN, copy=False).tobytes()
    values: list[float] = vector.tolist()
    return values


def _floats(data: bytes | memoryview) -> FloatArray:
    if len(data) % _LITTLE_ENDIAN.itemsize:
        raise InvalidEmbeddingError(
            f"{len(data)} bytes are not a whole number of float32 values", "send little-endian float32"
        )
    return np.frombuffer(data, _LITTLE_ENDIAN)
