"""Rendering stage: frames and decisions in, redacted and encoded frames out, in the same order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import replace

from framecloak.domain.anonymization.detection.frame_reader import SequentialFrameReader
from framecloak.domain.anonymization.model.frames import IdentifiedFace, RedactedBox, RedactedFrame
from framecloak.domain.anonymization.model.options import Verify
from framecloak.domain.anonymization.model.residuals import SearchScope
from framecloak.domain.anonymization.pipeline.config import PipelineTools, RedactionSpec, residual_guard
from framecloak.domain.anonymization.pipeline.decision_stage import FrameDecision
from framecloak.domain.anonymization.pipeline.render import (
    NO_EXTRAS,
    RenderExtras,
    boxes_to_redact,
    render,
    split_by_identity,
)
from framecloak.domain.anonymization.residuals.face_crops import THUMBNAIL_INTERVAL_FRAMES
from framecloak.domain.ports.frames import Frame, FrameSource


class RenderStage:
    """Stage that redacts and encodes decided frames, and runs the residual check on them.

    Frames wait here until they are decided, or are decoded a second time if they would take too much
    memory.

    Args:
        pool: threads that redact and encode.
        source: the video.
        spec: specification of the redaction and of the appearance of the result.
        tools: redactor, encoder and tools of the residual check.
    """

    def __init__(
        self, pool: Executor, source: FrameSource, spec: RedactionSpec, tools: PipelineTools
    ) -> None:
        self._pool = pool
        self._source = source
        self._spec = spec
        self._tools = tools
        self._verify = spec.verify if tools.detector else Verify.NONE
        continuous = source.info.continuous
        # Frames of a video file are checked group by group once those are encoded: see ``video_writer.py``.
        is_video = spec.appearance.output_format.is_video
        self._guard = None if is_video else residual_guard(spec, tools, continuous=continuous)
        self._waiting: deque[Frame] = deque()
        self._reader: SequentialFrameReader | None = None
        self._decoded_again: Iterator[Frame] | None = None
        self._running: deque[Future[RedactedFrame]] = deque()

    def close(self) -> None:
        """Stop the second decoder, if there is one."""
        if self._reader:
            self._reader.close()

    def decode_again(self, first: int, end: int) -> None:
        """Decode the frames of a range a second time instead of keeping them until they are decided."""
        self._reader = SequentialFrameReader(self._source, first, end, self._tools.meter)
        self._decoded_again = self._reader.frames(end, end)

    def add(self, frame: Frame) -> None:
        """Keep a decoded frame until it is decided."""
        if not self._decoded_again:
            self._waiting.append(frame)

    def start(self, decisions: Sequence[FrameDecision]) -> None:
        """Start rendering the next frames."""
        for decision in decisions:
            frame = next(self._decoded_again) if self._decoded_again else self._waiting.popleft()
            self._running.append(self._pool.submit(self._render, frame, decision))

    def finished(self, allowed: int) -> Iterator[RedactedFrame]:
        """Yield rendered frames, waiting until at most ``allowed`` are still being rendered."""
        while self._running and (len(self._running) > allowed or self._running[0].done()):
            yield self._running.popleft().result()

    def _render(self, frame: Frame, decision: FrameDecision) -> RedactedFrame:
        spec, tools = self._spec, self._tools
        boxes: tuple[RedactedBox, ...] | None = None
        identified: tuple[IdentifiedFace, ...] = ()
        if decision.boxes is not None:
            rule = tools.identification.rule if tools.identification else None
            to_redact, identified = split_by_identity(frame, decision.boxes, rule)
            boxes = boxes_to_redact(frame, to_redact, spec.regions, spec.keep_text)
        rendered = render(
            frame,
            boxes,
            spec.appearance,
            tools.redactor,
            tools.encoder,
            tools.meter,
            self._extras(frame.index, decision.search),
        )
        rendered = replace(
            rendered,
            identified=() if rendered.blanked else identified,
            shape_evidence=decision.shape_evidence,
        )
        return self._guard.check_image(rendered) if self._guard else rendered

    def _extras(self, index: int, search: SearchScope | None) -> RenderExtras:
        """Return what the residual check needs of the frame before it is redacted."""
        residual_tools = self._tools.residual_tools
        if self._verify is Verify.NONE or residual_tools is None:
            return NO_EXTRAS
        with_crops = index % THUMBNAIL_INTERVAL_FRAMES == 0 or not self._source.info.continuous
        return RenderExtras(search, residual_tools.thumbnailer if with_crops else None)
