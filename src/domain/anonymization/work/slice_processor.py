"""Processing of one slice: redact frames into a part, or assemble all parts into the result."""

from __future__ import annotations

import logging
import tempfile
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC
from itertools import count
from pathlib import Path
from uuid import UUID

from framecloak.domain.anonymization.detection.display_shape import with_aspect
from framecloak.domain.anonymization.identification.decisions import IdentificationSetup
from framecloak.domain.anonymization.identification.inherited import InheritedIdentities
from framecloak.domain.anonymization.model.box_table import BoxTable
from framecloak.domain.anonymization.model.object_keys import parts_prefix, result_prefix
from framecloak.domain.anonymization.model.options import Level, Verify
from framecloak.domain.anonymization.model.record.history import History
from framecloak.domain.anonymization.model.request import (
    AnonymizationRequest,
    Status,
    StoredResult,
    WorkSpec,
)
from framecloak.domain.anonymization.model.slices import Lease, LeaseState, SliceKind
from framecloak.domain.anonymization.model.text_policy import TextMode
from framecloak.domain.anonymization.pipeline.continuation import Continuation
from framecloak.domain.anonymization.pipeline.rerender import CheckExceptions
from framecloak.domain.anonymization.results.entry_names import frame_entry_stems, video_entry_names
from framecloak.domain.anonymization.results.export import ExportJob
from framecloak.domain.anonymization.results.inherited_text import InheritedText
from framecloak.domain.anonymization.results.manifest import Summary
from framecloak.domain.anonymization.results.recorded_settings import RecordedOrder
from framecloak.domain.anonymization.results.sources import ExportSource, group_sources
from framecloak.domain.anonymization.text_policy.line_reading import LineReader
from framecloak.domain.anonymization.text_policy.policy import TextPolicy
from framecloak.domain.anonymization.work.ended_request import log_request_ended
from framecloak.domain.anonymization.work.lease_renewal import ActiveLease
from framecloak.domain.anonymization.work.metrics import fetch_measured
from framecloak.domain.anonymization.work.parts import (
    AssemblySpec,
    ResultAssembler,
    VideoAssembly,
    WrittenPart,
    write_part,
)
from framecloak.domain.anonymization.work.result_deletion import limited_deletion
from framecloak.domain.anonymization.work.worker_resources import WorkerResources
from framecloak.domain.errors import (
    IdentitiesLostError,
    InvalidManifestError,
    ObjectNotFoundError,
    StorageUnavailableError,
    TextListsLostError,
    VideoNotFoundError,
)
from framecloak.domain.model.accounts import Means, Principal, Role, User
from framecloak.domain.model.videos import GrantRole, Video
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

WORKER = Principal(0, "worker", Role.ADMIN, Means.COMMAND)

_MAX_CACHED_JOBS = 4
"""Number of requests whose data a worker caches."""


@dataclass(frozen=True, slots=True)
class _Job:
    """A request with everything that does not change while it is processed."""

    request: AnonymizationRequest
    video: Video
    snapshot: WorkSpec
    boxes: BoxTable | None
    order: RecordedOrder
    text: TextPolicy | None


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
        self._jobs: dict[UUID, _Job] = {}
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
        job = self._jobs.get(lease.request_id) or await self._load_job(lease.request_id)
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
        # Their text policies contain names.
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

    async def _load_job(self, request_id: UUID) -> _Job:
        async with self._database.unit_of_work() as work:
            request = await work.requests.get(request_id, WORKER)
            video = await work.videos.get(request.spec.video_id, WORKER, GrantRole.VIEWER)
            snapshot = await work.requests.snapshot(request_id)
            customer = await work.users.get(request.user_id)
        while len(self._jobs) >= _MAX_CACHED_JOBS:
            del self._jobs[next(iter(self._jobs))]
        if (snapshot.boxes is None) is not (request.spec.based_on is None):
            # Without its boxes, faces would be detected again that a reviewer has already decided about.
            raise InvalidManifestError("the boxes of the request are gone", "render them again")
        boxes = None if snapshot.boxes is None else BoxTable.unpacked(snapshot.boxes)
        text = await self._load_text_policy(request, snapshot)
        order = self._order(request, customer)
        job = self._jobs[request_id] = _Job(request, video, snapshot, boxes, order, text)
        return job

    async def _load_text_policy(self, request: AnonymizationRequest, snapshot: WorkSpec) -> TextPolicy | None:
        if self._resources.text:
            return await self._resources.text.policy(request, snapshot.text_lists)
        if request.spec.text.mode is not TextMode.ALL:
            raise TextListsLostError(
                "this worker cannot read text", "run workers and API with the same version"
            )
        return None

    def _order(self, request: AnonymizationRequest, customer: User) -> RecordedOrder:
        return RecordedOrder(
            str(request.id),
            request.spec.reference,
            self._resources.policy.name_of_user(customer),
            request.created_at.astimezone(UTC).isoformat(timespec="seconds"),
        )

    async def _produce_part(self, held: ActiveLease, job: _Job, folder: Path) -> None:
        lease = held.lease
        path = folder / "part.zip"
        identification = await self._load_identification(job)
        try:
            stored = self._originals.file(job.video, folder)
            async with fetch_measured(self._resources.meter, stored) as video:
                written = await held.run_in_thread(
                    lambda: self._redact_frames(job, held, video, path, identification)
                )
        except ObjectNotFoundError as error:
            raise VideoNotFoundError("the video's file is gone", "upload the video again") from error
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

    async def _load_identification(self, job: _Job) -> IdentificationSetup | None:
        """Load the identification setup; once per slice, because access to a gallery may be revoked."""
        people = self._resources.people
        if people:
            return await people.identification(job.request, job.snapshot.people)
        if job.request.spec.recognises_faces:
            raise IdentitiesLostError(
                "this worker cannot recognise people", "run workers and API with the same settings"
            )
        return None

    def _redact_frames(
        self,
        job: _Job,
        held: ActiveLease,
        video: Path,
        path: Path,
        identification: IdentificationSetup | None,
    ) -> WrittenPart:
        """Redact the frames of a slice; runs in a thread."""
        spec, snapshot = job.request.spec, job.snapshot
        source = ExportSource(
            id=0,
            source=self._open_video(job, video),
            name=None,
            frame_entry_stem=frame_entry_stems(snapshot.segments),
            segments=snapshot.ranges,
            regions=snapshot.regions,
            video_entry_name=video_entry_names(snapshot.segments),
            keep_text=spec.keep_text,
            boxes=job.boxes,
            exceptions=_check_exceptions(snapshot),
        )
        level = spec.level
        if job.boxes is not None and level is not Level.MINIMAL:
            # Known boxes need detectors for the check of their faces only.
            level = Level.MINIMAL if spec.verify is Verify.NONE else Level.FACES
        export = ExportJob(
            self._resources.issuer,
            spec.level,
            spec.appearance,
            group_sources([source]),
            spec.based_on,
            spec.verify,
        )
        tools = replace(
            self._resources.pipeline_tools(level),
            video_encoder=self._resources.video_encoder,
            identification=identification,
            line_reader=self._line_reader(job),
        )
        archive = self._resources.create_archive(path)
        try:
            previous = self._resume(held.lease)
            return write_part(export, held.lease.segment, tools, archive, held.count_frame, previous)
        finally:
            archive.discard()

    def _line_reader(self, job: _Job) -> LineReader | None:
        load = self._resources.load_text_reader
        return LineReader(load(), job.text) if load and job.text else None

    async def _produce_result(self, held: ActiveLease, job: _Job, folder: Path) -> None:
        request = job.request
        if self._resources.people:
            await self._resources.people.require_gallery(request)
        path = folder / "frames.zip"
        if request.spec.appearance.output_format.is_video:
            # The source video has the presentation times and the sound.
            try:
                stored = self._originals.file(job.video, folder)
                async with fetch_measured(self._resources.meter, stored) as video:
                    summary = await self._assemble(held, job, path, video)
            except ObjectNotFoundError as error:
                raise VideoNotFoundError("the video's file is gone", "upload the video again") from error
        else:
            summary = await self._assemble(held, job, path)
        key = _result_key(request.id)
        sha256, version = await hash_file(path)
        await self._upload(held, key, path)
        await self._complete(held, summary, StoredResult(key, version.size, sha256))
        self._jobs.pop(request.id, None)
        held.on_finished()
        if not self._resources.keep_parts:
            await self._store.remove_prefix(parts_prefix(request.id))

    async def _assemble(self, held: ActiveLease, job: _Job, path: Path, video: Path | None = None) -> Summary:
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

    def _assembly_spec(self, job: _Job, video: Path | None) -> AssemblySpec:
        spec, snapshot, video_encoder = job.request.spec, job.snapshot, self._resources.video_encoder
        video_assembly = None
        if video and video_encoder:
            source = self._open_video(job, video)
            video_assembly = VideoAssembly(video_encoder, source, video_entry_names(snapshot.segments))
        return AssemblySpec(
            issuer=self._resources.issuer,
            level=spec.level,
            appearance=spec.appearance,
            sha256=job.video.facts.sha256,
            segments=snapshot.ranges,
            regions=snapshot.regions,
            video=video_assembly,
            keep_text=spec.keep_text,
            based_on=spec.based_on,
            earlier_identities=InheritedIdentities.from_bytes(snapshot.earlier) if snapshot.earlier else None,
            earlier_text=InheritedText.from_bytes(snapshot.earlier_text) if snapshot.earlier_text else None,
            history=History.from_bytes(snapshot.history) if snapshot.history else None,
            order=job.order,
        )

    def _open_video(self, job: _Job, video: Path) -> FrameSource:
        return with_aspect(self._resources.open_video(video), job.request.spec.pixel_aspect)

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


def _check_exceptions(snapshot: WorkSpec) -> CheckExceptions:
    """Return what the residual check of a corrected result leaves alone."""
    history = History.from_bytes(snapshot.history) if snapshot.history else History()
    earlier = InheritedIdentities.from_bytes(snapshot.earlier) if snapshot.earlier else None
    return CheckExceptions.of(history, earlier)


def _result_key(request_id: UUID) -> str:
    return f"{result_prefix(request_id)}frames.zip"


def _continues(previous: Lease, lease: Lease) -> bool:
    """Return whether a slice starts where another slice of the same request ends."""
    return previous.request_id == lease.request_id and previous.segment.end_frame == lease.segment.start_frame
