"""One stretch of a video: decode -> examine -> track -> redact -> encode.

Stages overlap. The calling thread decodes, tracks and keeps the order; a pool of threads examines frames
and, once the tracker has spoken, redacts and encodes them. Memory is bounded: no more frames are decoded
than the tracker's look-ahead and a few per thread.

It fails closed. A frame that was not decoded or not examined is delivered black and counted; any other
failure ends the run, and nothing is delivered from there on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.detection.faces import Examination, examine, run_from
from framecloak.domain.anonymization.detection.frame_reader import FrameReader
from framecloak.domain.anonymization.detection.shots import SCENE_HORIZON, scene_numbers
from framecloak.domain.anonymization.detection.text_and_plates import look_for_areas
from framecloak.domain.anonymization.identification.decisions import Verdicts, with_views
from framecloak.domain.anonymization.model.options import Verify
from framecloak.domain.anonymization.model.residuals import Search, searches
from framecloak.domain.anonymization.pipeline.config import Instructions, Instruments, prover
from framecloak.domain.anonymization.pipeline.render import (
    NOTHING_KEPT,
    Identified,
    Kept,
    RedactedBox,
    RedactedFrame,
    boxes_to_redact,
    render,
    told_apart,
)
from framecloak.domain.anonymization.residuals.face_crops import THUMBNAIL_EVERY
from framecloak.domain.anonymization.tracking.adaptive_detection import CloserLooks
from framecloak.domain.anonymization.tracking.multi_kind import follow
from framecloak.domain.anonymization.tracking.propagation import with_patches
from framecloak.domain.anonymization.tracking.track_ids import TrackLinks, TrackNumbers
from framecloak.domain.anonymization.tracking.tracker import Found, TrackedBox, TrackingSettings
from framecloak.domain.errors import ExaminationError
from framecloak.domain.imaging.detections import Kind
from framecloak.domain.ports import (
    Frame,
    FrameSource,
)
from framecloak.domain.ports.metrics import Stage, timed
from framecloak.domain.videos.segments import Segment

LOOK_AHEAD_BYTES = 1 << 30
"""Decoded frames are kept until they are redacted unless that takes more; then they are decoded twice."""

BLOCK_BYTES = 128 << 20
"""How much of the video is tracked at a time; a larger block wastes less on its margins."""

SMALLEST_BLOCK, LARGEST_BLOCK = 16, 96
"""Frames tracked at a time; the first block is the smallest, so that the first frame comes soon."""


@dataclass(frozen=True, slots=True)
class Seam:
    """What the next segment has to know of the one before.

    Attributes:
        links: which tracks reach over the end.
        examined: frames on both sides of the end, so that they need not be examined twice.
        reader: stands at the end, so that they need not be decoded twice; None where nobody can go on.
    """

    links: TrackLinks
    examined: tuple[Examination, ...] = ()
    reader: FrameReader | None = None

    def close(self) -> None:
        """Free what reads on; for seams that nobody goes on from."""
        if self.reader:
            self.reader.close()


def redacted_frames(
    source: FrameSource,
    segment: Segment,
    instructions: Instructions,
    instruments: Instruments,
    before: Seam | None = None,
) -> Generator[RedactedFrame, None, Seam]:
    """Redact one segment of a video.

    Frames around the segment are examined too, as far as the tracker reaches, so that the result does not
    depend on where a segment begins or ends.

    Args:
        source: the video.
        segment: frames to deliver; must lie inside the video.
        instructions: what to redact.
        instruments: what to do it with.
        before: what the segment that ends where this one begins left, under the same instructions and
            instruments, if there was one; good for this once.

    Yields:
        Every frame of the segment once, in order. Close the iterator to stop early.

    Returns:
        What to continue with where the segment ends; to be closed unless that happens.

    Raises:
        TruncatedVideoError: the video ends before the segment does.
        UnreadableVideoError: the video cannot be decoded.
    """
    with closing(_Run(source, segment, instructions, instruments, before or Seam(TrackLinks((), {})))) as run:
        yield from run.frames()
        return run.seam()


class _Run:
    """The state of ``redacted_frames``.

    A frame passes through four queues: being examined, being looked at closer, waiting for the tracker's
    look-ahead, being rendered. All of them keep the order of the video.
    """

    def __init__(
        self,
        source: FrameSource,
        segment: Segment,
        instructions: Instructions,
        instruments: Instruments,
        before: Seam,
    ) -> None:
        self._source = source
        self._instructions = instructions
        self._instruments = instruments
        self._settings = _tracked_kinds(instructions, instruments)
        looks_ahead = source.info.continuous and instruments.detector is not None
        longest = max(settings.horizon for settings in self._settings.values())
        identification = instruments.identification
        if identification:
            longest += instructions.views.reach
        self._verify = instructions.verify if instruments.detector else Verify.NONE
        # What is next to a gap can only be told when the tracker is right about the next frame too.
        neighbour = self._verify is Verify.SAMPLE
        self._horizon = longest + SCENE_HORIZON + neighbour if looks_ahead else 0
        self._prover = (
            None
            if instructions.appearance.output_format.is_film
            else prover(instructions, instruments, continuous=source.info.continuous)
        )
        self._every = instructions.areas.every if instructions.areas and looks_ahead else 1
        start = self._looked_at_before(segment.start_frame - self._horizon)
        carried = run_from(start, segment.start_frame, before.examined)
        self._known_until = carried[-1].index + 1 if carried else 0
        # What a file that was cut off lacks behind the segment, the tracker does without.
        readable = max(source.info.readable_frames, segment.end_frame)
        last = self._looked_at_before(segment.end_frame + self._horizon - 1 + self._every - 1)
        self._last = readable - 1
        self._stop = min(readable, last + 1)
        reader = before.reader if carried else None
        if reader is None or not reader.is_at(source, segment.start_frame):
            before.close()
            reader = FrameReader(
                source, segment.start_frame if carried else start, readable, instruments.meter
            )
        self._reader = reader
        self._passed_on = False
        self._first = self._due = segment.start_frame
        self._end = segment.end_frame
        self._pool = ThreadPoolExecutor(instruments.threads, thread_name_prefix="frames")
        self._verdicts = identification and Verdicts(identification, instructions.views, self._pool)
        self._batch: list[Frame] = []
        self._batch_size = instruments.detector.max_batch if instruments.detector else 1
        self._examining: deque[Future[list[Examination]]] = deque()
        self._under_examination: deque[Frame] = deque()
        accept = min(settings.accept for settings in self._settings.values())
        self._closer = CloserLooks(self._pool, self._look_closer, self._is_looked_at, accept)
        if carried:
            self._closer.continue_from(carried[-1])
        self._examined = deque(carried)
        self._waiting: deque[Frame] = deque()
        self._rendering: deque[Future[RedactedFrame]] = deque()
        self._rereader: FrameReader | None = None
        self._reread: Iterator[Frame] | None = None
        reach = max(settings.max_gap + settings.extension for settings in self._settings.values())
        self._numbers = TrackNumbers(reach, self._first)

    def close(self) -> None:
        """Stop the threads; what has not begun never does."""
        self._pool.shutdown(cancel_futures=True)
        if not self._passed_on:
            self._reader.close()
        if self._rereader:
            self._rereader.close()

    def frames(self) -> Iterator[RedactedFrame]:
        """Run the stages, each as far ahead of the next as memory allows."""
        block = 0
        for frame in self._reader.frames(self._stop, self._end):
            block = block or self._plan_memory(frame)
            if frame.index >= self._known_until:
                self._batch.append(frame)
            if len(self._batch) == self._batch_size:
                self._start_examining()
            if self._due <= frame.index < self._end and not self._reread:
                self._waiting.append(frame)
            self._settle(max(2 * self._instruments.threads, block // (2 * self._batch_size)))
            due = SMALLEST_BLOCK if self._due == self._first else block
            if self._looked_ahead() >= due + self._horizon:
                self._track_and_render(min(due, self._end - self._due))
            yield from self._finished(block)
        self._start_examining()
        self._settle(0)
        self._track_and_render(self._end - self._due)
        yield from self._finished(0)

    def seam(self) -> Seam:
        """What to continue with; once all frames were handed out."""
        self._passed_on = True
        return Seam(self._numbers.links(), tuple(self._examined), self._reader)

    def _plan_memory(self, frame: Frame) -> int:
        """Choose how many frames to track at a time, and whether to keep them until they are rendered."""
        info = self._source.info
        # A frame that was lost holds no memory and says nothing about the others.
        nbytes = max(frame.nbytes, info.width * info.height)
        block = min(max(BLOCK_BYTES // nbytes, SMALLEST_BLOCK), LARGEST_BLOCK)
        if (2 * block + self._horizon) * nbytes > LOOK_AHEAD_BYTES:
            self._rereader = FrameReader(self._source, self._due, self._end, self._instruments.meter)
            self._reread = self._rereader.frames(self._end, self._end)
        return block

    def _looked_ahead(self) -> int:
        """Examined frames, counted from the next one to render."""
        return self._examined[-1].index + 1 - self._due if self._examined else 0

    def _settle(self, allowed: int) -> None:
        """Take in finished examinations until at most so many are under way."""
        while self._examining and (len(self._examining) > allowed or self._examining[0].done()):
            for examined in self._examining.popleft().result():
                self._closer.add(examined, self._under_examination.popleft())
        self._examined.extend(self._closer.settled(allowed))

    def _finished(self, allowed: int) -> Iterator[RedactedFrame]:
        """Hand out rendered frames until at most so many are under way."""
        while self._rendering and (len(self._rendering) > allowed or self._rendering[0].done()):
            yield self._rendering.popleft().result()

    def _start_examining(self) -> None:
        if self._batch:
            self._examining.append(self._pool.submit(self._examine, self._batch))
            self._under_examination.extend(self._batch)
            self._batch = []

    def _examine(self, frames: list[Frame]) -> list[Examination]:
        detector = self._instruments.detector
        if detector is None:
            return [Examination(frame.index, Found.nothing(), None) for frame in frames]
        instructions, meter = self._instructions, self._instruments.meter
        with timed(meter, Stage.DETECT):
            examined = examine(frames, detector, instructions.looks, instructions.threshold, meter)
        return [
            with_views(
                self._look_closer(one, frame) if self._is_looked_at(frame.index) else one,
                frame,
                self._instruments.identification,
                instructions.views,
            )
            for one, frame in zip(examined, frames, strict=True)
        ]

    def _is_looked_at(self, index: int) -> bool:
        """Whether text and plates are looked for in a frame whatever its neighbours show."""
        return index % self._every == 0 or index == self._last

    def _looked_at_before(self, index: int) -> int:
        """The last such frame up to one that it may be itself."""
        return max(0, index) // self._every * self._every

    def _look_closer(self, examined: Examination, frame: Frame) -> Examination:
        """The same with text and plates; not examined where the frame cannot be searched for them."""
        settings = self._instructions.areas
        if settings is None or examined.found is None:
            return examined
        try:
            with timed(self._instruments.meter, Stage.DETECT):
                looked = replace(examined, areas=look_for_areas(frame, self._instruments.areas, settings))
                follows = self._every > 1 and self._is_looked_at(frame.index)
                return with_patches(looked, frame) if follows else looked
        except ExaminationError:
            return Examination(frame.index, None, None)

    def _track_and_render(self, count: int) -> None:
        """Decide on the next ``count`` frames and start rendering them."""
        if count < 1:
            return
        due = range(self._due, self._due + count)
        first = self._examined[0].index
        tracks = follow(self._examined, self._scenes(), self._settings)
        if self._verdicts:
            tracks = self._verdicts.judged(tracks, self._examined, due)
        tracked = self._numbers.numbered(tracks, first, due)
        wanted = searches(self._verify, first, tracks.boxes, due)
        for index in due:
            frame = next(self._reread) if self._reread else self._waiting.popleft()
            examined = self._examined[index - first].found is not None
            boxes = tracked[index - due.start] if examined else None
            search = wanted[index - due.start]
            self._rendering.append(self._pool.submit(self._render, frame, boxes, search))
        self._due = due.stop
        oldest = self._looked_at_before(self._due - self._horizon)
        while self._examined and self._examined[0].index < oldest:
            self._examined.popleft()

    def _scenes(self) -> NDArray[np.intp]:
        if not self._source.info.continuous:
            return np.arange(len(self._examined))
        return scene_numbers([one.impression for one in self._examined])

    def _render(self, frame: Frame, tracked: list[TrackedBox] | None, search: Search | None) -> RedactedFrame:
        instructions, instruments = self._instructions, self._instruments
        boxes: tuple[RedactedBox, ...] | None = None
        identified: tuple[Identified, ...] = ()
        if tracked is not None:
            rule = instruments.identification.rule if instruments.identification else None
            wanted, identified = told_apart(frame, tracked, rule)
            boxes = boxes_to_redact(frame, wanted, instructions.regions, instructions.keep_text)
        rendered = render(
            frame,
            boxes,
            instructions.appearance,
            instruments.redactor,
            instruments.encoder,
            instruments.meter,
            self._kept(frame.index, search),
        )
        rendered = rendered if rendered.blanked else replace(rendered, identified=identified)
        return self._prover.picture(rendered) if self._prover else rendered

    def _kept(self, index: int, search: Search | None) -> Kept:
        lens = self._instruments.lens
        if self._verify is Verify.NONE or lens is None:
            return NOTHING_KEPT
        in_turn = index % THUMBNAIL_EVERY == 0 or not self._source.info.continuous
        return Kept(search, lens.thumbnailer if in_turn else None)


def _tracked_kinds(instructions: Instructions, instruments: Instruments) -> dict[Kind, TrackingSettings]:
    settings = {Kind.FACE: instructions.tracking}
    if instructions.areas:
        settings |= dict.fromkeys(instruments.areas, instructions.areas.tracking)
    return settings
