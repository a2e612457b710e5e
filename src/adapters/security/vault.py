"""Keeps what is in galleries secret: ciphers for what people read, rotations for what is compared.

Embeddings are biometric templates. A stolen one can be matched against any photograph that the same, public
model embeds, and faces have been rebuilt from them. So whoever gets hold of the database, a backup of it or a
replica, and not of the key, is to find nothing that means anything elsewhere.

Protected, against somebody with the tables and without the key:

- Names of galleries, labels and metadata: AES-256-GCM with a random nonce. The place of a value (gallery,
  face, field) is authenticated with it, so values that are swapped or copied elsewhere do not open.
- Vectors: each gallery has its own secret rotation of space, drawn from the key. A turned vector is a random
  direction to whoever embeds a photograph, and the galleries of one installation cannot be linked either.

Not protected:

- The shape of a gallery. Cosines among its vectors are what they were, or the database could not search. So
  it shows which faces are of one person, how many people there are, and who is like whom; that the rows of
  one label share a pseudonym (a keyed HMAC) adds little to that.
- Against known faces. Whoever knows as many embeddings of a gallery as they have numbers, and which rows they
  are in, can solve for its rotation; from fewer, part of it. Whoever may enrol and also read the tables can
  do that to that gallery, and to no other.
- The model, sizes, times, owners and lengths of texts; and rows that are deleted, or put back from an old
  backup, as a whole.
- Against somebody with the key, or with this process: searches open what they find.

Each key is derived from the text of a setting by HKDF, with a purpose, so texts may be used elsewhere too.
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
"""Most memory for rotations that were drawn; one of 512 numbers takes 2 MiB and 50 ms."""

_NONCE = 12
_PSEUDONYM = 16
_KEY_ID = 8


class Vault:
    """Keys of galleries; see the port.

    Args:
        key: 32 bytes that everything new is sealed with.
        old_keys: others that something may still be sealed with.
    """

    def __init__(self, key: bytes, old_keys: Sequence[bytes] = ()) -> None:
        self._keys = {_key_id(one): one for one in (*old_keys, key)}
        self._key_id = _key_id(key)
        self._rotations = _Rotations()

    @property
    def key_id(self) -> str:
        """See the port."""
        return self._key_id

    def seal(self, key_id: str, place: str, content: bytes) -> bytes:
        """See the port."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher(key_id, place).encrypt(nonce, content, place.encode())

    def open(self, key_id: str, place: str, sealed: bytes) -> bytes:
        """See the port."""
        try:
            return self._cipher(key_id, place).decrypt(sealed[:_NONCE], sealed[_NONCE:], place.encode())
        except (InvalidTag, ValueError) as error:
            raise GalleryDamagedError(
                f"{place} was changed, moved, or sealed with another key", "restore it from a backup"
            ) from error

    def pseudonym(self, key_id: str, gallery_id: UUID, label: str) -> bytes:
        """See the port."""
        key = self._derived(key_id, f"pseudonyms/{gallery_id}")
        return hmac.digest(key, label.encode(), sha256)[:_PSEUDONYM]

    def turn(self, key_id: str, gallery_id: UUID, vectors: FloatArray) -> FloatArray:
        """See the port."""
        return _product(vectors, self._rotation(key_id, gallery_id, vectors.shape[1]))

    def turn_back(self, key_id: str, gallery_id: UUID, vectors: FloatArray) -> FloatArray:
        """See the port."""
        return _product(vectors, self._rotation(key_id, gallery_id, vectors.shape[1]).T)

    def _rotation(self, key_id: str, gallery_id: UUID, dimension: int) -> Matrix:
        return self._rotations.get(self._derived(key_id, f"rotation/{gallery_id}/{dimension}"), dimension)

    def _cipher(self, key_id: str, place: str) -> AESGCM:
        # A key for each place: random nonces of one key must not come to four billion.
        return AESGCM(self._derived(key_id, f"cipher/{place}"))

    def _derived(self, key_id: str, purpose: str) -> bytes:
        key = self._keys.get(key_id)
        if key is None:
            raise GalleryKeyMissingError(
                f"a gallery is sealed with key {key_id}, which is not known here",
                "add the earlier GALLERY_KEY (SECRET_KEY where none was set) to GALLERY_OLD_KEYS",
            )
        return derive_key(key, purpose)


class _Rotations:
    """Those that were used last; safe to use from several threads at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[bytes, Matrix] = OrderedDict()

    def get(self, key: bytes, dimension: int) -> Matrix:
        """The rotation of a key."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return found
        # Without the lock: two threads may both draw it, and draw the same.
        drawn = haar_rotation(key, dimension)
        with self._lock:
            self._kept[key] = drawn
            while sum(one.nbytes for one in self._kept.values()) > KEPT_BYTES and len(self._kept) > 1:
                self._kept.popitem(last=False)
        return drawn


def _product(vectors: FloatArray, rotation: Matrix) -> FloatArray:
    """In double precision, so that nothing is lost but the last rounding."""
    return np.asarray(vectors.astype(np.float64) @ rotation, np.float32)


def _key_id(key: bytes) -> str:
    """Tells keys apart, and nothing about them."""
    return derive_key(key, "id").hex()[: 2 * _KEY_ID]
