"""Signature of a manifest: ``manifest.sig``, a small JSON document beside it."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from framecloak.domain.anonymization.model.record.provenance import SignatureState
from framecloak.domain.ports.security import SignatureCheck, Signer
from framecloak.domain.support.canonical_json import canonical_json

SIGNATURE_FILE = "manifest.sig"
ALGORITHM = "Ed25519"
_KEY_ID_LENGTH = 32


def key_id(public_key: bytes) -> str:
    """Return the id of a key: the first half of the SHA-256 of its 32 bytes, in hex."""
    return sha256(public_key).hexdigest()[:_KEY_ID_LENGTH]


@dataclass(frozen=True, slots=True)
class ManifestSignature:
    """Detached Ed25519 signature of a manifest.

    The signed message is the canonical JSON of an object with ``algorithm``, ``key_id`` and
    ``manifest_sha256``, so its length does not depend on that of the manifest.

    Attributes:
        manifest_sha256: hex digest of the bytes of ``manifest.json``.
        public_key: Ed25519 public key, 32 bytes; the verifier must know whose key it is.
        signature: Ed25519 signature, 64 bytes.
    """

    manifest_sha256: str
    public_key: bytes
    signature: bytes

    @classmethod
    def sign(cls, manifest_sha256: str, signer: Signer) -> Self:
        """Sign the manifest with the given digest."""
        public_key = signer.public_key
        message = _message(manifest_sha256, public_key)
        return cls(manifest_sha256, public_key, signer.sign(message))

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Parse ``manifest.sig`` without verifying the signature.

        Raises:
            ValueError: the document is malformed or not in canonical form.
        """
        try:
            fields = json.loads(data)
        except RecursionError as error:
            raise ValueError("it is nested too deeply") from error
        names = ("algorithm", "key_id", "manifest_sha256", "public_key", "signature")
        if not isinstance(fields, dict) or not all(isinstance(fields.get(name), str) for name in names):
            raise ValueError("fields are missing")
        public_key = b64decode(fields["public_key"], validate=True)
        if fields["algorithm"] != ALGORITHM or fields["key_id"] != key_id(public_key):
            raise ValueError("its key id or algorithm does not match its key")
        parsed = cls(fields["manifest_sha256"], public_key, b64decode(fields["signature"], validate=True))
        if parsed.to_json() != data:
            raise ValueError("it contains more than a signature, or is not in canonical form")
        return parsed

    @property
    def key_id(self) -> str:
        """Id of the public key."""
        return key_id(self.public_key)

    @property
    def message(self) -> bytes:
        """Signed message."""
        return _message(self.manifest_sha256, self.public_key)

    def to_json(self) -> bytes:
        """Return the bytes of ``manifest.sig``: fields of the message, and key and signature in base64."""
        return canonical_json(
            {
                **_message_fields(self.manifest_sha256, self.public_key),
                "public_key": b64encode(self.public_key).decode(),
                "signature": b64encode(self.signature).decode(),
            }
        )


def signature_fields(signature_file: bytes | None) -> dict[str, str] | None:
    """Return the fields of ``manifest.sig``, unverified; None without a well-formed one."""
    try:
        document = ManifestSignature.parse(signature_file or b"").to_json()
    except ValueError:
        return None
    fields: dict[str, str] = json.loads(document)
    return fields


def signature_state(
    manifest_sha256: str,
    signature_file: bytes | None,
    own_key: Callable[[], bytes],
    verify_signature: SignatureCheck,
) -> SignatureState:
    """Classify the signature of a manifest.

    Args:
        manifest_sha256: hex digest of the manifest's bytes.
        signature_file: bytes of ``manifest.sig``; None without a signature.
        own_key: returns this installation's public key.
        verify_signature: verifier of Ed25519 signatures.
    """
    if signature_file is None:
        return SignatureState.NONE
    try:
        parsed = ManifestSignature.parse(signature_file)
    except ValueError:
        return SignatureState.BAD
    if not verify_signature(parsed.public_key, parsed.message, parsed.signature):
        return SignatureState.BAD
    is_own, is_this = parsed.public_key == own_key(), parsed.manifest_sha256 == manifest_sha256
    if not is_this:
        return SignatureState.CHANGED if is_own else SignatureState.BAD
    return SignatureState.GENUINE if is_own else SignatureState.FOREIGN


def _message(manifest_sha256: str, public_key: bytes) -> bytes:
    return canonical_json(_message_fields(manifest_sha256, public_key))


def _message_fields(manifest_sha256: str, public_key: bytes) -> dict[str, str]:
    return {"algorithm": ALGORITHM, "key_id": key_id(public_key), "manifest_sha256": manifest_sha256}
