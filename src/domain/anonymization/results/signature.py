"""The signature of a manifest: ``manifest.sig``, a small JSON document beside it."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from framecloak.domain.anonymization.model.provenance import SignatureState
from framecloak.domain.ports.signing import SignatureCheck, Signer
from framecloak.domain.support.canonical_json import canonical

SEAL_FILE = "manifest.sig"
ALGORITHM = "Ed25519"
_KEY_DIGITS = 32


def key_id(public_key: bytes) -> str:
    """What a key is called: the first half of the SHA-256 of its 32 bytes, in hex."""
    return sha256(public_key).hexdigest()[:_KEY_DIGITS]


@dataclass(frozen=True, slots=True)
class Seal:
    """What says who wrote a manifest.

    The signed message is the canonical JSON of an object with ``algorithm``, ``key_id`` and
    ``manifest_sha256``, so that it is short however long the manifest is.

    Attributes:
        manifest_sha256: hex digest of the bytes of ``manifest.json``.
        public_key: Ed25519, 32 bytes; whose it is, the reader has to know.
        signature: 64 bytes.
    """

    manifest_sha256: str
    public_key: bytes
    signature: bytes

    @classmethod
    def of(cls, manifest_sha256: str, signer: Signer) -> Self:
        """Sign a manifest."""
        public_key = signer.public_key
        message = _message(manifest_sha256, public_key)
        return cls(manifest_sha256, public_key, signer.sign(message))

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read ``manifest.sig``; that it is well-formed does not mean that it is good.

        Raises:
            ValueError: it is no such document, or holds more than one does.
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
            raise ValueError("it names another key or algorithm than it holds")
        seal = cls(fields["manifest_sha256"], public_key, b64decode(fields["signature"], validate=True))
        if seal.document() != data:
            raise ValueError("it holds more than a signature, or is written in another way")
        return seal

    @property
    def key_id(self) -> str:
        """Of the key that it names."""
        return key_id(self.public_key)

    @property
    def message(self) -> bytes:
        """What was signed."""
        return _message(self.manifest_sha256, self.public_key)

    def document(self) -> bytes:
        """``manifest.sig``: the message's fields, the public key and the signature, both in base64."""
        return canonical(
            {
                **_fields(self.manifest_sha256, self.public_key),
                "public_key": b64encode(self.public_key).decode(),
                "signature": b64encode(self.signature).decode(),
            }
        )


def signature_state(
    manifest_sha256: str, seal: bytes | None, own_key: Callable[[], bytes], is_signed: SignatureCheck
) -> SignatureState:
    """What a signature says of a manifest.

    Args:
        manifest_sha256: hex digest of the manifest's bytes.
        seal: the bytes of ``manifest.sig``; None where there is none.
        own_key: this installation's public key.
        is_signed: checks signatures.
    """
    if seal is None:
        return SignatureState.NONE
    try:
        parsed = Seal.parse(seal)
    except ValueError:
        return SignatureState.BAD
    if not is_signed(parsed.public_key, parsed.message, parsed.signature):
        return SignatureState.BAD
    is_own, is_this = parsed.public_key == own_key(), parsed.manifest_sha256 == manifest_sha256
    if not is_this:
        return SignatureState.CHANGED if is_own else SignatureState.BAD
    return SignatureState.GENUINE if is_own else SignatureState.FOREIGN


def _message(manifest_sha256: str, public_key: bytes) -> bytes:
    return canonical(_fields(manifest_sha256, public_key))


def _fields(manifest_sha256: str, public_key: bytes) -> dict[str, str]:
    return {"algorithm": ALGORITHM, "key_id": key_id(public_key), "manifest_sha256": manifest_sha256}
