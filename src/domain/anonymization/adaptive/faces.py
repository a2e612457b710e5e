"""Adaptive face detection: the frames from one block boundary to the next are looked at as closely as needed.

Block boundaries are looked at at every scale and in every direction, key frames between them at medium scale
and in quarter turns, and so are both sides of a cut. Faces on which two of those looks agree are interpolated
in between; everything else is looked into by bisection. A faster second detector proposes further places to
look at, and single weak detections get a second opinion. The result for a frame depends only on the frames
from one block boundary to the next, so it is the same wherever a video is cut into slices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from framecloak.domain.anonymization.adaptive.bisection import Bisection, interpolated
from framecloak.domain.anonymization.adaptive.block import Block
from framecloak.domain.anonymization.adaptive.key_frames import (
    KeyFramePlan,
    active_directions,
    look_in_directions,
)
from framecloak.domain.anonymization.adaptive.opinions import BlockOpinions, everything, turned
from framecloak.domain.anonymization.adaptive.proposals import look_at_small_faces, propose, scout
from framecloak.domain.anonymization.adaptive.regions import UPRIGHT
from framecloak.domain.anonymization.detection.faces import FaceSearch, merge_detections
from framecloak.domain.anonymization.detection.second_opinion import SecondOpinion
from framecloak.domain.anonymization.model.analysis import FrameAnalysis
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.ports.frames import Frame


@dataclass(frozen=True, slots=True)
class AdaptiveFaceDetection:
    """Face detection in the frames from one block boundary to the next. Thread-safe.

    Attributes:
        search: first face detector.
        plan: plan of the whole looks.
        opinion: second opinions.
        proposer: face search that proposes further places to look at, by the second detector if there is one,
            else by the first; None for still images without a second one.
        accept: score from which on a detection counts by itself.
        threshold: lowest score to report.
    """

    search: FaceSearch
    plan: KeyFramePlan
    opinion: SecondOpinion
    proposer: FaceSearch | None
    accept: float
    threshold: float

    def detected(
        self, before: FrameAnalysis | None, frames: Sequence[tuple[FrameAnalysis, Frame]]
    ) -> list[FrameAnalysis]:
        """Detect the faces in the frames after one block boundary up to the next one.

        Args:
            before: first look at the boundary before; None for the first frames of a run.
            frames: first looks at the boundary and at the frames before it, which show brightness only.

        Returns:
            The analyses of ``frames``. One that fails on a closer look counts as not analysed. That of the
            last frame keeps its first look.
        """
        block = Block(self.search, self.threshold, before, frames)
        opinions = BlockOpinions(block, self.opinion, self.accept)
        self.plan.look_at(block)
        opinions.ask(UPRIGHT, turned)
        active = active_directions(block)
        look_in_directions(block, active)
        look_at_small_faces(block)
        if self.proposer is not None:
            propose(block, self.proposer, self.plan.key_interval)
        opinions.ask(UPRIGHT | active, everything)
        _look_between(block, UPRIGHT | active)
        if self.proposer is not None and self.proposer.detector is not self.search.detector:
            scout(block, self.proposer)
        opinions.ask(UPRIGHT | active, everything)
        self.plan.look_around_failures(block)
        return block.reviewed()


def _look_between(block: Block, directions: frozenset[int]) -> None:
    """Look between the whole looks, and add the faces on which they agree."""
    bisection = Bisection(block, directions)
    for start, stop in pairwise(sorted(block.whole)):
        bisection.between(start, stop)
    added: dict[int, list[FrameDetections]] = {}
    for pair in bisection.pairs:
        for position, face in interpolated(pair):
            added.setdefault(position, []).append(face)
    for position, faces in added.items():
        block.add(position, merge_detections(faces))
