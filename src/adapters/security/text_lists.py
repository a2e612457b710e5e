"""Encryption of the lists of text policies: AES-GCM with a key of the installation."""

from __future__ import annotations

import hmac
import secrets
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from framecloak.adapters.security.secrets import derive_key
from framecloak.domain.errors import TextListsLostError

_NONCE_BYTES = 12


class AesTextListCipher:
    """Cipher with AES-256-GCM and random nonces; the place of a value is authenticated with it.

    Args:
        key: 32-byte key.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, context: str, plaintext: bytes) -> bytes:
        """Encrypt a value for one place; return the nonce followed by the ciphertext."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher(context).encrypt(nonce, plaintext, context.encode())

    def open(self, context: str, sealed: bytes) -> bytes:
        """Decrypt a value of one place.

        Raises:
            TextListsLostError: the value was changed, or sealed for another place or with another key.
        """
        nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return self._cipher(context).decrypt(nonce, ciphertext, context.encode())
        except (InvalidTag, ValueError) as error:
            raise TextListsLostError(
                "the lists of the text policy were changed, or encrypted with another SECRET_KEY",
                "submit the request again, and give API and workers the same SECRET_KEY",
            ) from error

    def digest(self, plaintext: bytes) -> bytes:
        """Return the HMAC-SHA-256 of a value."""
        return hmac.digest(derive_key(self._key, "digests"), plaintext, sha256)

    def _cipher(self, context: str) -> AESGCM:
        # One key per place: a key must not be used with more than about 2**32 random nonces.
        return AESGCM(derive_key(self._key, f"cipher/{context}"))
