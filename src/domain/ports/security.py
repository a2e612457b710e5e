"""Ports: passwords, tokens, signatures and the encryption of galleries."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from framecloak.domain.imaging.detections import FloatArray


class PasswordHasher(Protocol):
    """Password hashing. Slow by design; runs off the event loop."""

    async def hash(self, password: str) -> str:
        """Return an Argon2id hash in PHC format."""
        ...

    async def verify(self, password_hash: str, password: str) -> bool:
        """Return True if the password matches the hash."""
        ...

    async def verify_dummy(self) -> None:
        """Take as long as ``verify``, so that the response time does not reveal unknown user names."""
        ...


@dataclass(frozen=True, slots=True)
class TokenPair:
    """Tokens that authenticate a program for a limited time.

    Attributes:
        access: JWT for ``Authorization: Bearer``.
        refresh: JWT that is exchanged for the next pair.
        expires_in: lifetime of ``access`` in seconds.
    """

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    expires_in: int


@dataclass(frozen=True, slots=True)
class TokenSubject:
    """Account of a token, with the token generation at the time of issue.

    Attributes:
        user_id: id of the account.
        generation: the account's ``token_generation`` when the token was issued.
    """

    user_id: int
    generation: int


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A valid refresh token, which may have been used before.

    Attributes:
        id: unique id of the token.
        subject: account of the token.
        expires_at: UTC.
    """

    id: str
    subject: TokenSubject
    expires_at: datetime


class TokenIssuer(Protocol):
    """Issuer and verifier of JSON Web Tokens (RFC 7519), signed with the key of the installation."""

    def issue(self, user_id: int, generation: int) -> TokenPair:
        """Return a new token pair for an account in a token generation."""
        ...

    def verify_access(self, token: str) -> TokenSubject:
        """Return the account of an access token.

        Raises:
            NotAuthenticatedError: the token is forged, expired, of another kind or of another installation.
        """
        ...

    def verify_refresh(self, token: str) -> RefreshToken:
        """Return the verified refresh token.

        Raises:
            NotAuthenticatedError: as for ``verify_access``.
        """
        ...


class GalleryCipher(Protocol):
    """Cipher for the contents of galleries. Thread-safe.

    Every method with a ``key_id`` raises ``GalleryKeyMissingError`` if there is no such key.
    """

    @property
    def key_id(self) -> str:
        """Id of the key that new contents are encrypted with."""
        ...

    def encrypt(self, key_id: str, context: str, plaintext: bytes) -> bytes:
        """Encrypt a value. Encrypting the same value twice gives different results.

        Args:
            key_id: id of the key.
            context: name of the row and field that the value is stored in; decryption requires the same one.
            plaintext: value to encrypt.
        """
        ...

    def decrypt(self, key_id: str, context: str, ciphertext: bytes) -> bytes:
        """Return the decrypted value.

        Raises:
            GalleryDamagedError: the value was changed, or encrypted for another field or with another key.
        """
        ...

    def pseudonym(self, key_id: str, gallery_id: UUID, label: str) -> bytes:
        """Return 16 bytes that are equal for equal labels of one gallery and reveal nothing about them."""
        ...

    def rotate(self, key_id: str, gallery_id: UUID, vectors: FloatArray) -> FloatArray:
        """Rotate vectors by the secret rotation of a gallery, which preserves their cosine similarities.

        Args:
            key_id: id of the key.
            gallery_id: id of the gallery.
            vectors: (n, dimension) float32.

        Returns:
            (n, dimension) float32.
        """
        ...

    def rotate_back(self, key_id: str, gallery_id: UUID, vectors: FloatArray) -> FloatArray:
        """Undo the rotation of a gallery."""
        ...


class TextListCipher(Protocol):
    """Cipher for the lists of text policies, which contain names. Thread-safe."""

    def seal(self, context: str, plaintext: bytes) -> bytes:
        """Encrypt a value. Encrypting the same value twice gives different results.

        Args:
            context: name of the place where the value is stored; opening requires the same one.
            plaintext: value to encrypt.
        """
        ...

    def open(self, context: str, sealed: bytes) -> bytes:
        """Return the decrypted value.

        Raises:
            TextListsLostError: the value was changed, or sealed for another place or with another key.
        """
        ...

    def digest(self, plaintext: bytes) -> bytes:
        """Return 32 bytes that are equal for equal values, and reveal nothing about them without the key."""
        ...


class Signer(Protocol):
    """Signer with the private key of an installation; the same message always gives the same signature."""

    @property
    def public_key(self) -> bytes:
        """Ed25519 public key (RFC 8032), 32 bytes."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Return the Ed25519 signature of a message, 64 bytes."""
        ...


class SignatureCheck(Protocol):
    """Verifier of Ed25519 signatures."""

    def __call__(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        """Return True if the signature of exactly this message is valid; False also for malformed input."""
        ...
