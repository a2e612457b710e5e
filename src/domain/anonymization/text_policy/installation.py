"""Use cases of the lists of text that administrators keep for an installation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from framecloak.domain.anonymization.model.text_policy import InstallationLists
from framecloak.domain.anonymization.text_policy.harmless import HarmlessGrammar
from framecloak.domain.model.accounts import Principal
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.text import TextPatterns


class TextListService:
    """Lists of text of an installation, which apply to requests that are submitted afterwards.

    Args:
        database: storage of the lists.
        compile_patterns: compiles regular expressions; raises ``InvalidOptionError`` for invalid ones.
    """

    def __init__(self, database: Database, compile_patterns: Callable[[Iterable[str]], TextPatterns]) -> None:
        self._database = database
        self._compile_patterns = compile_patterns

    async def get(self, principal: Principal) -> InstallationLists:
        """Return the lists.

        Raises:
            ForbiddenError: the caller is not an administrator.
        """
        principal.require_admin()
        async with self._database.unit_of_work() as work:
            return await work.text_lists.get()

    async def replace(
        self, principal: Principal, device_terms: Iterable[str], patterns: Iterable[str]
    ) -> InstallationLists:
        """Store lists in place of the earlier ones; blank and repeated entries are left out.

        Raises:
            ForbiddenError: the caller is not an administrator.
            InvalidOptionError: a pattern is invalid or too large, or a term has a single character.
        """
        principal.require_admin()
        lists = InstallationLists(_entries(device_terms), _entries(patterns))
        await asyncio.to_thread(self._require_usable, lists)
        async with self._database.unit_of_work() as work:
            await work.text_lists.replace(lists.device_terms, lists.patterns, principal.username)
            counts = {"device_terms": len(lists.device_terms), "patterns": len(lists.patterns)}
            details = {**counts, "sha256": lists.sha256}
            await work.audit.add(principal, "text_lists.change", "text lists of the installation", details)
            stored = await work.text_lists.get()
            await work.commit()
        return stored

    def _require_usable(self, lists: InstallationLists) -> None:
        self._compile_patterns(lists.patterns)
        HarmlessGrammar(lists.device_terms)


def _entries(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.strip() for text in texts if text.strip()))
