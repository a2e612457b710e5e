"""Repository of the installation's lists of text."""

from __future__ import annotations

from typing import Protocol

from framecloak.domain.anonymization.model.text_policy import InstallationLists


class TextListRepository(Protocol):
    """Repository of the lists that apply to all requests of an installation; they hold no names."""

    async def get(self) -> InstallationLists:
        """Return the lists; empty ones as long as none were stored."""
        ...

    async def replace(self, device_terms: tuple[str, ...], patterns: tuple[str, ...], by: str) -> None:
        """Store lists in place of the earlier ones.

        Args:
            device_terms: terms that devices show, which stay readable.
            patterns: regular expressions of text to cover.
            by: user name of the administrator.
        """
        ...
