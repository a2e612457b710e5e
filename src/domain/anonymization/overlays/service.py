"""Use case: propose regions for overlays burned into a stored video."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from framecloak.domain.anonymization.detection.text_and_plates import VIDEO_AREAS, look_for_areas
from framecloak.domain.anonymization.overlays.proposals import Proposal, propose, sample_numbers
from framecloak.domain.errors import (
    ExaminationError,
    InputNotFoundError,
    ObjectNotFoundError,
    VideoNotFoundError,
)
from framecloak.domain.imaging.boxes import Boxes
from framecloak.domain.imaging.detections import Image, Kind
from framecloak.domain.model.accounts import Principal
from framecloak.domain.model.videos import GrantRole
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.frames import FrameSource
from framecloak.domain.ports.models import AreaDetector
from framecloak.domain.ports.object_store import ObjectStore


def find_overlays(source: FrameSource, text: AreaDetector) -> list[Proposal]:
    """Propose regions for overlays in a video, from samples; frames that cannot be analysed are skipped.

    Args:
        source: source video.
        text: text detector.

    Returns:
        The proposals of `propose`.

    Raises:
        DomainError: the video cannot be decoded.
    """
    images: list[Image] = []
    texts: list[Boxes] = []
    for number in sample_numbers(source.info.readable_frames):
        with closing(source.frames(number, number + 1)) as frames:
            frame = next(frames)
        try:
            image = frame.bgr()
            detections = look_for_areas(frame, {Kind.TEXT: text}, VIDEO_AREAS)[Kind.TEXT]
        except ExaminationError:
            continue
        images.append(image)
        texts.append(detections.boxes)
    return propose(images, texts)


class OverlayProposals:
    """Use case that proposes regions for stored videos; the proposals are not stored.

    Args:
        database: database of videos.
        store: object store of video files.
        scratch: folder for temporary files.
        open_video: opens a video file.
        load_text: loads the text detector; slow, so it is called once.
    """

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        scratch: Path,
        open_video: Callable[[Path], FrameSource],
        load_text: Callable[[], AreaDetector],
    ) -> None:
        self._database = database
        self._store = store
        self._scratch = scratch
        self._open_video = open_video
        self._load_text = load_text
        self._text: AreaDetector | None = None
        # One at a time: each call takes seconds of a CPU core and the memory of two dozen frames.
        self._turn = asyncio.Lock()

    async def propose(self, principal: Principal, video_id: int) -> Sequence[Proposal]:
        """Propose regions for the overlays of a video; for users who may mark it.

        Args:
            principal: caller.
            video_id: id of the video.

        Returns:
            Proposals from top to bottom.

        Raises:
            VideoNotFoundError: no such video is visible to the caller, or its file is gone.
            ForbiddenError: the caller may see the video but not mark it.
            LevelUnavailableError: this installation has no text detector.
            DomainError: the video cannot be decoded.
            StorageUnavailableError: the video file cannot be fetched.
        """
        async with self._database.unit_of_work() as work:
            video = await work.videos.get(video_id, principal, GrantRole.EDITOR)
        try:
            async with self._turn, self._store.kept(video.object_key, self._scratch) as path:
                proposals = await asyncio.to_thread(self._look, path)
        except (ObjectNotFoundError, InputNotFoundError) as error:
            raise VideoNotFoundError(
                f"the file of video {video_id} is gone", "upload the video again"
            ) from error
        async with self._database.unit_of_work() as work:
            details: dict[str, object] = {"proposals": len(proposals)}
            await work.audit.add(principal, "region.propose", f"video:{video_id}", details)
            await work.commit()
        return proposals

    def _look(self, path: Path) -> list[Proposal]:
        self._text = self._text or self._load_text()
        return find_overlays(self._open_video(path), self._text)
