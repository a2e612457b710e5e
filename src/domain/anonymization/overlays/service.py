"""Use case: propose regions for overlays burned into a stored video."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from framecloak.domain.anonymization.detection.text_and_plates import (
    VIDEO_TEXT_AND_PLATES,
    detect_text_and_plates,
)
from framecloak.domain.anonymization.overlays.proposals import (
    MAX_SAMPLES,
    MIN_SAMPLES,
    OverlayProposal,
    propose_overlays,
    sample_indexes,
)
from framecloak.domain.errors import (
    FrameAnalysisError,
    InputNotFoundError,
    ObjectNotFoundError,
    VideoNotFoundError,
)
from framecloak.domain.imaging.box_geometry import Boxes
from framecloak.domain.imaging.detections import Image, TargetKind
from framecloak.domain.model.accounts import Principal
from framecloak.domain.model.videos import GrantRole
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.frames import FrameSource
from framecloak.domain.ports.models import BoxDetector
from framecloak.domain.storage.originals import Originals

SAMPLE_BYTES = 768 << 20
"""Memory of all samples; of very large frames, fewer are compared."""

BYTES_PER_PIXEL = 8
"""Memory of a pixel of each sample: its colours, its grey value and its deviation."""


OnProgress = Callable[[int, int], None]
"""Receiver of the number of analysed frames and of all frames to analyse."""


def _ignore(_done: int, _total: int) -> None:
    pass


def propose_for_video(
    source: FrameSource, text_detector: BoxDetector, on_progress: OnProgress = _ignore
) -> list[OverlayProposal]:
    """Propose regions for overlays in a video, from samples; frames that cannot be analysed are skipped.

    Args:
        source: source video.
        text_detector: text detector.
        on_progress: called with the number of frames that were analysed and of all, before each.

    Returns:
        The proposals of `propose_overlays`.

    Raises:
        DomainError: the video cannot be decoded.
    """
    images: list[Image] = []
    texts: list[Boxes] = []
    info = source.info
    samples = max(MIN_SAMPLES, min(MAX_SAMPLES, SAMPLE_BYTES // (info.width * info.height * BYTES_PER_PIXEL)))
    indexes = list(sample_indexes(info.readable_frames, samples))
    for done, number in enumerate(indexes):
        on_progress(done, len(indexes))
        with closing(source.frames(number, number + 1)) as frames:
            frame = next(frames)
        try:
            image = frame.bgr()
            detections = detect_text_and_plates(
                frame, {TargetKind.TEXT: text_detector}, VIDEO_TEXT_AND_PLATES
            )[TargetKind.TEXT]
        except FrameAnalysisError:
            continue
        images.append(image)
        texts.append(detections.boxes)
    on_progress(len(indexes), len(indexes))
    return propose_overlays(images, texts)


class OverlayService:
    """Use case that proposes regions for stored videos; the proposals are not stored.

    Args:
        database: database of videos.
        originals: provides video files.
        scratch: folder for temporary files.
        open_video: opens a video file.
        load_text_detector: loads the text detector; slow, so it is called once.
    """

    def __init__(
        self,
        database: Database,
        originals: Originals,
        scratch: Path,
        open_video: Callable[[Path], FrameSource],
        load_text_detector: Callable[[], BoxDetector],
    ) -> None:
        self._database = database
        self._originals = originals
        self._scratch = scratch
        self._open_video = open_video
        self._load_text_detector = load_text_detector
        self._text_detector: BoxDetector | None = None
        # One at a time: each call takes seconds of a CPU core and the memory of two dozen frames.
        self._lock = asyncio.Lock()

    async def require_access(self, principal: Principal, video_id: int) -> None:
        """Raise an error unless the caller may mark a video.

        Raises:
            VideoNotFoundError: no such video is visible to the caller.
            ForbiddenError: the caller may see the video but not mark it.
        """
        async with self._database.unit_of_work() as work:
            await work.videos.get(video_id, principal, GrantRole.EDITOR)

    async def propose(
        self, principal: Principal, video_id: int, on_progress: OnProgress = _ignore
    ) -> Sequence[OverlayProposal]:
        """Propose regions for the overlays of a video; for users who may mark it.

        Args:
            principal: caller.
            video_id: id of the video.
            on_progress: called in another thread, with the number of analysed frames and of all; an error
                that it raises ends the search.

        Returns:
            Proposals from top to bottom.

        Raises:
            VideoNotFoundError: no such video is visible to the caller, or its file is gone.
            ForbiddenError: the caller may see the video but not mark it.
            LevelUnavailableError: this installation has no text detector.
            OriginalDamagedError: the stored file is not the uploaded one.
            DomainError: the video cannot be decoded.
            StorageUnavailableError: the video file cannot be fetched.
        """
        async with self._database.unit_of_work() as work:
            video = await work.videos.get(video_id, principal, GrantRole.EDITOR)
        try:
            async with self._lock, self._originals.file(video, self._scratch) as path:
                proposals = await asyncio.to_thread(self._propose, path, on_progress)
        except (ObjectNotFoundError, InputNotFoundError) as error:
            raise VideoNotFoundError(
                f"the file of video {video_id} is gone", "upload the video again"
            ) from error
        async with self._database.unit_of_work() as work:
            details: dict[str, object] = {"proposals": len(proposals)}
            await work.audit.add(principal, "region.propose", f"video:{video_id}", details)
            await work.commit()
        return proposals

    def _propose(self, path: Path, on_progress: OnProgress) -> list[OverlayProposal]:
        self._text_detector = self._text_detector or self._load_text_detector()
        return propose_for_video(self._open_video(path), self._text_detector, on_progress)
