"""Frames from one block boundary to the next, and what was found in each of them so far."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from framecloak.domain.anonymization.adaptive.regions import Region, detect_in_region
from framecloak.domain.anonymization.detection.faces import FaceSearch, merge_detections, selected
from framecloak.domain.anonymization.detection.scales import Look
from framecloak.domain.anonymization.model.analysis import FrameAnalysis
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.imaging.detections import Image
from framecloak.domain.ports.frames import Frame

MAX_CACHED_SIDE_PX = 960
"""Longer side in pixels up to which resized frames are kept for further looks in a block."""

MAX_LARGE_IMAGES = 4
"""Number of larger ones that are kept, in all frames of a block together."""

PROPOSED = 0.0
"""Score of a proposal before it is confirmed: only what a closer look sees in it counts."""


class Block:
    """Frames of one block, with the detections in each.

    Position 0 is the last frame of the block before, of which only the first look counts; a run of the
    pipeline starts without it.

    Args:
        search: face detector and sampler.
        threshold: lowest score to report.
        before: first look at the last frame of the block before; None at the start of a run.
        frames: first looks at the frames of the block, the next boundary last.

    Attributes:
        analyses: first looks by position; ``faces`` is None for frames that cannot be analysed.
        first: position of the first frame of the block.
        whole: positions of the frames that were looked at as a whole.
    """

    def __init__(
        self,
        search: FaceSearch,
        threshold: float,
        before: FrameAnalysis | None,
        frames: Sequence[tuple[FrameAnalysis, Frame]],
    ) -> None:
        self.search = search
        self.threshold = threshold
        self.first = 1 if before else 0
        self.analyses = [*([before] if before else []), *(analysis for analysis, _ in frames)]
        self.whole = {0, len(self.analyses) - 1}
        large = LargeImages()
        self._frames = [None] * self.first + [CachedFrame(frame, large) for _, frame in frames]
        self._found: list[list[FrameDetections] | None] = [
            None if analysis.faces is None else [analysis.faces] for analysis in self.analyses
        ]
        self._looked: set[tuple[int, int, int, int]] = set()

    def __len__(self) -> int:
        return len(self.analyses)

    @property
    def stride(self) -> int:
        """Number of pixels that the sides of images for the detector are multiples of."""
        return self.search.detector.stride

    @property
    def frame_size(self) -> tuple[int, int]:
        """Width and height of the frames in pixels."""
        last = self.frame(len(self) - 1)
        return last.width, last.height

    @property
    def display_size(self) -> tuple[int, int]:
        """Width and height of the frames in square pixels."""
        return self.frame(len(self) - 1).display_size

    @property
    def display_zoom(self) -> float:
        """Square pixels per pixel of the frames, along a side on average."""
        (width, height), (shown_width, shown_height) = self.frame_size, self.display_size
        return math.sqrt(shown_width * shown_height / (width * height))

    def frame(self, position: int) -> Frame:
        """Return the frame at a position of the block itself."""
        frame = self._frames[position]
        if frame is None:
            raise IndexError(position)
        return frame

    def failed(self, position: int) -> bool:
        """Return whether a frame was not decoded, or a detector failed on it."""
        return self._found[position] is None

    def faces(self, position: int) -> FrameDetections:
        """Return all detections in a frame so far; empty if it failed."""
        found = self._found[position]
        if found is None:
            return FrameDetections.empty()
        if len(found) > 1:
            found[:] = [merge_detections(found)]
        return found[0]

    def add(self, position: int, detections: FrameDetections) -> None:
        """Add detections in a frame."""
        found = self._found[position]
        if found is not None and len(detections.scores):
            found.append(detections)

    def replace_faces(self, position: int, faces: FrameDetections) -> None:
        """Replace all detections in a frame that did not fail."""
        if self._found[position] is not None:
            self._found[position] = [faces]

    def fail(self, position: int) -> None:
        """Mark a frame as not analysed."""
        self._found[position] = None

    def look(self, positions: Iterable[int], looks: Callable[[int], Sequence[Look]]) -> None:
        """Look at whole frames, in batches of the detector; looks that were taken already are skipped.

        Args:
            positions: positions of the frames.
            looks: returns the looks at a frame by its index in the video.
        """
        due: dict[int, list[Look]] = {}
        for position in positions:
            self.whole.add(position)
            for look in looks(self.analyses[position].index):
                key = position, look.width, look.height, look.direction
                if key not in self._looked and position >= self.first and not self.failed(position):
                    self._looked.add(key)
                    due.setdefault(position, []).append(look)
        frames = [self.frame(position) for position in due]
        for position, analysis in zip(
            due, self.search.look(frames, list(due.values()), self.threshold), strict=True
        ):
            if analysis.faces is None:
                self.fail(position)
            else:
                self.add(position, analysis.faces)

    def look_in(self, position: int, region: Region) -> FrameDetections:
        """Look at a part of a frame; return what is there, together with what was found there before."""
        if not self.failed(position):
            try:
                for found in detect_in_region(self.search, self.frame(position), region, self.threshold):
                    self.add(position, found)
            except FrameAnalysisError:
                self.fail(position)
        faces = self.faces(position)
        return selected(faces, np.flatnonzero(region.contains(faces.boxes)))

    def reviewed(self) -> list[FrameAnalysis]:
        """Return the analyses of the frames of the block; the last one keeps its first look."""
        results = [
            FrameAnalysis(analysis.index, None, None)
            if self.failed(position)
            else replace(analysis, faces=_without_proposals(self.faces(position)))
            for position, analysis in enumerate(self.analyses)
        ][self.first :]
        boundary = self.analyses[-1]
        # The next block starts from the first look, even if a closer one failed.
        results[-1] = replace(results[-1], first_look=boundary.faces, luma_grid=boundary.luma_grid)
        return results


def _without_proposals(faces: FrameDetections) -> FrameDetections:
    """Return detections without the proposals that no closer look confirmed."""
    return selected(faces, np.flatnonzero(faces.scores > PROPOSED))


class LargeImages:
    """The large images that were read last, of several frames; not thread-safe."""

    def __init__(self) -> None:
        self._images: dict[tuple[int, int, int], Image] = {}

    def get(self, index: int, width: int, height: int) -> Image | None:
        """Return the pixels of a frame at a size; None if they are not kept."""
        return self._images.get((index, width, height))

    def keep(self, index: int, width: int, height: int, pixels: Image) -> None:
        """Keep the pixels of a frame at a size, and drop those that were read first if there are too many."""
        self._images[index, width, height] = pixels
        while len(self._images) > MAX_LARGE_IMAGES:
            del self._images[next(iter(self._images))]


class CachedFrame:
    """Frame that keeps its small resized pixels for several looks.

    Args:
        frame: frame that is read.
        large: where large ones are kept; None if they are not.
    """

    def __init__(self, frame: Frame, large: LargeImages | None = None) -> None:
        self.index = frame.index
        self.width, self.height = frame.width, frame.height
        self.display_size = frame.display_size
        self.nbytes = frame.nbytes
        self._frame = frame
        self._large = large
        self._small: dict[tuple[int, int], Image] = {}

    def bgr(self) -> Image:
        """Return the stored pixels; see `Frame`."""
        return self._frame.bgr()

    def rgb(self, width: int, height: int) -> Image:
        """Return the resized pixels, which must not be modified; see `Frame`."""
        if max(width, height) <= MAX_CACHED_SIDE_PX:
            pixels = self._small.get((width, height))
            if pixels is None:
                pixels = self._small[width, height] = self._read(width, height)
            return pixels
        kept = self._large.get(self.index, width, height) if self._large else None
        if kept is not None:
            return kept
        pixels = self._read(width, height)
        if self._large:
            self._large.keep(self.index, width, height, pixels)
        return pixels

    def rgb_part(self, left: int, top: int, width: int, height: int) -> Image:
        """Return a part of the pixels, which must not be modified; see `Frame`."""
        kept = self._large.get(self.index, self.width, self.height) if self._large else None
        if kept is not None:
            return np.ascontiguousarray(kept[top : top + height, left : left + width])
        return self._frame.rgb_part(left, top, width, height)

    def _read(self, width: int, height: int) -> Image:
        if (width, height) == (self.width, self.height):
            # Nothing is scaled, so the faster conversion of whole frames serves.
            return self._frame.rgb_part(0, 0, width, height)
        return self._frame.rgb(width, height)
