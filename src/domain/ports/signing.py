"""What signs results, and what checks signatures."""

from __future__ import annotations

from typing import Protocol


class Signer(Protocol):
    """Signs with an installation's key; the same message always gives the same signature."""

    @property
    def public_key(self) -> bytes:
        """Ed25519 public key (RFC 8032), 32 bytes."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Ed25519 signature, 64 bytes."""
        ...


class SignatureCheck(Protocol):
    """Says whether a signature is good."""

    def __call__(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        """Whether whoever holds the private key signed exactly this message; False for malformed input."""
        ...
