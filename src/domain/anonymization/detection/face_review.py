"""Review of face detections from one key frame to the next: other directions, and second opinions.

Key frames are analysed at every scale and in every direction. What they show decides how closely the frames
between them are looked at: in the directions in which there are people, and around weak detections that no
sure one confirms. The result for a frame depends only on the frames from one key frame to the next, so it is
the same wherever a video is cut into slices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.detection.faces import FaceSearch, directions_of, merge_detections
from framecloak.domain.anonymization.detection.scales import (
    DIAGONALS,
    MIN_TURNED_SCORE,
    QUARTER_TURNS,
    DetectionScale,
    Look,
)
from framecloak.domain.anonymization.detection.second_opinion import (
    UPRIGHT_ONLY,
    SecondOpinion,
    SingleSizeFrame,
)
from framecloak.domain.anonymization.detection.shots import MIN_CUT_CHANGE, mean_difference
from framecloak.domain.anonymization.model.analysis import FrameAnalysis
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.box_geometry import Boxes
from framecloak.domain.ports.frames import Frame

TURNED_SIDE_PX = 960
"""Longer side in pixels of the scaled frame in directions in which there are people."""

MIN_ACTIVE_SCORE = 0.5
"""Score of a turned detection from which on its direction is looked in from one key frame to the next."""

QUARTER_TURN_INTERVAL, DIAGONAL_INTERVAL = 1, 2
"""Intervals in frames at which those directions are looked in; turned diagonally, a frame has twice the area.
"""

SHOT_START_SIDE_PX = 480
"""Longer side in pixels of the scaled frame in all other directions, in the first frame of a shot."""

NEAR_DISTANCE, NEAR_DISTANCE_PER_FRAME = 0.7, 0.08
"""Distance, in face sizes, within which two detections may be the same face, and its growth per frame."""

NEAR_SIZE_RATIO = 1.8
"""Largest ratio between the sizes of two such detections."""

PROPOSAL_SCALES = (DetectionScale(960), DetectionScale(1920, max_enlargement=2.0))
"""Scales of the proposer; small frames are enlarged, because detectors miss faces below about 10 px."""

PROPOSED = 0.0
"""Score of a proposal before it is confirmed: only what a second opinion sees in it counts."""

MIN_PROPOSAL_SCORE = 0.3
"""Score from which on the proposer's detections are looked at again."""

MAX_PROPOSED_SHARE = 0.15
"""Largest size of a proposal as a share of the longer side; larger faces are found without."""

OWN_PROPOSAL_INTERVAL = 24
"""Interval in frames of proposals by the first detector, which is several times slower."""

MAX_KNOWN_SHARE = 0.5
"""Share of a confirmed face inside a sure detection from which on it is that face."""

STRONG_SCORE = 0.8
"""Score from which on a detection needs no second opinion, and neither do those of the same face."""

OPINIONS_PER_FACE = 2
"""Number of detections of one face, the best ones, that get a second opinion from one key frame to the next.

The tracker carries a confirmed detection to the others.
"""


@dataclass(frozen=True, slots=True)
class FaceReview:
    """Review of the face detections from one key frame to the next. Thread-safe.

    Attributes:
        search: face search of the first look.
        opinion: second opinions.
        proposer: face search that proposes further detections in key frames, by the second detector if there
            is one, else by the first; None for still images without a second one.
        accept: score from which on a detection counts by itself.
        threshold: lowest score to report.
    """

    search: FaceSearch
    opinion: SecondOpinion
    proposer: FaceSearch | None
    accept: float
    threshold: float

    def reviewed(
        self, before: FrameAnalysis | None, frames: Sequence[tuple[FrameAnalysis, Frame]]
    ) -> list[FrameAnalysis]:
        """Review the frames after one key frame up to the next one.

        Args:
            before: first look at the key frame before; None for the first frames of a run.
            frames: first looks at the frames that follow, the next key frame last.

        Returns:
            The analyses of ``frames``. One that fails on a closer look counts as not analysed. That of the
            last frame keeps its first look.
        """
        context = [before] if before else []
        block = self._at_shot_starts(context, frames)
        block[-1] = self._with_proposals(block[-1], frames[-1][1])
        block = self._with_opinions(context, block, frames, UPRIGHT_ONLY)
        block[-1] = _without_proposals(block[-1])
        active = _active_directions([*context, *block])
        if active:
            block = [
                self._in_directions(analysis, frame, active)
                for analysis, (_, frame) in zip(block, frames, strict=True)
            ]
            block = self._with_opinions(context, block, frames, UPRIGHT_ONLY | active)
        first_look = frames[-1][0]
        # The next review starts from the first look, even if the closer one failed.
        last = replace(block[-1], first_look=first_look.faces, luma_grid=first_look.luma_grid)
        return [*block[:-1], last]

    def _at_shot_starts(
        self, before: Sequence[FrameAnalysis], frames: Sequence[tuple[FrameAnalysis, Frame]]
    ) -> list[FrameAnalysis]:
        """Add the detections in all other directions in the first frames of shots."""
        scales = [
            DetectionScale(SHOT_START_SIDE_PX, direction=turn, min_score=MIN_TURNED_SCORE)
            for turn in QUARTER_TURNS + DIAGONALS
        ]
        results = []
        earlier = before[-1].luma_grid if before else None
        for analysis, frame in frames:
            starts = mean_difference(earlier, analysis.luma_grid) >= MIN_CUT_CHANGE
            results.append(self._with_looks(analysis, frame, scales if starts else ()))
            if analysis.luma_grid is not None:
                earlier = analysis.luma_grid
        return results

    def _with_proposals(self, analysis: FrameAnalysis, frame: Frame) -> FrameAnalysis:
        """Add the proposer's detections, which count only by what a second opinion sees in them."""
        if analysis.faces is None or self.proposer is None:
            return analysis
        is_own = self.proposer.detector is self.search.detector
        if is_own and analysis.index % OWN_PROPOSAL_INTERVAL:
            return analysis
        (proposed,) = self.proposer.analyze([frame], PROPOSAL_SCALES, MIN_PROPOSAL_SCORE)
        if proposed.faces is None:
            return FrameAnalysis(analysis.index, None, None)
        faces = proposed.faces
        small = box_geometry.size(faces.boxes) <= MAX_PROPOSED_SHARE * max(frame.width, frame.height)
        faces = selected(faces, np.flatnonzero(small).tolist())
        weak = replace(faces, scores=np.full(len(faces.scores), PROPOSED))
        return replace(analysis, faces=merge_detections([analysis.faces, weak]))

    def _with_opinions(
        self,
        before: Sequence[FrameAnalysis],
        block: Sequence[FrameAnalysis],
        frames: Sequence[tuple[FrameAnalysis, Frame]],
        expected: frozenset[int],
    ) -> list[FrameAnalysis]:
        """Ask for second opinions on the detections of a block that are neither confirmed nor strong."""
        weak, doubtful = self._open_questions([*before, *block])
        return [
            self._with_opinion(analysis, frame, weak.get(position, ()), doubtful.get(position, ()), expected)
            for position, (analysis, (_, frame)) in enumerate(
                zip(block, frames, strict=True), start=len(before)
            )
        ]

    def _open_questions(
        self, context: Sequence[FrameAnalysis]
    ) -> tuple[Mapping[int, list[int]], Mapping[int, list[int]]]:
        """Return the rows of detections to look at again, by position in the context.

        The first are weak and may be confirmed; the second would count by themselves, but no strong detection
        is near, and may be refuted.
        """
        detections = [analysis.faces or FrameDetections.empty() for analysis in context]
        times = np.repeat(np.arange(len(context)), [len(found.scores) for found in detections])
        rows = np.concatenate([np.arange(len(found.scores)) for found in detections])
        boxes = np.concatenate([found.boxes for found in detections])
        scores = np.concatenate([found.scores for found in detections])
        near = same_face(boxes, times)
        sure = scores >= self.accept
        unconfirmed = ~sure & ~(near & sure[None]).any(axis=1)
        doubtful = sure & ~(near & (scores >= STRONG_SCORE)[None]).any(axis=1)
        weak: dict[int, list[int]] = {}
        examined = np.zeros(len(scores), np.intp)
        for index in np.argsort(-scores, kind="stable").tolist():
            if unconfirmed[index] and examined[index] < OPINIONS_PER_FACE:
                examined += near[index]
                weak.setdefault(int(times[index]), []).append(int(rows[index]))
        refutable: dict[int, list[int]] = {}
        for index in np.flatnonzero(doubtful).tolist():
            refutable.setdefault(int(times[index]), []).append(int(rows[index]))
        return weak, refutable

    def _with_opinion(
        self,
        analysis: FrameAnalysis,
        frame: Frame,
        weak: Sequence[int],
        doubtful: Sequence[int],
        expected: frozenset[int],
    ) -> FrameAnalysis:
        """Add the weak detections that a second opinion confirms, and weaken those that it refutes."""
        faces = analysis.faces
        if faces is None or not (weak or doubtful):
            return analysis
        frame = SingleSizeFrame(frame)
        try:
            found = self.opinion.confirmed(frame, selected(faces, weak), self.accept, expected)
            refuted = self.opinion.refuted(frame, selected(faces, doubtful))
        except FrameAnalysisError:
            return FrameAnalysis(analysis.index, None, None)
        sure = faces.boxes[faces.scores >= self.accept]
        # A crop also shows the faces next to a detection, which are known already.
        is_new = ~(box_geometry.share_inside(found.boxes, sure) >= MAX_KNOWN_SHARE).any(axis=1)
        found = selected(found, np.flatnonzero(is_new).tolist())
        scores = faces.scores.copy()
        # The detection remains: a sure one of the same face nearby still confirms it.
        scores[np.array(doubtful, np.intp)[refuted]] = self.threshold
        return replace(analysis, faces=merge_detections([replace(faces, scores=scores), found]))

    def _in_directions(self, analysis: FrameAnalysis, frame: Frame, active: frozenset[int]) -> FrameAnalysis:
        """Add the detections in the directions in which there are people."""
        scales = [
            DetectionScale(TURNED_SIDE_PX, direction=turn)
            for turn in sorted(active)
            if analysis.index % (QUARTER_TURN_INTERVAL if turn in QUARTER_TURNS else DIAGONAL_INTERVAL) == 0
        ]
        return self._with_looks(analysis, frame, scales)

    def _with_looks(
        self, analysis: FrameAnalysis, frame: Frame, scales: Sequence[DetectionScale]
    ) -> FrameAnalysis:
        if analysis.faces is None or not scales:
            return analysis
        stride = self.search.detector.stride
        looks = [
            Look(*scale.scaled_size(frame.display_size, stride), scale.direction, min_score=scale.min_score)
            for scale in scales
        ]
        (further,) = self.search.look([frame], [looks], self.threshold)
        if further.faces is None:
            return FrameAnalysis(analysis.index, None, None)
        return replace(analysis, faces=merge_detections([analysis.faces, further.faces]))


def same_face(boxes: Boxes, times: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return which detections may be the same face, by position and size, (n, n) bool.

    Args:
        boxes: (n, 4) pixels.
        times: (n,) frame of each.
    """
    centres, sizes = box_geometry.centre(boxes), box_geometry.size(boxes)
    distance = np.hypot(*np.moveaxis(centres[:, None] - centres[None], -1, 0))
    mean_size = np.sqrt(sizes[:, None] * sizes[None])
    apart = np.abs(times[:, None] - times[None])
    ratio = np.maximum(sizes[:, None], sizes[None]) / np.minimum(sizes[:, None], sizes[None])
    reach = (NEAR_DISTANCE + NEAR_DISTANCE_PER_FRAME * apart) * mean_size
    return np.asarray((distance <= reach) & (ratio <= NEAR_SIZE_RATIO))


def selected(detections: FrameDetections, rows: Sequence[int]) -> FrameDetections:
    """Return some rows of the face detections of a frame."""
    rows = list(rows)
    landmarks = None if detections.landmarks is None else detections.landmarks[rows]
    return FrameDetections(
        detections.boxes[rows],
        detections.scores[rows],
        landmarks,
        directions=directions_of(detections)[rows],
    )


def _without_proposals(analysis: FrameAnalysis) -> FrameAnalysis:
    """Return an analysis without the proposals that no second opinion confirmed."""
    if analysis.faces is None:
        return analysis
    found = np.flatnonzero(analysis.faces.scores > PROPOSED).tolist()
    return replace(analysis, faces=selected(analysis.faces, found))


def _active_directions(context: Sequence[FrameAnalysis]) -> frozenset[int]:
    """Return the directions other than upright in which a sure detection was made."""
    return frozenset(
        direction
        for analysis in context
        if analysis.faces is not None
        for direction, score in zip(
            directions_of(analysis.faces).tolist(), analysis.faces.scores.tolist(), strict=True
        )
        if direction and score >= MIN_ACTIVE_SCORE
    )
