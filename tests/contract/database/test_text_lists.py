"""Contract of every database for the installation's lists of text."""

from __future__ import annotations

from framecloak.domain.anonymization.model.text_policy import InstallationLists
from framecloak.domain.ports.database import Database


async def test_there_are_no_lists_until_some_are_stored(database: Database) -> None:
    async with database.unit_of_work() as work:
        assert await work.text_lists.get() == InstallationLists()


async def test_lists_replace_earlier_ones_and_say_who_changed_them(database: Database) -> None:
    for terms, patterns, by in (
        (("Tower B", "Wärter 7"), (r"case \d+",), "ada"),
        ((), (r"fall\s{2}", "'; --"), "bob"),
    ):
        async with database.unit_of_work() as work:
            await work.text_lists.replace(terms, patterns, by)
            await work.commit()
        async with database.unit_of_work() as work:
            lists = await work.text_lists.get()
        assert (lists.device_terms, lists.patterns, lists.changed_by) == (terms, patterns, by)
        assert lists.changed_at is not None
        assert lists.changed_at.tzinfo is not None


async def test_lists_that_are_not_committed_are_lost(database: Database) -> None:
    async with database.unit_of_work() as work:
        await work.text_lists.replace(("Tower B",), (), "ada")
    async with database.unit_of_work() as work:
        assert await work.text_lists.get() == InstallationLists()
