"""Where the boxes of a result come from when nothing was looked for: another manifest, and how good it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from domain.anonymization.seal import Seal
from domain.ports.signing import SignatureCheck


class SignatureState(StrEnum):
    """What the signature beside a manifest says of it."""

    GENUINE = "genuine"
    """It is signed with this installation's key, and unchanged."""
    CHANGED = "changed"
    """This installation signed another version of it."""
    FOREIGN = "foreign"
    """It is signed with a key that this installation does not know, and unchanged."""
    BAD = "bad"
    """There is something in place of a signature that is none of this manifest."""
    NONE = "none"
    """There is no signature."""


@dataclass(frozen=True, slots=True)
class BasedOn:
    """A manifest that boxes were taken from.

    Attributes:
        manifest_sha256: hex digest of its bytes, as they were given.
        signature: what the signature beside it says.
        request_id: whose result it is; None where it was given as a file.
    """

    manifest_sha256: str
    signature: SignatureState
    request_id: UUID | None = None

    def entry(self) -> dict[str, str]:
        """As the manifest has it."""
        return {"manifest_sha256": self.manifest_sha256, "signature": self.signature}


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
    except (ValueError, RecursionError):
        return SignatureState.BAD
    if not is_signed(parsed.public_key, parsed.message, parsed.signature):
        return SignatureState.BAD
    is_own, is_this = parsed.public_key == own_key(), parsed.manifest_sha256 == manifest_sha256
    if not is_this:
        return SignatureState.CHANGED if is_own else SignatureState.BAD
    return SignatureState.GENUINE if is_own else SignatureState.FOREIGN
