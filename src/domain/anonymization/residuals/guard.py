"""Residual check of redacted frames: search the encoded output for faces, redact again, or blank.

The bytes to deliver are decoded again. Residual faces in them are filled with black, whatever the redaction
style, with a wider margin; then the frame is encoded and searched again. If a face still shows where black
was filled in, the frame is blanked. Residuals elsewhere are filled in turn, a limited number of times:
encoding a frame again can push further detections over the threshold. A frame that cannot be searched is
blanked too. So the result of a check always describes the bytes that are delivered.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from framecloak.domain.anonymization.model.frames import RedactedBox, RedactedFrame
from framecloak.domain.anonymization.model.margins import RESIDUAL_MARGIN
from framecloak.domain.anonymization.model.options import Appearance, RedactionShape, RedactionStyle
from framecloak.domain.anonymization.model.residuals import FrameCheck, PendingCheck
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.anonymization.residuals.detector import RedactionMask, ResidualDetector, ResidualReport
from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.box_geometry import Boxes, Corners
from framecloak.domain.imaging.detections import TargetKind
from framecloak.domain.ports.frames import Frame
from framecloak.domain.ports.metrics import NULL_METER, Meter, Stage, timed
from framecloak.domain.ports.pixels import EncodedFrameReader, FrameEncoder, Redactor
from framecloak.domain.ports.video import FrameGroup, VideoEncoder, VideoFormat

MAX_ROUNDS = 3
"""Maximum number of times a frame is redacted again before it is blanked."""


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
    """

    detector: ResidualDetector
    reader: EncodedFrameReader
    redactor: Redactor
    encoder: FrameEncoder
    appearance: Appearance
    threads: int
    meter: Meter = NULL_METER

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
        reports = [self._inspect_image(frame)]
        while wider := _boxes_to_fill(frame, pending, reports):
            shipped = self.reader.read(frame.data, frame.index)
            frame = replace(frame, data=self._encoded_with_fill(shipped, wider), boxes=frame.boxes + wider)
            reports.append(self._inspect_image(frame))
        settled = _with_check(frame, pending, reports)
        return replace(settled, data=self._black(pending.size)) if settled.blanked else settled

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
                wider = {
                    position: _boxes_to_fill(current[position], due[position], reports[position])
                    for position in searched
                }
                wider = {position: boxes for position, boxes in wider.items() if boxes}
                revealing = {position for position in searched if _is_revealing(reports[position][-1])}
                if not revealing:
                    break
                blank |= revealing - wider.keys()
                for position, boxes in wider.items():
                    current[position] = replace(current[position], boxes=current[position].boxes + boxes)
                group = self._encoded_group_with_fill(group, video_format, video_encoder, wider, blank)
        except FrameAnalysisError:
            # The group cannot be decoded, so its content is unknown.
            group = self._black_group(len(frames), video_format, video_encoder)
            return tuple(_with_check(frame, frame.pending, [None]) for frame in frames), group
        for position, pending in due.items():
            current[position] = _with_check(current[position], pending, reports[position])
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
            return self.detector.detect(decoded, frame.pending, self._redaction_mask(frame, frame.pending))

    def _redaction_mask(self, frame: RedactedFrame, pending: PendingCheck) -> RedactionMask:
        boxes = [box.xyxy for box in frame.boxes]
        refilled = [box.xyxy for box in frame.boxes if box.origin is Origin.RESIDUAL]
        all_black = self.appearance.style is RedactionStyle.SOLID
        kept_faces = [face.xyxy for face in frame.identified if not face.redacted]
        return RedactionMask(pending.size, boxes, boxes if all_black else refilled, kept_faces)

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


def _boxes_to_fill(
    frame: RedactedFrame, pending: PendingCheck, reports: Sequence[ResidualReport | None]
) -> tuple[RedactedBox, ...]:
    """Return the boxes to fill before the next search; none if the frame is clean or must be blanked.

    Args:
        frame: frame as it would be delivered.
        pending: removed faces, and the scope of the search.
        reports: reports of all searches so far; None for a search that failed.
    """
    last = reports[-1]
    if last is None or len(reports) > MAX_ROUNDS:
        return ()
    filled = [box.xyxy for box in frame.boxes if box.origin is Origin.RESIDUAL]
    if RedactionMask(pending.size, filled, filled).mostly_redacted(last.boxes).any():
        return ()
    return _fill_boxes(last.boxes, pending.size)


def _is_revealing(report: ResidualReport | None) -> bool:
    """Return whether the searched version of a frame must not be delivered."""
    return report is None or len(report.boxes) > 0


def _with_check(
    frame: RedactedFrame, pending: PendingCheck | None, reports: Sequence[ResidualReport | None]
) -> RedactedFrame:
    """Return a frame with the result of its check; the caller replaces the image of a blanked one.

    Args:
        frame: frame as it would be delivered.
        pending: removed faces, and the scope of the search; None if the frame is only blanked together with
            its group.
        reports: reports of all searches; the last one is of the frame as it would be delivered. None for a
            search that failed.
    """
    counts = [0 if report is None else len(report.boxes) for report in reports]
    last = reports[-1]
    check = FrameCheck(
        whole=pending is None or pending.scope.whole,
        before=sum(counts[:-1]) or counts[0],
        after=counts[-1],
        similarity_before=_max_similarity(reports[:-1] or reports),
        similarity_after=last.similarity if last else None,
        failed=last is None,
    )
    if check.blanks:
        check = replace(check, similarity_after=None)
        return RedactedFrame(frame.index, frame.data, (), blanked=True, check=check)
    # Thumbnails were cut before the frame was redacted again.
    thumbnails = () if check.before else frame.thumbnails
    return replace(frame, pending=None, check=check, thumbnails=thumbnails)


def _max_similarity(reports: Sequence[ResidualReport | None]) -> float | None:
    """Return the highest similarity in some reports; None if nothing was compared."""
    return max(
        (report.similarity for report in reports if report and report.similarity is not None), default=None
    )


def _fill_boxes(residuals: Boxes, size: tuple[int, int]) -> tuple[RedactedBox, ...]:
    """Return the boxes to fill with black around some residuals."""
    width, height = size
    grown = box_geometry.clip(box_geometry.grow(residuals, RESIDUAL_MARGIN), width, height)
    corners = np.concatenate([np.floor(grown[:, :2]), np.ceil(grown[:, 2:])], axis=1).astype(int)
    boxes: list[Corners] = [(x1, y1, x2, y2) for x1, y1, x2, y2 in corners.tolist() if x1 < x2 and y1 < y2]
    return tuple(RedactedBox(box, None, None, Origin.RESIDUAL, TargetKind.FACE) for box in boxes)


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
