"""Search of redacted frames for names that can still be read: cover them, or blank the frame.

Text may stay readable although it names a person: where a caller keeps a region, where a mask ends too early,
or where the detector missed it before the redaction. The encoded frame is therefore read again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Self

import numpy as np

from framecloak.domain.anonymization.detection.display_shape import ReshapedFrame
from framecloak.domain.anonymization.detection.text_and_plates import (
    IMAGE_TEXT_AND_PLATES,
    detect_text_and_plates,
)
from framecloak.domain.anonymization.model.analysis import FrameAnalysis
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.anonymization.model.frames import BlankReason, RedactedBox, RedactedFrame
from framecloak.domain.anonymization.model.options import Appearance, RedactionShape, RedactionStyle
from framecloak.domain.anonymization.model.text_policy import TextMode, TextPolicyOptions, TextRule
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.anonymization.text_policy.line_reading import LineReader
from framecloak.domain.anonymization.text_policy.names import NameIndex
from framecloak.domain.anonymization.text_policy.policy import TextPolicy
from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.imaging.box_geometry import Boxes
from framecloak.domain.imaging.detections import TargetKind
from framecloak.domain.imaging.pixel_aspect import SQUARE, display_size
from framecloak.domain.ports.frames import Frame
from framecloak.domain.ports.metrics import NULL_METER, Meter, Stage, timed
from framecloak.domain.ports.models import BoxDetector, TextReader
from framecloak.domain.ports.pixels import EncodedFrameReader, FrameEncoder, Redactor

MAX_ROUNDS = 2
"""Maximum number of times that readable names are covered before a frame is blanked."""


@dataclass(frozen=True, slots=True)
class NameSearch:
    """Search for names in the text of a frame, in each direction.

    Attributes:
        detector: text detector.
        lines: reader of the detected lines.
    """

    detector: BoxDetector
    lines: LineReader

    @classmethod
    def of(cls, names: NameIndex, detector: BoxDetector, reader: TextReader) -> Self:
        """Return the search for the names of a list."""
        # Mode ``listed`` reads each line in every direction, and decides by nothing but the list.
        return cls(detector, LineReader(reader, TextPolicy(TextPolicyOptions(TextMode.LISTED), names)))

    def boxes(self, frame: Frame) -> Boxes:
        """Return the boxes (n, 4), in pixels of the frame, of the lines in which a name can be read.

        Raises:
            FrameAnalysisError: the frame cannot be decoded, or a model failed.
        """
        found = detect_text_and_plates(frame, {TargetKind.TEXT: self.detector}, IMAGE_TEXT_AND_PLATES)
        empty = FrameAnalysis(frame.index, FrameDetections.empty(), None, text_and_plates=found)
        analysis = self.lines.with_lines(empty, frame)
        rows = [row for row, line in enumerate(analysis.lines) if line.decision.rule is TextRule.NAME]
        return analysis.detections(TargetKind.TEXT).boxes[rows]


@dataclass(frozen=True, slots=True)
class NameGuard:
    """Check of redacted frames for names that can still be read. Thread-safe.

    Attributes:
        search: search for the names of the request.
        reader: decoder of encoded images.
        redactor: redactor of the lines that are covered.
        encoder: encoder of frames that were redacted again; the same as for the first encoding.
        appearance: format, quality and redaction style of the output.
        size: width and height of the frames in pixels.
        pixel_aspect: width to height of one pixel of the frames as displayed.
        meter: meter of the time spent on the search.
    """

    search: NameSearch
    reader: EncodedFrameReader
    redactor: Redactor
    encoder: FrameEncoder
    appearance: Appearance
    size: tuple[int, int]
    pixel_aspect: Fraction = SQUARE
    meter: Meter = NULL_METER

    def check(self, frame: RedactedFrame) -> RedactedFrame:
        """Return the frame to deliver: unchanged, with the lines covered that name a person, or black.

        Args:
            frame: redacted and encoded frame.
        """
        if frame.blanked:
            return frame
        try:
            for _ in range(MAX_ROUNDS):
                shipped = self.reader.read(frame.data, frame.index)
                boxes = self._readable(shipped)
                if not len(boxes):
                    return frame
                frame = self._covered(frame, shipped, boxes)
            if not len(self._readable(self.reader.read(frame.data, frame.index))):
                return frame
            reason = BlankReason.NAME_READABLE
        except FrameAnalysisError:
            reason = BlankReason.NOT_SEARCHED
        width, height = self.size
        black = self.encoder.encode(np.zeros((height, width, 3), np.uint8), self.appearance)
        return RedactedFrame(frame.index, black, (), blanked=True, blank_reason=reason)

    def _readable(self, shipped: Frame) -> Boxes:
        shape = display_size((shipped.width, shipped.height), self.pixel_aspect)
        with timed(self.meter, Stage.DETECT):
            return self.search.boxes(ReshapedFrame(shipped, shape))

    def _covered(self, frame: RedactedFrame, shipped: Frame, boxes: Boxes) -> RedactedFrame:
        image = shipped.bgr()
        self.redactor.redact(image, boxes.astype(np.float32), RedactionStyle.SOLID, RedactionShape.BOX)
        width, height = self.size
        corners = np.concatenate([np.floor(boxes[:, :2]), np.ceil(boxes[:, 2:])], axis=1).astype(int)
        added = tuple(
            RedactedBox(
                (max(0, x1), max(0, y1), min(width, x2), min(height, y2)),
                None,
                None,
                Origin.RESIDUAL,
                TargetKind.TEXT,
            )
            for x1, y1, x2, y2 in corners.tolist()
        )
        return replace(frame, data=self.encoder.encode(image, self.appearance), boxes=frame.boxes + added)
