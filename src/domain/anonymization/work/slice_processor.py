"""Processing of one slice: redact frames into a part, or assemble all parts into the result."""

from __future__ import annotations

import tempfile
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from uuid import UUID

from framecloak.domain.anonymization.identification.decisions import Identification
from framecloak.domain.anonymization.identification.inherited import EarlierIdentities
from framecloak.domain.anonymization.model.box_table import BoxTable
from framecloak.domain.anonymization.model.object_keys import parts_prefix, result_prefix
from framecloak.domain.anonymization.model.options import Level, Verify
from framecloak.domain.anonymization.model.request import AnonymizationRequest, Snapshot, Status
from framecloak.domain.anonymization.model.slices import Lease, SliceKind, Standing
from framecloak.domain.anonymization.pipeline.continuation import Continuation
from framecloak.domain.anonymization.results.entry_names import film_names, frame_names
from framecloak.domain.anonymization.results.export import Exhibit, Export, batches
from framecloak.domain.anonymization.results.manifest import Summary
from framecloak.domain.anonymization.work.active_lease import HeldLease
from framecloak.domain.anonymization.work.metrics import fetched
from framecloak.domain.anonymization.work.parts import Binder, Binding, Filming, WrittenPart, write_part
from framecloak.domain.anonymization.work.result_deletion import deleted_in_time
from framecloak.domain.anonymization.work.worker_resources import Workshop
from framecloak.domain.errors import (
    IdentitiesLostError,
    InvalidManifestError,
    ObjectNotFoundError,
    StorageUnavailableError,
    VideoNotFoundError,
)
from framecloak.domain.model.accounts import Means, Principal, Role
from framecloak.domain.model.videos import GrantRole, Video
from framecloak.domain.ports.clock import Clock
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.metrics import Stage, timed
from framecloak.domain.ports.object_store import ObjectStore
from framecloak.domain.support.resilience import Backoff

WORKER = Principal(0, "worker", Role.ADMIN, Means.COMMAND)

_IN_WORK = 4
"""Number of requests whose facts a worker caches."""


@dataclass(frozen=True, slots=True)
class _Job:
    """A request with everything that does not change while it is processed."""

    request: AnonymizationRequest
    video: Video
    snapshot: Snapshot
    boxes: BoxTable | None


@dataclass(frozen=True, slots=True)
class _LeftOff:
    """The last finished slice of frames, and the state needed to continue behind it."""

    lease: Lease
    continuation: Continuation


class SliceMaker:
    """Processor of slices: produces the output of a slice, stores it, and marks the slice as finished.

    Args:
        database: database of requests and slices.
        store: object store of videos, parts and results.
        clock: current time (UTC).
        workshop: resources of the worker.
        backoff: retry schedule for a server that becomes unavailable.
    """

    def __init__(
        self, database: Database, store: ObjectStore, clock: Clock, workshop: Workshop, backoff: Backoff
    ) -> None:
        self._database = database
        self._store = store
        self._clock = clock
        self._workshop = workshop
        self._backoff = backoff
        self._jobs: dict[UUID, _Job] = {}
        self._left_off: _LeftOff | None = None

    @property
    def last(self) -> Lease | None:
        """Lease of the last finished slice of frames; its successor is the cheapest to process next."""
        return self._left_off.lease if self._left_off else None

    async def make(self, held: HeldLease) -> None:
        """Process a slice. The next call may start once this one has called ``held.on_counted``.

        Args:
            held: lease of the slice.

        Raises:
            LeaseEndedError: the lease ended.
            WorkerStuckError: a thread hangs.
            DomainError: the slice cannot be processed, for now or at all.
        """
        lease = held.lease
        job = self._jobs.get(lease.request_id) or await self._look_up(lease.request_id)
        prefix = f"slice-{lease.request_id}-{lease.number}-"
        with tempfile.TemporaryDirectory(dir=self._workshop.scratch, prefix=prefix) as folder:
            if lease.kind is SliceKind.FRAMES:
                await self._make_part(held, job, Path(folder))
            else:
                await self._make_result(held, job, Path(folder))

    async def withdraw(self, lease: Lease) -> None:
        """Delete the stored output of a slice whose request is over.

        Args:
            lease: lease of the slice.

        Raises:
            DatabaseUnavailableError: the database cannot be reached.
            StorageUnavailableError: the object store cannot be reached.
        """
        key = _result_key(lease.request_id) if lease.kind is SliceKind.ASSEMBLY else lease.key
        async with self._database.unit_of_work() as work:
            request = await work.requests.get(lease.request_id, WORKER)
        # The request may be over because another worker stored this very result first.
        if key != request.result_key:
            async with deleted_in_time():
                await self._store.remove(key)

    def rest(self) -> None:
        """Release frames and decoders kept for the next slice, because there is no work now."""
        if self._left_off:
            self._left_off.continuation.close()
        self._left_off = None

    def _go_on(self, lease: Lease) -> Continuation | None:
        """Take the state that the previous slice left, if this slice starts where that one ended."""
        previous = self._left_off
        if previous and _continues(previous.lease, lease):
            self._left_off = None
            return previous.continuation
        self.rest()
        return None

    async def _look_up(self, request_id: UUID) -> _Job:
        async with self._database.unit_of_work() as work:
            request = await work.requests.get(request_id, WORKER)
            video = await work.videos.get(request.order.video_id, WORKER, GrantRole.VIEWER)
            snapshot = await work.requests.snapshot(request_id)
        while len(self._jobs) >= _IN_WORK:
            del self._jobs[next(iter(self._jobs))]
        if (snapshot.boxes is None) is not (request.order.based_on is None):
            # Without its boxes, faces would be detected again that a reviewer has already decided about.
            raise InvalidManifestError("the boxes of the request are gone", "render them again")
        boxes = None if snapshot.boxes is None else BoxTable.unpacked(snapshot.boxes)
        job = self._jobs[request_id] = _Job(request, video, snapshot, boxes)
        return job

    async def _make_part(self, held: HeldLease, job: _Job, folder: Path) -> None:
        lease = held.lease
        path = folder / "part.zip"
        identification = await self._identification(job)
        try:
            stored = self._store.kept(job.video.object_key, folder)
            async with fetched(self._workshop.meter, stored) as video:
                written = await held.in_thread(lambda: self._write(job, held, video, path, identification))
        except ObjectNotFoundError as error:
            raise VideoNotFoundError("the video's file is gone", "upload the video again") from error
        self._left_off = _LeftOff(lease, written.continuation)
        await self._store_file(held, lease.key, path)

        async def finish() -> Standing:
            async with self._database.unit_of_work() as work:
                standing = await work.slices.finish(lease, written.blanked_frames)
                await work.commit()
            return standing

        await held.deliver(lambda: self._backoff.run(finish))
        held.on_counted()
        self._workshop.meter.frames(len(lease.segment), written.blanked_frames)

    async def _identification(self, job: _Job) -> Identification | None:
        """Load what face recognition needs; once per slice, because access to a gallery may be revoked."""
        people = self._workshop.people
        if people:
            return await people.identification(job.request, job.snapshot.people)
        if job.request.order.tells_people_apart:
            raise IdentitiesLostError(
                "this worker cannot recognise people", "run workers and API with the same settings"
            )
        return None

    def _write(
        self,
        job: _Job,
        held: HeldLease,
        video: Path,
        path: Path,
        identification: Identification | None,
    ) -> WrittenPart:
        """Redact the frames of a slice; runs in a thread."""
        order, snapshot = job.request.order, job.snapshot
        source = Exhibit(
            id=0,
            source=self._workshop.open_video(video),
            name=None,
            stem=frame_names(snapshot.segments),
            segments=snapshot.stretches,
            regions=snapshot.regions,
            film=film_names(snapshot.segments),
            keep_text=order.keep_text,
            boxes=job.boxes,
        )
        level = Level.MINIMAL if job.boxes is not None else order.level
        export = Export(
            self._workshop.imprint,
            order.level,
            order.appearance,
            batches([source]),
            order.based_on,
            # Boxes decided by a reviewer get no residual check: no detector is loaded for it.
            Verify.NONE if job.boxes is not None else order.verify,
        )
        instruments = replace(
            self._workshop.instruments(level), films=self._workshop.studio, identification=identification
        )
        archive = self._workshop.create_archive(path)
        try:
            previous = self._go_on(held.lease)
            return write_part(export, held.lease.segment, instruments, archive, held.step, previous)
        finally:
            archive.discard()

    async def _make_result(self, held: HeldLease, job: _Job, folder: Path) -> None:
        request = job.request
        if self._workshop.people:
            await self._workshop.people.require(request)
        path = folder / "frames.zip"
        if request.order.appearance.output_format.is_film:
            # The source video has the presentation times and the sound.
            try:
                stored = self._store.kept(job.video.object_key, folder)
                async with fetched(self._workshop.meter, stored) as video:
                    summary = await self._bind_parts(held, job, path, video)
            except ObjectNotFoundError as error:
                raise VideoNotFoundError("the video's file is gone", "upload the video again") from error
        else:
            summary = await self._bind_parts(held, job, path)
        key = _result_key(request.id)
        await self._store_file(held, key, path)
        await self._deliver(held, summary, (key, path.stat().st_size))
        held.on_counted()
        if not self._workshop.keep_parts:
            await self._store.remove_all(parts_prefix(request.id))

    async def _bind_parts(self, held: HeldLease, job: _Job, path: Path, video: Path | None = None) -> Summary:
        async with self._database.unit_of_work() as work:
            parts = await work.slices.parts(job.request.id)
        binding = await held.in_thread(lambda: self._binding(job, video))
        archive = self._workshop.create_archive(path)
        try:
            with closing(Binder(binding, archive, held.require)) as binder:
                for part in parts:
                    stored = self._store.local(part.key, path.parent)
                    async with fetched(self._workshop.meter, stored) as file:
                        await held.in_thread(lambda file=file: self._bind(binder, file))  # type: ignore[misc]
                return await held.in_thread(binder.finish)
        finally:
            archive.discard()

    def _binding(self, job: _Job, video: Path | None) -> Binding:
        order, snapshot, studio = job.request.order, job.snapshot, self._workshop.studio
        filming = None
        if video and studio:
            filming = Filming(studio, self._workshop.open_video(video), film_names(snapshot.segments))
        return Binding(
            imprint=self._workshop.imprint,
            level=order.level,
            appearance=order.appearance,
            sha256=job.video.facts.sha256,
            segments=snapshot.stretches,
            regions=snapshot.regions,
            filming=filming,
            keep_text=order.keep_text,
            based_on=order.based_on,
            earlier=EarlierIdentities.unpacked(snapshot.earlier) if snapshot.earlier else None,
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
                    # An earlier attempt was committed, and only its response was lost.
                    standing = Standing.HELD
                await work.commit()
            return standing

        await held.deliver(lambda: self._backoff.run(finish))

    async def _store_file(self, held: HeldLease, key: str, path: Path) -> None:
        """Upload a file; retry while the object store is unavailable and the lease is held."""
        meter, attempts = self._workshop.meter, count()

        async def upload() -> None:
            held.require()
            if next(attempts):
                meter.retried("upload")
            with timed(meter, Stage.STORE):
                await self._store.put_file(key, path)

        await self._backoff.run(upload, StorageUnavailableError)


def _result_key(request_id: UUID) -> str:
    return f"{result_prefix(request_id)}frames.zip"


def _continues(before: Lease, lease: Lease) -> bool:
    """Return whether a slice starts where another slice of the same request ends."""
    return before.request_id == lease.request_id and before.segment.end_frame == lease.segment.start_frame
