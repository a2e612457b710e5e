"""Text policies of requests: checked and encrypted at submission, and decrypted by the workers.

The lists of a policy are personal data. They rest encrypted in the database while a request is processed, and
nowhere else; they are deleted when it ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace

from framecloak.domain.anonymization.model.request import AnonymizationRequest, RequestSpec
from framecloak.domain.anonymization.model.text_policy import (
    NO_LISTS,
    InstallationLists,
    TextLists,
    TextMode,
    TextPolicyOptions,
    require_text_is_covered,
)
from framecloak.domain.anonymization.text_policy.harmless import HarmlessGrammar
from framecloak.domain.anonymization.text_policy.names import require_usable_names
from framecloak.domain.anonymization.text_policy.policy import TextPolicy
from framecloak.domain.errors import InvalidOptionError, TextListsLostError
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.security import TextListCipher
from framecloak.domain.ports.text import TextPatterns

_CONTEXT = "text lists of a request for video {}"


class TextOrders:
    """Text policies of requests.

    Args:
        cipher: encrypts the lists.
        compile_patterns: compiles regular expressions; raises ``InvalidOptionError`` for invalid ones.
        database: storage of the lists that administrators keep, which apply to each text policy.
        settings: patterns and device terms of the settings, which apply as well.

    Raises:
        InvalidOptionError: a list of the installation is invalid.
    """

    def __init__(
        self,
        cipher: TextListCipher,
        compile_patterns: Callable[[Iterable[str]], TextPatterns],
        database: Database,
        settings: TextLists = NO_LISTS,
    ) -> None:
        self._cipher = cipher
        self._compile_patterns = compile_patterns
        self._database = database
        self._settings = settings
        self._require_usable(settings)

    async def seal(self, spec: RequestSpec) -> bytes | None:
        """Check the text policy of a new request; return its lists encrypted, None if all text is covered.

        Raises:
            InvalidOptionError: a list is invalid, the level covers no text, or mode ``listed`` has no list.
        """
        require_text_is_covered(spec.level, spec.text.mode)
        if spec.text.mode is TextMode.ALL:
            return None
        lists = await self._with_installation(spec.text, spec.text_lists or NO_LISTS)
        if spec.text.mode is TextMode.LISTED and not any(map(str.strip, (*lists.names, *lists.patterns))):
            raise InvalidOptionError(
                "text policy listed without a list would cover no text", "give names or patterns"
            )
        await asyncio.to_thread(self._require_usable, lists)
        return self._cipher.seal(_CONTEXT.format(spec.video_id), lists.to_bytes())

    async def policy(self, request: AnonymizationRequest, sealed: bytes | None) -> TextPolicy | None:
        """Return the text policy of a request; None if all text is covered.

        Args:
            request: request that is processed.
            sealed: its encrypted lists.

        Raises:
            TextListsLostError: the lists are gone, or cannot be decrypted.
            InvalidOptionError: a list is invalid; another version of the program may have accepted it.
        """
        spec = request.spec
        if spec.text.mode is TextMode.ALL or spec.based_on is not None:
            return None
        if sealed is None:
            raise TextListsLostError("the lists of the text policy are gone", "submit the request again")
        lists = TextLists.from_bytes(self._cipher.open(_CONTEXT.format(spec.video_id), sealed))
        return await asyncio.to_thread(TextPolicy.of, spec.text, lists, self._compile_patterns)

    def digest(self, lists: TextLists) -> bytes:
        """Return 32 bytes that differ for different lists, and reveal nothing about them."""
        return self._cipher.digest(lists.to_bytes())

    async def _with_installation(self, options: TextPolicyOptions, lists: TextLists) -> TextLists:
        """Return the lists of a request with those of the installation; mode ``listed`` keeps no terms."""
        async with self._database.unit_of_work() as work:
            kept = await work.text_lists.get()
        installation = InstallationLists(
            (*self._settings.device_terms, *kept.device_terms), (*self._settings.patterns, *kept.patterns)
        )
        terms = installation.device_terms if options.mode is TextMode.IDENTIFYING else ()
        return replace(
            lists,
            patterns=(*lists.patterns, *installation.patterns),
            device_terms=(*lists.device_terms, *terms),
            installation=installation.sha256,
        )

    def _require_usable(self, lists: TextLists) -> None:
        require_usable_names(lists.names)
        self._compile_patterns(lists.patterns)
        HarmlessGrammar(lists.device_terms)
