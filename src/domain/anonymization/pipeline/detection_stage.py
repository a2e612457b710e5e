"""Detection stage: frames in, analysed frames out, in the same order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from dataclasses import replace

from framecloak.domain.anonymization.adaptive.block import CachedFrame
from framecloak.domain.anonymization.adaptive.faces import AdaptiveFaceDetection
from framecloak.domain.anonymization.adaptive.key_frames import KeyFramePlan
from framecloak.domain.anonymization.detection.faces import FaceSearch, glance
from framecloak.domain.anonymization.detection.pixel_aspect import look_at
from framecloak.domain.anonymization.detection.scales import key_interval
from framecloak.domain.anonymization.detection.second_opinion import (
    CONFIRMING_EVIDENCE,
    CONFIRMING_STILL_EVIDENCE,
    SecondOpinion,
)
from framecloak.domain.anonymization.detection.text_and_plates import detect_text_and_plates
from framecloak.domain.anonymization.identification.decisions import with_samples
from framecloak.domain.anonymization.model.analysis import FrameAnalysis
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.anonymization.pipeline.config import PipelineTools, RedactionSpec
from framecloak.domain.anonymization.pipeline.review_stage import AnalyzedFrames, ReviewStage
from framecloak.domain.anonymization.pipeline.window import FrameWindow
from framecloak.domain.anonymization.tracking.adaptive_detection import AdaptiveDetection
from framecloak.domain.anonymization.tracking.propagation import with_templates
from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.ports.frames import Frame
from framecloak.domain.ports.metrics import Stage, timed


class DetectionStage:
    """Stage that detects faces in batches of frames, and text and plates where they are sampled or uncertain.

    Args:
        pool: threads that run the detectors.
        window: window of the segment; its samples are the frames searched for text and plates.
        spec: scales and thresholds.
        tools: detectors.
        accept: score from which on a detection must have a counterpart in the next pass.
        continuous: True for frames of a video, False for unrelated still images.
    """

    def __init__(
        self,
        pool: Executor,
        window: FrameWindow,
        spec: RedactionSpec,
        tools: PipelineTools,
        accept: float,
        *,
        continuous: bool,
    ) -> None:
        self._pool = pool
        self._window = window
        self._spec = spec
        self._tools = tools
        self._continuous = continuous
        self._batch: list[Frame] = []
        self.batch_size = tools.detector.max_batch if tools.detector else 1
        self._running: deque[tuple[list[Frame], Future[list[FrameAnalysis]]]] = deque()
        self._search = face_search(tools)
        self._review = ReviewStage(pool, self._reviewed, window.is_boundary)
        self._adaptive = AdaptiveDetection(
            pool, self._with_text_and_plates, window.is_sampled, accept, self._with_seen_lines
        )

    def continue_from(self, analysis: FrameAnalysis) -> None:
        """Start after a sampled frame that was analysed by the previous segment."""
        self._review.continue_from(analysis)
        self._adaptive.continue_from(analysis)

    def add(self, frame: Frame) -> None:
        """Queue the next frame; detection starts once a batch is full."""
        self._batch.append(CachedFrame(frame))
        if len(self._batch) == self.batch_size:
            self.flush()

    def flush(self) -> None:
        """Start detection on the frames queued so far."""
        if self._batch:
            self._running.append((self._batch, self._pool.submit(self._analyze, self._batch)))
            self._batch = []

    def finished(self, allowed: int, reviewing: int) -> Iterator[FrameAnalysis]:
        """Yield analysed frames, waiting until few enough are in progress.

        Args:
            allowed: number of batches of which half may be running. In as many frames text may be detected
                again.
            reviewing: number of frames whose blocks may be in progress.
        """
        half = (allowed + 1) // 2
        while self._running and (len(self._running) > half or self._running[0][1].done()):
            frames, analyses = self._running.popleft()
            for analysis, frame in zip(analyses.result(), frames, strict=True):
                self._review.add(analysis, frame)
        for analysis, frame in self._review.completed(reviewing):
            self._adaptive.add(analysis, frame)
        yield from self._adaptive.completed(half)

    def _analyze(self, frames: list[Frame]) -> list[FrameAnalysis]:
        if self._search is None:
            return [FrameAnalysis(frame.index, FrameDetections.empty(), None) for frame in frames]
        with timed(self._tools.meter, Stage.DETECT):
            boundaries = [frame for frame in frames if self._window.is_boundary(frame.index)]
            first_looks = self._search.first_looks(boundaries, self._spec.scales, self._spec.low_threshold)
            looked = {analysis.index: analysis for analysis in first_looks}
            analyses = [looked.get(frame.index) or glance(frame) for frame in frames]
        looks = self._spec.shape_looks
        analyses = [
            replace(analysis, shape_evidence=look_at(frame, self._search.detector))
            if looks and looks.are_due(frame.index)
            else analysis
            for analysis, frame in zip(analyses, frames, strict=True)
        ]
        return [
            self._with_text_and_plates(analysis, frame) if self._window.is_sampled(frame.index) else analysis
            for analysis, frame in zip(analyses, frames, strict=True)
        ]

    def _reviewed(self, before: FrameAnalysis | None, frames: AnalyzedFrames) -> list[FrameAnalysis]:
        """Review the faces up to a key frame, and sample them for identification."""
        analyses = [analysis for analysis, _ in frames]
        if self._search is not None:
            opinion = SecondOpinion(
                self._search.detector,
                self._tools.second_detector,
                self._search.sampler,
                CONFIRMING_EVIDENCE if self._continuous else CONFIRMING_STILL_EVIDENCE,
            )
            detection = AdaptiveFaceDetection(
                self._search,
                KeyFramePlan(
                    self._spec.scales, key_interval(self._spec.scales), self._tools.second_detector is None
                ),
                opinion,
                self._proposer(self._search),
                self._spec.tracking.accept,
                self._spec.low_threshold,
            )
            with timed(self._tools.meter, Stage.DETECT):
                analyses = detection.detected(before, frames)
        return [
            with_samples(analysis, frame, self._tools.identification, self._spec.sampling)
            for analysis, (_, frame) in zip(analyses, frames, strict=True)
        ]

    def _proposer(self, search: FaceSearch) -> FaceSearch | None:
        """Return the search of the second detector; where there is none, that of the first one in videos."""
        if self._tools.second_detector is not None:
            return replace(search, detector=self._tools.second_detector)
        return search if self._continuous else None

    def _with_text_and_plates(self, analysis: FrameAnalysis, frame: Frame) -> FrameAnalysis:
        """Add text and plates to an analysis; mark the frame as not analysed where that fails."""
        settings = self._spec.text_and_plates
        if settings is None or analysis.faces is None:
            return analysis
        try:
            with timed(self._tools.meter, Stage.DETECT):
                areas = detect_text_and_plates(frame, self._tools.box_detectors, settings)
                complete = replace(analysis, text_and_plates=areas)
                if self._tools.line_reader:
                    complete = self._tools.line_reader.with_lines(complete, frame)
                propagated = self._window.interval > 1 and self._window.is_sampled(frame.index)
                return with_templates(complete, frame) if propagated else complete
        except FrameAnalysisError:
            return FrameAnalysis(frame.index, None, None)

    def _with_seen_lines(
        self, analysis: FrameAnalysis, frame: Frame, before: FrameAnalysis, after: FrameAnalysis
    ) -> FrameAnalysis:
        """Decide on the harmless text of two passes in a frame between them."""
        if self._tools.line_reader is None:
            return analysis
        try:
            with timed(self._tools.meter, Stage.DETECT):
                return self._tools.line_reader.with_seen_lines(analysis, frame, before, after)
        except FrameAnalysisError:
            return FrameAnalysis(frame.index, None, None)


def face_search(tools: PipelineTools) -> FaceSearch | None:
    """Return the face search of a run; None if faces are not detected."""
    if tools.detector is None:
        return None
    return FaceSearch(tools.detector, tools.sampler, tools.meter)
