"""Secret rotations of space, drawn from a key: the same key gives the same rotation, everywhere.

A rotation keeps every inner product, so turned vectors are searched as they are. Each is uniform over all
orthogonal matrices (Haar measure): the Q of the QR decomposition of a matrix of independent normal numbers,
with the signs of R's diagonal multiplied in (F. Mezzadri, "How to generate random matrices from the classical
compact groups", 2007).
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

Matrix: TypeAlias = NDArray[np.float64]

_MANTISSA = 53
"""Bits of randomness that a double between 0 and 1 holds."""


def haar_rotation(key: bytes, dimension: int) -> Matrix:
    """A rotation (or reflection) of space that only the key tells.

    Args:
        key: 32 bytes, for this purpose alone.
        dimension: numbers of a vector.

    Returns:
        (dimension, dimension) float64, orthogonal.
    """
    normal = _normal(key, dimension * dimension).reshape(dimension, dimension)
    q, r = np.linalg.qr(normal)
    return np.asarray(q * np.where(np.diag(r) < 0, -1.0, 1.0))


def _normal(key: bytes, count: int) -> Matrix:
    """Independent standard normal numbers (Box and Muller, 1958) from a stream of AES-256-CTR."""
    pairs = (count + 1) // 2
    # The key makes one stream only, so its counter may begin at zero.
    stream = Cipher(algorithms.AES256(key), modes.CTR(bytes(16))).encryptor().update(bytes(pairs * 16))
    drawn = np.frombuffer(stream, "<u8").reshape(2, pairs) >> np.uint64(64 - _MANTISSA)
    # From (0, 1], whose logarithm is finite.
    uniform = (drawn.astype(np.float64) + 1) / 2.0**_MANTISSA
    radius, angle = np.sqrt(-2 * np.log(uniform[0])), 2 * np.pi * uniform[1]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:count]
