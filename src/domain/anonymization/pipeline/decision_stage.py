"""Decision stage: analysed frames in, boxes to redact out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.detection.shots import shot_numbers
from framecloak.domain.anonymization.detection.text.line_ends import with_end_margins
from framecloak.domain.anonymization.detection.text.line_lengths import with_whole_lines
from framecloak.domain.anonymization.identification.decisions import IdentityClassifier
from framecloak.domain.anonymization.model.analysis import FrameAnalysis
from framecloak.domain.anonymization.model.options import Verify
from framecloak.domain.anonymization.model.residuals import SearchScope, plan_search_scopes
from framecloak.domain.anonymization.model.tracked_boxes import TrackedBox, Tracks
from framecloak.domain.anonymization.pipeline.window import FrameWindow
from framecloak.domain.anonymization.text_policy.policy import TextPolicy
from framecloak.domain.anonymization.text_policy.votes import with_text_decisions
from framecloak.domain.anonymization.tracking.multi_kind import track_all_kinds
from framecloak.domain.anonymization.tracking.settings import TrackingSettings
from framecloak.domain.anonymization.tracking.track_ids import TrackBoundaries, TrackIds
from framecloak.domain.imaging.detections import TargetKind
from framecloak.domain.imaging.pixel_aspect import ShapeEvidence


@dataclass(frozen=True, slots=True)
class FrameDecision:
    """Result of tracking for one frame.

    Attributes:
        boxes: tracked boxes with track ids; None for a frame that was not analysed.
        search: scope of the residual check of the redacted frame; None if it is not checked.
        shape_evidence: faces found in other shapes of the frame; None if it was not looked at in them.
    """

    boxes: list[TrackedBox] | None
    search: SearchScope | None
    shape_evidence: ShapeEvidence | None = None


class DecisionStage:
    """Stage that tracks analysed frames block by block, and decides whose faces are redacted.

    Args:
        window: frames around a block that must be known before it is decided.
        settings: tracker settings of each kind of detection.
        verify: frames that undergo the residual check.
        continuous: True for frames of a video, False for unrelated still images.
        classifier: classifier of the faces by identity; None if every face is redacted.
        analyses: analyses of the previous segment, without a gap, up to the start of this one or beyond.
        text_policy: policy by which text is kept; None if all text is redacted.
    """

    def __init__(
        self,
        window: FrameWindow,
        settings: Mapping[TargetKind, TrackingSettings],
        verify: Verify,
        continuous: bool,
        classifier: IdentityClassifier | None,
        analyses: Sequence[FrameAnalysis],
        text_policy: TextPolicy | None = None,
    ) -> None:
        self._text_policy = text_policy
        self._window = window
        self._settings = settings
        self._verify = verify
        self._continuous = continuous
        self._classifier = classifier
        self._analyses = deque(analyses)
        reach = max(kind.max_gap + kind.reach for kind in settings.values())
        self._numbers = TrackIds(reach, window.first)

    @property
    def analyses(self) -> tuple[FrameAnalysis, ...]:
        """Analysed frames that the next segment can reuse."""
        return tuple(self._analyses)

    def boundaries(self) -> TrackBoundaries:
        """Return the tracks that extend beyond the ends of the segment."""
        return self._numbers.boundaries()

    def add(self, analyses: Iterable[FrameAnalysis]) -> None:
        """Append the next analysed frames."""
        self._analyses.extend(analyses)

    def analyzed_from(self, index: int) -> int:
        """Return the number of analysed frames from an index on."""
        return self._analyses[-1].index + 1 - index if self._analyses else 0

    def decide(self, due: range) -> list[FrameDecision]:
        """Decide on the frames of a block, and discard analyses that no later block needs."""
        first = self._analyses[0].index
        tracks = track_all_kinds(
            self._analyses, self._shots(), self._settings, range(due.start - 1, due.stop + 1)
        )
        if self._classifier:
            tracks = self._classifier.classified(tracks, self._analyses, due)
        if text_settings := self._settings.get(TargetKind.TEXT):
            text_rows = [self._text_rows(analysis) for analysis in self._analyses]
            if self._text_policy:
                tracks = with_text_decisions(
                    tracks, self._analyses, self._text_policy, text_rows, text_settings.max_gap, due
                )
            tracks = with_whole_lines(tracks, self._analyses, text_rows, text_settings.max_gap, due)
        numbered = self._numbered(tracks, first, due)
        checked = plan_search_scopes(self._verify, first, tracks.boxes, due)
        decisions = [
            _decision(self._analyses[index - first], boxes, search)
            for index, boxes, search in zip(due, numbered, checked, strict=True)
        ]
        oldest = self._window.oldest_needed(due.stop)
        while self._analyses and self._analyses[0].index < oldest:
            self._analyses.popleft()
        return decisions

    def _numbered(self, tracks: Tracks, first: int, due: range) -> list[list[TrackedBox]]:
        """Return the boxes of the frames that are due; only those of the segment get ids of their own."""
        window = self._window
        delivered = range(max(due.start, window.first), min(due.stop, window.end))
        numbered = self._numbers.with_ids(tracks, first, delivered) if delivered else []

        def outside(frames: range) -> list[list[TrackedBox]]:
            return [sorted(tracks.boxes[index - first], key=lambda box: box.xyxy) for index in frames]

        before = range(due.start, min(due.stop, window.first))
        after = range(max(due.start, window.end), due.stop)
        return outside(before) + numbered + outside(after)

    def _text_rows(self, analysis: FrameAnalysis) -> range:
        """Return the rows of a frame's detections that are text, counted through all kinds."""
        kinds = list(self._settings)
        before = kinds[: kinds.index(TargetKind.TEXT)]
        start = sum(len(analysis.detections(kind).scores) for kind in before)
        return range(start, start + len(analysis.detections(TargetKind.TEXT).scores))

    def _shots(self) -> NDArray[np.intp]:
        if not self._continuous:
            return np.arange(len(self._analyses))
        return shot_numbers([analysis.luma_grid for analysis in self._analyses])


def _decision(analysis: FrameAnalysis, boxes: list[TrackedBox], search: SearchScope | None) -> FrameDecision:
    redacted = with_end_margins(boxes) if analysis.faces is not None else None
    return FrameDecision(redacted, search, analysis.shape_evidence)
