"""Use case: thumbnails of a whole video in one image, for its timeline."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

from framecloak.domain.errors import InputNotFoundError, ObjectNotFoundError, VideoNotFoundError
from framecloak.domain.model.accounts import Principal
from framecloak.domain.model.videos import GrantRole, Video
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.video import VideoProber
from framecloak.domain.storage.originals import Originals

MAX_THUMBNAILS = 32
"""Maximum number of thumbnails in a filmstrip."""

THUMBNAIL_HEIGHT_PX = 72
MAX_DECODED_FRAMES = 300
"""Maximum number of frames that are decoded on the way to those of a filmstrip; a second or two at 1080p."""

MAX_CACHED_FILMSTRIPS = 256
"""Filmstrips that a process keeps, of some 30 kB each."""


def thumbnail_frames(frame_count: int, thumbnails: int, keyframes: Sequence[int]) -> list[int]:
    """Return one frame for each of the equal parts of a video, in ascending order.

    In a part with keyframes, it is the one nearest to the middle: nothing before it has to be decoded. In
    the other parts it is the middle one while no more than `MAX_DECODED_FRAMES` have to be decoded for all of
    them, and after that the last keyframe before it.

    Args:
        frame_count: number of frames in the video.
        thumbnails: number of parts; at most one per frame is used.
        keyframes: indices of the keyframes, ascending; may be empty.
    """
    parts = min(thumbnails, frame_count)
    frames: list[int] = []
    decoded = 0
    for part in range(parts):
        first, end = part * frame_count // parts, (part + 1) * frame_count // parts
        middle = (first + end - 1) // 2
        inside = keyframes[bisect_left(keyframes, first) : bisect_left(keyframes, end)]
        if inside:
            frames.append(min(inside, key=lambda frame: abs(frame - middle)))
            continue
        before = keyframes[bisect_right(keyframes, middle) - 1] if keyframes and keyframes[0] <= middle else 0
        begin = max(before, frames[-1] if frames else 0)
        if decoded + middle - begin > MAX_DECODED_FRAMES:
            frames.append(begin)
        else:
            decoded += middle - begin
            frames.append(middle)
    return frames


class FilmstripService:
    """Use case that shows stored videos as strips of thumbnails.

    Args:
        database: database of videos.
        originals: provides video files.
        prober: decodes frames.
        keyframes: returns the indices of keyframes from the stored frame index of a video.
        scratch: folder for temporary files.
    """

    def __init__(
        self,
        database: Database,
        originals: Originals,
        prober: VideoProber,
        keyframes: Callable[[bytes], Sequence[int]],
        scratch: Path,
    ) -> None:
        self._database = database
        self._originals = originals
        self._prober = prober
        self._keyframes = keyframes
        self._scratch = scratch
        # One at a time: each decodes up to three dozen frames, and concurrent callers mostly want the same.
        self._lock = asyncio.Lock()
        self._cache: OrderedDict[tuple[str, int], bytes] = OrderedDict()

    async def filmstrip(self, principal: Principal, video_id: int, thumbnails: int) -> bytes:
        """Return thumbnails of equal parts of a video side by side, as one JPEG image.

        Each thumbnail has the same width and is `THUMBNAIL_HEIGHT_PX` high; damaged frames are black. Each
        access is recorded in the audit log.

        Args:
            principal: caller, who may view the video.
            video_id: id of the video.
            thumbnails: number of thumbnails, 1 to `MAX_THUMBNAILS`; a shorter video has one per frame.

        Raises:
            VideoNotFoundError: the caller may see no such video, or its file is gone.
            OriginalDamagedError: the stored file is not the uploaded one.
            StorageUnavailableError: the video file cannot be fetched.
            DomainError: the video cannot be decoded.
        """
        async with self._database.unit_of_work() as work:
            video = await work.videos.get(video_id, principal, GrantRole.VIEWER)
            keyframes = self._keyframes(await work.videos.frame_index(video_id))
        frames = thumbnail_frames(video.facts.frame_count, thumbnails, keyframes)
        key = video.facts.sha256, len(frames)
        strip = self._cache.get(key)
        if strip is None:
            async with self._lock:
                # Another caller may have made it meanwhile.
                strip = self._cache.get(key) or await self._make(video, frames, keyframes)
                self._cache[key] = strip
        else:
            self._cache.move_to_end(key)
        while len(self._cache) > MAX_CACHED_FILMSTRIPS:
            self._cache.popitem(last=False)
        async with self._database.unit_of_work() as work:
            await work.audit.add(principal, "frame.view", f"video:{video_id}", {"indices": frames})
            await work.commit()
        return strip

    async def _make(self, video: Video, frames: Sequence[int], keyframes: Sequence[int]) -> bytes:
        try:
            async with self._originals.file(video, self._scratch) as path:
                return await asyncio.to_thread(
                    self._prober.filmstrip_jpeg, path, frames, keyframes, THUMBNAIL_HEIGHT_PX
                )
        except (ObjectNotFoundError, InputNotFoundError) as error:
            raise VideoNotFoundError(
                f"the file of video {video.id} is gone", "upload the video again"
            ) from error
