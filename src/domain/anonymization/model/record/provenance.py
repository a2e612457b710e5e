"""Provenance of boxes that come from another manifest instead of detectors."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class SignatureState(StrEnum):
    """Result of checking a manifest against the signature beside it."""

    GENUINE = "genuine"
    """Signed with this installation's key, and unchanged."""
    CHANGED = "changed"
    """This installation signed another version of the manifest."""
    FOREIGN = "foreign"
    """Signed with a key unknown to this installation, and unchanged."""
    BAD = "bad"
    """The signature file does not contain a signature of this manifest."""
    NONE = "none"
    """There is no signature."""


@dataclass(frozen=True, slots=True)
class BasedOn:
    """Manifest that supplied the boxes.

    Attributes:
        manifest_sha256: hex digest of its bytes as received.
        signature: state of its signature.
        request_id: id of the request that it is the result of; None if it was given as a file.
        edited_here: True if boxes were changed for this result.
    """

    manifest_sha256: str
    signature: SignatureState
    request_id: UUID | None = None
    edited_here: bool = False

    @property
    def edited(self) -> bool | None:
        """True if the boxes differ from the signed ones; None if that cannot be determined."""
        if self.edited_here or self.signature is SignatureState.CHANGED:
            return True
        return False if self.signature in {SignatureState.GENUINE, SignatureState.FOREIGN} else None

    def entry(self) -> dict[str, object]:
        """Return the entry in the manifest of the new result."""
        return {
            "manifest_sha256": self.manifest_sha256,
            "signature": self.signature,
            "edited": self.edited,
        }
