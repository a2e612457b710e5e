"""What a worker does with a slice: lease it, redact its frames or bind the parts, and deliver."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from domain.accounts import Means, Principal, Role
from domain.anonymization.examination import Examination
from domain.anonymization.export import Exhibit, Export, batches
from domain.anonymization.holding import HeldLease, LeaseEndedError
from domain.anonymization.lifecycle import AnonymizationRequest, Snapshot, Status
from domain.anonymization.manifest import Summary
from domain.anonymization.metering import count_lease, fetched, metered
from domain.anonymization.parts import Binder, Binding, Filming, WrittenPart, write_part
from domain.anonymization.planning import choose_slice
from domain.anonymization.processing import Instruments
from domain.anonymization.record import Imprint
from domain.anonymization.request import Level
from domain.anonymization.service import parts_prefix, result_prefix
from domain.anonymization.slices import (
    LEASE,
    MOST_ATTEMPTS,
    MOST_FAILURES,
    Lease,
    SliceKind,
    Standing,
)
from domain.errors import (
    DatabaseUnavailableError,
    DomainError,
    ObjectNotFoundError,
    OutputUnwritableError,
    StorageFullError,
    StorageUnavailableError,
    VideoNotFoundError,
)
from domain.library import GrantRole, Video
from domain.ports import Archive, ArchiveReader, FrameSource
from domain.ports.films import FilmStudio
from domain.ports.metrics import NULL_METER, Meter, Stage, timed
from domain.ports.persistence import Database
from domain.ports.services import Clock, ObjectStore, ProgressBoard
from domain.resilience import Backoff, uninterrupted
from domain.videos import Segment

NOT_ITS_FAULT = (
    DatabaseUnavailableError,
    StorageUnavailableError,
    StorageFullError,
    OutputUnwritableError,
)
"""Errors that say nothing about a slice: it is done again when the trouble is over, however often."""

PAUSES = (timedelta(seconds=1), timedelta(seconds=5))
"""Before a slice that failed is begun again, by how often it has failed."""

LATER = timedelta(seconds=5)
"""Before a slice is begun again that was not to blame."""

WORKER = Principal(0, "worker", Role.ADMIN, Means.COMMAND)

_IN_WORK = 4
"""Requests that a worker remembers the facts of."""

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Workshop:
    """What a worker works with.

    Attributes:
        imprint: who answers for results.
        scratch: folder for files that are needed for a moment.
        open_video: opens a video that lies in a file.
        create_archive: starts a ZIP.
        read_archive: opens a ZIP that is there.
        instruments: what the pipeline works with at a level; may take a while the first time.
        time_limit: seconds that one slice may take.
        lease: how long this worker may be silent before others take over what it does.
        keep_parts: whether the parts of a result stay in the object store, to be looked into.
        meter: told how the work goes.
        studio: makes films, in the folder for files that are needed for a moment.
    """

    imprint: Imprint
    scratch: Path
    open_video: Callable[[Path], FrameSource]
    create_archive: Callable[[Path], Archive]
    read_archive: Callable[[Path], AbstractContextManager[ArchiveReader]]
    instruments: Callable[[Level], Instruments]
    time_limit: float = 1800.0
    lease: timedelta = LEASE
    keep_parts: bool = False
    meter: Meter = NULL_METER
    studio: FilmStudio | None = None


@dataclass(frozen=True, slots=True)
class _Job:
    """A request with everything that does not change while it is in work."""

    request: AnonymizationRequest
    video: Video
    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class _LeftOff:
    """Where this worker finished a slice, and what it knows of the frames around there."""

    lease: Lease
    examined: tuple[Examination, ...]


class SliceWorker:
    """Does slices, one at a time.

    Args:
        database: where requests and slices are.
        store: where videos are, and parts and results go.
        clock: tells the time.
        board: where listeners are told.
        workshop: what to work with.
        name: tells this worker from all others.
        backoff: for how long to wait for a server that goes away while a slice is held.
    """

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        clock: Clock,
        board: ProgressBoard,
        workshop: Workshop,
        name: str,
        backoff: Backoff | None = None,
    ) -> None:
        self._database = database
        self._store = store
        self._clock = clock
        self._board = board
        self._workshop = workshop
        self._name = name
        self._backoff = backoff or Backoff()
        self._jobs: dict[UUID, _Job] = {}
        self._left_off: _LeftOff | None = None

    async def lease(self, request_id: UUID) -> Lease | None:
        """Take a slice of a request; None when it has nothing to do now.

        Raises:
            DatabaseUnavailableError: the database cannot be reached.
        """
        last = self._left_off.lease if self._left_off else None
        after = last.number if last and last.request_id == request_id else None
        async with self._database.unit_of_work() as work:
            ready = await work.slices.ready(request_id)
        while ready:
            number = choose_slice(ready, after)
            async with self._database.unit_of_work() as work:
                lease = await work.slices.lease(request_id, number, self._name, self._workshop.lease)
                await work.commit()
            if lease is not None:
                count_lease(self._workshop.meter, lease)
                return lease
            ready = [one for one in ready if one != number]
        return None

    async def do(self, lease: Lease) -> None:
        """Do a slice. When this task is cancelled, because the worker stops, others may have it at once.

        Raises:
            DatabaseUnavailableError: the database has been away for minutes; the lease runs out by itself.
        """
        held = HeldLease(lease, self._workshop.time_limit, self._workshop.lease)
        try:
            with metered(self._workshop.meter, held):
                async with held.kept(self._database, self._board):
                    await self._do(held)
        except LeaseEndedError:
            if held.standing is Standing.CANCELLED:
                await self._store.remove(lease.key)
        except asyncio.CancelledError:
            await uninterrupted(self._release(lease, timedelta()))
            raise
        except NOT_ITS_FAULT:
            await self._release(lease, LATER)
            raise
        except DomainError as error:
            await self._blame(lease, str(error))
        except BaseException:
            await self._blame(lease, "the program failed on this request; its log says how")
            raise
        finally:
            await self._board.announce(lease.request_id)

    async def work_through(self, request_id: UUID) -> None:
        """Do one request from here, beside whoever else works on it, until it is over.

        Raises:
            DatabaseUnavailableError: the database has been away for minutes.
        """
        async with self._database.unit_of_work() as work:
            await work.requests.claim(request_id, self._clock.now())
            await work.commit()
        while not (await self._request(request_id)).status.is_final:
            lease = await self.lease(request_id)
            if lease is None:
                await asyncio.sleep(0.2)
            else:
                await self.do(lease)

    async def _do(self, held: HeldLease) -> None:
        lease = held.lease
        if lease.attempt > MOST_ATTEMPTS:
            message = f"frames {lease.segment} were begun {MOST_ATTEMPTS} times and no worker survived it"
            self._workshop.meter.slice_failed("no_worker_survived")
            await self._fail(lease.request_id, message)
            return
        job = self._jobs.get(lease.request_id) or await self._look_up(lease.request_id)
        prefix = f"slice-{lease.request_id}-{lease.number}-"
        with tempfile.TemporaryDirectory(dir=self._workshop.scratch, prefix=prefix) as folder:
            if lease.kind is SliceKind.FRAMES:
                await self._make_part(held, job, Path(folder))
            else:
                await self._make_result(held, job, Path(folder))

    async def _look_up(self, request_id: UUID) -> _Job:
        async with self._database.unit_of_work() as work:
            request = await work.requests.get(request_id, WORKER)
            video = await work.videos.get(request.order.video_id, WORKER, GrantRole.VIEWER)
            snapshot = await work.requests.snapshot(request_id)
        while len(self._jobs) >= _IN_WORK:
            del self._jobs[next(iter(self._jobs))]
        job = self._jobs[request_id] = _Job(request, video, snapshot)
        return job

    async def _make_part(self, held: HeldLease, job: _Job, folder: Path) -> None:
        lease = held.lease
        path = folder / "part.zip"
        before = self._left_off
        examined = before.examined if before and _continues(before.lease, lease) else ()
        try:
            stored = self._store.kept(job.video.object_key, folder)
            async with fetched(self._workshop.meter, stored) as video:
                written = await _in_thread(held, lambda: self._write(job, held, video, path, examined))
        except ObjectNotFoundError as error:
            raise VideoNotFoundError("the video's file is gone", "upload the video again") from error
        await self._store_file(held, lease.key, path)

        async def finish() -> Standing:
            async with self._database.unit_of_work() as work:
                standing = await work.slices.finish(lease, written.blanked_frames)
                await work.commit()
            return standing

        held.standing = await self._backoff.run(finish)
        held.require()
        self._workshop.meter.frames(len(lease.segment), written.blanked_frames)
        self._left_off = _LeftOff(lease, written.examined)

    def _write(
        self, job: _Job, held: HeldLease, video: Path, path: Path, examined: tuple[Examination, ...]
    ) -> WrittenPart:
        """Redact frames; runs in a thread."""
        order, snapshot = job.request.order, job.snapshot
        exhibit = Exhibit(
            id=0,
            source=self._workshop.open_video(video),
            name=None,
            stem=_stem(snapshot.segments),
            segments=snapshot.stretches,
            regions=snapshot.regions,
            film=_film(snapshot.segments),
        )
        export = Export(self._workshop.imprint, order.level, order.appearance, batches([exhibit]))
        instruments = replace(self._workshop.instruments(order.level), films=self._workshop.studio)
        archive = self._workshop.create_archive(path)
        try:
            return write_part(export, held.lease.segment, instruments, archive, held.step, examined)
        finally:
            archive.discard()

    async def _make_result(self, held: HeldLease, job: _Job, folder: Path) -> None:
        request = job.request
        path = folder / "frames.zip"
        if request.order.appearance.output_format.is_film:
            # The video knows when its frames are shown, and what is heard.
            try:
                stored = self._store.kept(job.video.object_key, folder)
                async with fetched(self._workshop.meter, stored) as video:
                    summary = await self._bind_parts(held, job, path, video)
            except ObjectNotFoundError as error:
                raise VideoNotFoundError("the video's file is gone", "upload the video again") from error
        else:
            summary = await self._bind_parts(held, job, path)
        key = f"{result_prefix(request.id)}frames.zip"
        await self._store_file(held, key, path)
        await self._deliver(held, summary, (key, path.stat().st_size))
        if not self._workshop.keep_parts:
            await self._store.remove_all(parts_prefix(request.id))

    async def _bind_parts(self, held: HeldLease, job: _Job, path: Path, video: Path | None = None) -> Summary:
        async with self._database.unit_of_work() as work:
            parts = await work.slices.parts(job.request.id)
        binding = await _in_thread(held, lambda: self._binding(job, video))
        archive = self._workshop.create_archive(path)
        try:
            with closing(Binder(binding, archive, held.require)) as binder:
                for part in parts:
                    stored = self._store.local(part.key, path.parent)
                    async with fetched(self._workshop.meter, stored) as file:
                        await _in_thread(held, lambda file=file: self._bind(binder, file))  # type: ignore[misc]
                return await _in_thread(held, binder.finish)
        finally:
            archive.discard()

    def _binding(self, job: _Job, video: Path | None) -> Binding:
        order, snapshot, studio = job.request.order, job.snapshot, self._workshop.studio
        filming = None
        if video and studio:
            filming = Filming(studio, self._workshop.open_video(video), _film(snapshot.segments))
        return Binding(
            imprint=self._workshop.imprint,
            level=order.level,
            appearance=order.appearance,
            sha256=job.video.facts.sha256,
            segments=snapshot.stretches,
            regions=snapshot.regions,
            filming=filming,
        )

    def _bind(self, binder: Binder, file: Path) -> None:
        with self._workshop.read_archive(file) as part:
            binder.add(part)

    async def _deliver(self, held: HeldLease, summary: Summary, result: tuple[str, int]) -> None:
        lease = held.lease

        async def finish() -> Standing:
            async with self._database.unit_of_work() as work:
                standing = await work.slices.finish(lease, 0)
                if standing is Standing.HELD:
                    await work.requests.finish(
                        lease.request_id,
                        Status.COMPLETED,
                        self._clock.now(),
                        blanked_frames=summary.blanked,
                        result=result,
                    )
                elif (await work.requests.get(lease.request_id, WORKER)).result_key == result[0]:
                    # An earlier try came through, and only its answer was lost.
                    standing = Standing.HELD
                await work.commit()
            return standing

        held.standing = await self._backoff.run(finish)
        if held.standing is Standing.CANCELLED:
            await self._store.remove(result[0])
        held.require()

    async def _store_file(self, held: HeldLease, key: str, path: Path) -> None:
        """Upload a file, however long the object store is away, while the lease is held."""
        meter, tries = self._workshop.meter, count()

        async def upload() -> None:
            held.require()
            if next(tries):
                meter.retried("upload")
            with timed(meter, Stage.STORE):
                await self._store.put_file(key, path)

        await self._backoff.run(upload, StorageUnavailableError)

    async def _request(self, request_id: UUID) -> AnonymizationRequest:
        async with self._database.unit_of_work() as work:
            return await work.requests.get(request_id, WORKER)

    async def _release(self, lease: Lease, pause: timedelta) -> None:
        async def release() -> None:
            async with self._database.unit_of_work() as work:
                await work.slices.release(lease, pause)
                await work.commit()

        await self._backoff.run(release)

    async def _blame(self, lease: Lease, error: str) -> None:
        """Note that a slice failed; the last time that it may takes the request with it."""

        async def blame() -> bool:
            async with self._database.unit_of_work() as work:
                failures = await work.slices.fail(lease, PAUSES[min(lease.failures, len(PAUSES) - 1)])
                over = failures is not None and failures >= MOST_FAILURES
                if over:
                    await work.requests.finish(
                        lease.request_id, Status.FAILED, self._clock.now(), error=error
                    )
                await work.commit()
            return over

        if await uninterrupted(self._backoff.run(blame)):
            await self._store.remove_all(result_prefix(lease.request_id))

    async def _fail(self, request_id: UUID, error: str) -> None:
        async with self._database.unit_of_work() as work:
            await work.requests.finish(request_id, Status.FAILED, self._clock.now(), error=error)
            await work.commit()
        await self._store.remove_all(result_prefix(request_id))


async def _in_thread(held: HeldLease, work: Callable[[], Value]) -> Value:
    """Run something in a thread that looks at the lease as it goes on, and wait until it has ended.

    Threads cannot be stopped from outside; until this one has ended its files must stay where they are.
    """
    # No task, because those are cancelled when the event loop ends, and the thread would go on.
    running = asyncio.get_running_loop().run_in_executor(None, work)
    try:
        await asyncio.wait([running])
        return running.result()
    finally:
        if not running.done():
            held.abandon()
            await uninterrupted(asyncio.wait([running]))
        # Looked at, or asyncio would log it as never retrieved when this is left by another error.
        running.exception()


def _continues(before: Lease, lease: Lease) -> bool:
    """Whether a slice begins where another one ends."""
    return before.request_id == lease.request_id and before.segment.end_frame == lease.segment.start_frame


def _stem(segments: Mapping[int, Segment]) -> Callable[[int], str]:
    """Names frames by the first segment, in time, that has them."""
    return lambda index: f"frames/segment_{_owner(segments, index)}/frame_{index:07d}"


def _film(segments: Mapping[int, Segment]) -> Callable[[Segment], str]:
    """Names films by the first segment, in time, that they show."""
    return lambda stretch: f"films/segment_{_owner(segments, stretch.start_frame)}.mp4"


def _owner(segments: Mapping[int, Segment], index: int) -> int:
    ordered = sorted(segments.items(), key=lambda pair: (pair[1], pair[0]))
    return next(number for number, segment in ordered if segment.start_frame <= index < segment.end_frame)
