"""Link detections across frames, so that a face missed in one frame is covered all the same.

The tracker is *local*: what it says about a frame depends only on detections at most
``TrackingSettings.horizon`` frames away, and it treats past and future alike. So a video may be cut into
slices anywhere, each tracked with that margin on both sides, and the result is that of one piece.

Association is by mutual best match between frames, nearest frames first, as in the two-stage matching of
ByteTrack (Zhang et al., 2022) but without a running filter: a Kalman state would carry the whole past
along and make the result depend on where the video was cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.model.identities import Decision
from framecloak.domain.anonymization.tracking.association import LOOK_BACK, link
from framecloak.domain.anonymization.tracking.propagated_boxes import Seen, Sighting, Sightings, enlarged
from framecloak.domain.imaging import boxes as bx
from framecloak.domain.imaging.boxes import Boxes
from framecloak.domain.imaging.detections import FloatArray, Kind


class Origin(StrEnum):
    """Why a box is redacted."""

    DETECTED = "detected"
    """The detector was sure of it in this very frame."""
    LINKED = "linked"
    """The detector was unsure, and the track says it is a face."""
    FILLED = "filled"
    """Nothing was found here, between two finds of the track."""
    EXTENDED = "extended"
    """Nothing was found here, just before or after the track."""
    REGION = "region"
    """Marked by hand."""
    EDITED = "edited"
    """Found, and changed by hand afterwards."""
    MANUAL = "manual"
    """Added by hand to what was found."""
    RESIDUAL = "residual"
    """Found when the redacted frame itself was searched."""


FOUND = frozenset({Origin.DETECTED, Origin.LINKED, Origin.FILLED, Origin.EXTENDED})
"""What a detector has found, in this frame or in others of the track."""


@dataclass(frozen=True, slots=True)
class TrackingSettings:
    """What the tracker accepts and how far it reaches; lengths are in frames.

    Attributes:
        accept: a detection with at least this score is a face, whatever its neighbours say; it also
            confirms the unsure ones of its track.
        memory: how many frames away along the track it still does.
        max_gap: the longest step between two linked detections.
        extension: how far both ends of a track are prolonged.
        margin: share of a box's width and height that is added on every side.
        smoothing: how many neighbours on each side steady a box.
    """

    accept: float = 0.5
    memory: int = 18
    max_gap: int = 12
    extension: int = 4
    margin: float = 0.18
    smoothing: int = 2

    @classmethod
    def for_rate(cls, frames_per_second: float, wait: int = 1) -> Self:
        """The defaults, which are meant for 25 frames a second, stretched to another rate.

        What only an occasional look shows is found every ``wait`` frames. Its finds are linked, also where
        one is missing between them, and reach over the ``wait - 1`` frames that may lie between the look that
        shows it first or last and a cut, or the video's beginning or end.

        Args:
            frames_per_second: of the video; rates below 10 and above 60 count as those.
            wait: frames from one look to the next at the size that is looked at least often.
        """
        stretch = min(max(frames_per_second, 10.0), 60.0) / 25.0
        standard = cls()
        return cls(
            memory=max(2 * wait, round(standard.memory * stretch)),
            max_gap=max(2 * wait, round(standard.max_gap * stretch)),
            extension=max(2, wait - 1, round(standard.extension * stretch)),
        )

    @classmethod
    def for_pictures(cls) -> Self:
        """For pictures without neighbours, which must be believed sooner than frames of a video."""
        return cls(accept=0.25, memory=0, max_gap=1, extension=0, smoothing=0)

    @property
    def horizon(self) -> int:
        """Frames of margin that a slice needs on each side for its result to be that of the whole.

        A box is steadied by neighbours ``smoothing`` frames away. Whether one of those is filled or extended
        depends on detections up to ``extension + max_gap`` away, each accepted or not by evidence another
        ``memory`` away, along links that look ``LOOK_BACK`` frames further.
        """
        return self.smoothing + self.extension + self.max_gap + self.memory + LOOK_BACK


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whose a face is, as far as can be said.

    Attributes:
        decision: what the evidence says.
        evidence: the views that it rests on: numbers of frames, ascending, each with the highest cosine of
            the face in it with one of the people.
    """

    decision: Decision
    evidence: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class TrackedBox:
    """One box to redact in one frame.

    Attributes:
        xyxy: ``x1, y1, x2, y2`` pixels, margin included, not clipped to the picture.
        track: number of the track within one call of ``track``.
        score: of the detection; of the nearest one in time where the box was filled or extended.
        origin: why it is redacted.
        kind: what it is.
        verdict: whose face it is; None where that was not asked.
        by_shape: it is text that was taken for a plate because of its shape.
    """

    xyxy: tuple[float, float, float, float]
    track: int
    score: float
    origin: Origin
    kind: Kind = Kind.FACE
    verdict: Verdict | None = None
    by_shape: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What the detector found in one frame.

    Attributes:
        boxes: (n, 4) pixels of the frame.
        scores: (n,) in 0..1.
        landmarks: (n, 5, 2) pixels of the frame, as in `Detections`; None for what has none.
        like_plates: (n,) bool, text of a plate's shape; None for what is no text.
    """

    boxes: Boxes
    scores: NDArray[np.float64]
    landmarks: FloatArray | None = None
    like_plates: NDArray[np.bool_] | None = None

    @classmethod
    def nothing(cls) -> Self:
        """No detections."""
        return cls(np.empty((0, 4)), np.empty(0))


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """What to redact in a run of frames.

    Attributes:
        boxes: per frame, its boxes, ordered by track.
        members: per track, ``(frame, row of that frame's detections)`` of the detections it is made of.
    """

    boxes: list[list[TrackedBox]]
    members: list[list[tuple[int, int]]]


def track(
    found: Sequence[Found],
    scenes: NDArray[np.intp],
    settings: TrackingSettings,
    seen: Sequence[Seen] = (),
) -> Tracks:
    """Decide what to redact in a run of consecutive frames.

    Args:
        found: per frame, what was detected, unsure finds included.
        scenes: (frames,) number of the scene each frame belongs to; no track crosses from one to the next.
        settings: what is accepted and how far evidence reaches.
        seen: per frame, where finds of frames at most ``settings.extension`` away are in it; nothing where
            that was not asked.

    Returns:
        Boxes and tracks, in frame numbers that count from the start of the run. Exact for frames at least
        ``settings.horizon`` away from an end of the run that is not an end of the video.
    """
    counts = [len(one.scores) for one in found]
    frames = np.repeat(np.arange(len(found)), counts)
    rows = np.concatenate([np.arange(n) for n in counts]) if counts else np.empty(0, np.intp)
    boxes = np.concatenate([one.boxes for one in found]) if counts else np.empty((0, 4))
    scores = np.concatenate([one.scores for one in found]) if counts else np.empty(0)
    covered: list[list[TrackedBox]] = [[] for _ in found]
    members: list[list[tuple[int, int]]] = []
    sightings = Sightings(seen, np.cumsum([0, *counts]))
    for indices in link(frames, boxes, scenes, settings.max_gap).tracks():
        for stretch in _accepted_stretches(frames[indices], scores[indices], settings):
            chosen = indices[stretch]
            path = _Path(frames[chosen], boxes[chosen], scores[chosen], sightings.of(chosen))
            for frame, box in path.cover(len(members), scenes, settings):
                covered[frame].append(box)
            members.append(list(zip(frames[chosen].tolist(), rows[chosen].tolist(), strict=True)))
    return Tracks(covered, members)


def _accepted_stretches(
    frames: NDArray[np.intp], scores: NDArray[np.float64], settings: TrackingSettings
) -> list[slice]:
    """The parts of one chain of detections that are faces.

    An unsure detection is accepted when a sure one is near enough in time. Unsure ones between two
    accepted ones belong to them, when the step between those is one that linking allows.

    Args:
        frames: (n,) ascending.
        scores: (n,).
        settings: thresholds and reach.
    """
    confirmed = np.concatenate([[0], np.cumsum(scores >= settings.accept)])
    first = np.searchsorted(frames, frames - settings.memory, side="left")
    last = np.searchsorted(frames, frames + settings.memory, side="right")
    accepted = np.flatnonzero(confirmed[last] > confirmed[first])
    if not len(accepted):
        return []
    breaks = np.flatnonzero(np.diff(frames[accepted]) > settings.max_gap) + 1
    return [slice(run[0], run[-1] + 1) for run in np.split(accepted, breaks)]


class _Path:
    """The way of one face through time.

    Args:
        frames: (n,) ascending, in which it was found.
        boxes: (n, 4) where, in pixels.
        scores: (n,).
        sightings: per find, other frames and where it is in them.
    """

    def __init__(
        self,
        frames: NDArray[np.intp],
        boxes: Boxes,
        scores: NDArray[np.float64],
        sightings: Sequence[Sequence[Sighting]],
    ) -> None:
        self._frames = frames
        self._boxes = boxes
        self._scores = scores
        self._sightings = sightings

    def cover(
        self, number: int, scenes: NDArray[np.intp], settings: TrackingSettings
    ) -> Iterator[tuple[int, TrackedBox]]:
        """Boxes for every frame from the first to the last detection, and a little beyond."""
        first, last = int(self._frames[0]), int(self._frames[-1])
        start, stop = _scene_around(first, last, scenes)
        start, stop = (
            max(start, first - settings.extension),
            min(stop, last + settings.extension + 1),
        )
        times = np.arange(start, stop)
        found = np.stack([np.interp(times, self._frames, side) for side in self._boxes.T], axis=1)
        found[: first - start] = self._prolonged(times[: first - start], at_start=True)
        found[last + 1 - start :] = self._prolonged(times[last + 1 - start :], at_start=False)
        steadied = bx.grow(bx.enclose(found, _steady(found, settings.smoothing)), settings.margin)
        steadied = enlarged(steadied, start, self._frames, self._boxes, self._sightings)
        following = np.searchsorted(self._frames, times).clip(0, len(self._frames) - 1)
        leading = (following - 1).clip(0)
        nearer = times - self._frames[leading] < self._frames[following] - times
        nearest = np.where(nearer, leading, following)
        for time, box, row in zip(times.tolist(), steadied.tolist(), nearest.tolist(), strict=True):
            score = float(self._scores[row])
            if self._frames[row] == time:
                origin = Origin.DETECTED if score >= settings.accept else Origin.LINKED
            else:
                origin = Origin.FILLED if first < time < last else Origin.EXTENDED
            yield time, TrackedBox(tuple(box), number, score, origin)

    def _prolonged(self, times: NDArray[np.intp], *, at_start: bool) -> Boxes:
        """Boxes beyond one end: from where the face was to where its speed would have taken it.

        The speed is that over the last ``LOOK_BACK`` frames, or since the find before where that is older.
        """
        edge, neighbour = (0, 1) if at_start else (-1, -2)
        near = np.flatnonzero(np.abs(self._frames - self._frames[edge]) <= LOOK_BACK)
        alone = len(near) == 1 < len(self._frames)
        inner = neighbour if alone else int(near[-1 if at_start else 0])
        elapsed = max(1, abs(int(self._frames[edge] - self._frames[inner])))
        velocity = (bx.centre(self._boxes[edge]) - bx.centre(self._boxes[inner])) / elapsed
        beyond = np.abs(times - self._frames[edge])[:, None]
        there = np.broadcast_to(self._boxes[edge], (len(times), 4))
        return bx.enclose(there, bx.shift(there, velocity * beyond))


def _scene_around(first: int, last: int, scenes: NDArray[np.intp]) -> tuple[int, int]:
    """Start and stop of the scene that holds two frames."""
    same = np.flatnonzero(scenes == scenes[first])
    return int(same[0]), max(int(same[-1]), last) + 1


def _steady(boxes: Boxes, reach: int) -> Boxes:
    """Moving average over ``reach`` neighbours on each side; the ends repeat their last box."""
    padded = np.pad(boxes, ((reach, reach), (0, 0)), mode="edge")
    steadied: Boxes = np.mean([padded[i : i + len(boxes)] for i in range(2 * reach + 1)], axis=0)
    return steadied
