"""Reading of detected lines: cropped upright, read in each direction that they may have, and decided on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.model.analysis import DetectionKey, FrameAnalysis, ReadLine
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.anonymization.model.margins import PLATE_MARGIN, TEXT_MARGIN
from framecloak.domain.anonymization.model.text_policy import (
    IDENTIFYING_RULES,
    UNREAD_LINE,
    LineDecision,
    TextMode,
    TextRule,
)
from framecloak.domain.anonymization.text_policy.policy import TextPolicy, is_sure
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.box_geometry import Boxes
from framecloak.domain.imaging.detections import Image, TargetKind
from framecloak.domain.imaging.readings import Reading
from framecloak.domain.ports.frames import Frame
from framecloak.domain.ports.models import TextReader

MAX_LINES = 300
"""Largest number of lines that are read in one frame, the largest first; all others are covered."""
MIN_HEIGHT_PX = 8
"""Smallest height of a line that is read."""
CLEARANCE = 0.2
"""Share of a line's height by which a detector encloses it too widely, before it counts as cut by an edge."""
MAX_UPRIGHT_RATIO = 1.2
"""Ratio of the sides of a box above which its text runs along the longer one."""
END_SHARE = 0.6
"""Length that is read beyond both ends of a line, in its heights."""
MAX_GAP = 0.3
"""Gap to the next box on the line, in heights, below which both may be parts of one text."""
MAX_BARE_GAP = 2.0
"""The same for numbers without units."""
MAX_BLOCK_CHANGE = 14.0
"""Largest change of the mean of a block of pixels, in grey levels, of a line that has not changed."""
MIN_SHARE_INSIDE = 0.9
"""Share of a box inside another line from which on it shows a part of that line."""
MIN_PART_THICKNESS = 0.5
"""Smallest thickness of such a part, in that of the line: thinner ones are other lines beside it."""
_BLOCK_PX = 8
_NO_LEVELS = np.empty((0, 0), np.uint8)


@dataclass(frozen=True, slots=True)
class LineReader:
    """Reader of the lines of a frame.

    Attributes:
        reader: reading model.
        policy: policy that decides on each line.
    """

    reader: TextReader
    policy: TextPolicy

    def with_lines(self, analysis: FrameAnalysis, frame: Frame) -> FrameAnalysis:
        """Return the analysis of a frame with decisions on its detected text.

        Raises:
            FrameAnalysisError: the frame was not decoded, or the reading model failed.
        """
        detections = analysis.detections(TargetKind.TEXT)
        boxes = detections.boxes
        if not len(boxes):
            return analysis
        image, zoom = _pixels(frame)
        decisions = self._decide(image, _without_margin(detections) * zoom)
        lines = [
            ReadLine(decision, _levels(image, box * zoom) if self.policy.keeps(decision.rule) else _NO_LEVELS)
            for decision, box in zip(decisions, boxes, strict=True)
        ]
        return replace(analysis, lines=lines)

    def with_seen_lines(
        self, analysis: FrameAnalysis, frame: Frame, before: FrameAnalysis, after: FrameAnalysis
    ) -> FrameAnalysis:
        """Return the analysis of a frame between two passes with decisions on their harmless text.

        A line whose pixels are those of a pass is decided as there; one that has changed is read. A line that
        is not located in the frame has no decision, and is covered.

        Raises:
            FrameAnalysisError: the frame was not decoded, or the reading model failed.
        """
        kept = {
            key: (line, box, margin)
            for key, line, box, margin in _located(analysis, (before, after))
            if self.policy.keeps(line.decision.rule)
        }
        if not kept:
            return analysis
        image, zoom = _pixels(frame)
        seen: dict[DetectionKey, LineDecision] = {}
        changed: list[tuple[DetectionKey, Boxes]] = []
        for key, (line, box, margin) in kept.items():
            if is_unchanged(line.levels, _levels(image, box * zoom)):
                seen[key] = line.decision
            else:
                changed.append((key, box_geometry.pad(box[None], -margin)[0] * zoom))
        if changed:
            decisions = self._decide(image, np.array([box for _, box in changed]))
            for (key, _), decision in zip(changed, decisions, strict=True):
                # A bare number has no neighbours to be compared with here.
                seen[key] = LineDecision(TextRule.CHANGING) if decision.bare else decision
        return replace(analysis, seen_lines=seen)

    def _decide(self, image: Image, boxes: Boxes) -> list[LineDecision]:
        """Return the decisions on boxes (n, 4) without margin, in pixels of an image."""
        decisions = [UNREAD_LINE] * len(boxes)
        height, width = image.shape[:2]
        largest = np.argsort(-box_geometry.area(boxes), kind="stable")[:MAX_LINES].tolist()
        shorter = box_geometry.sides(boxes).min(axis=1)
        readable = [row for row in largest if shorter[row] >= MIN_HEIGHT_PX]
        readings = self._readings([_crop(image, boxes[row]) for row in readable])
        for row, of_line in zip(readable, readings, strict=True):
            decisions[row] = self.policy.decide(of_line, self.reader.alphabet)
        bare = [row for row in readable if decisions[row].bare]
        for row in self._cut_short(image, boxes, bare, dict(zip(readable, readings, strict=True))):
            decisions[row] = LineDecision(TextRule.PARTLY_VISIBLE)
        for row in readable:
            x1, y1, x2, y2 = box_geometry.pad(boxes[row : row + 1], -CLEARANCE * shorter[row])[0]
            is_cut = x1 < 0 or y1 < 0 or x2 > width or y2 > height
            if (
                is_cut
                and self.policy.options.mode is not TextMode.LISTED
                and self.policy.keeps(decisions[row].rule)
            ):
                decisions[row] = LineDecision(TextRule.PARTLY_VISIBLE)
        return self._with_neighbours(decisions, boxes, readable)

    def _cut_short(
        self, image: Image, boxes: Boxes, rows: Sequence[int], readings: dict[int, list[Reading]]
    ) -> list[int]:
        """Return which numbers go on beyond their boxes, where they are read as more, and no longer harmless.

        A detector may find half of a date, which reads like a number without a unit.
        """
        longer = self._readings([_crop(image, _with_ends(boxes[row])) for row in rows])
        return [
            row
            for row, of_line in zip(rows, longer, strict=True)
            if _most_characters(of_line) > _most_characters(readings[row])
            and not self.policy.keeps(self.policy.decide(of_line, self.reader.alphabet).rule)
        ]

    def _with_neighbours(
        self, decisions: list[LineDecision], boxes: Boxes, read: Sequence[int]
    ) -> list[LineDecision]:
        """Return the decisions after comparing each line with the text beside it, given the rows read."""
        if self.policy.options.mode is TextMode.LISTED:
            return decisions
        parts = self._parts(decisions, boxes, read)
        decisions = [decisions[parts.get(row, row)] for row in range(len(decisions))]
        result = list(decisions)
        kept = [row for row, decision in enumerate(decisions) if self.policy.keeps(decision.rule)]
        for row, gaps in zip(kept, _gaps_along_line(boxes, kept), strict=True):
            decision = decisions[row]
            beside = np.flatnonzero(gaps <= (MAX_BARE_GAP if decision.bare else MAX_GAP)).tolist()
            others = [decisions[other] for other in beside]
            if decision.bare and any(other.bare or not self.policy.keeps(other.rule) for other in others):
                result[row] = LineDecision(TextRule.UNPROVEN)
            elif any(not self.policy.keeps(other.rule) for other in others):
                result[row] = LineDecision(TextRule.PARTLY_VISIBLE)
        for part, whole in parts.items():
            if not self.policy.keeps(result[whole].rule):
                result[part] = result[whole]
        return result

    def _parts(self, decisions: Sequence[LineDecision], boxes: Boxes, read: Sequence[int]) -> dict[int, int]:
        """Return the rows read that show a part of a harmless line of another scale, with its row.

        A part of a word proves nothing by itself. What identifies a person remains so within any line.
        """
        lines = [row for row, each in enumerate(decisions) if self.policy.keeps(each.rule) and not each.bare]
        rows = [
            row
            for row in read
            if not self.policy.keeps(decisions[row].rule) and decisions[row].rule not in IDENTIFYING_RULES
        ]
        if not lines or not rows:
            return {}
        # Scales place the upper and lower edges of a line differently, by less than another line is high.
        sides = box_geometry.sides(boxes[lines])
        across = CLEARANCE * sides * (sides <= sides.min(axis=1, keepdims=True))
        enclosing = boxes[lines] + np.concatenate([-across, across], axis=1)
        inside = box_geometry.share_inside(boxes[rows], enclosing)
        thickness, of_lines = box_geometry.sides(boxes[rows]).min(axis=1), sides.min(axis=1)
        inside[thickness[:, None] < MIN_PART_THICKNESS * of_lines] = 0
        return {
            row: lines[int(shares.argmax())]
            for row, shares in zip(rows, inside, strict=True)
            if shares.max() >= MIN_SHARE_INSIDE
        }

    def _readings(self, crops: Sequence[Image]) -> list[list[Reading]]:
        """Read crops in the directions that their shapes allow, until each is read surely."""
        readings: list[list[Reading]] = [[] for _ in crops]
        every = self.policy.options.mode is TextMode.LISTED
        directions = [_directions(crop) for crop in crops]
        for attempt in range(4):
            rows = [
                row
                for row, turns in enumerate(directions)
                if attempt < len(turns) and (every or not any(map(is_sure, readings[row])))
            ]
            turned = [np.ascontiguousarray(np.rot90(crops[row], directions[row][attempt])) for row in rows]
            for row, reading in zip(rows, self.reader.read(turned), strict=True):
                readings[row].append(reading)
        return readings


def is_unchanged(before: NDArray[np.uint8], now: NDArray[np.uint8]) -> bool:
    """Return whether the grey levels (h, w) of a line are the same but for noise, in each block of pixels."""
    if before.shape != now.shape or not before.size:
        return False
    difference = np.abs(before.astype(np.int16) - now)
    rows, columns = (range(0, size, _BLOCK_PX) for size in difference.shape)
    sums = np.add.reduceat(np.add.reduceat(difference, rows, axis=0, dtype=np.int64), columns, axis=1)
    heights, widths = (
        np.diff([*steps, size]) for steps, size in zip((rows, columns), difference.shape, strict=True)
    )
    return bool((sums <= MAX_BLOCK_CHANGE * np.outer(heights, widths)).all())


def _located(
    analysis: FrameAnalysis, passes: Sequence[FrameAnalysis]
) -> list[tuple[DetectionKey, ReadLine, Boxes, float]]:
    """Return the lines of the passes that were located in a frame, with their boxes and margins there."""
    propagated = analysis.propagated.get(TargetKind.TEXT)
    if propagated is None:
        return []
    lines = {
        (each.index, row): (line, float(margin))
        for each in passes
        for row, (line, margin) in enumerate(
            zip(each.lines, _margins(each.detections(TargetKind.TEXT)), strict=False)
        )
    }
    keys = zip(propagated.frames.tolist(), propagated.rows.tolist(), strict=True)
    return [
        (key, lines[key][0], box, lines[key][1])
        for key, box in zip(keys, propagated.boxes, strict=True)
        if key in lines and not np.isnan(box).any()
    ]


def _pixels(frame: Frame) -> tuple[Image, NDArray[np.float64]]:
    """Return a frame in square pixels, and the factors (4,) from its own pixels to those."""
    width, height = frame.display_size
    return frame.rgb(width, height), np.tile([width / frame.width, height / frame.height], 2)


def _margins(detections: FrameDetections) -> NDArray[np.float64]:
    """Return the margins (n,) in pixels that detection has added to each side of text."""
    like_plates = detections.plate_shaped if detections.plate_shaped is not None else False
    shares = np.where(like_plates, PLATE_MARGIN, TEXT_MARGIN)
    margins: NDArray[np.float64] = (
        shares * box_geometry.sides(detections.boxes).min(axis=1) / (1 + 2 * shares)
    )
    return margins


def _without_margin(detections: FrameDetections) -> Boxes:
    """Return the boxes of text as the detector gave them: a reader needs lines that fill the image."""
    return box_geometry.pad(detections.boxes, -_margins(detections))


def _with_ends(box: Boxes) -> Boxes:
    """Return a box (4,) that is longer at both ends."""
    width, height = box[2] - box[0], box[3] - box[1]
    if width >= MAX_UPRIGHT_RATIO * height:
        return np.asarray(box + np.array([-1, 0, 1, 0]) * END_SHARE * height)
    if height >= MAX_UPRIGHT_RATIO * width:
        return np.asarray(box + np.array([0, -1, 0, 1]) * END_SHARE * width)
    return box


def _most_characters(readings: Sequence[Reading]) -> int:
    """Return the length of the surest reading without spaces, 0 without a sure one."""
    sure = [reading for reading in readings if is_sure(reading)]
    best = max(sure, key=lambda reading: reading.mean_score, default=None)
    return len(best.text.replace(" ", "")) if best else 0


def _crop(image: Image, box: Boxes) -> Image:
    height, width = image.shape[:2]
    x1, y1, x2, y2 = np.rint(box).astype(int).tolist()
    x1, y1 = min(max(x1, 0), width - 1), min(max(y1, 0), height - 1)
    return image[y1 : max(y1 + 1, y2), x1 : max(x1 + 1, x2)]


def _levels(image: Image, box: Boxes) -> NDArray[np.uint8]:
    """Return the grey levels of a box, as the mean of its colours."""
    levels: NDArray[np.uint8] = _crop(image, box).mean(axis=2).astype(np.uint8)
    return levels


def _directions(crop: Image) -> tuple[int, ...]:
    """Return the quarter turns counter-clockwise that may make a crop upright, the likeliest first."""
    height, width = crop.shape[:2]
    if width >= MAX_UPRIGHT_RATIO * height:
        return (0, 2)
    return (1, 3) if height >= MAX_UPRIGHT_RATIO * width else (0, 1, 3, 2)


def _gaps_along_line(boxes: Boxes, rows: Sequence[int]) -> NDArray[np.float64]:
    """Return the gaps (k, n) from k boxes to all on their line, in their heights; infinite for others."""
    first = boxes[np.array(rows, np.intp)][:, None]
    heights, others = first[..., 3] - first[..., 1], boxes[:, 3] - boxes[:, 1]
    overlap = np.minimum(first[..., 3], boxes[:, 3]) - np.maximum(first[..., 1], boxes[:, 1])
    gap = np.maximum(first[..., 0], boxes[:, 0]) - np.minimum(first[..., 2], boxes[:, 2])
    gaps = np.where(overlap > 0.5 * np.minimum(heights, others), np.maximum(gap, 0) / heights, np.inf)
    gaps[np.arange(len(rows)), rows] = np.inf
    return np.asarray(gaps)
