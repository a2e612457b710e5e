"""One stretch of a video whose boxes are known before: decode -> redact -> encode, without any detector."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

from framecloak.domain.anonymization.model.box_table import BoxTable
from framecloak.domain.anonymization.model.options import Appearance
from framecloak.domain.anonymization.pipeline.config import Instruments
from framecloak.domain.anonymization.pipeline.continuation import Continuation
from framecloak.domain.anonymization.pipeline.render import RedactedFrame, inside, render
from framecloak.domain.ports import Frame, FrameSource
from framecloak.domain.videos.segments import Segment


def rerendered_frames(
    source: FrameSource, segment: Segment, table: BoxTable, appearance: Appearance, instruments: Instruments
) -> Generator[RedactedFrame, None, Continuation]:
    """Redact one segment of a video where a table says.

    Args:
        source: the video.
        segment: frames to deliver; must lie inside the video.
        table: has an entry for every frame of the segment.
        appearance: how the frames look.
        instruments: what to do it with; the detectors are not asked.

    Yields:
        Every frame of the segment once, in order. Close the iterator to stop early.

    Returns:
        An empty continuation: the ids of the tracks are those of the table already.

    Raises:
        InvalidManifestError: a frame has no entry.
        TruncatedVideoError: the video ends before the segment does.
        UnreadableVideoError: the video cannot be decoded.
    """

    def rendered(frame: Frame) -> RedactedFrame:
        boxes = table.boxes(frame.index)
        shown = None if boxes is None else inside(frame, boxes)
        redactor, encoder, meter = instruments.redactor, instruments.encoder, instruments.meter
        return render(frame, shown, appearance, redactor, encoder, meter)

    under_way: deque[Future[RedactedFrame]] = deque()
    pool = ThreadPoolExecutor(instruments.threads, thread_name_prefix="frames")
    try:
        with closing(source.frames(segment.start_frame, segment.end_frame)) as decoded:
            for frame in decoded:
                under_way.append(pool.submit(rendered, frame))
                while len(under_way) > 2 * instruments.threads:
                    yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
    return Continuation.empty()
