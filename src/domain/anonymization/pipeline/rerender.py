"""Rendering of a segment from a table of known boxes: decode -> redact -> encode -> check.

No boxes are detected. The result is searched for residual faces like any other; see `residuals/guard.py`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Self

from framecloak.domain.anonymization.identification.inherited import InheritedIdentities
from framecloak.domain.anonymization.model.box_table import BoxTable
from framecloak.domain.anonymization.model.frames import RedactedFrame
from framecloak.domain.anonymization.model.options import Verify
from framecloak.domain.anonymization.model.record.history import History
from framecloak.domain.anonymization.model.residuals import SearchScope, plan_search_scopes
from framecloak.domain.anonymization.pipeline.config import PipelineTools, RedactionSpec, residual_guard
from framecloak.domain.anonymization.pipeline.continuation import Continuation
from framecloak.domain.anonymization.pipeline.render import RenderExtras, clip_to_frame, render
from framecloak.domain.anonymization.residuals.neighbourhood import REACH, Neighbourhood
from framecloak.domain.imaging.box_geometry import Corners
from framecloak.domain.model.segments import Segment
from framecloak.domain.ports.frames import Frame, FrameSource


@dataclass(frozen=True, slots=True)
class CheckExceptions:
    """Boxes that the residual check leaves alone, and boxes that it searches in any case.

    Attributes:
        released: boxes by frame in which a reviewer decided that nothing is to be redacted.
        edited: frames edited by hand; they are searched whole, also where only samples are.
        kept: frames with faces that stay visible by identity. Their boxes are not known, so these frames
            are not searched.
    """

    released: Mapping[int, tuple[Corners, ...]] = field(default_factory=dict)
    edited: frozenset[int] = frozenset()
    kept: tuple[Segment, ...] = ()

    @classmethod
    def of(cls, history: History, identities: InheritedIdentities | None) -> Self:
        """Return the exceptions for a corrected result with these decisions on identities."""
        kept = (
            (Segment(run.start, run.stop) for run in identities.runs if not run.redacted)
            if identities
            else ()
        )
        return cls(history.released(), history.edited_frames, tuple(kept))

    def keep(self, index: int) -> bool:
        """Return whether a frame shows a face that stays visible by identity."""
        return any(segment.start_frame <= index < segment.end_frame for segment in self.kept)


NO_EXCEPTIONS = CheckExceptions()


def rerendered_frames(
    source: FrameSource,
    segment: Segment,
    table: BoxTable,
    spec: RedactionSpec,
    tools: PipelineTools,
    exceptions: CheckExceptions = NO_EXCEPTIONS,
) -> Generator[RedactedFrame, None, Continuation]:
    """Redact one segment of a video with the boxes of a table, and check it.

    Args:
        source: the video.
        segment: frames to deliver; must lie inside the video.
        table: boxes, with an entry for every frame of the segment.
        spec: appearance of the frames, and extent of the residual check; nothing else of it is used.
        tools: tools of the pipeline; the detectors are used by the residual check only.
        exceptions: what the residual check leaves alone.

    Yields:
        Every frame of the segment once, in order. Close the iterator to stop early.

    Returns:
        A continuation without track boundaries, because the table already contains the track ids.

    Raises:
        InvalidManifestError: a frame has no entry.
        TruncatedVideoError: the video ends before the segment does.
        UnreadableVideoError: the video cannot be decoded.
    """
    pending: deque[Future[RedactedFrame]] = deque()
    pool = ThreadPoolExecutor(tools.threads, thread_name_prefix="frames")
    try:
        renderer = _Renderer(source, table, spec, tools, exceptions, pool)
        rendered = renderer.range_around(segment)
        with closing(source.frames(rendered.start, rendered.stop)) as decoded:
            for frame in decoded:
                pending.append(pool.submit(renderer.render, frame))
                while len(pending) > 2 * tools.threads:
                    yield from renderer.delivered(segment, [pending.popleft().result()])
        while pending:
            yield from renderer.delivered(segment, [pending.popleft().result()])
        yield from renderer.rest(segment)
    finally:
        pool.shutdown(cancel_futures=True)
    return Continuation.empty()


class _Renderer:
    """Renderer of frames from known boxes, with their residual check."""

    def __init__(
        self,
        source: FrameSource,
        table: BoxTable,
        spec: RedactionSpec,
        tools: PipelineTools,
        exceptions: CheckExceptions,
        pool: Executor,
    ) -> None:
        info, is_video = source.info, spec.appearance.output_format.is_video
        # A sample of unrelated images says nothing about the others.
        is_sample = spec.verify is Verify.SAMPLE and not info.continuous
        self._spec = replace(spec, verify=Verify.ALL) if is_sample else spec
        self._table = table
        self._frames = frozenset(table.frames.tolist())
        self._tools = tools
        self._exceptions = exceptions
        # Frames of a video file are checked again once their group is encoded.
        self._guard = residual_guard(self._spec, tools, info, checked_again=is_video)
        self._neighbourhood: Neighbourhood | None = None
        # The search of neighbours would cover faces that stay visible by identity.
        if self._guard and info.continuous and not exceptions.kept:
            self._neighbourhood = Neighbourhood(self._guard, pool, (info.width, info.height))

    def range_around(self, segment: Segment) -> range:
        """Return the frames to render: those of a segment, and those around it that may change them."""
        start, stop = segment.start_frame, segment.end_frame
        if self._neighbourhood:
            while start > segment.start_frame - REACH and start - 1 in self._frames:
                start -= 1
            while stop < segment.end_frame + REACH and stop in self._frames:
                stop += 1
        return range(start, stop)

    def render(self, frame: Frame) -> RedactedFrame:
        """Redact, encode and check one frame."""
        boxes, tools = self._table.boxes(frame.index), self._tools
        visible = None if boxes is None else clip_to_frame(frame, boxes)
        extras = RenderExtras(self._search_scope(frame.index))
        rendered = render(
            frame, visible, self._spec.appearance, tools.redactor, tools.encoder, tools.meter, extras
        )
        if boxes is None:
            # The table does not say why its frame is black.
            return replace(rendered, blank_reason=None)
        rendered = replace(rendered, released=self._exceptions.released.get(frame.index, ()))
        return self._guard.check_image(rendered) if self._guard else rendered

    def delivered(self, segment: Segment, frames: Iterable[RedactedFrame]) -> Iterator[RedactedFrame]:
        """Yield the frames of a segment that are final, given the next rendered ones."""
        for frame in frames:
            final = self._neighbourhood.add(frame) if self._neighbourhood else [frame]
            yield from (each for each in final if _is_in(segment, each.index))

    def rest(self, segment: Segment) -> Iterator[RedactedFrame]:
        """Yield the remaining frames of a segment; none is rendered afterwards."""
        if self._neighbourhood:
            yield from (frame for frame in self._neighbourhood.rest() if _is_in(segment, frame.index))

    def _search_scope(self, index: int) -> SearchScope | None:
        """Return what the residual check searches of a frame; None for nothing."""
        if self._guard is None or self._exceptions.keep(index):
            return None
        if index in self._exceptions.edited:
            return SearchScope()
        around = range(index - 1, index + 2)
        boxes = [(self._table.boxes(each) or ()) if each in self._frames else () for each in around]
        (scope,) = plan_search_scopes(self._spec.verify, index - 1, boxes, range(index, index + 1))
        return scope


def _is_in(segment: Segment, index: int) -> bool:
    return segment.start_frame <= index < segment.end_frame
