"""The progress of a request as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from time import monotonic
from uuid import UUID

import msgspec

from domain.accounts import Principal
from domain.anonymization.lifecycle import Status
from domain.anonymization.service import Anonymization, Progress
from domain.errors import DomainError
from entrypoints.http.config import HttpConfig
from entrypoints.http.errors import domain_problem
from entrypoints.http.schemas.requests import StatusView

EVENT_STREAM = "text/event-stream"

_TAKEN_UP_POLL = 0.05
"""Seconds between two looks at a new request."""

_HEARTBEAT = b": still here\n\n"


async def settled(
    anonymization: Anonymization, config: HttpConfig, caller: Principal, request_id: UUID
) -> Progress:
    """Where a request stands, once it is taken up or no longer new.

    Clients that were written for the service before this one stop asking when they see ``pending``, so they
    must not see it merely because they were quicker than an idle worker.

    Raises:
        RequestNotFoundError: there is none that the caller may see.
    """
    fresh, ends_at = config.fresh.total_seconds(), monotonic() + config.fresh.total_seconds()
    progress = await anonymization.status(caller, request_id)
    while progress.request.status is Status.PENDING and monotonic() < ends_at:
        age = datetime.now(UTC) - progress.request.created_at
        if age.total_seconds() >= fresh:
            break
        await asyncio.sleep(_TAKEN_UP_POLL)
        progress = await anonymization.status(caller, request_id)
    return progress


class EventFeed:
    """What one listener is told about one request.

    Args:
        anonymization: asked where the request stands.
        config: how often.
        caller: who listens.
        request_id: of the request.
    """

    def __init__(
        self, anonymization: Anonymization, config: HttpConfig, caller: Principal, request_id: UUID
    ) -> None:
        self._anonymization = anonymization
        self._config = config
        self._caller = caller
        self._request_id = request_id

    async def messages(self, current: StatusView) -> AsyncIterator[bytes]:
        """The current state, then every change, until it is final or the stream has lasted long enough.

        A client that is cut off connects again and is told the current state first, so it misses nothing.
        """
        ends_at = monotonic() + self._config.stream_lasts.total_seconds()
        spoke_at = monotonic()
        yield _event(current)
        while not current.status.is_final and monotonic() < ends_at:
            await asyncio.sleep(self._config.event_interval.total_seconds())
            try:
                found = StatusView.of(await self._anonymization.status(self._caller, self._request_id))
            except DomainError as error:
                yield b"event: problem\n" + _event(domain_problem(error))
                return
            if found != current:
                current, spoke_at = found, monotonic()
                yield _event(current)
            elif monotonic() - spoke_at >= self._config.heartbeat.total_seconds():
                spoke_at = monotonic()
                yield _HEARTBEAT


def _event(data: msgspec.Struct) -> bytes:
    """Without a name, so that ``EventSource.onmessage`` of a browser gets it."""
    return b"data: %s\n\n" % msgspec.json.encode(data)
