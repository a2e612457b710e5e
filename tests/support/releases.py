"""Signed releases of results."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fakes.results import FakeSigner
from framecloak.domain.anonymization.model.record.release import Release
from framecloak.domain.anonymization.results.proof.release_addendum import sign_release


def signed_release(request_id: UUID, time: datetime, name: str, manifest_sha256: str = "0" * 64) -> bytes:
    """Return the addendum of a release whose person has seen three of four risky frames."""
    release = Release(
        request_id=request_id,
        manifest_sha256=manifest_sha256,
        result_sha256=None,
        released_at=time,
        released_by=name,
        frames=10,
        seen_frames=5,
        risky_frames=4,
        seen_risky_frames=3,
    )
    return sign_release(release, "framecloak test", FakeSigner())
