"""Processing of one slice: redact frames into a part, or assemble all parts into the result."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from uuid import UUID

from framecloak.domain.anonymization.identification.decisions import IdentificationSetup
from framecloak.domain.anonymization.model.object_keys import parts_prefix, result_prefix
from framecloak.domain.anonymization.model.request import (
    Status,
    StoredResult,
)
from framecloak.domain.anonymization.model.slices import Lease, LeaseState, SliceKind
from framecloak.domain.anonymization.pipeline.continuation import Continuation
from framecloak.domain.anonymization.results.frame_log import Summary
from framecloak.domain.anonymization.text_policy.line_reading import LineReader
from framecloak.domain.anonymization.work.assembly import AssemblySpec, ResultAssembler
from framecloak.domain.anonymization.work.ended_request import log_request_ended
from framecloak.domain.anonymization.work.jobs import WORKER, Job, Jobs
from framecloak.domain.anonymization.work.lease_renewal import ActiveLease
from framecloak.domain.anonymization.work.metrics import fetch_measured
from framecloak.domain.anonymization.work.parts import WrittenPart, write_part
from framecloak.domain.anonymization.work.result_deletion import limited_deletion
from framecloak.domain.anonymization.work.worker_resources import WorkerResources
from framecloak.domain.errors import (
    ObjectNotFoundError,
    StorageUnavailableError,
    VideoNotFoundError,
)
from framecloak.domain.ports.clock import Clock
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.frames import FrameSource
from framecloak.domain.ports.metrics import Stage, timed
from framecloak.domain.ports.object_store import ObjectStore
from framecloak.domain.storage.hashing import hash_file
from framecloak.domain.storage.originals import Originals
from framecloak.domain.storage.parts import require_intact_part
from framecloak.domain.support.resilience import Backoff

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Resumable:
    """The last finished slice of frames, and the state needed to continue after it."""

    lease: Lease
    continuation: Continuation


class SliceProcessor:
    """Processor of slices: produces the output of a slice, stores it, and marks the slice as finished.

    Args:
        database: database of requests and slices.
        store: object store of videos, parts and results.
        clock: current time (UTC).
        resources: resources of the worker.
        backoff: retry schedule for a server that becomes unavailable.
    """

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        clock: Clock,
        resources: WorkerResources,
        backoff: Backoff,
    ) -> None:
        self._database = database
        self._store = store
        self._clock = clock
        self._resources = resources
        self._backoff = backoff
        self._originals = Originals(store, resources.meter)
        self._jobs = Jobs(database, resources)
        self._resumable: _Resumable | None = None

    @property
    def last_lease(self) -> Lease | None:
        """Lease of the last finished slice of frames; its successor is the cheapest to process next."""
        return self._resumable.lease if self._resumable else None

    async def process(self, held: ActiveLease) -> None:
        """Process a slice. The next call may start once this one has called ``held.on_finished``.

        Args:
            held: lease of the slice.

        Raises:
            LeaseEndedError: the lease ended.
            WorkerStuckError: a thread hangs.
            DomainError: the slice cannot be processed, for now or at all.
        """
        lease = held.lease
        job = await self._jobs.get(lease.request_id)
        prefix = f"slice-{lease.request_id}-{lease.number}-"
        with tempfile.TemporaryDirectory(dir=self._resources.scratch, prefix=prefix) as folder:
            if lease.kind is SliceKind.FRAMES:
                await self._produce_part(held, job, Path(folder))
            else:
                await self._produce_result(held, job, Path(folder))

    async def delete_output(self, lease: Lease) -> None:
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
            async with limited_deletion():
                await self._store.remove(key)

    def release_resources(self) -> None:
        """Release frames and decoders kept for the next slice, because there is no work now."""
        self._close_continuation()
        self._jobs.clear()

    def _close_continuation(self) -> None:
        if self._resumable:
            self._resumable.continuation.close()
        self._resumable = None

    def _resume(self, lease: Lease) -> Continuation | None:
        """Take the state that the previous slice left, if this slice starts where that one ended."""
        previous = self._resumable
        if previous and _continues(previous.lease, lease):
            self._resumable = None
            return previous.continuation
        self._close_continuation()
        return None

    async def _produce_part(self, held: ActiveLease, job: Job, folder: Path) -> None:
        lease = held.lease
        path = folder / "part.zip"
        identification = await self._jobs.identification(job)
        async with self._original(job, folder) as video:
            written = await held.run_in_thread(
                lambda: self._redact_frames(job, held, video, path, identification)
            )
        self._resumable = _Resumable(lease, written.continuation)
        sha256 = (await hash_file(path)).sha256
        await self._upload(held, lease.key, path)

        async def finish() -> LeaseState:
            async with self._database.unit_of_work() as work:
                state = await work.slices.finish(lease, written.blanked_frames, sha256)
                await work.commit()
            return state

        await held.complete(lambda: self._backoff.run(finish))
        held.on_finished()
        self._resources.meter.frames(len(lease.segment), written.blanked_frames)

    @asynccontextmanager
    async def _original(self, job: Job, folder: Path) -> AsyncIterator[Path]:
        """Provide the file of the uploaded video while the block runs."""
        async with AsyncExitStack() as opened:
            stored = fetch_measured(self._resources.meter, self._originals.file(job.video, folder))
            # Errors of the block are not translated: it may miss another object, such as a part.
            try:
                path = await opened.enter_async_context(stored)
            except ObjectNotFoundError as error:
                raise VideoNotFoundError("the video's file is gone", "upload the video again") from error
            yield path

    def _redact_frames(
        self,
        job: Job,
        held: ActiveLease,
        video: Path,
        path: Path,
        identification: IdentificationSetup | None,
    ) -> WrittenPart:
        """Redact the frames of a slice; runs in a thread."""
        export = job.export(self._open_video(job, video), self._resources)
        tools = replace(
            self._resources.pipeline_tools(job.detection_level),
            video_encoder=self._resources.video_encoder,
            identification=identification,
            line_reader=self._line_reader(job),
        )
        archive = self._resources.create_archive(path)
        try:
            previous = self._resume(held.lease)
            segment, now = held.lease.segment, self._clock.now
            return write_part(export, segment, tools, archive, held.count_frame, previous, now)
        finally:
            archive.discard()

    def _line_reader(self, job: Job) -> LineReader | None:
        load = self._resources.load_text_reader
        return LineReader(load(), job.text) if load and job.text else None

    async def _produce_result(self, held: ActiveLease, job: Job, folder: Path) -> None:
        request = job.request
        if self._resources.people:
            await self._resources.people.require_gallery(request)
        path = folder / "frames.zip"
        if request.spec.appearance.output_format.is_video:
            # The source video has the presentation times and the sound.
            async with self._original(job, folder) as video:
                summary = await self._assemble(held, job, path, video)
        else:
            summary = await self._assemble(held, job, path)
        key = _result_key(request.id)
        sha256, version = await hash_file(path)
        await self._upload(held, key, path)
        await self._complete(held, summary, StoredResult(key, version.size, sha256))
        self._jobs.forget(request.id)
        held.on_finished()
        if not self._resources.keep_parts:
            await self._store.remove_prefix(parts_prefix(request.id))

    async def _assemble(self, held: ActiveLease, job: Job, path: Path, video: Path | None = None) -> Summary:
        async with self._database.unit_of_work() as work:
            parts = await work.slices.parts(job.request.id)
        assembly_spec = await held.run_in_thread(lambda: self._assembly_spec(job, video))
        archive = self._resources.create_archive(path)
        try:
            with closing(ResultAssembler(assembly_spec, archive, held.require_held)) as assembler:
                for part in parts:
                    stored = self._store.local_file(part.key, path.parent)
                    async with fetch_measured(self._resources.meter, stored) as file:
                        await require_intact_part(part, file, self._resources.meter)
                        await held.run_in_thread(lambda file=file: self._add_part(assembler, file))  # type: ignore[misc]
                return await held.run_in_thread(assembler.finish)
        finally:
            archive.discard()

    def _assembly_spec(self, job: Job, video: Path | None) -> AssemblySpec:
        encoder = self._resources.video_encoder
        source = self._open_video(job, video) if video and encoder else None
        return job.assembly(source, encoder, self._resources)

    def _open_video(self, job: Job, video: Path) -> FrameSource:
        return job.displayed(self._resources.open_video(video))

    def _add_part(self, assembler: ResultAssembler, file: Path) -> None:
        with self._resources.read_archive(file) as part:
            assembler.add(part)

    async def _complete(self, held: ActiveLease, summary: Summary, result: StoredResult) -> None:
        lease = held.lease

        async def finish() -> LeaseState:
            async with self._database.unit_of_work() as work:
                state = await work.slices.finish(lease, 0)
                if state is LeaseState.HELD:
                    await work.requests.finish(
                        lease.request_id,
                        Status.COMPLETED,
                        self._clock.now(),
                        blanked_frames=summary.blanked,
                        result=result,
                    )
                elif (await work.requests.get(lease.request_id, WORKER)).result_key == result.key:
                    # An earlier attempt was committed, and only its response was lost.
                    state = LeaseState.HELD
                ended = await work.requests.get(lease.request_id, WORKER)
                await work.commit()
            if state is LeaseState.HELD:
                log_request_ended(logger, ended, lease.owner)
            return state

        await held.complete(lambda: self._backoff.run(finish))

    async def _upload(self, held: ActiveLease, key: str, path: Path) -> None:
        """Upload a file; retry while the object store is unavailable and the lease is held."""
        meter, attempts = self._resources.meter, count()

        async def upload() -> None:
            held.require_held()
            if next(attempts):
                meter.retried("upload")
            with timed(meter, Stage.STORE):
                await self._store.put_file(key, path)

        await self._backoff.run(upload, StorageUnavailableError)


def _result_key(request_id: UUID) -> str:
    return f"{result_prefix(request_id)}frames.zip"


def _continues(previous: Lease, lease: Lease) -> bool:
    """Return whether a slice starts where another slice of the same request ends."""
    return previous.request_id == lease.request_id and previous.segment.end_frame == lease.segment.start_frame
