"""Redact one segment of a video: decode -> detect -> track and decide -> redact and encode.

Stages overlap. The calling thread decodes, tracks and keeps the order; a pool of threads detects, redacts
and encodes. Memory is bounded: no more frames are decoded than the tracker needs ahead, and a few per
thread.

It fails closed. A frame that was not decoded or not analysed is delivered black and counted; any other
failure ends the run, and nothing is delivered from there on.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

from framecloak.domain.anonymization.detection.faces import consecutive_from
from framecloak.domain.anonymization.detection.frame_reader import SequentialFrameReader
from framecloak.domain.anonymization.detection.scales import block_interval
from framecloak.domain.anonymization.detection.shots import SHOT_MARGIN_FRAMES
from framecloak.domain.anonymization.identification.decisions import IdentityClassifier
from framecloak.domain.anonymization.model.frames import RedactedFrame
from framecloak.domain.anonymization.model.options import Verify
from framecloak.domain.anonymization.pipeline.config import PipelineTools, RedactionSpec
from framecloak.domain.anonymization.pipeline.continuation import Continuation
from framecloak.domain.anonymization.pipeline.decision_stage import DecisionStage
from framecloak.domain.anonymization.pipeline.detection_stage import DetectionStage
from framecloak.domain.anonymization.pipeline.memory_plan import MIN_BLOCK_FRAMES, MemoryPlan
from framecloak.domain.anonymization.pipeline.render_stage import RenderStage
from framecloak.domain.anonymization.pipeline.window import FrameWindow
from framecloak.domain.anonymization.residuals.neighbourhood import REACH
from framecloak.domain.anonymization.tracking.settings import TrackingSettings
from framecloak.domain.imaging.detections import TargetKind
from framecloak.domain.model.segments import Segment
from framecloak.domain.ports.frames import FrameSource


def redacted_frames(
    source: FrameSource,
    segment: Segment,
    spec: RedactionSpec,
    tools: PipelineTools,
    before: Continuation | None = None,
) -> Generator[RedactedFrame, None, Continuation]:
    """Redact one segment of a video.

    Frames around the segment are analysed too, as far as the tracker reaches, so that the result does not
    depend on where a segment begins or ends.

    Args:
        source: the video.
        segment: frames to deliver; must be inside the video.
        spec: specification of the redaction.
        tools: detectors, redactor, encoder and the number of threads.
        before: continuation of the segment that ends where this one begins, made with the same spec
            and tools; usable once.

    Yields:
        Every frame of the segment once, in order. Close the iterator to stop early.

    Returns:
        The continuation for the segment that begins where this one ends; close it if there is none.

    Raises:
        TruncatedVideoError: the video ends before the segment does.
        UnreadableVideoError: the video cannot be decoded.
    """
    before = before or Continuation.empty()
    settings = _tracker_settings(spec, tools)
    window = _window(source, segment, spec, tools, settings)
    rendered = window.rendered
    carried = consecutive_from(window.start, rendered.start, before.analyses)
    reader = before.reader if carried else None
    if reader is None or not reader.is_at(source, rendered.start):
        before.close()
        start = rendered.start if carried else window.start
        reader = SequentialFrameReader(source, start, window.readable, tools.meter)
    handed_on = False
    pool = ThreadPoolExecutor(tools.threads, thread_name_prefix="frames")
    try:
        identification = tools.identification
        classifier = IdentityClassifier(identification, spec.sampling, pool) if identification else None
        verify = spec.verify if tools.detector else Verify.NONE
        if verify is Verify.SAMPLE and not source.info.continuous:
            # A sample of unrelated images says nothing about the others.
            verify = Verify.ALL
        accept = min(kind.accept for kind in settings.values())
        detection = DetectionStage(pool, window, spec, tools, accept, continuous=source.info.continuous)
        if carried:
            detection.continue_from(carried[-1])
        policy = tools.line_reader.policy if tools.line_reader and TargetKind.TEXT in settings else None
        decision = DecisionStage(
            window, settings, verify, source.info.continuous, classifier, carried, policy
        )
        with closing(RenderStage(pool, source, window, spec, tools)) as rendering:
            known_until = carried[-1].index + 1 if carried else 0
            stages = _Stages(window, detection, decision, rendering, source, tools.threads)
            yield from stages.run(reader, known_until)
        handed_on = True
        return Continuation(decision.boundaries(), decision.analyses, reader)
    finally:
        # Work that has not begun is dropped; the reader belongs to the continuation once there is one.
        pool.shutdown(cancel_futures=True)
        if not handed_on:
            reader.close()


@dataclass(slots=True)
class _Stages:
    """Stages of one run; frames move through each as far ahead of the next as memory allows.

    Attributes:
        due: index of the next frame to decide on.
    """

    window: FrameWindow
    detection: DetectionStage
    decision: DecisionStage
    rendering: RenderStage
    source: FrameSource
    threads: int
    due: int = 0

    def run(self, reader: SequentialFrameReader, known_until: int) -> Iterator[RedactedFrame]:
        """Decode the window and yield its segment's frames, redacted, in order.

        Args:
            reader: decodes the window.
            known_until: index after the last frame that the previous segment analysed.
        """
        window, rendered = self.window, self.window.rendered
        self.due = rendered.start
        plan: MemoryPlan | None = None
        for frame in reader.frames(window.stop, window.continues_from):
            if plan is None:
                plan = self._plan(frame.nbytes)
            if frame.index >= known_until:
                self.detection.add(frame)
            if self.due <= frame.index < rendered.stop:
                self.rendering.add(frame)
            allowed = max(2 * self.threads, plan.block // (2 * self.detection.batch_size))
            self.decision.add(self.detection.finished(allowed, plan.reviewed_blocks * window.block))
            count = MIN_BLOCK_FRAMES if self.due == rendered.start else plan.block
            # The previous segment may have analysed frames that are not decoded again yet.
            decidable = min(self.decision.analyzed_from(self.due) - window.margin, frame.index + 1 - self.due)
            if decidable >= count:
                self._decide(count)
            yield from self.rendering.finished(plan.block)
        self.detection.flush()
        self.decision.add(self.detection.finished(0, 0))
        self._decide(rendered.stop - self.due)
        yield from self.rendering.rest()

    def _plan(self, nbytes: int) -> MemoryPlan:
        info = self.source.info
        # A frame that was lost takes no memory and gives no indication of the size of the others.
        plan = MemoryPlan.for_frames(
            max(nbytes, info.width * info.height), self.window.margin, self.window.block, self.threads
        )
        if plan.decode_twice:
            self.rendering.decode_again(self.window.rendered)
        return plan

    def _decide(self, count: int) -> None:
        """Decide on the next ``count`` frames, or those left, and start rendering them."""
        due = range(self.due, min(self.due + count, self.window.rendered.stop))
        if due:
            self.rendering.start(self.decision.decide(due))
            self.due = due.stop


def _window(
    source: FrameSource,
    segment: Segment,
    spec: RedactionSpec,
    tools: PipelineTools,
    settings: dict[TargetKind, TrackingSettings],
) -> FrameWindow:
    has_margin = source.info.continuous and tools.detector is not None
    margin = 0
    if has_margin:
        margin = max(kind.temporal_margin for kind in settings.values()) + SHOT_MARGIN_FRAMES
        if tools.identification:
            margin += spec.sampling.reach
        # Frames next to a gap are selected for the residual check, so one more frame must be tracked exactly.
        margin += spec.verify is Verify.SAMPLE
        # The first key frame lacks the review of the frames before it.
        margin += 1
    interval = spec.text_and_plates.every if has_margin and spec.text_and_plates else 1
    block = block_interval(spec.scales) if has_margin else 1
    # A truncated file may have fewer frames after the segment than the margin.
    readable = max(source.info.readable_frames, segment.end_frame)
    # A residual re-opens the frames around it, also across the ends of a segment.
    reach = REACH if has_margin and spec.verify is not Verify.NONE else 0
    return FrameWindow(segment.start_frame, segment.end_frame, margin, interval, readable, reach, block)


def _tracker_settings(spec: RedactionSpec, tools: PipelineTools) -> dict[TargetKind, TrackingSettings]:
    settings = {TargetKind.FACE: spec.tracking}
    if spec.text_and_plates:
        settings |= dict.fromkeys(tools.box_detectors, spec.text_and_plates.tracking)
    return settings
