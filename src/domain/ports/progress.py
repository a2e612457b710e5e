"""Ports: progress of requests, announced and listened to."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol
from uuid import UUID


class Listener(Protocol):
    """Subscription to the changes of one request."""

    async def wait_for_change(self, max_wait_seconds: float) -> bool:
        """Wait for a change since the last call, or since the subscription began.

        Args:
            max_wait_seconds: timeout in seconds.

        Returns:
            True if a change was announced, False after the timeout.
        """
        ...


class ProgressBoard(Protocol):
    """Channel that notifies listeners in any process of changes to a request; the database holds its state.

    Notifications can be lost, so listeners also poll from time to time.
    """

    async def announce(self, request_id: UUID) -> None:
        """Notify the listeners of a request; never raises."""
        ...

    def listen(self, request_id: UUID) -> AbstractContextManager[Listener]:
        """Subscribe to a request within the block."""
        ...

    async def announce_cancellation(self, request_id: UUID) -> None:
        """Notify the listeners of a request, and the workers that process it; never raises."""
        ...

    def listen_for_cancellation(self, request_id: UUID) -> AbstractContextManager[Listener]:
        """Subscribe to the cancellation of a request within the block, but not to its progress.

        A notification may be false, for example after the connection was lost: the database decides.
        """
        ...
