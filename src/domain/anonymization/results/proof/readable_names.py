"""Search of redacted frames for names that can still be read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from framecloak.domain.anonymization.detection.text_and_plates import (
    IMAGE_TEXT_AND_PLATES,
    detect_text_and_plates,
)
from framecloak.domain.anonymization.model.analysis import FrameAnalysis
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.anonymization.model.text_policy import TextMode, TextPolicyOptions, TextRule
from framecloak.domain.anonymization.results.proof.verification import (
    Finding,
    ProblemKind,
    VerificationResult,
)
from framecloak.domain.anonymization.text_policy.line_reading import LineReader
from framecloak.domain.anonymization.text_policy.names import NameIndex
from framecloak.domain.anonymization.text_policy.policy import TextPolicy
from framecloak.domain.imaging.detections import TargetKind
from framecloak.domain.ports.frames import Frame
from framecloak.domain.ports.models import BoxDetector, TextReader


def frames_with_names(
    frames: Iterable[Frame], names: NameIndex, detector: BoxDetector, reader: TextReader
) -> list[int]:
    """Return the indices of the frames in which a name can be read, in any direction.

    Args:
        frames: redacted frames.
        names: names to search for.
        detector: text detector.
        reader: text reader.

    Raises:
        FrameAnalysisError: a frame cannot be decoded, or a model failed.
    """
    # Mode ``listed`` reads each line in every direction, and decides by nothing but the list.
    lines = LineReader(reader, TextPolicy(TextPolicyOptions(TextMode.LISTED), names))
    found = []
    for frame in frames:
        areas = detect_text_and_plates(frame, {TargetKind.TEXT: detector}, IMAGE_TEXT_AND_PLATES)
        empty = FrameAnalysis(frame.index, FrameDetections.empty(), None, text_and_plates=areas)
        analysis = lines.with_lines(empty, frame)
        if any(line.decision.rule is TextRule.NAME for line in analysis.lines):
            found.append(frame.index)
    return found


def with_readable_names(
    result: VerificationResult, found: Sequence[tuple[str, Sequence[int]]]
) -> VerificationResult:
    """Return the result of a verification with the frames in which names can be read.

    Args:
        result: result so far.
        found: files of the archive, each with the numbers of its frames in which a name can be read.
    """
    findings = [
        Finding(ProblemKind.NAME_READABLE, file, f"a forbidden name can be read in frame {index}")
        for file, indices in found
        for index in indices
    ]
    severity = list(ProblemKind)
    problems = sorted((*result.problems, *findings), key=lambda finding: severity.index(finding.kind))
    return replace(result, problems=tuple(problems))
