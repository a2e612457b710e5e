"""Problems and facts that a verification found, the most severe problem first."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from framecloak.domain.anonymization.results.proof.ancestry import Ancestor
from framecloak.domain.anonymization.results.proof.release_addendum import (
    ReadRelease,
)


class ProblemKind(StrEnum):
    """Kind of problem with a result, in descending order of severity."""

    NO_SIGNATURE = "no_signature"
    """The archive has no well-formed signature."""
    WRONG_KEY = "wrong_key"
    """The manifest is signed with another key than the expected one."""
    BAD_SIGNATURE = "bad_signature"
    """The signature does not match the message that it claims to sign."""
    MANIFEST_CHANGED = "manifest_changed"
    """The manifest is not the one that was signed."""
    FRAME_CHANGED = "frame_changed"
    """A frame or its manifest entry was changed."""
    FRAME_MISSING = "frame_missing"
    """A frame or its manifest entry is missing."""
    FRAME_ADDED = "frame_added"
    """A frame was not requested, or the manifest does not list a file."""
    FRAMES_REORDERED = "frames_reordered"
    """A frame is in the position of another one."""
    FILE_CHANGED = "file_changed"
    """A video or the report was changed or is missing."""
    ARCHIVE_CHANGED = "archive_changed"
    """The archive contains data outside its entries, comments, or other attributes."""
    NAME_READABLE = "name_readable"
    """A forbidden name can be read in a frame."""
    PARENT_CHANGED = "parent_changed"
    """A result that it was made from is not the one that its corrections name, or was changed."""
    RELEASE_INVALID = "release_invalid"
    """The addendum of its release is not signed with the key of the result, or releases another result."""
    UNKNOWN_SIGNER = "unknown_signer"
    """Nothing was changed since signing, but no key was given to identify the signer."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Problem found in a result.

    Attributes:
        kind: kind of the problem.
        subject: affected file or entry.
        detail: Human-readable description.
    """

    kind: ProblemKind
    subject: str
    detail: str


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """Result of a verification.

    Attributes:
        problems: problems, the most severe first; empty for a genuine result.
        key_id: id of the key named by the signature; None without a signature.
        frame_count: number of frames in the manifest.
        file_count: number of files compared with the manifest.
        ancestors: results that it was made from, the latest one first.
        release: its verified release; None if no valid addendum was given.
    """

    problems: tuple[Finding, ...]
    key_id: str | None
    frame_count: int
    file_count: int
    ancestors: tuple[Ancestor, ...] = ()
    release: ReadRelease | None = None

    @property
    def worst(self) -> ProblemKind | None:
        """Kind of the most severe problem; None for a genuine result."""
        return self.problems[0].kind if self.problems else None
