"""Residual check of redacted frames: search the encoded output for faces, redact again, or blank.

The bytes to deliver are decoded again. Residual faces in them are filled with black, whatever the redaction
style, with a wider margin; then the frame is encoded and searched again. This is repeated a limited number of
times: part of a face may still show beside the black, and encoding a frame again can push further detections
over the threshold. A frame that still shows a face then, or that cannot be searched, is blanked. So the
result of a check always describes the bytes that are delivered.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from framecloak.domain.anonymization.detection.display_shape import ReshapedFrame
from framecloak.domain.anonymization.model.frames import RedactedBox, RedactedFrame
from framecloak.domain.anonymization.model.options import Appearance, RedactionShape, RedactionStyle
from framecloak.domain.anonymization.model.residuals import (
    PendingCheck,
    SearchScope,
)
from framecloak.domain.anonymization.residuals.check_results import boxes_to_fill, is_revealing, with_check
from framecloak.domain.anonymization.residuals.detector import (
    NeighbourReport,
    ResidualDetector,
    ResidualReport,
)
from framecloak.domain.anonymization.residuals.redaction_mask import RedactionMask
from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.imaging.box_geometry import Boxes
from framecloak.domain.imaging.pixel_aspect import SQUARE, display_size
from framecloak.domain.ports.frames import Frame
from framecloak.domain.ports.metrics import NULL_METER, Meter, Stage, timed
from framecloak.domain.ports.pixels import EncodedFrameReader, FrameEncoder, Redactor
from framecloak.domain.ports.video import FrameGroup, VideoEncoder, VideoFormat


@dataclass(frozen=True, slots=True)
class ResidualGuard:
    """Residual check of redacted frames. Thread-safe.

    Attributes:
        detector: detector of residual faces.
        reader: decoder of encoded images.
        redactor: redactor of residual boxes.
        encoder: encoder of frames that were redacted again; the same as for the first encoding.
        appearance: format, quality and redaction style of the output.
        threads: number of video frames searched in parallel.
        meter: meter of the time spent on the search.
        checked_again: True if checked images are checked once more, in the group of video frames that they
            are encoded in; they keep what that check needs.
        pixel_aspect: width to height of one pixel of the frames as displayed.
    """

    detector: ResidualDetector
    reader: EncodedFrameReader
    redactor: Redactor
    encoder: FrameEncoder
    appearance: Appearance
    threads: int
    meter: Meter = NULL_METER
    checked_again: bool = False
    pixel_aspect: Fraction = SQUARE

    def check_image(self, frame: RedactedFrame) -> RedactedFrame:
        """Check a frame that is encoded as a still image.

        Args:
            frame: redacted and encoded frame.

        Returns:
            The frame to deliver: unchanged, redacted again, or black.
        """
        pending = frame.pending
        if pending is None:
            return frame
        return self._settled(frame, pending, [self._inspect_image(frame)])

    def search_neighbour(self, frame: RedactedFrame) -> NeighbourReport | None:
        """Search a frame that is a neighbour of one with a residual; return None if it cannot be searched.

        Args:
            frame: redacted and encoded frame.
        """
        try:
            decoded = self.reader.read(frame.data, frame.index)
            with timed(self.meter, Stage.DETECT):
                mask = self._redaction_mask(frame, (decoded.width, decoded.height))
                shape = display_size((decoded.width, decoded.height), self.pixel_aspect)
                return self.detector.detect_beside_residual(ReshapedFrame(decoded, shape), mask)
        except FrameAnalysisError:
            return None

    def cover_neighbour(
        self, frame: RedactedFrame, boxes: Boxes | None, size: tuple[int, int]
    ) -> RedactedFrame:
        """Fill boxes of a frame that is a neighbour of one with a residual, and check the whole of it.

        Args:
            frame: redacted and encoded frame; not black.
            boxes: (n, 4) boxes of faces to cover; None if the frame could not be searched.
            size: width and height of the frame in pixels.

        Returns:
            The frame to deliver: unchanged, redacted again, or black.
        """
        shape = display_size(size, self.pixel_aspect)
        crops = frame.pending.face_crops if frame.pending else ()
        pending = PendingCheck(SearchScope(), size, shape, crops)
        first = None if boxes is None else ResidualReport(boxes, None)
        return self._settled(replace(frame, pending=pending), pending, [first])

    def _settled(
        self, frame: RedactedFrame, pending: PendingCheck, reports: list[ResidualReport | None]
    ) -> RedactedFrame:
        """Fill and search a frame until it is clean or must be blanked, given the report of its search."""
        while wider := boxes_to_fill(pending, reports):
            shipped = self.reader.read(frame.data, frame.index)
            frame = replace(frame, data=self._encoded_with_fill(shipped, wider), boxes=frame.boxes + wider)
            reports.append(self._inspect_image(frame))
        settled = with_check(frame, pending, reports)
        if settled.blanked:
            return replace(settled, data=self._black(pending.size))
        return replace(settled, pending=pending) if self.checked_again else settled

    def check_group(
        self,
        frames: Sequence[RedactedFrame],
        group: FrameGroup,
        video_format: VideoFormat,
        video_encoder: VideoEncoder,
    ) -> tuple[tuple[RedactedFrame, ...], FrameGroup]:
        """Check an encoded group of video frames.

        Residuals are redacted in the decoded output and the group is encoded again, so no unredacted frame
        needs to be kept. After each change, all frames due for a check are searched again in the new bytes,
        since these are delivered; only black frames are skipped.

        Args:
            frames: frames of the group.
            group: encoded group.
            video_format: video format.
            video_encoder: video encoder, which also decodes groups.

        Returns:
            The frames and the encoded group to deliver.
        """
        due = {position: frame.pending for position, frame in enumerate(frames) if frame.pending}
        reports: dict[int, list[ResidualReport | None]] = {position: [] for position in due}
        current = list(frames)
        blank: set[int] = set()
        try:
            while searched := due.keys() - blank:
                # Encoding a group again changes every frame in it, so earlier reports are obsolete.
                for position, report in self._inspect_group(
                    group, video_format, video_encoder, current, searched
                ).items():
                    reports[position].append(report)
                wider = {position: boxes_to_fill(due[position], reports[position]) for position in searched}
                wider = {position: boxes for position, boxes in wider.items() if boxes}
                revealing = {position for position in searched if is_revealing(reports[position][-1])}
                if not revealing:
                    break
                blank |= revealing - wider.keys()
                for position, boxes in wider.items():
                    current[position] = replace(current[position], boxes=current[position].boxes + boxes)
                group = self._encoded_group_with_fill(group, video_format, video_encoder, wider, blank)
        except FrameAnalysisError:
            # The group cannot be decoded, so its content is unknown.
            group = self._black_group(len(frames), video_format, video_encoder)
            return tuple(with_check(frame, frame.pending, [None]) for frame in frames), group
        for position, pending in due.items():
            current[position] = with_check(current[position], pending, reports[position])
        return tuple(current), group

    def _inspect_image(self, frame: RedactedFrame) -> ResidualReport | None:
        """Search an encoded image; return None if it cannot be searched."""
        try:
            return self._inspect(self.reader.read(frame.data, frame.index), frame)
        except FrameAnalysisError:
            return None

    def _inspect_group(
        self,
        group: FrameGroup,
        video_format: VideoFormat,
        video_encoder: VideoEncoder,
        frames: Sequence[RedactedFrame],
        positions: Collection[int],
    ) -> dict[int, ResidualReport | None]:
        """Search some frames of a group; the report of a frame that cannot be searched is None.

        Raises:
            FrameAnalysisError: the group cannot be decoded.
        """

        def inspect(index: int, shipped: Frame) -> ResidualReport | None:
            try:
                return self._inspect(shipped, frames[index])
            except FrameAnalysisError:
                return None

        reports: dict[int, ResidualReport | None] = {}
        with ThreadPoolExecutor(self.threads, thread_name_prefix="proof") as pool:
            for batch in _frame_batches(
                video_encoder.decode_group(video_format, group, frames[0].index), positions, 2 * self.threads
            ):
                reports |= dict(zip(batch, pool.map(inspect, *zip(*batch.items(), strict=True)), strict=True))
        return reports

    def _inspect(self, decoded: Frame, frame: RedactedFrame) -> ResidualReport | None:
        if frame.pending is None:
            return None
        with timed(self.meter, Stage.DETECT):
            return self.detector.detect(
                decoded, frame.pending, self._redaction_mask(frame, frame.pending.size)
            )

    def _redaction_mask(self, frame: RedactedFrame, size: tuple[int, int]) -> RedactionMask:
        kept_faces = [face.xyxy for face in frame.identified if not face.redacted]
        kept_faces += frame.released
        return RedactionMask.of_frame(size, frame.boxes, self.appearance, kept_faces)

    def _encoded_with_fill(self, decoded: Frame, boxes: Sequence[RedactedBox]) -> bytes:
        """Return a frame encoded again with some boxes filled with black."""
        image = decoded.bgr()
        if boxes:
            corners = np.array([box.xyxy for box in boxes], np.float32)
            self.redactor.redact(image, corners, RedactionStyle.SOLID, RedactionShape.BOX)
        return self.encoder.encode(image, self.appearance)

    def _encoded_group_with_fill(
        self,
        group: FrameGroup,
        video_format: VideoFormat,
        video_encoder: VideoEncoder,
        boxes_by_position: Mapping[int, Sequence[RedactedBox]],
        blank: Collection[int],
    ) -> FrameGroup:
        encoder = video_encoder.group_encoder(video_format)
        for position, frame in enumerate(video_encoder.decode_group(video_format, group, 0)):
            size = frame.width, frame.height
            encoder.add(
                self._black(size)
                if position in blank
                else self._encoded_with_fill(frame, boxes_by_position.get(position, ()))
            )
        return encoder.finish()

    def _black_group(self, count: int, video_format: VideoFormat, video_encoder: VideoEncoder) -> FrameGroup:
        encoder = video_encoder.group_encoder(video_format)
        for _ in range(count):
            encoder.add(self._black((video_format.width, video_format.height)))
        return encoder.finish()

    def _black(self, size: tuple[int, int]) -> bytes:
        width, height = size
        return self.encoder.encode(np.zeros((height, width, 3), np.uint8), self.appearance)


def _frame_batches(
    frames: Iterator[Frame], positions: Collection[int], batch_size: int
) -> Iterator[dict[int, Frame]]:
    """Yield the frames at some positions in batches; frames after the last position are not decoded."""
    batch: dict[int, Frame] = {}
    remaining = len(positions)
    for position, frame in enumerate(frames):
        if position in positions:
            batch[position] = frame
            remaining -= 1
        if batch and (len(batch) == batch_size or not remaining):
            yield batch
            batch = {}
        if not remaining:
            return
