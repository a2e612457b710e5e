"""Reading of detected lines: cropped upright, read in each direction that they may have, and decided on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from framecloak.domain.anonymization.model.analysis import DetectionKey, FrameAnalysis, ReadLine
from framecloak.domain.anonymization.model.text_policy import (
    IDENTIFYING_RULES,
    UNREAD_LINE,
    LineDecision,
    TextMode,
    TextRule,
)
from framecloak.domain.anonymization.text_policy.edit_distance import MIN_ALIKE_LENGTH
from framecloak.domain.anonymization.text_policy.line_pixels import (
    added_margins,
    crop,
    directions,
    gaps_along_line,
    grey_levels,
    is_unchanged,
    square_pixels,
    with_ends,
    without_margin,
    words_of_lines,
)
from framecloak.domain.anonymization.text_policy.policy import TextPolicy, comparable_text, is_sure
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
MAX_GAP = 0.3
"""Gap to the next box on the line, in heights, below which both may be parts of one text."""
MAX_BARE_GAP = 2.0
"""The same for numbers without units."""
MIN_SHARE_INSIDE = 0.9
"""Share of a box inside another line from which on it shows a part of that line."""
MIN_PART_THICKNESS = 0.5
"""Smallest thickness of such a part, in that of the line: thinner ones are other lines beside it."""
SAME_PLACE_IOU = 0.5
"""Overlap of two lines, of neighbouring passes or of two scales, from which on they are at one place."""
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
        image, zoom = square_pixels(frame)
        decisions, texts = self._decide(image, without_margin(detections) * zoom)
        lines = [
            ReadLine(
                decision,
                grey_levels(image, box * zoom) if self._may_stay(decision, text) else _NO_LEVELS,
                text,
            )
            for decision, text, box in zip(decisions, texts, boxes, strict=True)
        ]
        return replace(analysis, lines=lines)

    def with_seen_lines(
        self, analysis: FrameAnalysis, frame: Frame, before: FrameAnalysis, after: FrameAnalysis
    ) -> FrameAnalysis:
        """Return the analysis of a frame between two passes with decisions on their harmless text.

        A line whose pixels are those of a pass is decided as there; one that has changed is read. A line that
        is not in the frame has no decision, and is covered. Other lines are decided as in their pass as long
        as they have its pixels, because they may be harmless lines that were misread there.

        Raises:
            FrameAnalysisError: the frame was not decoded, or the reading model failed.
        """
        located = {
            key: (line, box, margin)
            for key, line, box, margin in _located(analysis, before, after)
            if line.levels.size
        }
        if not located:
            return analysis
        image, zoom = square_pixels(frame)
        seen: dict[DetectionKey, LineDecision] = {}
        changed: list[tuple[DetectionKey, Boxes]] = []
        for key, (line, box, margin) in located.items():
            if is_unchanged(line.levels, grey_levels(image, box * zoom)):
                seen[key] = line.decision
            elif self.policy.keeps(line.decision.rule):
                changed.append((key, box_geometry.pad(box[None], -margin)[0] * zoom))
        if changed:
            decisions, texts = self._decide(image, np.array([box for _, box in changed]))
            for (key, _), decision, text in zip(changed, decisions, texts, strict=True):
                line = located[key][0]
                if self.policy.mistakes(decision, text, line.decision, line.text):
                    seen[key] = line.decision
                else:
                    # A bare number has no neighbours to be compared with here.
                    seen[key] = LineDecision(TextRule.CHANGING) if decision.bare else decision
        return replace(analysis, seen_lines=seen)

    def _decide(self, image: Image, boxes: Boxes) -> tuple[list[LineDecision], list[str]]:
        """Return the decisions on boxes (n, 4) without margin, in pixels of an image, and what is read."""
        decisions = [UNREAD_LINE] * len(boxes)
        height, width = image.shape[:2]
        largest = np.argsort(-box_geometry.area(boxes), kind="stable")[:MAX_LINES].tolist()
        shorter = box_geometry.sides(boxes).min(axis=1)
        readable = [row for row in largest if shorter[row] >= MIN_HEIGHT_PX]
        readings = self._read_at(image, [boxes[row] for row in readable])
        for row, of_line in zip(readable, readings, strict=True):
            decisions[row] = self.policy.decide(of_line, self.reader.alphabet)
        bare = [row for row in readable if decisions[row].bare]
        by_row = dict(zip(readable, readings, strict=True))
        for number in self._go_on(image, [boxes[row] for row in bare], [by_row[row] for row in bare]):
            decisions[bare[number]] = LineDecision(TextRule.PARTLY_VISIBLE)
        texts = [""] * len(boxes)
        for row, of_line in zip(readable, readings, strict=True):
            texts[row] = comparable_text(of_line)
        if self.policy.options.mode is not TextMode.LISTED:
            self._join_words(image, boxes, readable, decisions, texts)
            for row in readable:
                decisions[row] = self._as_cut(decisions[row], boxes[row], width, height)
        return self._with_neighbours(decisions, texts, boxes, readable), texts

    def _may_stay(self, decision: LineDecision, text: str) -> bool:
        """Return whether a line is harmless, or may be one that was misread."""
        is_read = decision.rule not in IDENTIFYING_RULES and len(text) >= MIN_ALIKE_LENGTH
        return is_read or self.policy.keeps(decision.rule)

    def _as_cut(self, decision: LineDecision, box: Boxes, width: int, height: int) -> LineDecision:
        """Return the decision on a line that the edge of an image may cut, or the same for others."""
        if decision.rule in IDENTIFYING_RULES:
            return decision
        x1, y1, x2, y2 = box
        if x1 > 0 and y1 > 0 and x2 < width and y2 < height:
            return decision
        clearance = CLEARANCE * min(x2 - x1, y2 - y1)
        is_cut = min(x1, y1) + clearance < 0 or x2 - clearance > width or y2 - clearance > height
        if is_cut and self.policy.keeps(decision.rule):
            return LineDecision(TextRule.PARTLY_VISIBLE, cut=True)
        return replace(decision, cut=True)

    def _join_words(
        self,
        image: Image,
        boxes: Boxes,
        read: Sequence[int],
        decisions: list[LineDecision],
        texts: list[str],
    ) -> None:
        """Decide on words of one line that were detected apart, as on the whole line if that is harmless.

        A unit or a label proves nothing by itself. The line must read as all of its words do, in place.
        """
        lines = [
            words
            for words in words_of_lines(boxes, read)
            if not any(decisions[row].rule in IDENTIFYING_RULES for row in words)
            and any(decisions[row].bare or not self.policy.keeps(decisions[row].rule) for row in words)
        ]
        enclosing = [_enclosing(boxes[words]) for words in lines]
        for words, box, of_line in zip(lines, enclosing, self._read_at(image, enclosing), strict=True):
            decision, text = self.policy.decide(of_line, self.reader.alphabet), comparable_text(of_line)
            if (
                self.policy.keeps(decision.rule)
                and not decision.bare
                and all(texts[row] and texts[row] in text for row in words)
                and not self._go_on(image, [box], [of_line])
            ):
                for row in words:
                    decisions[row], texts[row] = decision, text

    def _go_on(self, image: Image, boxes: Sequence[Boxes], readings: Sequence[list[Reading]]) -> list[int]:
        """Return which lines go on beyond their boxes, where they are read as more, and no longer harmless.

        A detector may find half of a date, which reads like a number without a unit.
        """
        longer = self._read_at(image, [with_ends(box) for box in boxes])
        return [
            number
            for number, of_line in enumerate(longer)
            if _most_characters(of_line) > _most_characters(readings[number])
            and not self.policy.keeps(self.policy.decide(of_line, self.reader.alphabet).rule)
        ]

    def _with_neighbours(
        self, decisions: list[LineDecision], texts: Sequence[str], boxes: Boxes, read: Sequence[int]
    ) -> list[LineDecision]:
        """Return the decisions after comparing each line with the text beside it, given the rows read.

        What another scale has found at the same place, and what reads the same, is no text beside it.
        """
        if self.policy.options.mode is TextMode.LISTED:
            return decisions
        parts = self._parts(decisions, boxes, read)
        decisions = [decisions[parts.get(row, row)] for row in range(len(decisions))]
        result = list(decisions)
        kept = [row for row, decision in enumerate(decisions) if self.policy.keeps(decision.rule)]
        for row, gaps in zip(kept, gaps_along_line(boxes, kept), strict=True):
            decision = decisions[row]
            beside = np.flatnonzero(gaps <= (MAX_BARE_GAP if decision.bare else MAX_GAP)).tolist()
            overlap = box_geometry.iou(boxes[row][None], boxes)[0]
            others = [
                decisions[other]
                for other in beside
                if texts[other] != texts[row] or overlap[other] < SAME_PLACE_IOU
            ]
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

    def _read_at(self, image: Image, boxes: Sequence[Boxes]) -> list[list[Reading]]:
        """Read boxes (4,) of an image in the directions that they allow, until each is read surely."""
        crops = [crop(image, box) for box in boxes]
        readings: list[list[Reading]] = [[] for _ in crops]
        every = self.policy.options.mode is TextMode.LISTED
        turns_of = [directions(each) for each in crops]
        for attempt in range(4):
            rows = [
                row
                for row, turns in enumerate(turns_of)
                if attempt < len(turns) and (every or not any(map(is_sure, readings[row])))
            ]
            turned = [np.ascontiguousarray(np.rot90(crops[row], turns_of[row][attempt])) for row in rows]
            for row, reading in zip(rows, self.reader.read(turned), strict=True):
                readings[row].append(reading)
        return readings


def _located(
    analysis: FrameAnalysis, before: FrameAnalysis, after: FrameAnalysis
) -> list[tuple[DetectionKey, ReadLine, Boxes, float]]:
    """Return the lines of two passes that are in a frame between them, with their boxes and margins there.

    A line over a moving background may not be located, although both passes found it at about one place.
    """
    propagated = analysis.propagated.get(TargetKind.TEXT)
    if propagated is None:
        return []
    keys = zip(propagated.frames.tolist(), propagated.rows.tolist(), strict=True)
    located = []
    for (index, row), box in zip(keys, propagated.boxes, strict=True):
        if index not in (before.index, after.index):
            continue
        own, other = (before, after) if index == before.index else (after, before)
        if row < len(own.lines):
            place = _between(own, row, other, analysis.index) if np.isnan(box).any() else box
            margin = float(added_margins(own.detections(TargetKind.TEXT))[row])
            if place is not None:
                located.append(((index, row), own.lines[row], place, margin))
    return located


def _between(own: FrameAnalysis, row: int, other: FrameAnalysis, index: int) -> Boxes | None:
    """Return the box of a line of a pass in a frame, if the other pass has one at the same place."""
    box, boxes = own.detections(TargetKind.TEXT).boxes[row], other.detections(TargetKind.TEXT).boxes
    alike = box_geometry.iou(box[None], boxes)[0]
    if not len(boxes) or alike.max() < SAME_PLACE_IOU:
        return None
    share = (index - own.index) / (other.index - own.index)
    return np.asarray(box + share * (boxes[int(alike.argmax())] - box))


def _enclosing(boxes: Boxes) -> Boxes:
    """Return the smallest box (4,) that contains boxes (n, 4)."""
    return np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])


def _most_characters(readings: Sequence[Reading]) -> int:
    """Return the length of the surest reading without spaces, 0 without a sure one."""
    sure = [reading for reading in readings if is_sure(reading)]
    best = max(sure, key=lambda reading: reading.mean_score, default=None)
    return len(best.text.replace(" ", "")) if best else 0
