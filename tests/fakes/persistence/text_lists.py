"""Hand-written fake of the repository of the installation's lists of text."""

from __future__ import annotations

from fakes.persistence.tables import Transaction
from framecloak.domain.anonymization.model.text_policy import InstallationLists


class FakeTextListRepository:
    """Keeps the lists in memory."""

    def __init__(self, transaction: Transaction) -> None:
        self._tx = transaction

    async def get(self) -> InstallationLists:
        return self._tx.rows.text_lists.get(1, InstallationLists())

    async def replace(self, device_terms: tuple[str, ...], patterns: tuple[str, ...], by: str) -> None:
        rows = await self._tx.write()
        rows.text_lists[1] = InstallationLists(device_terms, patterns, self._tx.store.now(), by)
