"""Contract of every database for templates and batches of orders."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from framecloak.domain.anonymization.model.orders.batch import Batch, BatchItem
from framecloak.domain.anonymization.model.orders.template import Template, TemplateMarks, TimeRange
from framecloak.domain.anonymization.model.request import Status, StoredResult
from framecloak.domain.errors import BatchNotFoundError, IdempotencyConflictError, TemplateNotFoundError
from framecloak.domain.model.accounts import Role, User
from framecloak.domain.model.segments import Region
from framecloak.domain.ports.database import Database
from support.samples.persistence import NOW, add_request, add_user, add_video, principal_of

OPTIONS = {"quality": 80, "keep_text": [], "language": None}
MARKS = TemplateMarks(
    (TimeRange(1.5, None, "talk"), TimeRange(0, 0.5)),
    ((Region(1, 2, 3, 4), "panel"), (Region(5, 6, 7, 8), None)),
    (Region(9, 9, 9, 9),),
    (640, 360),
)


async def _template(database: Database, owner: User, name: str = "Tower B") -> Template:
    async with database.unit_of_work() as work:
        template_id = await work.templates.add(owner.id, name, OPTIONS, MARKS)
        await work.commit()
        return await work.templates.get(template_id, principal_of(owner))


async def test_a_template_is_stored_and_changed(database: Database) -> None:
    owner = await add_user(database, "owner")
    template = await _template(database, owner)
    assert (template.owner_id, template.owner_name, template.name) == (owner.id, "owner", "Tower B")
    assert (template.options, template.marks) == (OPTIONS, MARKS)
    assert (template.is_default, template.shared_with) == (False, ())
    async with database.unit_of_work() as work:
        await work.templates.update(template.id, "Tower C", {}, TemplateMarks())
        await work.commit()
        changed = await work.templates.get(template.id, principal_of(owner))
    assert changed == replace(template, name="Tower C", options={}, marks=TemplateMarks())


async def test_templates_are_visible_to_owner_shared_accounts_and_administrators(database: Database) -> None:
    owner, friend, stranger = [await add_user(database, name) for name in ("owner", "friend", "stranger")]
    admin = await add_user(database, "admin", Role.ADMIN)
    template = await _template(database, owner)
    async with database.unit_of_work() as work:
        await work.templates.share(template.id, [friend.id, friend.id])
        await work.commit()
    shared = replace(template, shared_with=("friend",))
    async with database.unit_of_work() as work:
        for user in (owner, friend, admin):
            assert await work.templates.get(template.id, principal_of(user)) == shared
            assert list(await work.templates.list(principal_of(user))) == [shared]
        with pytest.raises(TemplateNotFoundError):
            await work.templates.get(template.id, principal_of(stranger))
        assert list(await work.templates.list(principal_of(stranger))) == []
        await work.templates.share(template.id, [])
        with pytest.raises(TemplateNotFoundError):
            await work.templates.get(template.id, principal_of(friend))


async def test_there_is_one_default_which_everybody_sees_first(database: Database) -> None:
    owner, stranger = await add_user(database, "owner"), await add_user(database, "stranger")
    first, second = await _template(database, owner, "b"), await _template(database, owner, "A")
    async with database.unit_of_work() as work:
        assert [each.name for each in await work.templates.list(principal_of(owner))] == ["A", "b"]
        await work.templates.make_default(second.id)
        await work.templates.make_default(first.id)
        await work.commit()
    async with database.unit_of_work() as work:
        assert [each.name for each in await work.templates.list(principal_of(owner))] == ["b", "A"]
        assert [each.name for each in await work.templates.list(principal_of(stranger))] == ["b"]
        await work.templates.make_default(None)
        assert list(await work.templates.list(principal_of(stranger))) == []
        await work.templates.remove(first.id)
        with pytest.raises(TemplateNotFoundError):
            await work.templates.get(first.id, principal_of(owner))


async def test_a_batch_keeps_the_outcome_of_each_video(database: Database) -> None:
    owner = await add_user(database, "owner")
    first, second = await add_video(database, owner), await add_video(database, owner)
    request = await add_request(database, owner, first)
    async with database.unit_of_work() as work:
        batch_id, is_new = await work.batches.add(owner.id, "Tower B", None)
        await work.batches.reject(batch_id, 1, second.id, "invalid_option", "no")
        await work.batches.reject(batch_id, 0, first.id, "internal_error", "later accepted")
        await work.batches.accept(batch_id, 0, first.id, request.id)
        await work.commit()
    assert is_new
    async with database.unit_of_work() as work:
        await work.videos.describe(second.id, "Theatre", ())
        batch = await work.batches.get(batch_id, principal_of(owner))
    items = (
        BatchItem(0, first.id, first.filename, request),
        BatchItem(1, second.id, "Theatre", None, "invalid_option", "no"),
    )
    assert batch == Batch(batch_id, owner.id, "Tower B", batch.created_at, items)
    assert (batch.progress, batch.counts[Status.PENDING]) == (0, 1)
    async with database.unit_of_work() as work:
        await work.requests.claim(request.id, NOW)
        await work.requests.finish(request.id, Status.COMPLETED, NOW, result=StoredResult("key", 1))
        await work.videos.remove(first.id)
        await work.commit()
        batch = await work.batches.get(batch_id, principal_of(owner))
    assert (batch.progress, batch.items[0].video_name) == (100, None)
    assert batch.counts[Status.COMPLETED] == 1


async def test_batches_are_visible_to_their_owner_and_administrators(database: Database) -> None:
    owner, stranger = await add_user(database, "owner"), await add_user(database, "stranger")
    admin = await add_user(database, "admin", Role.ADMIN)
    async with database.unit_of_work() as work:
        ids = [(await work.batches.add(owner.id, None, None))[0] for _ in range(3)]
        await work.commit()
    async with database.unit_of_work() as work:
        for user in (owner, admin):
            page = await work.batches.list(principal_of(user), 2, 1)
            assert ([each.id for each in page.items], page.total) == ([ids[1], ids[0]], 3)
        with pytest.raises(BatchNotFoundError):
            await work.batches.get(ids[0], principal_of(stranger))
        with pytest.raises(BatchNotFoundError):
            await work.batches.get(uuid4(), principal_of(admin))
        assert (await work.batches.list(principal_of(stranger), 2, 0)).total == 0


async def test_a_repeated_key_finds_the_batch_again(database: Database) -> None:
    owner, other = await add_user(database, "owner"), await add_user(database, "other")
    async with database.unit_of_work() as work:
        batch_id, _ = await work.batches.add(owner.id, None, ("key", b"1" * 32))
        await work.commit()
    async with database.unit_of_work() as work:
        assert await work.batches.add(owner.id, None, ("key", b"1" * 32)) == (batch_id, False)
        with pytest.raises(IdempotencyConflictError):
            await work.batches.add(owner.id, None, ("key", b"2" * 32))
        assert (await work.batches.add(other.id, None, ("key", b"2" * 32)))[1]
