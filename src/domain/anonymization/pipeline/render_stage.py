"""Rendering stage: frames and decisions in, redacted and encoded frames out, in the same order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import replace

from framecloak.domain.anonymization.detection.frame_reader import SequentialFrameReader
from framecloak.domain.anonymization.model.frames import IdentifiedFace, RedactedBox, RedactedFrame
from framecloak.domain.anonymization.model.options import Verify
from framecloak.domain.anonymization.model.residuals import SearchScope
from framecloak.domain.anonymization.pipeline.config import (
    PipelineTools,
    RedactionSpec,
    name_guard,
    residual_guard,
)
from framecloak.domain.anonymization.pipeline.decision_stage import FrameDecision
from framecloak.domain.anonymization.pipeline.render import (
    NO_EXTRAS,
    RenderExtras,
    boxes_to_redact,
    decided_texts,
    render,
    split_by_identity,
    without_kept_text,
)
from framecloak.domain.anonymization.pipeline.window import FrameWindow
from framecloak.domain.anonymization.residuals.face_crops import THUMBNAIL_INTERVAL_FRAMES
from framecloak.domain.anonymization.residuals.neighbourhood import Neighbourhood
from framecloak.domain.ports.frames import Frame, FrameSource


class RenderStage:
    """Stage that redacts and encodes decided frames, and runs the residual check on them.

    Frames wait here until they are decided, or are decoded a second time if they would take too much
    memory.

    Args:
        pool: threads that redact and encode.
        source: the video.
        window: segment to deliver, and the frames around it that are redacted and checked too.
        spec: specification of the redaction and of the appearance of the result.
        tools: redactor, encoder and tools of the residual check.
    """

    def __init__(
        self,
        pool: Executor,
        source: FrameSource,
        window: FrameWindow,
        spec: RedactionSpec,
        tools: PipelineTools,
    ) -> None:
        self._pool = pool
        self._source = source
        self._window = window
        self._spec = spec
        self._tools = tools
        self._verify = spec.verify if tools.detector else Verify.NONE
        # Frames of a video file are checked again once their group is encoded: see ``video_writer.py``.
        is_video = spec.appearance.output_format.is_video
        self._guard = residual_guard(spec, tools, source.info, checked_again=is_video)
        self._names = name_guard(spec, tools, source.info)
        self._neighbourhood: Neighbourhood | None = None
        if self._guard and window.reach:
            self._neighbourhood = Neighbourhood(self._guard, pool, (source.info.width, source.info.height))
        self._waiting: deque[Frame] = deque()
        self._reader: SequentialFrameReader | None = None
        self._decoded_again: Iterator[Frame] | None = None
        self._running: deque[Future[RedactedFrame]] = deque()

    def close(self) -> None:
        """Stop the second decoder, if there is one."""
        if self._reader:
            self._reader.close()

    def decode_again(self, frames: range) -> None:
        """Decode the frames of a range a second time instead of keeping them until they are decided."""
        self._reader = SequentialFrameReader(self._source, frames.start, frames.stop, self._tools.meter)
        self._decoded_again = self._reader.frames(frames.stop, frames.stop)

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
        """Yield frames to deliver, waiting until at most ``allowed`` are still being rendered.

        With a residual check, frames wait here, encoded, until those around them were checked.
        """
        while self._running and (len(self._running) > allowed or self._running[0].done()):
            frame = self._running.popleft().result()
            yield from self._delivered(self._neighbourhood.add(frame) if self._neighbourhood else [frame])

    def rest(self) -> Iterator[RedactedFrame]:
        """Yield all remaining frames to deliver; none is started afterwards."""
        yield from self.finished(0)
        if self._neighbourhood:
            yield from self._delivered(self._neighbourhood.rest())

    def _delivered(self, frames: Iterable[RedactedFrame]) -> Iterator[RedactedFrame]:
        return (frame for frame in frames if self._window.first <= frame.index < self._window.end)

    def _render(self, frame: Frame, decision: FrameDecision) -> RedactedFrame:
        spec, tools = self._spec, self._tools
        boxes: tuple[RedactedBox, ...] | None = None
        identified: tuple[IdentifiedFace, ...] = ()
        if decision.boxes is not None:
            rule = tools.identification.rule if tools.identification else None
            to_redact, identified = split_by_identity(frame, decision.boxes, rule)
            boxes = boxes_to_redact(frame, without_kept_text(to_redact), spec.regions, spec.keep_text)
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
            texts=() if rendered.blanked else decided_texts(frame, decision.boxes or ()),
        )
        rendered = self._names.check(rendered) if self._names else rendered
        return self._guard.check_image(rendered) if self._guard else rendered

    def _extras(self, index: int, search: SearchScope | None) -> RenderExtras:
        """Return what the residual check needs of the frame before it is redacted."""
        residual_tools = self._tools.residual_tools
        if self._verify is Verify.NONE or residual_tools is None:
            return NO_EXTRAS
        with_crops = index % THUMBNAIL_INTERVAL_FRAMES == 0 or not self._source.info.continuous
        return RenderExtras(search, residual_tools.thumbnailer if with_crops else None)
