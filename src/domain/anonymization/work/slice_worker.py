"""Worker use case: lease a slice, redact its frames or assemble the parts, and store the outcome."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from framecloak.domain.anonymization.model.object_keys import result_prefix
from framecloak.domain.anonymization.model.request import AnonymizationRequest, Status
from framecloak.domain.anonymization.model.slices import MAX_ATTEMPTS, MAX_FAILURES, Lease, LeaseState
from framecloak.domain.anonymization.work.ended_request import log_request_ended
from framecloak.domain.anonymization.work.jobs import WORKER
from framecloak.domain.anonymization.work.lease_renewal import ActiveLease, LeaseEndedError, WorkerStuckError
from framecloak.domain.anonymization.work.metrics import count_lease, measure_slice
from framecloak.domain.anonymization.work.result_deletion import limited_deletion
from framecloak.domain.anonymization.work.slice_planning import choose_slice
from framecloak.domain.anonymization.work.slice_processor import SliceProcessor
from framecloak.domain.anonymization.work.worker_resources import WorkerResources
from framecloak.domain.errors import (
    DatabaseUnavailableError,
    DomainError,
    IdentitiesLostError,
    OriginalDamagedError,
    OutputUnwritableError,
    ResultDamagedError,
    StorageFullError,
    StorageUnavailableError,
    TextListsLostError,
    WorkersDisagreeError,
)
from framecloak.domain.ports.clock import Clock
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.object_store import ObjectStore
from framecloak.domain.ports.progress import ProgressBoard
from framecloak.domain.support.log_events import SLICE_RETRIED
from framecloak.domain.support.resilience import Backoff, run_to_completion

logger = logging.getLogger(__name__)

TRANSIENT_ERRORS = (
    DatabaseUnavailableError,
    StorageUnavailableError,
    StorageFullError,
    OutputUnwritableError,
)
"""Errors of a server or disk rather than of the slice: the slice is retried without limit."""

REQUEST_ERRORS = (
    IdentitiesLostError,
    OriginalDamagedError,
    ResultDamagedError,
    TextListsLostError,
    WorkersDisagreeError,
)
"""Errors after which nothing of a request may be delivered, and a retry would not help."""

NO_WORKER_SURVIVED = "no_worker_survived"
"""Error code of a slice whose every attempt ended with the death of the worker."""

BACKOFF = (timedelta(seconds=1), timedelta(seconds=5))
"""Delays before a failed slice is retried, by the number of earlier failures."""

RETRY_DELAY = timedelta(seconds=5)
"""Delay before a slice is retried after an error that was not its own."""

MAX_RETRY_DELAY = timedelta(minutes=10)
"""Maximum delay before a slice is retried for which there was no space; the delay doubles each time."""


def retry_delay(error: DomainError, postponed: int) -> timedelta:
    """Return the delay before a slice is retried after an error that was not its own.

    A server that answers again is noticed after a constant delay. A full disk stays full until someone acts,
    and every attempt costs the work on the slice, so others go first.

    Args:
        error: error of the attempt.
        postponed: number of earlier attempts that ended with such an error.
    """
    if not isinstance(error, StorageFullError | OutputUnwritableError):
        return RETRY_DELAY
    return min(MAX_RETRY_DELAY, RETRY_DELAY * int(2 ** min(postponed, 16)))


class SliceWorker:
    """Worker that processes slices, one at a time.

    Args:
        database: database of requests and slices.
        store: object store of videos, parts and results.
        clock: current time (UTC).
        board: announces progress to listeners.
        resources: resources of the worker.
        name: unique name of this worker.
        backoff: retry schedule for a server that becomes unavailable while a slice is held.
    """

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        clock: Clock,
        board: ProgressBoard,
        resources: WorkerResources,
        name: str,
        backoff: Backoff | None = None,
    ) -> None:
        self._database = database
        self._store = store
        self._clock = clock
        self._board = board
        self._resources = resources
        self._name = name
        self._backoff = backoff or Backoff()
        self._processor = SliceProcessor(database, store, clock, resources, self._backoff)

    async def lease(self, request_id: UUID, *, wait: bool = True) -> Lease | None:
        """Lease a slice of a request; return None when no slice of it can be started now.

        Args:
            request_id: id of the request.
            wait: False to return None as well if other workers change the request at this moment: many that
                look for work at once then spread over the requests instead of waiting for each other.

        Raises:
            DatabaseUnavailableError: the database cannot be reached.
        """
        last = self._processor.last_lease
        after = last.number if last and last.request_id == request_id else None
        async with self._database.unit_of_work() as work:
            ready = await work.slices.ready_numbers(request_id)
        while ready:
            number = choose_slice(ready, after)
            async with self._database.unit_of_work() as work:
                lease = await work.slices.lease(
                    request_id, number, self._name, self._resources.lease_ttl, wait=wait
                )
                await work.commit()
            if lease is not None:
                count_lease(self._resources.meter, lease)
            if lease is not None or not wait:
                return lease
            ready = [other for other in ready if other != number]
        return None

    async def process(self, lease: Lease, on_finished: Callable[[], None] = lambda: None) -> None:
        """Process a slice. If this task is cancelled, the slice is released to other workers immediately.

        Args:
            lease: lease from `lease`.
            on_finished: called when the slice counts as finished and only clean-up remains; from then on the
                next slice may be processed concurrently. Not called if the slice ends without counting.

        Raises:
            DatabaseUnavailableError: the database has been unavailable for minutes; the lease will expire.
            WorkerStuckError: a thread hangs; the process has to end.
        """
        held = ActiveLease(lease, self._resources.time_limit, self._resources.lease_ttl, on_finished)
        try:
            with measure_slice(self._resources.meter, held):
                async with held.renewed(self._database, self._board):
                    await self._process(held)
        except LeaseEndedError:
            if held.state is LeaseState.CANCELLED:
                await self._processor.delete_output(lease)
        except WorkerStuckError:
            if held.is_late:
                late = held.timeout()
                await self._record_failure(lease, str(late), late.code)
            raise
        except asyncio.CancelledError:
            await run_to_completion(self._release(lease, timedelta()))
            raise
        except TRANSIENT_ERRORS as error:
            self._resources.meter.retried("slice")
            pause = retry_delay(error, lease.postponed)
            await self._postpone(lease, pause)
            _log_retry(lease, error.code, lease.failures, pause)
            raise
        except REQUEST_ERRORS as error:
            logger.warning("a request cannot be processed, %s: %s", error.code, error.__cause__ or error)
            await self._fail_request(lease, str(error.user_message()), error.code)
        except DomainError as error:
            logger.warning("a slice failed, %s: %s", error.code, error)
            await self._record_failure(lease, str(error.user_message()), error.code)
        except BaseException:
            message = "an unexpected error occurred while processing this request; see the log of the worker"
            await self._record_failure(lease, message, DomainError.code)
            raise
        finally:
            await self._board.announce(lease.request_id)

    def release_resources(self) -> None:
        """Release frames and decoders kept for the next slice, because there is no work now."""
        self._processor.release_resources()

    async def process_request(self, request_id: UUID) -> None:
        """Process slices of one request until it is over; other workers may process some of them.

        Args:
            request_id: id of the request.

        Raises:
            DatabaseUnavailableError: the database has been unavailable for minutes.
        """
        async with self._database.unit_of_work() as work:
            await work.requests.claim(request_id, self._clock.now())
            await work.commit()
        while not (await self._request(request_id)).status.is_final:
            lease = await self.lease(request_id)
            if lease is None:
                self.release_resources()
                await asyncio.sleep(0.2)
            else:
                await self.process(lease)
        self.release_resources()

    async def _process(self, held: ActiveLease) -> None:
        lease = held.lease
        if lease.attempt > MAX_ATTEMPTS:
            message = f"frames {lease.segment} were started {MAX_ATTEMPTS} times, and no worker survived"
            self._resources.meter.slice_failed(NO_WORKER_SURVIVED)
            await self._fail_request(lease, message, NO_WORKER_SURVIVED)
            return
        await self._processor.process(held)

    async def _request(self, request_id: UUID) -> AnonymizationRequest:
        async with self._database.unit_of_work() as work:
            return await work.requests.get(request_id, WORKER)

    async def _release(self, lease: Lease, delay: timedelta) -> None:
        async def release() -> None:
            async with self._database.unit_of_work() as work:
                await work.slices.release(lease, delay)
                await work.commit()

        await self._backoff.run(release)

    async def _postpone(self, lease: Lease, delay: timedelta) -> None:
        async def postpone() -> None:
            async with self._database.unit_of_work() as work:
                await work.slices.postpone(lease, delay)
                await work.commit()

        await self._backoff.run(postpone)

    async def _record_failure(self, lease: Lease, error: str, code: str) -> None:
        """Record the failure of a slice; the last permitted failure makes the request fail."""
        pause = BACKOFF[min(lease.failures, len(BACKOFF) - 1)]

        async def blame() -> tuple[int | None, AnonymizationRequest | None]:
            ended = None
            async with self._database.unit_of_work() as work:
                failures = await work.slices.fail(lease, pause)
                if failures is not None and failures >= MAX_FAILURES:
                    now = self._clock.now()
                    await work.requests.finish(
                        lease.request_id, Status.FAILED, now, error=error, error_code=code
                    )
                    ended = await work.requests.get(lease.request_id, WORKER)
                await work.commit()
            return failures, ended

        failures, ended = await run_to_completion(self._backoff.run(blame))
        if ended:
            await self._clear_away(lease, ended)
        elif failures is not None:
            _log_retry(lease, code, failures, pause)

    async def _fail_request(self, lease: Lease, error: str, code: str) -> None:
        now = self._clock.now()
        async with self._database.unit_of_work() as work:
            is_new = await work.requests.finish(
                lease.request_id, Status.FAILED, now, error=error, error_code=code
            )
            ended = await work.requests.get(lease.request_id, WORKER) if is_new else None
            await work.commit()
        # Otherwise another worker ended the request after this one had lost its lease, and its result stays.
        if ended:
            await self._clear_away(lease, ended)

    async def _clear_away(self, lease: Lease, ended: AnonymizationRequest) -> None:
        """Log the end of a request that this worker ended, and delete what is stored of it."""
        log_request_ended(logger, ended, lease.owner)
        async with limited_deletion():
            await self._store.remove_prefix(result_prefix(lease.request_id))


def _log_retry(lease: Lease, code: str, failures: int, pause: timedelta) -> None:
    SLICE_RETRIED.log(
        logger,
        request_id=str(lease.request_id),
        slice=lease.number,
        attempt=lease.attempt + lease.postponed,
        failures=failures,
        code=code,
        pause=pause.total_seconds(),
    )
