"""Audit entries that the use cases record."""

from __future__ import annotations

from datetime import timedelta

import pytest

from framecloak.domain.accounts.audit import AuditService
from framecloak.domain.anonymization.requests.cleanup import CleanupService
from framecloak.domain.errors import ForbiddenError, FrameNotFoundError, InvalidCredentialsError
from framecloak.domain.model.accounts import Principal, Role
from framecloak.domain.model.segments import Region, Segment
from framecloak.domain.ports.database import AuditEntry, AuditFilter
from support.use_cases import PASSWORD, FakeService, no_stale_folders

ADDRESS = "192.0.2.7"
WRONG = "a wrong horse battery"


def recorded(world: FakeService, *actions: str) -> list[AuditEntry]:
    rows = world.fake_database.tables.audit.values()
    return [row for row in rows if row.action in actions or not actions]


def summaries(rows: list[AuditEntry]) -> list[tuple[str | None, str, str, dict[str, object]]]:
    return [(row.username, row.action, row.subject, dict(row.details)) for row in rows]


async def test_signing_in_and_out_is_recorded(world: FakeService, anna: Principal) -> None:
    signed_in = await world.identity.sign_in("anna", PASSWORD, ADDRESS)
    await world.identity.sign_out(signed_in.secret)
    await world.identity.sign_out(signed_in.secret)
    await world.identity.issue_tokens("anna", PASSWORD, ADDRESS)
    subject = f"user:{anna.user_id}"
    assert summaries(recorded(world))[1:] == [
        ("anna", "session.open", subject, {"address": ADDRESS}),
        ("anna", "session.close", subject, {}),
        ("anna", "token.issue", subject, {"address": ADDRESS}),
    ]


async def test_a_refused_sign_in_records_known_accounts_and_no_secrets(
    world: FakeService, anna: Principal
) -> None:
    for name, password in (("anna", WRONG), (PASSWORD, WRONG), ("anna", "x" * 2000)):
        for sign_in in (world.identity.sign_in, world.identity.issue_tokens):
            with pytest.raises(InvalidCredentialsError):
                await sign_in(name, password, ADDRESS)
    rows = recorded(world, "session.refuse")
    known, unknown = f"user:{anna.user_id}", "user:unknown"
    assert [row.subject for row in rows] == [known, known, unknown, unknown, known, known]
    assert {(row.user_id, row.username, row.details["address"]) for row in rows} == {(None, None, ADDRESS)}
    assert not any(secret in repr(recorded(world)) for secret in (PASSWORD, WRONG))


async def test_marks_are_recorded_without_their_labels(world: FakeService, anna: Principal) -> None:
    video = await world.video(anna)
    segment = await world.marking.add_segment(anna, video.id, Segment(1, 5), "Mrs Miller")
    await world.marking.change_segment(anna, video.id, segment.id, end_frame=7)
    await world.marking.remove_segment(anna, video.id, segment.id)
    region = await world.marking.add_region(anna, video.id, Region(0, 0, 9, 9), "Mrs Miller")
    await world.marking.remove_region(anna, video.id, region.id)
    rows = recorded(world, "segment.mark", "segment.change", "segment.unmark", "region.mark", "region.unmark")
    assert {(row.username, row.subject) for row in rows} == {("anna", f"video:{video.id}")}
    assert [(row.action, row.details) for row in rows] == [
        ("segment.mark", {"segment_id": segment.id, "start_frame": 1, "end_frame": 5}),
        ("segment.change", {"segment_id": segment.id, "start_frame": 1, "end_frame": 7}),
        ("segment.unmark", {"segment_id": segment.id}),
        ("region.mark", {"region_id": region.id}),
        ("region.unmark", {"region_id": region.id}),
    ]


async def test_views_of_original_frames_are_recorded(world: FakeService, anna: Principal) -> None:
    video = await world.video(anna)
    await world.collection.frame(anna, video.id, 3, None)
    with pytest.raises(FrameNotFoundError):
        await world.collection.frame(anna, video.id, 10**6, None)
    assert summaries(recorded(world, "frame.view")) == [
        ("anna", "frame.view", f"video:{video.id}", {"index": 3})
    ]


async def test_results_that_expire_are_recorded(world: FakeService, anna: Principal) -> None:
    submitted = await world.submissions.submit(anna, await world.request_spec(anna, (0, 10)))
    await world.complete(submitted.request.id)
    world.clock.advance(timedelta(hours=3))
    await CleanupService(world.database, world.store, world.clock, timedelta(hours=2), no_stale_folders).run()
    assert summaries(recorded(world, "result.expire")) == [
        (None, "result.expire", f"request:{submitted.request.id}", {})
    ]


async def test_only_administrators_read_the_audit_log(world: FakeService, anna: Principal) -> None:
    boss = await world.person("boss", Role.ADMIN)
    audit = AuditService(world.database)
    async with world.database.unit_of_work() as work:
        await work.audit.add(boss, "result.fetch", "request:7", {})
        await work.commit()
    (entry,) = await audit.entries(boss, AuditFilter(subject="request:7"), 10)
    assert (entry.username, entry.action) == ("boss", "result.fetch")
    with pytest.raises(ForbiddenError):
        await audit.entries(anna, AuditFilter(), 10)
