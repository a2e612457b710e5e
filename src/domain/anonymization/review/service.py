"""Use case: review a result frame by frame, without downloading all of it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from framecloak.domain.anonymization.model.request import AnonymizationRequest, Snapshot
from framecloak.domain.anonymization.results.archive_writer import REPORT_FILE
from framecloak.domain.anonymization.results.edited_manifest import read_edited
from framecloak.domain.anonymization.results.entry_names import film_names, frame_names
from framecloak.domain.anonymization.results.manifest import MANIFEST_FILE
from framecloak.domain.anonymization.review.ranking import FrameRisk, Ranking
from framecloak.domain.errors import FrameNotFoundError, NotReadyError, ObjectNotFoundError
from framecloak.domain.model.accounts import Principal
from framecloak.domain.model.segments import Segment
from framecloak.domain.ports.archives import StoredArchives
from framecloak.domain.ports.database import Database, Page
from framecloak.domain.ports.object_store import ObjectStore
from framecloak.domain.ports.pixels import Shrinker
from framecloak.domain.ports.video import FilmViewer

MOST_AT_ONCE = 2
"""Maximum number of concurrent tasks: video decoding, image scaling and manifest ranking."""

_RANKINGS_KEPT = 4


@dataclass(frozen=True, slots=True)
class Piece:
    """A file or a video frame in a result.

    Attributes:
        key: key of the result in the object store.
        file: name of the file in the result.
        position: position of the frame in the video ``file``; None for the file itself.
        suffix: file name suffix of the format in which it is delivered.
        width: width in pixels to which the image is scaled down; None for its original size.
    """

    key: str
    file: str
    position: int | None
    suffix: str
    width: int | None = None

    @property
    def tag(self) -> str:
        """Return an entity tag that is unique among all entries of all results, which never change."""
        identity = f"{self.key}:{self.file}:{self.position}:{self.width}"
        return sha256(identity.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Consecutive frames of a result.

    Attributes:
        stretches: ranges of all frames in the result, disjoint and ascending.
        frames: requested frames.
    """

    stretches: tuple[Segment, ...]
    frames: Sequence[FrameRisk]


class Reviewing:
    """Use case that shows results to the users who may download them.

    Args:
        database: database of requests.
        store: object store of results.
        archives: reads single files of results.
        film_frame: decodes single frames of output videos.
        shrink: scales images down.
        scratch: folder for temporary files.
    """

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        archives: StoredArchives,
        film_frame: FilmViewer,
        shrink: Shrinker,
        scratch: Path,
    ) -> None:
        self._database = database
        self._store = store
        self._archives = archives
        self._film_frame = film_frame
        self._shrink = shrink
        self._scratch = scratch
        self._places = asyncio.Semaphore(MOST_AT_ONCE)
        self._rankings: OrderedDict[str, Ranking] = OrderedDict()

    async def frame(
        self, principal: Principal, request_id: UUID, index: int, width: int | None = None
    ) -> Piece:
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
            NotReadyError: the request has no result.
            FrameNotFoundError: the frame is not in the result.
        """
        request, snapshot = await self._found(principal, request_id)
        key, suffix = request.require_result(), request.order.appearance.output_format
        segment = next(
            (segment for segment in snapshot.stretches if segment.start_frame <= index < segment.end_frame),
            None,
        )
        if segment is None:
            raise FrameNotFoundError(
                f"the result has no frame {index}", "use a frame of the segments that were requested"
            )
        if suffix.is_film:
            video_file = film_names(snapshot.segments)(segment)
            return Piece(key, video_file, index - segment.start_frame, "jpg", width)
        file = f"{frame_names(snapshot.segments)(index)}.{suffix}"
        return Piece(key, file, None, suffix if width is None else "jpg", width)

    async def manifest(self, principal: Principal, request_id: UUID) -> Piece:
        """Locate the manifest of a result.

        Raises:
            RequestNotFoundError: no such request is visible to the caller.
            NotReadyError: the request has no result.
        """
        request, _ = await self._found(principal, request_id)
        return Piece(request.require_result(), MANIFEST_FILE, None, "json")

    async def report(self, principal: Principal, request_id: UUID) -> Piece:
        """Locate the report of a result.

        Raises:
            RequestNotFoundError: no such request is visible to the caller.
            NotReadyError: the request has no result.
        """
        request, _ = await self._found(principal, request_id)
        return Piece(request.require_result(), REPORT_FILE, None, "html")

    async def read(self, principal: Principal, request_id: UUID, piece: Piece) -> bytes:
        """Return the bytes of an entry, and add the access to the audit log.

        Args:
            principal: caller.
            request_id: request whose result is shown.
            piece: entry located before.

        Raises:
            NotReadyError: the result was deleted meanwhile, or is damaged.
            StorageUnavailableError: the store cannot be reached.
            StorageFullError: the disk is too full to fetch a video.
        """
        try:
            data = await self._read(piece)
        except ObjectNotFoundError as error:
            raise _gone() from error
        details: dict[str, object] = {"file": piece.file}
        if piece.position is not None:
            details["position"] = piece.position
        async with self._database.unit_of_work() as work:
            await work.audit.add(principal, "result.view", f"request:{request_id}", details)
            await work.commit()
        return data

    async def riskiest(
        self, principal: Principal, request_id: UUID, limit: int, offset: int
    ) -> Page[FrameRisk]:
        """Return the frames of a result, those with the weakest evidence first.

        Raises:
            RequestNotFoundError: no such request is visible to the caller.
            NotReadyError: the request has no result, or the result is damaged.
            StorageUnavailableError: the store cannot be reached.
        """
        request, _ = await self._found(principal, request_id)
        ranking = await self._ranking(request.require_result())
        items: Sequence[FrameRisk] = ranking.page(limit, offset)
        return Page(items, len(ranking.order))

    async def following(self, principal: Principal, request_id: UUID, start: int, limit: int) -> Excerpt:
        """Return consecutive frames of a result in presentation order.

        Args:
            principal: caller.
            request_id: request whose result is shown.
            start: lowest frame index.
            limit: maximum number of frames.

        Raises:
            RequestNotFoundError: no such request is visible to the caller.
            NotReadyError: the request has no result, or the result is damaged.
            StorageUnavailableError: the store cannot be reached.
        """
        request, snapshot = await self._found(principal, request_id)
        ranking = await self._ranking(request.require_result())
        return Excerpt(snapshot.stretches, ranking.following(start, limit))

    async def _found(self, principal: Principal, request_id: UUID) -> tuple[AnonymizationRequest, Snapshot]:
        async with self._database.unit_of_work() as work:
            request = await work.requests.get(request_id, principal)
            return request, await work.requests.snapshot(request_id)

    async def _read(self, piece: Piece) -> bytes:
        if piece.position is None:
            data = await self._archives.read(piece.key, piece.file)
        else:
            async with self._places, self._store.kept(piece.key, self._scratch) as path:
                data = await asyncio.to_thread(self._film_frame, path, piece.file, piece.position)
        if piece.width is None:
            return data
        async with self._places:
            return await asyncio.to_thread(self._shrink, data, piece.width)

    async def _ranking(self, key: str) -> Ranking:
        ranking = self._rankings.pop(key, None)
        if ranking is None:
            try:
                document = await self._archives.read(key, MANIFEST_FILE)
            except ObjectNotFoundError as error:
                raise _gone() from error
            async with self._places:
                ranking = await asyncio.to_thread(_ranked, document)
        self._rankings[key] = ranking
        while len(self._rankings) > _RANKINGS_KEPT:
            self._rankings.popitem(last=False)
        return ranking


def _ranked(document: bytes) -> Ranking:
    (table,) = read_edited(document).tables.values()
    return Ranking.of(table)


def _gone() -> NotReadyError:
    return NotReadyError("the result's file is gone or damaged", "submit the order again")
