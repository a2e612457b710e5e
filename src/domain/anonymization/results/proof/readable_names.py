"""Search of redacted frames for names that can still be read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from framecloak.domain.anonymization.residuals.readable_names import NameSearch
from framecloak.domain.anonymization.results.proof.findings import Finding, ProblemKind, VerificationResult
from framecloak.domain.anonymization.text_policy.names import NameIndex
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
    search = NameSearch.of(names, detector, reader)
    return [frame.index for frame in frames if len(search.boxes(frame))]


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
