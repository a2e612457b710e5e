"""Signing of results and verification of signatures."""

from __future__ import annotations

from typing import Protocol


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
