"""Decision on tracked text in each frame, from all readings of its track nearby."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from framecloak.domain.anonymization.model.analysis import FrameAnalysis, ReadLine
from framecloak.domain.anonymization.model.text_policy import (
    IDENTIFYING_RULES,
    LineDecision,
    TextDecision,
    TextMode,
    TextRule,
)
from framecloak.domain.anonymization.model.tracked_boxes import TrackedBox, Tracks
from framecloak.domain.anonymization.text_policy.edit_distance import MIN_ALIKE_LENGTH, are_alike
from framecloak.domain.anonymization.text_policy.policy import TextPolicy
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.box_geometry import Boxes
from framecloak.domain.imaging.detections import TargetKind

MIN_SHARE_INSIDE = 0.8
"""Share of a box inside a line that was read from which on it shows nothing else."""
MIN_AGREEMENT = 2 / 3
"""Share of the readings nearby that must be harmless for a line to be kept."""

MIN_PART_INSIDE = 0.95
"""Share of a box inside a line that stays in the same frame from which on it is a part of that line."""
MIN_PART_THICKNESS = 0.6
"""Smallest thickness of such a part, in that of the line."""
MIN_SUPPORT = 3
"""Number of readings that must be alike for a line to be kept although most are too blurred to be sure."""
MAX_LONGER = 0.5
"""Length by which a line that was read uncertainly may be longer than a harmless one, in its thickness."""


def with_text_decisions(
    tracks: Tracks,
    analyses: Sequence[FrameAnalysis],
    policy: TextPolicy,
    text_rows: Sequence[range],
    reach: int,
    due: range,
) -> Tracks:
    """Return tracks whose text has decisions of the policy.

    A line is kept in a frame if the policy keeps what is read there, or what was read in a pass beside it
    and has not changed since; if most readings of its track nearby agree; and if none of them identifies a
    person. Readings further away do not count, so that the result does not depend on the division into
    slices.

    Args:
        tracks: tracks of a run of frames.
        analyses: analyses of the same frames.
        policy: text policy.
        text_rows: per frame, the rows of its detections, counted through all kinds, that are text.
        reach: number of frames on each side whose readings count.
        due: frames to decide on, by their indices in the video.
    """
    first = analyses[0].index if analyses else 0
    votes = [
        {
            frame: (
                row - text_rows[frame].start,
                analyses[frame].lines[row - text_rows[frame].start],
            )
            for frame, row in members
            if row in text_rows[frame] and row - text_rows[frame].start < len(analyses[frame].lines)
        }
        for members in tracks.members
    ]
    boxes = list(tracks.boxes)
    for index in due:
        position = index - first
        if not 0 <= position < len(boxes):
            continue
        decided = [
            replace(box, text=_decision(box, position, votes[box.track], analyses, policy, reach))
            if box.kind is TargetKind.TEXT or box.by_shape
            else box
            for box in boxes[position]
        ]
        shown = [
            (place, box.text)
            for box in decided
            if box.text and box.text.kept
            for place in _read_places(position, votes[box.track], analyses)
        ]
        boxes[position] = [_with_its_line(box, shown) for box in decided]
    return Tracks(boxes, tracks.members)


def _read_places(
    position: int, votes: Mapping[int, tuple[int, ReadLine]], analyses: Sequence[FrameAnalysis]
) -> list[Boxes]:
    """Return the boxes (4,) in which a line that stays was read in a frame, or compared with its passes.

    The box of its track may be larger, because it encloses where the line may have moved.
    """
    analysis = analyses[position]
    if position in votes:
        return [analysis.detections(TargetKind.TEXT).boxes[votes[position][0]]]
    propagated = analysis.propagated.get(TargetKind.TEXT)
    if propagated is None:
        return []
    keys = {(analyses[frame].index, row) for frame, (row, _) in votes.items()} & analysis.seen_lines.keys()
    located = zip(propagated.frames.tolist(), propagated.rows.tolist(), propagated.boxes, strict=True)
    return [box for index, row, box in located if (index, row) in keys and not np.isnan(box).any()]


def _with_its_line(box: TrackedBox, shown: Sequence[tuple[Boxes, TextDecision]]) -> TrackedBox:
    """Return a box of a frame with the decision on the line that stays in that frame and encloses it.

    Scales detect a part of a line as a track of its own, which is read in few frames.
    """
    if box.text is None or box.text.kept or box.text.rule in IDENTIFYING_RULES or not shown:
        return box
    places, part = np.array([place for place, _ in shown]), np.array([box.xyxy], float)
    inside = box_geometry.share_inside(part, places)[0]
    thickness = box_geometry.sides(places).min(axis=1)
    inside[box_geometry.sides(part).min() < MIN_PART_THICKNESS * thickness] = 0
    line = int(inside.argmax())
    return replace(box, text=shown[line][1]) if inside[line] >= MIN_PART_INSIDE else box


def _decision(
    box: TrackedBox,
    position: int,
    votes: Mapping[int, tuple[int, ReadLine]],
    analyses: Sequence[FrameAnalysis],
    policy: TextPolicy,
    reach: int,
) -> TextDecision:
    """Return the decision on one track in one frame, given the row and reading of its line by frame."""
    nearby = {frame: vote for frame, vote in votes.items() if abs(frame - position) <= reach}
    near = _with_mistakes_mended(nearby, policy)
    if position in near:
        here = near[position][1]
    else:
        here = LineDecision(_rule_here(box, position, nearby, near, analyses, policy))
    fails_open = policy.options.mode is TextMode.LISTED
    decisions = [decision for _, decision in near.values()]
    if here.rule in IDENTIFYING_RULES:
        return TextDecision(here.rule, kept=False)
    for frame, (_, decision) in near.items():
        if decision.rule in IDENTIFYING_RULES and (
            fails_open or not decision.weak or _shows_more(near, frame, analyses, policy)
        ):
            return TextDecision(decision.rule, kept=False)
    if not policy.keeps(here.rule):
        return TextDecision(here.rule, kept=False)
    rules = [decision.rule for decision in decisions if fails_open or not decision.cut]
    agreeing = sum(map(policy.keeps, rules))
    if agreeing < MIN_AGREEMENT * len(rules):
        # A blurred reading is no other text, but only the same text read several times makes up for it.
        read = [rule for rule in rules if rule is not TextRule.UNREAD]
        if _most_alike(nearby, policy) < MIN_SUPPORT or agreeing < MIN_AGREEMENT * len(read):
            covering = Counter(rule for rule in rules if not policy.keeps(rule))
            return TextDecision(min(covering, key=lambda rule: (-covering[rule], rule)), kept=False)
    return TextDecision(here.rule, kept=True)


def _most_alike(near: Mapping[int, tuple[int, ReadLine]], policy: TextPolicy) -> int:
    """Return in how many frames a track was read alike, as a harmless text that was read surely in one."""
    texts = [line.text for _, line in near.values()]
    harmless = {
        line.text
        for _, line in near.values()
        if policy.keeps(line.decision.rule) and not line.decision.bare and len(line.text) >= MIN_ALIKE_LENGTH
    }
    return max((sum(are_alike(text, known) for text in texts) for known in harmless), default=0)


def _with_mistakes_mended(
    near: Mapping[int, tuple[int, ReadLine]], policy: TextPolicy
) -> dict[int, tuple[int, LineDecision]]:
    """Return the row and decision of a track by frame; lines that were misread are decided as what they are.

    A blurred line is read with a wrong letter now and then. What differs more is another text.
    """
    harmless = {
        line.text: line.decision
        for _, line in near.values()
        if policy.keeps(line.decision.rule) and not line.decision.bare
    }

    def mended(line: ReadLine) -> LineDecision:
        for known, decision in harmless.items():
            if policy.mistakes(line.decision, line.text, decision, known):
                return decision
        return line.decision

    return {frame: (row, mended(line)) for frame, (row, line) in near.items()}


def _shows_more(
    near: Mapping[int, tuple[int, LineDecision]],
    frame: int,
    analyses: Sequence[FrameAnalysis],
    policy: TextPolicy,
) -> bool:
    """Return whether the line of a track in a frame is longer than those of its frames that are harmless."""

    def sides(of_frame: int) -> list[float]:
        boxes = analyses[of_frame].detections(TargetKind.TEXT).boxes
        return sorted(box_geometry.sides(boxes[near[of_frame][0]][None])[0].tolist())

    harmless = [each for each, (_, decision) in near.items() if policy.keeps(decision.rule)]
    thickness, length = sides(frame)
    return any(length > sides(each)[1] + MAX_LONGER * thickness for each in harmless)


def _enclosing_rule(box: TrackedBox, analysis: FrameAnalysis) -> TextRule | None:
    """Return the rule of the line read in a frame that encloses a box most; None if there is none."""
    if not analysis.lines:
        return None
    boxes = analysis.detections(TargetKind.TEXT).boxes
    inside = box_geometry.share_inside(np.array([box.xyxy], float), boxes)[0]
    row = int(inside.argmax())
    return analysis.lines[row].decision.rule if inside[row] >= MIN_SHARE_INSIDE else None


def _rule_here(
    box: TrackedBox,
    position: int,
    nearby: Mapping[int, tuple[int, ReadLine]],
    near: Mapping[int, tuple[int, LineDecision]],
    analyses: Sequence[FrameAnalysis],
    policy: TextPolicy,
) -> TextRule:
    """Return the rule of a line in a frame.

    It was read there, as this detection or as one of another track that encloses it, because scales detect
    other boxes of the same line; or it was read in a pass beside the frame whose pixels it still has, which
    counts as what that pass is decided as.
    """
    if position in near:
        return near[position][1].rule
    if near and (enclosing := _enclosing_rule(box, analyses[position])):
        return enclosing
    seen = analyses[position].seen_lines
    found: list[TextRule] = []
    unchanged: list[TextRule] = []
    for frame, (row, decision) in near.items():
        key = analyses[frame].index, row
        if key in seen and policy.keeps(nearby[frame][1].decision.rule):
            found.append(seen[key].rule)
        elif key in seen:
            unchanged.append(decision.rule)
    if found := found or unchanged:
        return next((rule for rule in found if not policy.keeps(rule)), found[0])
    # Mode ``listed`` keeps what it does not know; in others, a line that was not seen again is covered.
    unseen_is_kept = policy.options.mode is TextMode.LISTED
    if near and (unseen_is_kept or not any(policy.keeps(decision.rule) for _, decision in near.values())):
        nearest = min(near, key=lambda frame: (abs(frame - position), frame))
        return near[nearest][1].rule
    return TextRule.CHANGING if near else TextRule.UNREAD
