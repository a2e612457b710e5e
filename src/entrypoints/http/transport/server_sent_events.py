"""The progress of a request as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from time import monotonic
from uuid import UUID

import msgspec

from framecloak.domain.accounts.model import Principal
from framecloak.domain.anonymization.model.request import Status
from framecloak.domain.anonymization.requests.service import Anonymization, Progress
from framecloak.domain.errors import DomainError
from framecloak.domain.ports.services import ProgressBoard
from framecloak.entrypoints.asgi.problem_details import domain_problem
from framecloak.entrypoints.http.config import HttpConfig
from framecloak.entrypoints.schemas.requests import StatusView

EVENT_STREAM = "text/event-stream"

_HEARTBEAT = b": still here\n\n"


async def settled(
    anonymization: Anonymization,
    board: ProgressBoard,
    config: HttpConfig,
    caller: Principal,
    request_id: UUID,
) -> Progress:
    """Where a request stands, once it is taken up or no longer new.

    Clients that were written for the service before this one stop asking when they see ``pending``, so they
    must not see it merely because they were quicker than an idle worker.

    Raises:
        RequestNotFoundError: there is none that the caller may see.
    """
    progress = await anonymization.status(caller, request_id)
    left = _freshness(progress, config)
    if left <= 0:
        return progress
    ends_at = monotonic() + left
    with board.listen(request_id) as listener:
        progress = await anonymization.status(caller, request_id)
        while progress.request.status is Status.PENDING and (left := ends_at - monotonic()) > 0:
            await listener.changed(left)
            progress = await anonymization.status(caller, request_id)
    return progress


def _freshness(progress: Progress, config: HttpConfig) -> float:
    """Seconds for which a request that waits is new; nothing for one that does not wait."""
    if progress.request.status is not Status.PENDING:
        return 0.0
    return (config.fresh - (datetime.now(UTC) - progress.request.created_at)).total_seconds()


class EventFeed:
    """What one listener is told about one request.

    Args:
        anonymization: asked where the request stands.
        board: says when something has changed.
        config: how often to tell at most, and at least.
        request_id: of the request.
        identify: who listens; asked again and again, because credentials are revoked.
    """

    def __init__(
        self,
        anonymization: Anonymization,
        board: ProgressBoard,
        config: HttpConfig,
        request_id: UUID,
        identify: Callable[[], Awaitable[Principal]],
    ) -> None:
        self._anonymization = anonymization
        self._board = board
        self._config = config
        self._request_id = request_id
        self._identify = identify

    async def messages(self) -> AsyncIterator[bytes]:
        """The current state, then every change, until a final state.

        A client that is cut off connects again and is told the current state first, so it misses nothing.
        """
        heartbeat = self._config.heartbeat.total_seconds()
        ends_at = monotonic() + self._config.stream_lasts.total_seconds()
        told: StatusView | None = None
        with self._board.listen(self._request_id) as listener:
            while told is None or (not told.status.is_final and monotonic() < ends_at):
                try:
                    caller = await self._identify()
                    found = StatusView.of(await self._anonymization.status(caller, self._request_id))
                except DomainError as error:
                    yield b"event: problem\n" + _event(domain_problem(error))
                    return
                # An announcement may get lost, so it is also looked at when there was none for a while.
                yield _HEARTBEAT if found == told else _event(found)
                told = found
                if not found.status.is_final:
                    # Changes come in quick succession; nobody needs to hear of every frame.
                    await asyncio.sleep(self._config.event_interval.total_seconds())
                    await listener.changed(heartbeat)


def _event(data: msgspec.Struct) -> bytes:
    """Without a name, so that ``EventSource.onmessage`` of a browser gets it."""
    return b"data: %s\n\n" % msgspec.json.encode(data)
