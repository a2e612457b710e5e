"""Metrics of the work on slices."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from time import perf_counter

from framecloak.domain.anonymization.model.slices import Lease, LeaseState
from framecloak.domain.anonymization.work.lease_renewal import ActiveLease, LeaseEndedError
from framecloak.domain.errors import DomainError
from framecloak.domain.ports.metrics import Meter, SliceOutcome, Stage


def count_lease(meter: Meter, lease: Lease) -> None:
    """Count a lease of a slice that was started before."""
    if lease.recovered:
        meter.slice_recovered()
    elif lease.attempt > 1:
        meter.retried("slice")


@contextmanager
def measure_slice(meter: Meter, lease: ActiveLease) -> Iterator[None]:
    """Record the outcome and the duration of the work on a slice in the block."""
    began, outcome = perf_counter(), SliceOutcome.FAILED
    try:
        yield
        outcome = SliceOutcome.DONE
    except LeaseEndedError:
        outcome = SliceOutcome.CANCELLED if lease.state is LeaseState.CANCELLED else SliceOutcome.LOST
        raise
    except CancelledError:
        outcome = SliceOutcome.RELEASED
        raise
    except DomainError as error:
        meter.slice_failed(error.code)
        raise
    except BaseException:
        meter.slice_failed(DomainError.code)
        raise
    finally:
        meter.slice_ended(lease.lease.kind, outcome, perf_counter() - began)


@asynccontextmanager
async def fetch_measured(meter: Meter, stored: AbstractAsyncContextManager[Path]) -> AsyncIterator[Path]:
    """Provide a stored object as a file while the block runs; the time to fetch it counts as storing."""
    began = perf_counter()
    async with stored as path:
        meter.stage(Stage.STORE, perf_counter() - began)
        yield path
