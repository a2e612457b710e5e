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

KEPT_BYTES = 256 << 20
"""Maximum size of cached rotations in bytes; one of dimension 512 takes 2 MiB and 50 ms to derive."""

_NONCE = 12
_PSEUDONYM = 16
_KEY_ID = 8


class Vault:
    """Cipher of galleries with AES-GCM and secret rotations.

    Args:
        key: 32-byte key that encrypts all new data.
        old_keys: Earlier keys for data that are still encrypted with them.
    """

    def __init__(self, key: bytes, old_keys: Sequence[bytes] = ()) -> None:
        self._keys = {_key_id(each): each for each in (*old_keys, key)}
        self._key_id = _key_id(key)
        self._rotations = _Rotations()

    @property
    def key_id(self) -> str:
        """Id of the key that encrypts all new data."""
        return self._key_id

    def seal(self, key_id: str, place: str, content: bytes) -> bytes:
        """Encrypt a value for one location; return the nonce followed by the ciphertext."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher(key_id, place).encrypt(nonce, content, place.encode())

    def open(self, key_id: str, place: str, sealed: bytes) -> bytes:
        """Decrypt a value of one location.

        Raises:
            GalleryDamagedError: The value was changed, or encrypted for another location or with another key.
        """
        try:
            return self._cipher(key_id, place).decrypt(sealed[:_NONCE], sealed[_NONCE:], place.encode())
        except (InvalidTag, ValueError) as error:
            raise GalleryDamagedError(
                f"{place} was changed, moved, or encrypted with another key", "restore it from a backup"
            ) from error

    def pseudonym(self, key_id: str, gallery_id: UUID, label: str) -> bytes:
        """Return a keyed HMAC of a label, 16 bytes."""
        key = self._derived(key_id, f"pseudonyms/{gallery_id}")
        return hmac.digest(key, label.encode(), sha256)[:_PSEUDONYM]

    def turn(self, key_id: str, gallery_id: UUID, vectors: FloatArray) -> FloatArray:
        """Apply the gallery's secret rotation to vectors, (n, dimension) float32."""
        return _product(vectors, self._rotation(key_id, gallery_id, vectors.shape[1]))

    def turn_back(self, key_id: str, gallery_id: UUID, vectors: FloatArray) -> FloatArray:
        """Apply the inverse of the gallery's secret rotation to vectors, (n, dimension) float32."""
        return _product(vectors, self._rotation(key_id, gallery_id, vectors.shape[1]).T)

    def _rotation(self, key_id: str, gallery_id: UUID, dimension: int) -> Matrix:
        return self._rotations.get(self._derived(key_id, f"rotation/{gallery_id}/{dimension}"), dimension)

    def _cipher(self, key_id: str, place: str) -> AESGCM:
        # One key per location: a key must not be used with more than about 2**32 random nonces.
        return AESGCM(self._derived(key_id, f"cipher/{place}"))

    def _derived(self, key_id: str, purpose: str) -> bytes:
        key = self._keys.get(key_id)
        if key is None:
            raise GalleryKeyMissingError(
                f"a gallery is encrypted with key {key_id}, which is not configured",
                "add the earlier GALLERY_KEY (SECRET_KEY where none was set) to GALLERY_OLD_KEYS",
            )
        return derive_key(key, purpose)


class _Rotations:
    """LRU cache of rotations. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[bytes, Matrix] = OrderedDict()

    def get(self, key: bytes, dimension: int) -> Matrix:
        """Return the rotation of a key, deriving it if it is not cached."""
        with self._lock:
            cached = self._kept.get(key)
            if cached is not None:
                self._kept.move_to_end(key)
                return cached
        # Outside the lock: two threads may derive the same rotation, with the same result.
        derived = haar_rotation(key, dimension)
        with self._lock:
            self._kept[key] = derived
            while sum(matrix.nbytes for matrix in self._kept.values()) > KEPT_BYTES and len(self._kept) > 1:
                self._kept.popitem(last=False)
        return derived


def _product(vectors: FloatArray, rotation: Matrix) -> FloatArray:
    """Multiply in double precision, so that only the final conversion to float32 rounds."""
    return np.asarray(vectors.astype(np.float64) @ rotation, np.float32)


def _key_id(key: bytes) -> str:
    """Return an id that distinguishes keys without revealing anything about them."""
    return derive_key(key, "id").hex()[: 2 * _KEY_ID]
