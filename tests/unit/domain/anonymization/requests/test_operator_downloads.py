"""Operators fetch results that were compared, and past the release rule only on purpose and on record."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from framecloak.domain.anonymization.model.record.policy import ResultPolicy
from framecloak.domain.anonymization.model.record.release import ReleaseRule
from framecloak.domain.errors import ForbiddenError, NotReleasedError, ResultDamagedError
from framecloak.domain.model.accounts import Means, Principal, Role
from framecloak.domain.ports.repositories.audit import AuditFilter
from support.use_cases import FakeService, chunks

OPERATOR = Principal(0, "operator", Role.ADMIN, Means.COMMAND)


class Fetching:
    """An installation with one result.

    Args:
        folder: folder for temporary files.
        rule: condition for downloads.
    """

    def __init__(self, folder: Path, rule: ReleaseRule) -> None:
        self.world = FakeService(folder, results=ResultPolicy(release=rule))
        self.downloads = self.world.use_cases.downloads

    async def make_result(self) -> UUID:
        anna = await self.world.person("anna")
        submitted = await self.world.submissions.submit(anna, await self.world.request_spec(anna, (0, 10)))
        await self.world.complete(submitted.request.id)
        return submitted.request.id

    async def fetch(self, request_id: UUID, *, before_release: bool = False) -> bytes:
        read = await self.downloads.fetch(OPERATOR, request_id, before_release=before_release)
        return b"".join([chunk async for chunk in read])

    async def recorded(self) -> list[dict[str, object]]:
        """Return the details of all recorded fetches."""
        entries = await self.world.use_cases.audit.entries(OPERATOR, AuditFilter(), 100)
        return [dict(entry.details) for entry in entries if entry.action == "result.fetch"]


@pytest.mark.parametrize("before_release", [False, True])
async def test_without_a_rule_a_result_is_fetched_and_recorded(tmp_path: Path, before_release: bool) -> None:
    fetching = Fetching(tmp_path, ReleaseRule.OPTIONAL)
    request_id = await fetching.make_result()
    assert await fetching.fetch(request_id, before_release=before_release) == b"zip"
    assert await fetching.recorded() == [{}]
    fetching.downloads.require_fetchable_when_made(before_release=before_release)


@pytest.mark.parametrize("rule", [ReleaseRule.REQUIRED, ReleaseRule.SECOND_PERSON])
async def test_a_required_release_is_passed_over_only_on_purpose(tmp_path: Path, rule: ReleaseRule) -> None:
    fetching = Fetching(tmp_path, rule)
    request_id = await fetching.make_result()
    with pytest.raises(NotReleasedError):
        await fetching.fetch(request_id)
    with pytest.raises(NotReleasedError, match="before they are fetched"):
        fetching.downloads.require_fetchable_when_made(before_release=False)
    fetching.downloads.require_fetchable_when_made(before_release=True)
    assert await fetching.recorded() == []
    assert await fetching.fetch(request_id, before_release=True) == b"zip"
    assert await fetching.recorded() == [{"before_release": True}]
    async with fetching.world.database.unit_of_work() as work:
        await work.releases.release(request_id, fetching.world.clock.now(), "bob", b"signed")
        await work.commit()
    assert await fetching.fetch(request_id) == b"zip"
    assert await fetching.fetch(request_id, before_release=True) == b"zip"
    assert await fetching.recorded() == [{}, {}, {"before_release": True}]


@pytest.mark.parametrize("content", [b"ZIP", b"zi", b"zipp"])
async def test_an_altered_result_is_not_fetched(tmp_path: Path, content: bytes) -> None:
    fetching = Fetching(tmp_path, ReleaseRule.OPTIONAL)
    request_id = await fetching.make_result()
    await fetching.world.store.put(f"requests/{request_id}/frames.zip", chunks(content))
    with pytest.raises(ResultDamagedError):
        await fetching.fetch(request_id)
    assert fetching.world.meter.damaged == ["result"]


async def test_only_administrators_fetch(tmp_path: Path) -> None:
    fetching = Fetching(tmp_path, ReleaseRule.OPTIONAL)
    request_id = await fetching.make_result()
    bob = await fetching.world.person("bob")
    with pytest.raises(ForbiddenError):
        await fetching.downloads.fetch(bob, request_id)
    assert await fetching.recorded() == []
