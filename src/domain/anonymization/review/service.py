"""Use case: review a result frame by frame, without downloading all of it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Self
from uuid import UUID

from framecloak.domain.anonymization.model.options import Language
from framecloak.domain.anonymization.model.record.release import Reviewers
from framecloak.domain.anonymization.model.request import AnonymizationRequest, WorkSpec
from framecloak.domain.anonymization.results.archive_writer import REPORT_FILE
from framecloak.domain.anonymization.results.edited_manifest import read_edited_manifest
from framecloak.domain.anonymization.results.entry_names import frame_entry_stems, video_entry_names
from framecloak.domain.anonymization.results.manifest import MANIFEST_FILE
from framecloak.domain.anonymization.results.proof.release_addendum import ReadRelease, own_release
from framecloak.domain.anonymization.review.ranking import FrameRisk, Ranking
from framecloak.domain.anonymization.review.texts import TextTrack, text_tracks
from framecloak.domain.errors import FrameNotFoundError
from framecloak.domain.model.accounts import Principal
from framecloak.domain.model.segments import Segment
from framecloak.domain.ports.database import Database, Page
from framecloak.domain.ports.pixels import PreviewMaker
from framecloak.domain.ports.video import VideoFrameExtractor
from framecloak.domain.storage.results import ResultIntegrity
from framecloak.domain.videos.access import require_still_shared

ReleaseSection = Callable[[bytes, ReadRelease, Language], bytes]
"""Function that adds a section on the release to a report, HTML, in the report's language."""

MAX_CONCURRENT_TASKS = 2
"""Maximum number of concurrent tasks: video decoding, image scaling and manifest ranking."""

_MAX_CACHED_RESULTS = 4


@dataclass(frozen=True, slots=True)
class ResultEntry:
    """A file or a video frame in a result.

    Attributes:
        key: key of the result in the object store.
        file: name of the file in the result.
        position: position of the frame in the video ``file``; None for the file itself.
        suffix: file name suffix of the format in which it is delivered.
        width: width in pixels to which the image is scaled down; None for its original size.
        released_at: for a report, time of the release that is added to it; None without one.
    """

    key: str
    file: str
    position: int | None
    suffix: str
    width: int | None = None
    released_at: datetime | None = None

    @property
    def tag(self) -> str:
        """Entity tag that is unique among all entries of all results; only a release changes one."""
        identity = f"{self.key}:{self.file}:{self.position}:{self.width}"
        if self.released_at is not None:
            identity += f":{self.released_at.isoformat()}"
        return sha256(identity.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class FrameExcerpt:
    """Consecutive frames of a result.

    Attributes:
        ranges: ranges of all frames in the result, disjoint and ascending.
        frames: requested frames.
    """

    ranges: tuple[Segment, ...]
    frames: Sequence[FrameRisk]


class ReviewService:
    """Use case that shows results to the users who may download or release them.

    Args:
        database: database of requests.
        integrity: reads results, compared with what was made.
        decode_frame: decodes single frames of output videos.
        shrink: scales images down.
        scratch: folder for temporary files.
        add_release: adds a section on the release to a report.
        reviewers: people who may review results of others.
    """

    def __init__(
        self,
        database: Database,
        integrity: ResultIntegrity,
        decode_frame: VideoFrameExtractor,
        shrink: PreviewMaker,
        scratch: Path,
        add_release: ReleaseSection,
        *,
        reviewers: Reviewers = Reviewers.ADMINISTRATORS,
    ) -> None:
        self._database = database
        self._integrity = integrity
        self._decode_frame = decode_frame
        self._shrink = shrink
        self._scratch = scratch
        self._add_release = add_release
        self._reviewers = reviewers
        self._slots = asyncio.Semaphore(MAX_CONCURRENT_TASKS)
        self._findings: OrderedDict[str, _Findings] = OrderedDict()

    async def frame(
        self, principal: Principal, request_id: UUID, index: int, width: int | None = None
    ) -> ResultEntry:
        """Locate a frame of a result.

        Args:
            principal: caller.
            request_id: request whose result is shown.
            index: index of the frame in the source video.
            width: width in pixels to which the frame is scaled down, as JPEG; None for the stored frame.

        Returns:
            The location, for `read`.

        Raises:
            RequestNotFoundError: no such request is visible to the caller.
            ForbiddenError: the video of the request is no longer shared with the caller.
            NotReadyError: the request has no result.
            FrameNotFoundError: the frame is not in the result.
        """
        request, snapshot = await self._load(principal, request_id)
        key, suffix = request.require_result(), request.spec.appearance.output_format
        segment = next(
            (segment for segment in snapshot.ranges if segment.start_frame <= index < segment.end_frame),
            None,
        )
        if segment is None:
            raise FrameNotFoundError(
                f"the result has no frame {index}", "use a frame of the segments that were requested"
            )
        if suffix.is_video:
            video_file = video_entry_names(snapshot.segments)(segment)
            return ResultEntry(key, video_file, index - segment.start_frame, "jpg", width)
        file = f"{frame_entry_stems(snapshot.segments)(index)}.{suffix}"
        return ResultEntry(key, file, None, suffix if width is None else "jpg", width)

    async def manifest(self, principal: Principal, request_id: UUID) -> ResultEntry:
        """Locate the manifest of a result.

        Raises:
            RequestNotFoundError: no such request is visible to the caller.
            ForbiddenError: the video of the request is no longer shared with the caller.
            NotReadyError: the request has no result.
        """
        request, _ = await self._load(principal, request_id)
        return ResultEntry(request.require_result(), MANIFEST_FILE, None, "json")

    async def report(self, principal: Principal, request_id: UUID) -> ResultEntry:
        """Locate the report of a result; that of a released result names its release.

        Raises:
            RequestNotFoundError: no such request is visible to the caller.
            ForbiddenError: the video of the request is no longer shared with the caller.
            NotReadyError: the request has no result.
        """
        request, _ = await self._load(principal, request_id)
        key, released_at = request.require_result(), request.released_at
        return ResultEntry(key, REPORT_FILE, None, "html", released_at=released_at)

    async def read(self, principal: Principal, request_id: UUID, entry: ResultEntry) -> bytes:
        """Return the bytes of an entry, and add the access to the audit log.

        Args:
            principal: caller.
            request_id: request whose result is shown.
            entry: entry located before.

        Raises:
            NotReadyError: the result was deleted meanwhile, or is damaged.
            ResultDamagedError: the stored result is not the one that was made.
            StorageUnavailableError: the store cannot be reached.
            StorageFullError: the disk is too full to fetch a video.
        """
        request, _ = await self._load(principal, request_id)
        data = await self._read(request, entry)
        details: dict[str, object] = {"file": entry.file}
        if entry.position is not None:
            details["position"] = entry.position
        async with self._database.unit_of_work() as work:
            if entry.released_at is not None and (document := await work.releases.document(request_id)):
                language = request.spec.appearance.language
                data = self._add_release(data, own_release(document), language)
            await work.audit.add(principal, "result.view", f"request:{request_id}", details)
            await work.commit()
        return data

    async def riskiest(
        self, principal: Principal, request_id: UUID, limit: int, offset: int
    ) -> Page[FrameRisk]:
        """Return the frames of a result, those with the weakest evidence first.

        Raises:
            RequestNotFoundError: no such request is visible to the caller.
            ForbiddenError: the video of the request is no longer shared with the caller.
            NotReadyError: the request has no result, or the result is damaged.
            StorageUnavailableError: the store cannot be reached.
        """
        _, ranking = await self.ranked(principal, request_id)
        items: Sequence[FrameRisk] = ranking.page(limit, offset)
        return Page(items, len(ranking.order))

    async def ranked(self, principal: Principal, request_id: UUID) -> tuple[AnonymizationRequest, Ranking]:
        """Return a request with the ranking of its result's frames.

        Raises:
            RequestNotFoundError: no such request is visible to the caller.
            ForbiddenError: the video of the request is no longer shared with the caller.
            NotReadyError: the request has no result, or the result is damaged.
            StorageUnavailableError: the store cannot be reached.
        """
        request, _ = await self._load(principal, request_id)
        return request, (await self._read_findings(request)).ranking

    async def frames_from(
        self, principal: Principal, request_id: UUID, start: int, limit: int
    ) -> FrameExcerpt:
        """Return consecutive frames of a result in presentation order.

        Args:
            principal: caller.
            request_id: request whose result is shown.
            start: lowest frame index.
            limit: maximum number of frames.

        Raises:
            RequestNotFoundError: no such request is visible to the caller.
            ForbiddenError: the video of the request is no longer shared with the caller.
            NotReadyError: the request has no result, or the result is damaged.
            StorageUnavailableError: the store cannot be reached.
        """
        request, snapshot = await self._load(principal, request_id)
        ranking = (await self._read_findings(request)).ranking
        return FrameExcerpt(snapshot.ranges, ranking.frames_from(start, limit))

    async def texts(self, principal: Principal, request_id: UUID, limit: int, offset: int) -> Page[TextTrack]:
        """Return the tracks of text of a result, those that are readable first; none without a text policy.

        Raises:
            RequestNotFoundError: no such request is visible to the caller.
            NotReadyError: the request has no result, or the result is damaged.
            StorageUnavailableError: the store cannot be reached.
        """
        request, _ = await self._load(principal, request_id)
        texts = (await self._read_findings(request)).texts
        return Page(texts[offset : offset + limit], len(texts))

    async def _load(self, principal: Principal, request_id: UUID) -> tuple[AnonymizationRequest, WorkSpec]:
        async with self._database.unit_of_work() as work:
            colleagues = self._reviewers.include_colleagues
            request = await work.requests.get(request_id, principal, for_review=colleagues)
            await require_still_shared(work, principal, request.spec.video_id)
            return request, await work.requests.snapshot(request_id)

    async def _read(self, request: AnonymizationRequest, entry: ResultEntry) -> bytes:
        if entry.position is None:
            data = await self._integrity.read(request, entry.file)
        else:
            async with self._slots, self._integrity.file(request, self._scratch) as path:
                data = await asyncio.to_thread(self._decode_frame, path, entry.file, entry.position)
        if entry.width is None:
            return data
        async with self._slots:
            return await asyncio.to_thread(self._shrink, data, entry.width)

    async def _read_findings(self, request: AnonymizationRequest) -> _Findings:
        await self._integrity.require_intact(request)
        key = request.require_result()
        findings = self._findings.pop(key, None)
        if findings is None:
            document = await self._integrity.read(request, MANIFEST_FILE)
            async with self._slots:
                findings = await asyncio.to_thread(_Findings.read, document)
        self._findings[key] = findings
        while len(self._findings) > _MAX_CACHED_RESULTS:
            self._findings.popitem(last=False)
        return findings


@dataclass(frozen=True, slots=True)
class _Findings:
    """Figures of a manifest for a reviewer."""

    ranking: Ranking
    texts: tuple[TextTrack, ...]

    @classmethod
    def read(cls, document: bytes) -> Self:
        manifest = read_edited_manifest(document)
        ((source_id, table),) = manifest.tables.items()
        ranking = Ranking.of(table, manifest.sources[source_id].size, manifest.history.corrections)
        return cls(ranking, text_tracks(manifest.text, table))
