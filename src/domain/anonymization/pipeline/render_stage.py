"""Rendering: frames and decisions in, redacted and encoded frames out, in the same order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import replace

from framecloak.domain.anonymization.detection.frame_reader import FrameReader
from framecloak.domain.anonymization.model.frames import Identified, RedactedBox, RedactedFrame
from framecloak.domain.anonymization.model.options import Verify
from framecloak.domain.anonymization.model.residuals import Search
from framecloak.domain.anonymization.pipeline.config import Instructions, Instruments, prover
from framecloak.domain.anonymization.pipeline.decision_stage import FrameDecision
from framecloak.domain.anonymization.pipeline.render import (
    NOTHING_KEPT,
    Kept,
    boxes_to_redact,
    render,
    told_apart,
)
from framecloak.domain.anonymization.residuals.face_crops import THUMBNAIL_EVERY
from framecloak.domain.ports.frames import Frame, FrameSource


class RenderStage:
    """Redacts and encodes decided frames, and runs the residual check on them.

    Frames wait here until they are decided, or are decoded a second time where they would take too much
    memory.

    Args:
        pool: threads that redact and encode.
        source: the video.
        instructions: what to redact, and how the result looks.
        instruments: redactor, encoder and the means of the residual check.
    """

    def __init__(
        self, pool: Executor, source: FrameSource, instructions: Instructions, instruments: Instruments
    ) -> None:
        self._pool = pool
        self._source = source
        self._instructions = instructions
        self._instruments = instruments
        self._verify = instructions.verify if instruments.detector else Verify.NONE
        continuous = source.info.continuous
        # Frames of a video file are checked group by group once those are encoded: see ``video_writer.py``.
        film = instructions.appearance.output_format.is_film
        self._prover = None if film else prover(instructions, instruments, continuous=continuous)
        self._waiting: deque[Frame] = deque()
        self._reader: FrameReader | None = None
        self._decoded_again: Iterator[Frame] | None = None
        self._running: deque[Future[RedactedFrame]] = deque()

    def close(self) -> None:
        """Stop the second decoder, if there is one."""
        if self._reader:
            self._reader.close()

    def decode_again(self, first: int, end: int) -> None:
        """Decode the frames of a range a second time instead of keeping them until they are decided."""
        self._reader = FrameReader(self._source, first, end, self._instruments.meter)
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
        instructions, instruments = self._instructions, self._instruments
        boxes: tuple[RedactedBox, ...] | None = None
        identified: tuple[Identified, ...] = ()
        if decision.boxes is not None:
            rule = instruments.identification.rule if instruments.identification else None
            to_redact, identified = told_apart(frame, decision.boxes, rule)
            boxes = boxes_to_redact(frame, to_redact, instructions.regions, instructions.keep_text)
        rendered = render(
            frame,
            boxes,
            instructions.appearance,
            instruments.redactor,
            instruments.encoder,
            instruments.meter,
            self._kept(frame.index, decision.search),
        )
        rendered = rendered if rendered.blanked else replace(rendered, identified=identified)
        return self._prover.picture(rendered) if self._prover else rendered

    def _kept(self, index: int, search: Search | None) -> Kept:
        """Return what the residual check needs of the frame before it is redacted."""
        lens = self._instruments.lens
        if self._verify is Verify.NONE or lens is None:
            return NOTHING_KEPT
        with_crops = index % THUMBNAIL_EVERY == 0 or not self._source.info.continuous
        return Kept(search, lens.thumbnailer if with_crops else None)
