"""What a worker does with one request."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from domain.accounts import Means, Principal, Role
from domain.anonymization.export import Exhibit, Export, batches
from domain.anonymization.lifecycle import AnonymizationRequest, Snapshot, Status
from domain.anonymization.manifest import Summary
from domain.anonymization.processing import Instruments
from domain.anonymization.request import Level
from domain.anonymization.service import result_prefix
from domain.errors import DomainError, ObjectNotFoundError, VideoNotFoundError
from domain.library import GrantRole, Video
from domain.ports import Archive, FrameSource
from domain.ports.persistence import Database
from domain.ports.services import Clock, ObjectStore
from domain.resilience import Backoff, uninterrupted
from domain.videos import Segment

HEARTBEAT = 0.5
"""Seconds between two looks at whether the request was cancelled."""

WORKER = Principal(0, "worker", Role.ADMIN, Means.COMMAND)


@dataclass(frozen=True, slots=True)
class Workshop:
    """What a worker works with.

    Attributes:
        tool: name and version of the program, for the manifest.
        scratch: folder for files that are needed for a moment.
        open_video: opens a video that lies in a file.
        create_archive: starts a ZIP.
        instruments: what the pipeline works with at a level; may take a while the first time.
    """

    tool: str
    scratch: Path
    open_video: Callable[[Path], FrameSource]
    create_archive: Callable[[Path], Archive]
    instruments: Callable[[Level], Instruments]


@dataclass(frozen=True, slots=True)
class _Task:
    """A request with everything it needs from the database."""

    request: AnonymizationRequest
    video: Video
    snapshot: Snapshot


class RequestProcessor:
    """Turns pending requests into results.

    Args:
        database: where requests are.
        store: where videos are and results go.
        clock: tells the time.
        workshop: what to work with.
        backoff: for how long to wait for a database that goes away during the work.
    """

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        clock: Clock,
        workshop: Workshop,
        backoff: Backoff | None = None,
    ) -> None:
        self._database = database
        self._store = store
        self._clock = clock
        self._workshop = workshop
        self._backoff = backoff or Backoff()

    async def process(self, request_id: UUID, on_progress: Callable[[int, int], None] | None = None) -> None:
        """Process a request if it is still pending; else do nothing.

        What goes wrong for reasons of the request ends it as failed. When this task is cancelled, because
        the worker stops, the request is pending again.

        Args:
            request_id: of the request.
            on_progress: called now and then with frames done and frames in all.

        Raises:
            DatabaseUnavailableError: the database cannot be reached, and when the request was begun already,
                has not been for minutes.
        """
        task = await self._begin(request_id)
        if task is None:
            return
        try:
            await self._deliver(task, on_progress or (lambda _done, _total: None))
        except _CancelledError:
            pass
        except asyncio.CancelledError:
            await self._release(request_id)
            raise
        except DomainError as error:
            await self._fail(request_id, str(error))
        except BaseException:
            await self._fail(request_id, "the program failed on this request; its log says how")
            raise

    async def _begin(self, request_id: UUID) -> _Task | None:
        """Claim a request, which is pending again when this task is cancelled meanwhile."""
        claiming = asyncio.ensure_future(self._claim(request_id))
        try:
            return await uninterrupted(claiming)
        except asyncio.CancelledError:
            if claiming.exception() is None and claiming.result():
                await self._release(request_id)
            raise

    async def _claim(self, request_id: UUID) -> _Task | None:
        async with self._database.unit_of_work() as work:
            request = await work.requests.claim(request_id, self._clock.now())
            if request is None:
                return None
            video = await work.videos.get(request.order.video_id, WORKER, GrantRole.VIEWER)
            snapshot = await work.requests.snapshot(request_id)
            await work.commit()
        return _Task(request, video, snapshot)

    async def _deliver(self, task: _Task, on_progress: Callable[[int, int], None]) -> None:
        request = task.request
        with tempfile.TemporaryDirectory(
            dir=self._workshop.scratch, prefix=f"request-{request.id}-"
        ) as folder:
            archive = Path(folder) / "frames.zip"
            try:
                async with self._store.local(task.video.object_key, Path(folder)) as path:
                    summary = await self._follow(task, path, archive, on_progress)
            except ObjectNotFoundError as error:
                raise VideoNotFoundError("the video's file is gone", "upload the video again") from error
            key = f"{result_prefix(request.id)}frames.zip"
            stored = await self._store.put_file(key, archive)
        result = key, stored.size
        if not await self._backoff.run(lambda: self._complete(request.id, summary.blanked, result)):
            await self._store.remove(key)

    async def _follow(
        self, task: _Task, path: Path, archive: Path, on_progress: Callable[[int, int], None]
    ) -> Summary:
        """Run the pipeline in a thread, tell how far it is, and stop it when the request is cancelled."""
        request = task.request
        progress = _Progress()
        # No task, because those are cancelled when the event loop ends, and the thread would go on.
        running = asyncio.get_running_loop().run_in_executor(
            None, self._redact, task, path, archive, progress
        )
        try:
            while not running.done():
                await asyncio.wait([running], timeout=HEARTBEAT)
                on_progress(progress.done, request.total_frames)
                status = await self._backoff.run(lambda: self._advance(request.id, progress.done))
                progress.cancelled = status.is_final
            return running.result()
        finally:
            # Threads cannot be stopped from outside; this one looks at the flag after every frame. Until it
            # has ended, nobody else may begin with the request, nor may its files be removed.
            progress.cancelled = True
            await uninterrupted(asyncio.wait([running]))
            # Looked at, or asyncio would log it as never retrieved when this is left by another error.
            running.exception()

    def _redact(self, task: _Task, path: Path, archive: Path, progress: _Progress) -> Summary:
        order = task.request.order
        source = self._workshop.open_video(path)
        exhibit = Exhibit(
            id=0,
            source=source,
            name=None,
            stem=_stem(task.snapshot.segments),
            segments=task.snapshot.stretches,
            regions=task.snapshot.regions,
        )
        export = Export(self._workshop.tool, order.level, order.appearance, batches([exhibit]))
        zipped = self._workshop.create_archive(archive)
        try:
            return export.run(self._workshop.instruments(order.level), zipped, progress.step)
        finally:
            zipped.discard()

    async def _advance(self, request_id: UUID, processed_frames: int) -> Status:
        async with self._database.unit_of_work() as work:
            status = await work.requests.advance(request_id, processed_frames)
            await work.commit()
        return status

    async def _release(self, request_id: UUID) -> None:
        async def release() -> None:
            async with self._database.unit_of_work() as work:
                await work.requests.release(request_id)
                await work.commit()

        await uninterrupted(self._backoff.run(release))

    async def _complete(self, request_id: UUID, blanked_frames: int, result: tuple[str, int]) -> bool:
        """Whether the request is completed; False when somebody cancelled it before."""
        async with self._database.unit_of_work() as work:
            finished = await work.requests.finish(
                request_id,
                Status.COMPLETED,
                self._clock.now(),
                blanked_frames=blanked_frames,
                result=result,
            )
            if not finished:
                # Unless an earlier try came through, and only its answer was lost.
                finished = (await work.requests.get(request_id, WORKER)).status is Status.COMPLETED
            await work.commit()
        return finished

    async def _fail(self, request_id: UUID, error: str) -> None:
        async def fail() -> None:
            async with self._database.unit_of_work() as work:
                await work.requests.finish(request_id, Status.FAILED, self._clock.now(), error=error)
                await work.commit()

        await uninterrupted(self._backoff.run(fail))


class _CancelledError(Exception):
    """The request was cancelled while it was worked on."""


class _Progress:
    """Shared by the pipeline's thread, which counts, and the event loop, which stops it."""

    def __init__(self) -> None:
        self.done = 0
        self.cancelled = False

    def step(self) -> None:
        """Count one frame.

        Raises:
            _CancelledError: nobody wants more of them.
        """
        if self.cancelled:
            raise _CancelledError
        self.done += 1


def _stem(segments: Mapping[int, Segment]) -> Callable[[int], str]:
    """Names frames by the first segment, in time, that has them."""
    ordered = sorted(segments.items(), key=lambda pair: (pair[1], pair[0]))

    def stem(index: int) -> str:
        owner = next(
            number for number, segment in ordered if segment.start_frame <= index < segment.end_frame
        )
        return f"frames/segment_{owner}/frame_{index:07d}"

    return stem
