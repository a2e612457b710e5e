"""Ed25519 signatures (RFC 8032) with `cryptography`, and public keys in files."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from framecloak.domain.errors import InvalidOptionError


class Ed25519Signer:
    """Signs with one key.

    Args:
        seed: 32 secret bytes that the key is made from.
    """

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)

    @property
    def public_key(self) -> bytes:
        """32 bytes."""
        return self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def sign(self, message: bytes) -> bytes:
        """64 bytes, always the same for the same message."""
        return self._key.sign(message)


def is_signed(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether whoever holds the private key signed exactly this message; False for malformed input."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def to_pem(public_key: bytes) -> str:
    """A public key as other programs read it (SubjectPublicKeyInfo in PEM, RFC 8410)."""
    key = Ed25519PublicKey.from_public_bytes(public_key)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def from_pem(data: bytes) -> bytes:
    """The 32 bytes of a public key in PEM.

    Raises:
        InvalidOptionError: it holds no Ed25519 public key.
    """
    try:
        key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _no_key() from error
    if not isinstance(key, Ed25519PublicKey):
        raise _no_key()
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def _no_key() -> InvalidOptionError:
    hint = "give what `framecloak signing-key` prints where the archive was made"
    return InvalidOptionError("this is no Ed25519 public key in PEM", hint)
