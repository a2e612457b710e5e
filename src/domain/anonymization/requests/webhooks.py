"""Use case: notify receivers of the end of requests and of releases, with signed webhook calls."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from time import monotonic

from framecloak.domain.anonymization.model.record.policy import ResultPolicy
from framecloak.domain.anonymization.model.request import AnonymizationRequest
from framecloak.domain.anonymization.requests.titles import named_titles
from framecloak.domain.errors import WebhookFailedError
from framecloak.domain.ports.clock import Clock
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.repositories.webhooks import Notice
from framecloak.domain.ports.webhooks import WebhookSender
from framecloak.domain.support.log_events import WEBHOOK_DELIVERED, WEBHOOK_POSTPONED

EVENT_ID = "Framecloak-Event-Id"
EVENT = "Framecloak-Event"
TIMESTAMP = "Framecloak-Timestamp"
SIGNATURE = "Framecloak-Signature"

RETRY_DELAYS = (
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
)
"""Delay after each failed attempt; after one more failure the notice is given up."""

ATTEMPT_LEASE = timedelta(minutes=1)
"""Time for one attempt and for recording its outcome; after it, another worker may take the notice."""

MAX_CONCURRENT_CALLS = 20
"""Maximum number of receivers that one process calls concurrently."""

_NEVER_COMPLETED = "no worker completed any attempt"

logger = logging.getLogger(__name__)


def status_object(request: AnonymizationRequest, title: str | None = None) -> dict[str, object]:
    """Return the body of a webhook call: the status of a request that is over, as the API returns it.

    Args:
        request: the request.
        title: title of the video; left out if None.
    """
    titled: dict[str, object] = {} if title is None else {"video_title": title}
    return titled | {
        "request_id": str(request.id),
        "status": request.status.value,
        "is_waiting": False,
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
        "reference": request.spec.reference,
        "released_at": _rfc3339(request.released_at),
        "released_by": request.released_by,
    }


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """Return the signature of a webhook body.

    Args:
        secret: secret shared with the receiver.
        timestamp: Unix time in seconds. It is signed too, so an old body cannot be replayed as a new one.
        body: body as sent.

    Returns:
        The header value: version of the scheme, and HMAC-SHA256 in hexadecimal digits.
    """
    return f"v1={hmac.new(secret.encode(), timestamp.encode() + b'.' + body, sha256).hexdigest()}"


class Webhooks:
    """Sender of webhook calls for requests that are over or released, with at-least-once delivery.

    Args:
        database: database of notices.
        sender: sends HTTP calls to receivers.
        clock: current time (UTC).
        secret: secret that signs bodies.
        policy: rules for results, which say whether titles of videos are named; None to name none.
    """

    def __init__(
        self,
        database: Database,
        sender: WebhookSender,
        clock: Clock,
        secret: str,
        policy: ResultPolicy | None = None,
    ) -> None:
        self._database = database
        self._sender = sender
        self._clock = clock
        self._secret = secret
        self._policy = policy or ResultPolicy()

    async def deliver_due(self, limit: int = MAX_CONCURRENT_CALLS) -> int:
        """Call all receivers whose notices are due, concurrently. Several workers may do so at the same time.

        Args:
            limit: maximum number of receivers to call.

        Returns:
            The number of notices taken; if it equals the limit, more may be due.

        Raises:
            DatabaseUnavailableError: the database cannot be reached; the notices taken become due again.
        """
        now = self._clock.now()
        async with self._database.unit_of_work() as work:
            notices = await work.notices.take_due(now, now + ATTEMPT_LEASE, limit)
            titles = await named_titles(work, self._policy, [notice.request for notice in notices])
            await work.commit()
        # Wait for all: the failure of one call must not cause the others to be repeated.
        calls = [self._deliver(notice, titles.get(notice.request.id)) for notice in notices]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return len(notices)

    async def _deliver(self, notice: Notice, title: str | None) -> None:
        began = monotonic()
        try:
            await self._send(notice, title)
        except WebhookFailedError as error:
            await self._record_failure(notice, error)
            return
        async with self._database.unit_of_work() as work:
            await work.notices.mark_delivered(notice, self._clock.now())
            await work.commit()
        milliseconds = round(1000 * (monotonic() - began), 1)
        WEBHOOK_DELIVERED.log(
            logger, request_id=str(notice.request.id), attempt=notice.attempt, milliseconds=milliseconds
        )

    async def _send(self, notice: Notice, title: str | None) -> None:
        if notice.attempt > len(RETRY_DELAYS) + 1:
            # Attempts count when they start, so one that kills its worker is not repeated indefinitely.
            raise WebhookFailedError(_NEVER_COMPLETED, retry=False)
        body = json.dumps(status_object(notice.request, title), separators=(",", ":")).encode()
        timestamp = str(int(self._clock.now().timestamp()))
        headers = {
            "Content-Type": "application/json",
            EVENT_ID: str(notice.id),
            EVENT: notice.event.value,
            TIMESTAMP: timestamp,
            SIGNATURE: sign(self._secret, timestamp, body),
        }
        await self._sender.send(notice.url, body, headers)

    async def _record_failure(self, notice: Notice, error: WebhookFailedError) -> None:
        now = self._clock.now()
        is_last = not error.retry or notice.attempt > len(RETRY_DELAYS)
        async with self._database.unit_of_work() as work:
            if is_last:
                await work.notices.give_up(notice, now, str(error))
            else:
                await work.notices.postpone(notice, now + RETRY_DELAYS[notice.attempt - 1], str(error))
            await work.commit()
        if is_last:
            # The URL is left out, because it may contain a secret of the receiver.
            logger.warning("the webhook of request %s was given up: %s", notice.request.id, error)
        else:
            pause = RETRY_DELAYS[notice.attempt - 1].total_seconds()
            WEBHOOK_POSTPONED.log(
                logger, request_id=str(notice.request.id), attempt=notice.attempt, pause=pause
            )


def _rfc3339(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
