"""Signed addendum to the manifest of a released result: who released it, and when.

A manifest is signed when its result is made, and names the digest of every file beside it. A release comes
later, so it is a document of its own, which names the manifest by its digest. The archive stays as it is:
copies that were downloaded before the release are the released ones, too, and its recorded SHA-256 holds.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from framecloak.domain.anonymization.model.record.release import Release
from framecloak.domain.anonymization.results.proof.manifest_signature import ALGORITHM, key_id
from framecloak.domain.ports.security import SignatureCheck, Signer
from framecloak.domain.support.canonical_json import canonical_json

FORMAT = "framecloak release 1"
MAX_ADDENDUM_BYTES = 1 << 16

_TEXTS = ("algorithm", "format", "key_id", "manifest_sha256", "released_at", "released_by", "request_id")


@dataclass(frozen=True, slots=True)
class ReadRelease:
    """Release as an addendum states it, once its signature was verified.

    Attributes:
        released_by: name or code of the person who released the result.
        released_at: time of the release as written, UTC.
        seen_risky_frames: number of frames with weak evidence that this person has seen.
        risky_frames: number of frames with weak evidence.
    """

    released_by: str
    released_at: str
    seen_risky_frames: int
    risky_frames: int


class ReleaseProblemError(ValueError):
    """An addendum is malformed, not signed, or not about the result."""


def sign_release(release: Release, tool: str, signer: Signer) -> bytes:
    """Return the addendum of a release as canonical JSON.

    The signed message is the document without ``public_key`` and ``signature``.

    Args:
        release: the release.
        tool: name and version of the program.
        signer: signs with the key of this installation.
    """
    public_key = signer.public_key
    statement = {
        "algorithm": ALGORITHM,
        "format": FORMAT,
        "frames": {
            "total": release.frames,
            "seen": release.seen_frames,
            "risky": release.risky_frames,
            "risky_seen": release.seen_risky_frames,
        },
        "key_id": key_id(public_key),
        "manifest_sha256": release.manifest_sha256,
        "released_at": release.released_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "released_by": release.released_by,
        "request_id": str(release.request_id),
        "result_sha256": release.result_sha256,
        "tool": tool,
    }
    signature = signer.sign(canonical_json(statement))
    return canonical_json(
        statement | {"public_key": b64encode(public_key).decode(), "signature": b64encode(signature).decode()}
    )


def read_release(
    data: bytes, manifest_sha256: str, verify_signature: SignatureCheck, signer_key: bytes | None
) -> ReadRelease:
    """Verify an addendum and return what it states.

    Args:
        data: the addendum.
        manifest_sha256: hex digest of the manifest of the result that it must be about.
        verify_signature: verifier of Ed25519 signatures.
        signer_key: public key of the expected signer; None to accept that of the addendum.

    Raises:
        ReleaseProblemError: it is malformed, its signature or key is wrong, or it is about another result.
    """
    document = _parse(data)
    try:
        public_key = b64decode(document.pop("public_key"), validate=True)
        signature = b64decode(document.pop("signature"), validate=True)
        frames = document["frames"]
        counts = int(frames["risky_seen"]), int(frames["risky"])
        message = canonical_json(document)
    except (KeyError, TypeError, ValueError) as error:
        raise ReleaseProblemError("it is not the addendum of a release") from error
    if signer_key is not None and public_key != signer_key:
        raise ReleaseProblemError(f"it is signed with key {key_id(public_key)}")
    if document["key_id"] != key_id(public_key) or not verify_signature(public_key, message, signature):
        raise ReleaseProblemError("its signature does not match what it states")
    if document["manifest_sha256"] != manifest_sha256:
        raise ReleaseProblemError("it releases another result")
    return ReadRelease(document["released_by"], document["released_at"], *counts)


def own_release(data: bytes) -> ReadRelease:
    """Return what an addendum of this installation states, as it was stored, without verifying it."""
    document = json.loads(data)
    frames = document["frames"]
    return ReadRelease(
        document["released_by"], document["released_at"], frames["risky_seen"], frames["risky"]
    )


def _parse(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_ADDENDUM_BYTES:
        raise ReleaseProblemError("it is too long")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ReleaseProblemError("it is not JSON") from error
    is_release = isinstance(document, dict) and all(isinstance(document.get(name), str) for name in _TEXTS)
    if not is_release or document["format"] != FORMAT or document["algorithm"] != ALGORITHM:
        raise ReleaseProblemError("it is not the addendum of a release")
    return dict(document)
