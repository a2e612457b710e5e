"""Report of a clean-up: numbers of deleted items, and failures."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum

from framecloak.domain.errors import DomainError

logger = logging.getLogger(__name__)


class CleanupStep(StrEnum):
    """Steps of a clean-up; each runs on its own, so that the failure of one does not stop the others."""

    RECORDS = "records"
    """Expired rows: sessions, used refresh tokens, uploads and webhooks."""
    GALLERIES = "galleries"
    UPLOADS = "uploads"
    VIDEOS = "videos"
    RESULTS = "results"
    DOWNLOAD_RIGHTS = "download_rights"
    REQUESTS = "requests"
    FOLDERS = "folders"
    UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class CleanupFailure:
    """Failures of one step of a clean-up.

    Attributes:
        step: the step that failed.
        count: number of failures.
        first_error: details of the first failure, for operators.
    """

    step: CleanupStep
    count: int
    first_error: str


@dataclass(frozen=True, slots=True)
class CleanupReport:
    """Result of a clean-up: numbers of deleted items.

    Attributes:
        tokens: download tokens whose result no longer exists.
        sessions: expired browser sessions.
        results: ZIPs past their retention period.
        uploads: expired uploads that were never completed.
        leftovers: requests without a result that still had stored data.
        parts: finished requests that still had stored parts, left by a late or killed worker.
        folders: folders left on this machine by killed processes.
        galleries: expired galleries, with all people enrolled in them.
        unfinished: partly stored objects, left by killed processes.
        orphans: stored videos without a record, left by killed processes.
        step_failures: failures by step.
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
    step_failures: tuple[CleanupFailure, ...] = ()

    def removed(self) -> dict[str, int]:
        """Return the numbers of deleted items by name."""
        counted = asdict(self)
        del counted["step_failures"]
        return counted

    def counts(self) -> dict[str, int]:
        """Return `removed` for logs and metrics, with ``tokens`` renamed so that logs do not mask it."""
        counted = self.removed()
        return {"download_rights": counted.pop("tokens"), **counted}

    def failures(self) -> Mapping[str, int]:
        """Return the numbers of failures by step."""
        return {failure.step.value: failure.count for failure in self.step_failures}


class CleanupCounter:
    """Counter of deleted items and failures during a clean-up.

    Attributes:
        removed: numbers of deleted items, by field name of `CleanupReport`.
    """

    def __init__(self) -> None:
        self.removed = Counter[str]()
        self._failures = Counter[CleanupStep]()
        self._first_errors: dict[CleanupStep, str] = {}

    @contextmanager
    def guarded(self, step: CleanupStep) -> Iterator[None]:
        """Record an error raised in the block, and suppress it."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - the failure of one step must not stop the others
            self.record_failure(step, error)

    def record_failure(self, step: CleanupStep, error: Exception) -> None:
        """Count a failure; only the first one of a step is kept for the report."""
        self._failures[step] += 1
        if step in self._first_errors:
            return
        if isinstance(error, DomainError):
            self._first_errors[step] = str(error)
        else:
            self._first_errors[step] = f"{type(error).__name__}: {error}"
            logger.error("the clean-up of %s failed unexpectedly", step, exc_info=error)

    def report(self) -> CleanupReport:
        """Return the report."""
        failures = (
            CleanupFailure(step, self._failures[step], self._first_errors[step])
            for step in self._first_errors
        )
        return CleanupReport(**self.removed, step_failures=tuple(failures))
