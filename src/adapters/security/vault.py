"""Encryption of galleries: AES-GCM for text, secret rotations for embeddings.

Embeddings are biometric templates. A stolen embedding can be matched against any photograph embedded by the
same public model, and faces have been reconstructed from embeddings. So an attacker with the database, a
backup or a replica, but without the key, must not obtain data that are useful elsewhere.

Protected against an attacker with the tables and without the key:

- Names of galleries, labels and metadata: AES-256-GCM with a random nonce. The location of a value (gallery,
  face, field) is authenticated with it, so values that are swapped or copied elsewhere fail to decrypt.
- Embeddings: each gallery has its own secret rotation, derived from the key. Without it, a rotated embedding
  is a random direction relative to a new embedding, and galleries of one installation cannot be linked.

Not protected:

- The structure of a gallery. Cosine similarities within it are unchanged, as the search needs them. They
  reveal which faces are of one person, how many people there are, and who resembles whom. The pseudonym (a
  keyed HMAC) shared by all rows of a label adds little to that.
- Known plaintext. An attacker who knows as many embeddings of a gallery as they have dimensions, and their
  rows, can solve for the rotation; fewer give a part of it. A user who may enrol faces and can also read the
  tables can do this to that gallery, but to no other.
- The model, sizes, timestamps, owners and lengths of texts; and the deletion of rows, or their complete
  replacement from an old backup.
- Data in use: an attacker with the key, or with access to this process, can read everything.

Each key is derived from the text of a setting by HKDF with a purpose, so the text may serve other purposes
too.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import sha256
from uuid import UUID

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from framecloak.adapters.security.rotations import Matrix, haar_rotation
from framecloak.adapters.security.secrets import derive_key
from framecloak.domain.errors import GalleryDamagedError, GalleryKeyMissingError
from framecloak.domain.imaging.detections import FloatArray

MAX_CACHED_BYTES = 256 << 20
"""Maximum size of cached rotations in bytes; one of dimension 512 takes 2 MiB and 50 ms to derive."""

_NONCE_BYTES = 12
_PSEUDONYM_BYTES = 16
_KEY_ID_BYTES = 8


class AesGalleryCipher:
    """Cipher of galleries with AES-GCM and secret rotations.

    Args:
        key: 32-byte key that encrypts all new data.
        old_keys: earlier keys for data that are still encrypted with them.
    """

    def __init__(self, key: bytes, old_keys: Sequence[bytes] = ()) -> None:
        self._keys = {_key_id(each): each for each in (*old_keys, key)}
        self._key_id = _key_id(key)
        self._rotations = _RotationCache()

    @property
    def key_id(self) -> str:
        """Id of the key that encrypts all new data."""
        return self._key_id

    def encrypt(self, key_id: str, context: str, plaintext: bytes) -> bytes:
        """Encrypt a value for one location; return the nonce followed by the ciphertext."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher(key_id, context).encrypt(nonce, plaintext, context.encode())

    def decrypt(self, key_id: str, context: str, ciphertext: bytes) -> bytes:
        """Decrypt a value of one location.

        Raises:
            GalleryDamagedError: the value was changed, or encrypted for another location or with another key.
        """
        try:
            return self._cipher(key_id, context).decrypt(
                ciphertext[:_NONCE_BYTES], ciphertext[_NONCE_BYTES:], context.encode()
            )
        except (InvalidTag, ValueError) as error:
            raise GalleryDamagedError(
                f"{context} was changed, moved, or encrypted with another key", "restore it from a backup"
            ) from error

    def pseudonym(self, key_id: str, gallery_id: UUID, label: str) -> bytes:
        """Return a keyed HMAC of a label, 16 bytes."""
        key = self._derived_key(key_id, f"pseudonyms/{gallery_id}")
        return hmac.digest(key, label.encode(), sha256)[:_PSEUDONYM_BYTES]

    def rotate(self, key_id: str, gallery_id: UUID, vectors: FloatArray) -> FloatArray:
        """Apply the gallery's secret rotation to vectors, (n, dimension) float32."""
        return _rotated(vectors, self._rotation(key_id, gallery_id, vectors.shape[1]))

    def rotate_back(self, key_id: str, gallery_id: UUID, vectors: FloatArray) -> FloatArray:
        """Apply the inverse of the gallery's secret rotation to vectors, (n, dimension) float32."""
        return _rotated(vectors, self._rotation(key_id, gallery_id, vectors.shape[1]).T)

    def _rotation(self, key_id: str, gallery_id: UUID, dimension: int) -> Matrix:
        return self._rotations.get(self._derived_key(key_id, f"rotation/{gallery_id}/{dimension}"), dimension)

    def _cipher(self, key_id: str, context: str) -> AESGCM:
        # One key per location: a key must not be used with more than about 2**32 random nonces.
        return AESGCM(self._derived_key(key_id, f"cipher/{context}"))

    def _derived_key(self, key_id: str, purpose: str) -> bytes:
        key = self._keys.get(key_id)
        if key is None:
            raise GalleryKeyMissingError(
                f"a gallery is encrypted with key {key_id}, which is not configured",
                "add the earlier GALLERY_KEY (SECRET_KEY where none was set) to GALLERY_OLD_KEYS",
            )
        return derive_key(key, purpose)


class _RotationCache:
    """LRU cache of rotations. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cache: OrderedDict[bytes, Matrix] = OrderedDict()

    def get(self, key: bytes, dimension: int) -> Matrix:
        """Return the rotation of a key, deriving it if it is not cached."""
        with self._lock:
            cached = self._cache.get(key)
            if cached is not None:
                self._cache.move_to_end(key)
                return cached
        # Outside the lock: two threads may derive the same rotation, with the same result.
        derived = haar_rotation(key, dimension)
        with self._lock:
            self._cache[key] = derived
            while (
                sum(matrix.nbytes for matrix in self._cache.values()) > MAX_CACHED_BYTES
                and len(self._cache) > 1
            ):
                self._cache.popitem(last=False)
        return derived


def _rotated(vectors: FloatArray, rotation: Matrix) -> FloatArray:
    """Multiply in double precision, so that only the final conversion to float32 rounds."""
    return np.asarray(vectors.astype(np.float64) @ rotation, np.float32)


def _key_id(key: bytes) -> str:
    """Return an id that distinguishes keys without revealing anything about them."""
    return derive_key(key, "id").hex()[: 2 * _KEY_ID_BYTES]
