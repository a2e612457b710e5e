"""Use case: look over a result, frame by frame, without fetching all of it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from framecloak.domain.accounts.model import Principal
from framecloak.domain.anonymization.model.request import AnonymizationRequest, Snapshot
from framecloak.domain.anonymization.results.archive_writer import REPORT_FILE
from framecloak.domain.anonymization.results.edited_manifest import read_edited
from framecloak.domain.anonymization.results.entry_names import film_names, frame_names
from framecloak.domain.anonymization.results.manifest import MANIFEST_FILE
from framecloak.domain.anonymization.review.ranking import FrameRisk, Ranking
from framecloak.domain.errors import FrameNotFoundError, NotReadyError, ObjectNotFoundError
from framecloak.domain.ports.database import Database, Page
from framecloak.domain.ports.results import FilmViewer, Shrinker, StoredArchives
from framecloak.domain.ports.services import ObjectStore
from framecloak.domain.videos.segments import Segment

MOST_AT_ONCE = 2
"""Films that are decoded, pictures that are shrunk, or manifests that are ranked, at the same time."""

_RANKINGS_KEPT = 4


@dataclass(frozen=True, slots=True)
class Piece:
    """Something in a result.

    Attributes:
        key: of the result in the object store.
        file: its name there.
        position: of the frame in the film that the file is; None where it is the piece itself.
        suffix: of the format it is handed out in.
        width: pixels that the picture is shrunk to; None for its own size.
    """

    key: str
    file: str
    position: int | None
    suffix: str
    width: int | None = None

    @property
    def tag(self) -> str:
        """Tells it from all other pieces of all results, which never change."""
        said = f"{self.key}:{self.file}:{self.position}:{self.width}"
        return sha256(said.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Frames of a result that follow each other.

    Attributes:
        stretches: all frames that the result has, disjoint and ascending.
        frames: those that were asked for.
    """

    stretches: tuple[Segment, ...]
    frames: Sequence[FrameRisk]


class Reviewing:
    """Results, to be looked over by whoever may fetch them.

    Args:
        database: where requests are recorded.
        store: where results are.
        archives: reads single entries of them.
        film_frame: shows frames of films.
        shrink: makes small pictures of large ones.
        scratch: folder for files that are needed for a moment.
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
        """Where a frame of a result is.

        Args:
            principal: who asks.
            request_id: of the result.
            index: of the frame in the video.
            width: pixels to shrink it to, as JPEG; None for the frame as it was written.

        Raises:
            RequestNotFoundError: there is no such request that the caller may see.
            NotReadyError: it has no result.
            FrameNotFoundError: the frame is not in it.
        """
        request, snapshot = await self._found(principal, request_id)
        key, suffix = request.require_result(), request.order.appearance.output_format
        stretch = next((one for one in snapshot.stretches if one.start_frame <= index < one.end_frame), None)
        if stretch is None:
            raise FrameNotFoundError(
                f"the result has no frame {index}", "ask for one of the segments that were ordered"
            )
        if suffix.is_film:
            film = film_names(snapshot.segments)(stretch)
            return Piece(key, film, index - stretch.start_frame, "jpg", width)
        file = f"{frame_names(snapshot.segments)(index)}.{suffix}"
        return Piece(key, file, None, suffix if width is None else "jpg", width)

    async def manifest(self, principal: Principal, request_id: UUID) -> Piece:
        """Where the manifest of a result is.

        Raises:
            RequestNotFoundError: there is no such request that the caller may see.
            NotReadyError: it has no result.
        """
        request, _ = await self._found(principal, request_id)
        return Piece(request.require_result(), MANIFEST_FILE, None, "json")

    async def report(self, principal: Principal, request_id: UUID) -> Piece:
        """Where the report of a result is.

        Raises:
            RequestNotFoundError: there is no such request that the caller may see.
            NotReadyError: it has no result.
        """
        request, _ = await self._found(principal, request_id)
        return Piece(request.require_result(), REPORT_FILE, None, "html")

    async def read(self, principal: Principal, request_id: UUID, piece: Piece) -> bytes:
        """The bytes of a piece; whoever gets to see one is recorded.

        Raises:
            NotReadyError: the result was deleted meanwhile, or is damaged.
            StorageUnavailableError: the store cannot be reached.
            StorageFullError: there is no room to fetch a film to.
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
        """Frames of a result, those with the weakest evidence first.

        Raises:
            RequestNotFoundError: there is no such request that the caller may see.
            NotReadyError: it has no result, or that is damaged.
            StorageUnavailableError: the store cannot be reached.
        """
        request, _ = await self._found(principal, request_id)
        ranking = await self._ranking(request.require_result())
        items: Sequence[FrameRisk] = ranking.page(limit, offset)
        return Page(items, len(ranking.order))

    async def following(self, principal: Principal, request_id: UUID, start: int, limit: int) -> Excerpt:
        """Frames of a result in the order of the film, from a number on.

        Raises:
            RequestNotFoundError: there is no such request that the caller may see.
            NotReadyError: it has no result, or that is damaged.
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
        found = self._rankings.pop(key, None)
        if found is None:
            try:
                document = await self._archives.read(key, MANIFEST_FILE)
            except ObjectNotFoundError as error:
                raise _gone() from error
            async with self._places:
                found = await asyncio.to_thread(_ranked, document)
        self._rankings[key] = found
        while len(self._rankings) > _RANKINGS_KEPT:
            self._rankings.popitem(last=False)
        return found


def _ranked(document: bytes) -> Ranking:
    (table,) = read_edited(document).tables.values()
    return Ranking.of(table)


def _gone() -> NotReadyError:
    return NotReadyError("the result's file is gone or damaged", "submit the order again")
