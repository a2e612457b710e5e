"""Use case: propose regions for what a device has burned over a stored video."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from framecloak.domain.accounts.model import Principal
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
from framecloak.domain.ports import AreaDetector, FrameSource
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.services import ObjectStore
from framecloak.domain.videos.model import GrantRole


def find_overlays(source: FrameSource, text: AreaDetector) -> list[Proposal]:
    """Look at samples of a video; frames that cannot be examined are left out.

    Args:
        source: the video.
        text: finds what is written.

    Returns:
        As `propose` does.

    Raises:
        DomainError: the video cannot be decoded.
    """
    pictures: list[Image] = []
    texts: list[Boxes] = []
    for number in sample_numbers(source.info.readable_frames):
        with closing(source.frames(number, number + 1)) as frames:
            frame = next(frames)
        try:
            picture = frame.bgr()
            found = look_for_areas(frame, {Kind.TEXT: text}, VIDEO_AREAS)[Kind.TEXT]
        except ExaminationError:
            continue
        pictures.append(picture)
        texts.append(found.boxes)
    return propose(pictures, texts)


class OverlayProposals:
    """Proposes regions for stored videos; nothing is stored.

    Args:
        database: where videos are recorded.
        store: where their bytes are.
        scratch: folder for files that are needed for a moment.
        open_video: opens a video that lies in a file.
        load_text: loads what finds text; may take a while, and is asked once.
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
        # One after the other: each takes seconds of a core and the memory of two dozen frames.
        self._turn = asyncio.Lock()

    async def propose(self, principal: Principal, video_id: int) -> Sequence[Proposal]:
        """Look for what stands still; for whoever may mark the video.

        Raises:
            VideoNotFoundError: there is none that the caller may see, or its file is gone.
            ForbiddenError: the caller may see it and not mark it.
            LevelUnavailableError: this installation has nothing that finds text.
            DomainError: the video cannot be decoded.
            StorageUnavailableError: its bytes cannot be fetched.
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
