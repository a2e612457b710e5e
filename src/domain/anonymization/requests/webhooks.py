"""Use case: tell receivers about the end of requests, with a signature that shows who does."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from framecloak.domain.anonymization.model.request import AnonymizationRequest
from framecloak.domain.errors import WebhookFailedError
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.services import Clock
from framecloak.domain.ports.webhooks import Notice, WebhookSender

EVENT_ID = "Framecloak-Event-Id"
TIMESTAMP = "Framecloak-Timestamp"
SIGNATURE = "Framecloak-Signature"

RETRY_AFTER = (
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
)
"""How long after each failed attempt the next is made; after one more the notice is given up."""

LEASE = timedelta(minutes=1)
"""For one attempt and for writing down how it went; a worker that takes longer is taken for dead."""

AT_ONCE = 20
"""Receivers that one process calls at the same time."""

_UNFINISHED = "no worker came to the end of an attempt"

logger = logging.getLogger(__name__)


def status_object(request: AnonymizationRequest) -> dict[str, object]:
    """What the API answers when it is asked where a request that is over stands."""
    return {
        "request_id": str(request.id),
        "status": request.status.value,
        "progress": request.progress,
        "total_frames": request.total_frames,
        "processed_frames": request.processed_frames,
        "blanked_frames": request.known_blanked_frames,
        "estimated_remaining_time": None,
        "created_at": _rfc3339(request.created_at),
        "started_at": _rfc3339(request.started_at),
        "completed_at": _rfc3339(request.completed_at),
        "error": request.error,
        "error_code": request.error_code,
    }


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """The signature of a body.

    Args:
        secret: shared with the receiver.
        timestamp: seconds since 1970, signed too, so that nobody can send an old body as a new one.
        body: as it is sent.

    Returns:
        The value of the header: the version of the scheme, and HMAC-SHA256 in hexadecimal digits.
    """
    return f"v1={hmac.new(secret.encode(), timestamp.encode() + b'.' + body, sha256).hexdigest()}"


class Webhooks:
    """Calls the webhooks of requests that are over: each at least once, and some more often.

    Args:
        database: where notices wait.
        sender: calls receivers.
        clock: tells the time.
        secret: what bodies are signed with.
    """

    def __init__(self, database: Database, sender: WebhookSender, clock: Clock, secret: str) -> None:
        self._database = database
        self._sender = sender
        self._clock = clock
        self._secret = secret

    async def deliver_due(self, limit: int = AT_ONCE) -> int:
        """Call the receivers whose time has come, all at once. Many workers may do so at a time.

        Args:
            limit: most to call.

        Returns:
            How many notices were taken; as many as the limit means that more may be due.

        Raises:
            DatabaseUnavailableError: the database cannot be reached; what was taken is due again soon.
        """
        now = self._clock.now()
        async with self._database.unit_of_work() as work:
            notices = await work.notices.take_due(now, now + LEASE, limit)
            await work.commit()
        # To the end of all: that one fails is no reason to call the others twice.
        outcomes = await asyncio.gather(*map(self._deliver, notices), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return len(notices)

    async def _deliver(self, notice: Notice) -> None:
        try:
            await self._send(notice)
        except WebhookFailedError as error:
            await self._note_failure(notice, error)
            return
        async with self._database.unit_of_work() as work:
            await work.notices.delivered(notice, self._clock.now())
            await work.commit()

    async def _send(self, notice: Notice) -> None:
        if notice.attempt > len(RETRY_AFTER) + 1:
            # Attempts count when they begin, so that one that kills its worker is not made for ever.
            raise WebhookFailedError(_UNFINISHED, retry=False)
        body = json.dumps(status_object(notice.request), separators=(",", ":")).encode()
        timestamp = str(int(self._clock.now().timestamp()))
        headers = {
            "Content-Type": "application/json",
            EVENT_ID: str(notice.id),
            TIMESTAMP: timestamp,
            SIGNATURE: sign(self._secret, timestamp, body),
        }
        await self._sender.send(notice.url, body, headers)

    async def _note_failure(self, notice: Notice, error: WebhookFailedError) -> None:
        now = self._clock.now()
        is_last = not error.retry or notice.attempt > len(RETRY_AFTER)
        async with self._database.unit_of_work() as work:
            if is_last:
                await work.notices.give_up(notice, now, str(error))
            else:
                await work.notices.postpone(notice, now + RETRY_AFTER[notice.attempt - 1], str(error))
            await work.commit()
        if is_last:
            # Without its address, which may hold what only the receiver is to know.
            logger.warning("the webhook of request %s was given up: %s", notice.request.id, error)


def _rfc3339(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
