"""Where the boxes of a result come from when nothing was looked for: another manifest, and how good it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


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
        edited_here: whether boxes of it were changed on the way into this result.
    """

    manifest_sha256: str
    signature: SignatureState
    request_id: UUID | None = None
    edited_here: bool = False

    @property
    def edited(self) -> bool | None:
        """Whether anything differs from what was signed; None where nobody can tell."""
        if self.edited_here or self.signature is SignatureState.CHANGED:
            return True
        return False if self.signature in {SignatureState.GENUINE, SignatureState.FOREIGN} else None

    def entry(self) -> dict[str, object]:
        """As the manifest has it."""
        return {
            "manifest_sha256": self.manifest_sha256,
            "signature": self.signature,
            "edited": self.edited,
        }
