"""Secret rotations of vector spaces, derived from a key: the same key gives the same rotation everywhere.

A rotation preserves all inner products, so rotated vectors can be searched directly. Rotations are uniformly
distributed over all orthogonal matrices (Haar measure): Q of the QR decomposition of a matrix of independent
normal numbers, multiplied by the signs of R's diagonal (F. Mezzadri, "How to generate random matrices from
the classical compact groups", 2007).
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

Matrix: TypeAlias = NDArray[np.float64]

_MANTISSA_BITS = 53
"""Random bits in a double between 0 and 1."""


def haar_rotation(key: bytes, dimension: int) -> Matrix:
    """Derive a secret rotation (or reflection) from a key.

    Args:
        key: 32 bytes, used for this purpose only.
        dimension: dimension of the vectors.

    Returns:
        (dimension, dimension) float64, orthogonal.
    """
    normal = _standard_normal(key, dimension * dimension).reshape(dimension, dimension)
    q, r = np.linalg.qr(normal)
    return np.asarray(q * np.where(np.diag(r) < 0, -1.0, 1.0))


def _standard_normal(key: bytes, count: int) -> Matrix:
    """Return independent standard normal numbers (Box and Muller, 1958) from an AES-256-CTR key stream."""
    pairs = (count + 1) // 2
    # Each key generates only one stream, so the counter may start at zero.
    stream = Cipher(algorithms.AES256(key), modes.CTR(bytes(16))).encryptor().update(bytes(pairs * 16))
    random_bits = np.frombuffer(stream, "<u8").reshape(2, pairs) >> np.uint64(64 - _MANTISSA_BITS)
    # In (0, 1], where the logarithm is finite.
    uniform = (random_bits.astype(np.float64) + 1) / 2.0**_MANTISSA_BITS
    radius, angle = np.sqrt(-2 * np.log(uniform[0])), 2 * np.pi * uniform[1]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:count]
