"""What a clean-up removed, and what it could not."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum

from framecloak.domain.errors import DomainError

logger = logging.getLogger(__name__)


class Concern(StrEnum):
    """What is cleaned up; each on its own, so that trouble with one does not keep the others from going."""

    RECORDS = "records"
    """Rows that have expired: of sessions, used refresh tokens, uploads and webhooks."""
    GALLERIES = "galleries"
    UPLOADS = "uploads"
    VIDEOS = "videos"
    RESULTS = "results"
    DOWNLOAD_RIGHTS = "download_rights"
    REQUESTS = "requests"
    FOLDERS = "folders"
    UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class Shortfall:
    """What could not be cleaned up.

    Attributes:
        concern: what it was about.
        count: how often something went wrong.
        first: what went wrong first, with everything that is known of it; for operators.
    """

    concern: Concern
    count: int
    first: str


@dataclass(frozen=True, slots=True)
class CleanupReport:
    """What was removed.

    Attributes:
        tokens: download tokens of results that are gone.
        sessions: browsers whose sign-in ran out.
        results: ZIPs that were kept long enough.
        uploads: uploads that were begun and never completed.
        leftovers: requests without a result of which something was still in the object store.
        parts: finished requests of which a part was; of a worker that was too late, or killed.
        folders: of processes on this machine that were killed.
        galleries: those whose time was over, with everybody enrolled in them.
        unfinished: objects of which a part was stored; of processes that were killed.
        orphans: videos whose bytes were stored and that were never recorded; likewise.
        shortfalls: what should have been removed and could not be.
    """

    tokens: int = 0
    sessions: int = 0
    results: int = 0
    uploads: int = 0
    leftovers: int = 0
    parts: int = 0
    folders: int = 0
    galleries: int = 0
    unfinished: int = 0
    orphans: int = 0
    shortfalls: tuple[Shortfall, ...] = ()

    def removed(self) -> dict[str, int]:
        """What was removed, by name."""
        counted = asdict(self)
        del counted["shortfalls"]
        return counted

    def counts(self) -> dict[str, int]:
        """The same for logs and metrics; tokens under a name that no log takes for that of a secret."""
        counted = self.removed()
        return {"download_rights": counted.pop("tokens"), **counted}

    def failures(self) -> Mapping[str, int]:
        """How often something went wrong, by concern."""
        return {one.concern.value: one.count for one in self.shortfalls}


class CleanupTally:
    """Counts while a clean-up goes on.

    Attributes:
        removed: so many, by the names that `CleanupReport` has for them.
    """

    def __init__(self) -> None:
        self.removed = Counter[str]()
        self._failures = Counter[Concern]()
        self._first: dict[Concern, str] = {}

    @contextmanager
    def about(self, concern: Concern) -> Iterator[None]:
        """Note what goes wrong in the block, and go on behind it."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - a slip about one concern must not keep the others from going
            self.failed(concern, error)

    def failed(self, concern: Concern, error: Exception) -> None:
        """Note that something could not be removed; the report has the first of thousands."""
        self._failures[concern] += 1
        if concern in self._first:
            return
        if isinstance(error, DomainError):
            self._first[concern] = str(error)
        else:
            self._first[concern] = f"{type(error).__name__}: {error}"
            logger.error("the clean-up of %s failed unexpectedly", concern, exc_info=error)

    def report(self) -> CleanupReport:
        """What came of it."""
        found = (Shortfall(concern, self._failures[concern], self._first[concern]) for concern in self._first)
        return CleanupReport(**self.removed, shortfalls=tuple(found))
