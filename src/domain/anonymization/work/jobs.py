"""Requests in progress with everything that does not change while they are processed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from uuid import UUID

from framecloak.domain.anonymization.detection.display_shape import with_aspect
from framecloak.domain.anonymization.identification.decisions import IdentificationSetup
from framecloak.domain.anonymization.identification.inherited import InheritedIdentities
from framecloak.domain.anonymization.model.box_table import BoxTable
from framecloak.domain.anonymization.model.options import Level, Verify
from framecloak.domain.anonymization.model.record.history import History
from framecloak.domain.anonymization.model.request import AnonymizationRequest, WorkSpec
from framecloak.domain.anonymization.model.text_policy import TextMode
from framecloak.domain.anonymization.pipeline.rerender import CheckExceptions
from framecloak.domain.anonymization.results.entry_names import frame_entry_stems, video_entry_names
from framecloak.domain.anonymization.results.export import ExportJob
from framecloak.domain.anonymization.results.inherited_text import InheritedText
from framecloak.domain.anonymization.results.recorded_settings import RecordedOrder
from framecloak.domain.anonymization.results.sources import ExportSource, group_sources
from framecloak.domain.anonymization.text_policy.policy import TextPolicy
from framecloak.domain.anonymization.work.assembly import AssemblySpec, VideoAssembly
from framecloak.domain.anonymization.work.worker_resources import WorkerResources
from framecloak.domain.errors import IdentitiesLostError, InvalidManifestError, TextListsLostError
from framecloak.domain.model.accounts import Means, Principal, Role, User
from framecloak.domain.model.videos import GrantRole, Video
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.frames import FrameSource
from framecloak.domain.ports.video import VideoEncoder

WORKER = Principal(0, "worker", Role.ADMIN, Means.COMMAND)

_MAX_CACHED_JOBS = 4
"""Number of requests whose data a worker caches."""


@dataclass(frozen=True, slots=True)
class Job:
    """A request with everything that does not change while it is processed.

    Attributes:
        request: the request.
        video: its video.
        snapshot: what it is based on.
        boxes: boxes of a corrected result; None where boxes are detected.
        order: what results record of the order.
        text: text policy; None where all text is covered.
    """

    request: AnonymizationRequest
    video: Video
    snapshot: WorkSpec
    boxes: BoxTable | None
    order: RecordedOrder
    text: TextPolicy | None

    @property
    def detection_level(self) -> Level:
        """Level whose detectors are needed: known boxes need them for the check of their faces only."""
        spec = self.request.spec
        if self.boxes is None or spec.level is Level.MINIMAL:
            return spec.level
        return Level.MINIMAL if spec.verify is Verify.NONE else Level.FACES

    def displayed(self, source: FrameSource) -> FrameSource:
        """Return the video with the pixel aspect that the request names."""
        return with_aspect(source, self.request.spec.pixel_aspect)

    def export(self, source: FrameSource, resources: WorkerResources) -> ExportJob:
        """Return the export of the video's frames."""
        spec, snapshot = self.request.spec, self.snapshot
        export_source = ExportSource(
            id=0,
            source=source,
            name=None,
            frame_entry_stem=frame_entry_stems(snapshot.segments),
            segments=snapshot.ranges,
            regions=snapshot.regions,
            video_entry_name=video_entry_names(snapshot.segments),
            keep_text=spec.keep_text,
            boxes=self.boxes,
            exceptions=_check_exceptions(snapshot),
        )
        return ExportJob(
            resources.issuer,
            spec.level,
            spec.appearance,
            group_sources([export_source]),
            spec.based_on,
            spec.verify,
        )

    def assembly(
        self, source: FrameSource | None, video_encoder: VideoEncoder | None, resources: WorkerResources
    ) -> AssemblySpec:
        """Return the assembly of the parts; ``source`` has the presentation times and sound of a video."""
        spec, snapshot = self.request.spec, self.snapshot
        video = (
            VideoAssembly(video_encoder, source, video_entry_names(snapshot.segments))
            if source and video_encoder
            else None
        )
        return AssemblySpec(
            issuer=resources.issuer,
            level=spec.level,
            appearance=spec.appearance,
            sha256=self.video.facts.sha256,
            segments=snapshot.ranges,
            regions=snapshot.regions,
            video=video,
            keep_text=spec.keep_text,
            based_on=spec.based_on,
            earlier_identities=InheritedIdentities.from_bytes(snapshot.earlier) if snapshot.earlier else None,
            earlier_text=InheritedText.from_bytes(snapshot.earlier_text) if snapshot.earlier_text else None,
            history=History.from_bytes(snapshot.history) if snapshot.history else None,
            order=self.order,
        )


class Jobs:
    """Jobs of a worker, of which the last few are cached.

    Args:
        database: database of requests.
        resources: resources of the worker.
    """

    def __init__(self, database: Database, resources: WorkerResources) -> None:
        self._database = database
        self._resources = resources
        self._cached: dict[UUID, Job] = {}

    async def get(self, request_id: UUID) -> Job:
        """Return the job of a request.

        Raises:
            RequestNotFoundError: there is no such request.
            InvalidManifestError: the boxes of a corrected result are gone.
            TextListsLostError: the lists of its text policy cannot be read.
        """
        return self._cached.get(request_id) or await self._load(request_id)

    def forget(self, request_id: UUID) -> None:
        """Drop the job of a request that is over."""
        self._cached.pop(request_id, None)

    def clear(self) -> None:
        """Drop all jobs; their text policies contain names."""
        self._cached.clear()

    async def identification(self, job: Job) -> IdentificationSetup | None:
        """Load the identification setup of a job; not cached, because access to a gallery may be revoked.

        Raises:
            IdentitiesLostError: the people of the request cannot be recognised any more.
        """
        people = self._resources.people
        if people:
            return await people.identification(job.request, job.snapshot.people)
        if job.request.spec.recognises_faces:
            raise IdentitiesLostError(
                "this worker cannot recognise people", "run workers and API with the same settings"
            )
        return None

    async def _load(self, request_id: UUID) -> Job:
        async with self._database.unit_of_work() as work:
            request = await work.requests.get(request_id, WORKER)
            video = await work.videos.get(request.spec.video_id, WORKER, GrantRole.VIEWER)
            snapshot = await work.requests.snapshot(request_id)
            customer = await work.users.get(request.user_id)
        while len(self._cached) >= _MAX_CACHED_JOBS:
            del self._cached[next(iter(self._cached))]
        if (snapshot.boxes is None) is not (request.spec.based_on is None):
            # Without its boxes, faces would be detected again that a reviewer has already decided about.
            raise InvalidManifestError("the boxes of the request are gone", "render them again")
        boxes = None if snapshot.boxes is None else BoxTable.unpacked(snapshot.boxes)
        text = await self._load_text_policy(request, snapshot)
        order = self._order(request, customer, video)
        job = self._cached[request_id] = Job(request, video, snapshot, boxes, order, text)
        return job

    async def _load_text_policy(self, request: AnonymizationRequest, snapshot: WorkSpec) -> TextPolicy | None:
        if self._resources.text:
            return await self._resources.text.policy(request, snapshot.text_lists)
        if request.spec.text.mode is not TextMode.ALL:
            raise TextListsLostError(
                "this worker cannot read text", "run workers and API with the same version"
            )
        return None

    def _order(self, request: AnonymizationRequest, customer: User, video: Video) -> RecordedOrder:
        return RecordedOrder(
            str(request.id),
            request.spec.reference,
            self._resources.policy.name_of_user(customer),
            request.created_at.astimezone(UTC).isoformat(timespec="seconds"),
            self._resources.policy.title_of(video.title),
        )


def _check_exceptions(snapshot: WorkSpec) -> CheckExceptions:
    """Return what the residual check of a corrected result leaves alone."""
    history = History.from_bytes(snapshot.history) if snapshot.history else History()
    earlier = InheritedIdentities.from_bytes(snapshot.earlier) if snapshot.earlier else None
    return CheckExceptions.of(history, earlier)
