"""Ed25519 signatures (RFC 8032) with `cryptography`, and public keys in PEM."""

from __future__ import annotations

import json

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from framecloak.domain.errors import InvalidOptionError


class Ed25519Signer:
    """Signer with one Ed25519 key.

    Args:
        seed: 32 secret bytes that determine the private key.
    """

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)

    @property
    def public_key(self) -> bytes:
        """Ed25519 public key, 32 bytes."""
        return self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def sign(self, message: bytes) -> bytes:
        """Return the Ed25519 signature of a message, 64 bytes; it is deterministic."""
        return self._key.sign(message)


def verify_signature(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether a signature of a message is valid under a public key; False for malformed input."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def to_pem(public_key: bytes) -> str:
    """Encode a public key as PEM (SubjectPublicKeyInfo, RFC 8410)."""
    key = Ed25519PublicKey.from_public_bytes(public_key)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def parse_public_key(data: bytes) -> bytes:
    """Decode a public key to its 32 bytes.

    Args:
        data: the key in PEM, or the JSON object in which the HTTP API returns it as ``public_key``.

    Raises:
        InvalidOptionError: the data are neither, or the key is not an Ed25519 key.
    """
    try:
        key = load_pem_public_key(_pem_of(data))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _not_a_key() from error
    if not isinstance(key, Ed25519PublicKey):
        raise _not_a_key()
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def _pem_of(data: bytes) -> bytes:
    # People save the answer of the API as it is.
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError):
        return data
    pem = answer.get("public_key") if isinstance(answer, dict) else None
    return pem.encode() if isinstance(pem, str) else data


def _not_a_key() -> InvalidOptionError:
    hint = (
        "give the output of `framecloak signing-key`, or the signing key as the API returns it, from the "
        "installation that made the archive"
    )
    return InvalidOptionError("this is not an Ed25519 public key", hint)
