"""Rendering of a segment from a table of known boxes, without detectors: decode -> redact -> encode."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

from framecloak.domain.anonymization.model.box_table import BoxTable
from framecloak.domain.anonymization.model.frames import RedactedFrame
from framecloak.domain.anonymization.model.options import Appearance
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.anonymization.pipeline.continuation import Continuation
from framecloak.domain.anonymization.pipeline.render import clip_to_frame, render
from framecloak.domain.model.segments import Segment
from framecloak.domain.ports.frames import Frame, FrameSource


def rerendered_frames(
    source: FrameSource, segment: Segment, table: BoxTable, appearance: Appearance, tools: PipelineTools
) -> Generator[RedactedFrame, None, Continuation]:
    """Redact one segment of a video with the boxes of a table.

    Args:
        source: the video.
        segment: frames to deliver; must lie inside the video.
        table: boxes, with an entry for every frame of the segment.
        appearance: style and format of the frames.
        tools: tools of the pipeline; the detectors are not used.

    Yields:
        Every frame of the segment once, in order. Close the iterator to stop early.

    Returns:
        A continuation without track boundaries, because the table already contains the track ids.

    Raises:
        InvalidManifestError: a frame has no entry.
        TruncatedVideoError: the video ends before the segment does.
        UnreadableVideoError: the video cannot be decoded.
    """

    def rendered(frame: Frame) -> RedactedFrame:
        boxes = table.boxes(frame.index)
        visible = None if boxes is None else clip_to_frame(frame, boxes)
        redactor, encoder, meter = tools.redactor, tools.encoder, tools.meter
        rendered = render(frame, visible, appearance, redactor, encoder, meter)
        # The table does not say why its frame is black.
        return replace(rendered, blank_reason=None) if boxes is None else rendered

    pending: deque[Future[RedactedFrame]] = deque()
    pool = ThreadPoolExecutor(tools.threads, thread_name_prefix="frames")
    try:
        with closing(source.frames(segment.start_frame, segment.end_frame)) as decoded:
            for frame in decoded:
                pending.append(pool.submit(rendered, frame))
                while len(pending) > 2 * tools.threads:
                    yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
    return Continuation.empty()
