"""Adaptive detection in the first blocks of a video of turning people, and what it looked at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fakes.media import FakeSampler
from framecloak.domain.anonymization.adaptive.faces import AdaptiveFaceDetection
from framecloak.domain.anonymization.adaptive.key_frames import KeyFramePlan
from framecloak.domain.anonymization.detection.faces import FaceSearch, glance, is_interpolated
from framecloak.domain.anonymization.detection.scales import DIAGONALS, QUARTER_TURNS, DetectionScale
from framecloak.domain.anonymization.detection.second_opinion import SecondOpinion
from framecloak.domain.anonymization.model.analysis import FrameAnalysis
from framecloak.domain.imaging.box_geometry import Boxes
from support.samples.turning_people import LANE, Person, World, WorldDetector, WorldFrame

KEY, BLOCK = 4, 24
"""Intervals of key frames and of block boundaries."""

LENGTH = 2 * BLOCK + 1
ACCEPT, THRESHOLD = 0.5, 0.12
SCALES = (
    DetectionScale(960, every=KEY),
    *(DetectionScale(480, every=KEY, direction=direction, min_score=0.25) for direction in QUARTER_TURNS),
    *(DetectionScale(480, every=BLOCK, direction=direction, min_score=0.25) for direction in DIAGONALS),
)


def person(
    scores: Sequence[float] | float,
    opinion: float = 0.155,
    direction: int = 0,
    frames: range = range(LENGTH),
    lane: int = 1,
    speed: float = 0.0,
    start: float = 48.0,
) -> Person:
    """Return a person of 20 pixels."""
    per_frame = tuple(scores) if isinstance(scores, Sequence) else (scores,) * LENGTH
    centre = LANE * (lane + 0.5), start
    return Person(frames, centre, speed, 20, direction, per_frame, (opinion,) * LENGTH)


def scores_at(scores: dict[int, float], otherwise: float = 0.0) -> list[float]:
    """Return scores by frame."""
    return [scores.get(index, otherwise) for index in range(LENGTH)]


class Detected:
    """Detection in frame 0, and in the two blocks after it.

    Args:
        world: the video.
        second: the video as a second detector sees it; None if there is none.

    Attributes:
        first: first looks by frame.
        analyses: analyses by frame.
        looked_in: directions of the looks at each whole frame besides the first looks.
        regions: frames of the looks at regions, ascending.
        crops: frames and lanes of the crops for second opinions.
        asked: frames of those crops.
        scouted: frames that the second detector looked at as a whole.
    """

    def __init__(self, world: World, second: World | None = None) -> None:
        detector = WorldDetector(world)
        other = WorldDetector(second) if second else None
        search = FaceSearch(detector, FakeSampler())
        frames = [WorldFrame(world, index) for index in range(LENGTH)]
        self.first = [
            glance(frame) if frame.index % BLOCK else search.first_looks([frame], SCALES, THRESHOLD)[0]
            for frame in frames
        ]
        already = len(detector.directions)
        detection = AdaptiveFaceDetection(
            search,
            KeyFramePlan(SCALES, KEY, is_alone=other is None),
            SecondOpinion(detector, other, FakeSampler()),
            FaceSearch(other, FakeSampler()) if other else None,
            ACCEPT,
            THRESHOLD,
        )
        pairs = list(zip(self.first, frames, strict=True))
        self.analyses: list[FrameAnalysis] = detection.detected(None, pairs[:1])
        for start in range(0, LENGTH - 1, BLOCK):
            block = pairs[start + 1 : start + BLOCK + 1]
            self.analyses += detection.detected(self.first[start], block)
        self.looked_in: dict[int, set[int]] = {}
        for index, direction in detector.directions[already:]:
            self.looked_in.setdefault(index, set()).add(direction)
        self.regions = sorted({index for index, _ in detector.regions})
        self.crops = detector.crops
        self.asked = [index for index, _ in detector.crops]
        self.scouted = sorted({index for index, _ in other.directions}) if other else []

    @property
    def scores(self) -> list[list[float] | None]:
        """Rounded scores by frame; None for frames that count as not analysed."""
        return [
            None if analysis.faces is None else [round(score, 3) for score in analysis.faces.scores.tolist()]
            for analysis in self.analyses
        ]

    @property
    def found(self) -> list[int]:
        """Frames with a face."""
        return [index for index, scores in enumerate(self.scores) if scores]

    @property
    def failed(self) -> list[int]:
        """Frames that count as not analysed."""
        return [index for index, scores in enumerate(self.scores) if scores is None]

    @property
    def interpolated(self) -> list[int]:
        """Frames with an interpolated face."""
        return [
            analysis.index
            for analysis in self.analyses
            if analysis.faces is not None and is_interpolated(analysis.faces).any()
        ]

    def boxes(self, index: int) -> Boxes:
        """Return the boxes (n, 4) in a frame."""
        faces = self.analyses[index].faces
        return np.empty((0, 4)) if faces is None else faces.boxes
