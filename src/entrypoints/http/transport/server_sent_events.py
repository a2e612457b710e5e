"""Progress of a request as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from time import monotonic
from uuid import UUID

import msgspec

from framecloak.domain.anonymization.requests.service import RequestService
from framecloak.domain.errors import DomainError
from framecloak.domain.model.accounts import Principal
from framecloak.domain.ports.progress import ProgressBoard
from framecloak.entrypoints.asgi.problem_details import domain_problem
from framecloak.entrypoints.http.config import HttpConfig
from framecloak.entrypoints.schemas.requests import StatusView

EVENT_STREAM = "text/event-stream"

_HEARTBEAT = b": still here\n\n"


class ProgressEvents:
    """Event stream of one listener about one request.

    Args:
        requests: source of the status of the request.
        progress_board: source of notifications about changes.
        config: minimum interval of events and interval of heartbeats.
        request_id: id of the request.
        identify: returns the listener; called before each event because credentials can be revoked.
    """

    def __init__(
        self,
        requests: RequestService,
        progress_board: ProgressBoard,
        config: HttpConfig,
        request_id: UUID,
        identify: Callable[[], Awaitable[Principal]],
    ) -> None:
        self._requests = requests
        self._progress_board = progress_board
        self._config = config
        self._request_id = request_id
        self._identify = identify

    async def messages(self) -> AsyncIterator[bytes]:
        """Yield the current status, then every change until a final status.

        A client that loses its connection reconnects and first receives the current status, so it misses
        nothing.
        """
        heartbeat = self._config.heartbeat.total_seconds()
        deadline = monotonic() + self._config.max_stream_duration.total_seconds()
        sent: StatusView | None = None
        with self._progress_board.listen(self._request_id) as listener:
            while sent is None or (not sent.status.is_final and monotonic() < deadline):
                try:
                    caller = await self._identify()
                    current = StatusView.of(await self._requests.status(caller, self._request_id))
                except DomainError as error:
                    yield b"event: problem\n" + _event(domain_problem(error))
                    return
                # A notification may get lost, so the status is also read when there was none for a while.
                yield _HEARTBEAT if current == sent else _event(current)
                sent = current
                if not current.status.is_final:
                    # Changes come in quick succession; clients do not need an event for every frame.
                    await asyncio.sleep(self._config.event_interval.total_seconds())
                    await listener.wait_for_change(heartbeat)


def _event(data: msgspec.Struct) -> bytes:
    """Encode an event without a name, which browsers deliver to ``EventSource.onmessage``."""
    return b"data: %s\n\n" % msgspec.json.encode(data)
