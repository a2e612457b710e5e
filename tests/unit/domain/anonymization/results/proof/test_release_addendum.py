"""Signed addenda of releases: what they state holds only as it was signed, for one result."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.results import FakeSigner, is_signed
from framecloak.domain.anonymization.model.record.release import Release
from framecloak.domain.anonymization.results.proof.release_addendum import (
    MAX_ADDENDUM_BYTES,
    ReadRelease,
    ReleaseProblemError,
    read_release,
    sign_release,
)

MANIFEST = "a" * 64
RELEASE = Release(
    request_id=UUID(int=7),
    manifest_sha256=MANIFEST,
    result_sha256="b" * 64,
    released_at=datetime(2026, 11, 30, 10, 0, tzinfo=timezone(timedelta(hours=1))),
    released_by="Ada",
    frames=100,
    seen_frames=12,
    risky_frames=10,
    seen_risky_frames=9,
)
KEY = FakeSigner().public_key
ADDENDUM = sign_release(RELEASE, "framecloak 1", FakeSigner())


def test_a_genuine_addendum_states_who_released_the_result_and_when() -> None:
    stated = ReadRelease("Ada", "2026-11-30T09:00:00Z", 9, 10)
    assert read_release(ADDENDUM, MANIFEST, is_signed, KEY) == stated
    assert read_release(ADDENDUM, MANIFEST, is_signed, None) == stated


@given(st.data())
def test_every_changed_statement_is_noticed(data: st.DataObject) -> None:
    document = json.loads(ADDENDUM)
    name = data.draw(st.sampled_from(sorted(document)))
    document[name] = data.draw(st.sampled_from(["x", 1, None, {}, {"risky": 0, "risky_seen": 0}]))
    with pytest.raises(ReleaseProblemError):
        read_release(json.dumps(document).encode(), MANIFEST, is_signed, KEY)


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"[" * 5000, b"1" * (MAX_ADDENDUM_BYTES + 1), b"\xff"])
def test_other_files_are_no_addenda(data: bytes) -> None:
    with pytest.raises(ReleaseProblemError):
        read_release(data, MANIFEST, is_signed, KEY)


def test_an_addendum_is_for_one_result_and_from_one_signer() -> None:
    with pytest.raises(ReleaseProblemError, match="another result"):
        read_release(ADDENDUM, "c" * 64, is_signed, KEY)
    foreign = sign_release(replace(RELEASE, released_by="Eve"), "framecloak 1", FakeSigner("eve"))
    with pytest.raises(ReleaseProblemError, match="signed with key"):
        read_release(foreign, MANIFEST, is_signed, KEY)
    assert json.loads(ADDENDUM)["released_at"] == RELEASE.released_at.astimezone(UTC).isoformat().replace(
        "+00:00", "Z"
    )
