"""Writer of result archives: frames or videos first, then the report, the manifest and its signature."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TypeAlias

from framecloak.domain.anonymization.identification.inherited import InheritedIdentities
from framecloak.domain.anonymization.identification.log import IdentityLog
from framecloak.domain.anonymization.model.frames import RedactedFrame
from framecloak.domain.anonymization.model.residuals import CheckMethod, ResidualSummary
from framecloak.domain.anonymization.model.turned_faces import turned_hint
from framecloak.domain.anonymization.results.frame_log import FrameLog, Summary
from framecloak.domain.anonymization.results.inherited_text import InheritedText
from framecloak.domain.anonymization.results.manifest import (
    MANIFEST_FILE,
    RecordedFile,
    RecordedModel,
    RecordedSound,
    RecordedSource,
    manifest_chunks,
)
from framecloak.domain.anonymization.results.proof.manifest_signature import (
    SIGNATURE_FILE,
    ManifestSignature,
    key_id,
)
from framecloak.domain.anonymization.results.recorded_settings import RecordedSettings
from framecloak.domain.anonymization.results.report_data import ReportEvidence
from framecloak.domain.anonymization.results.text_log import TextLog
from framecloak.domain.anonymization.results.weak_evidence import weak_runs
from framecloak.domain.imaging.pixel_aspect import ShapeEvidence
from framecloak.domain.ports.archives import Archive
from framecloak.domain.ports.security import Signer
from framecloak.domain.ports.speech import MutedSound

REPORT_FILE = "report.html"


@dataclass(frozen=True, slots=True)
class ReportData:
    """Input data of a report.

    Attributes:
        tool: name and version of the program.
        key_id: id of the key that signs the manifest.
        settings: settings of the request.
        models: models used.
        sources: all inputs, ordered by id.
        summary: counts of frames, tracks and boxes.
        report_evidence: timeline, gaps and detection confidence.
        files: videos in the archive.
        residuals: results of the residual check; None without one.
        identity_log: identity decisions.
        muted: decisions about speech in the sound of videos.
        text_log: decisions of the text policy.
    """

    tool: str
    key_id: str
    settings: RecordedSettings
    models: Sequence[RecordedModel]
    sources: Sequence[RecordedSource]
    summary: Summary
    report_evidence: ReportEvidence
    files: Sequence[RecordedFile]
    residuals: ResidualSummary | None = None
    identity_log: IdentityLog = field(default_factory=IdentityLog)
    muted: Sequence[RecordedSound] = ()
    text_log: TextLog = field(default_factory=TextLog)


Reporter: TypeAlias = Callable[[ReportData], bytes]
"""Function that renders a report as one HTML page in the language of the settings."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """Issuer of a result.

    Attributes:
        tool: name and version of the program.
        signer: signer with the installation's key.
        reporter: renderer of the report.
    """

    tool: str
    signer: Signer
    reporter: Reporter


class ResultWriter:
    """Writer of a result into an archive; collects the data of the manifest and of the report.

    Errors of the archive propagate to the caller.

    Args:
        issuer: issuer of the result.
        archive: open and empty archive; the caller discards it when a method raises.
        earlier_identities: identity decisions in the manifest that supplied the boxes; None without any.
        earlier_text: decisions on text in that manifest; None without any.
    """

    def __init__(
        self,
        issuer: Issuer,
        archive: Archive,
        earlier_identities: InheritedIdentities | None = None,
        earlier_text: InheritedText | None = None,
    ) -> None:
        self._issuer = issuer
        self._archive = archive
        self._log = FrameLog()
        self._evidence = ReportEvidence()
        self._people = IdentityLog(earlier_identities.runs if earlier_identities else ())
        self._texts = TextLog(earlier_text.runs if earlier_text else ())
        self._files: list[RecordedFile] = []
        self._muted: list[RecordedSound] = []

    def add_frame(self, source_id: int, file: str, frame: RedactedFrame, data: bytes) -> None:
        """Write a frame as an image file and log it; its index is the one in its source."""
        self._archive.add(file, data)
        self.add_video_frame(source_id, file, frame, data)

    def add_video_frame(self, source_id: int, video: str, frame: RedactedFrame, sample: bytes) -> None:
        """Log a frame of a video file, given its encoded sample."""
        self._log.add(source_id, video, frame, sha256(sample).hexdigest())
        self._evidence.add(source_id, frame)
        self._people.add(source_id, frame)
        self._texts.add(source_id, frame)

    def add_file(self, name: str, chunks: Iterable[bytes]) -> None:
        """Write a file other than a frame image, and log its digest and size."""
        digest, size = sha256(), 0

        def hashed() -> Iterator[bytes]:
            nonlocal size
            for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                yield chunk

        self._archive.add_stream(name, hashed())
        self._files.append(RecordedFile(name, digest.hexdigest(), size))

    def add_muted_sound(self, source_id: int, video: str, muted: MutedSound) -> None:
        """Log the decisions about speech in the sound of a video."""
        self._muted.append(RecordedSound(source_id, video, muted))

    def close(
        self,
        settings: RecordedSettings,
        models: Sequence[RecordedModel],
        sources: Sequence[RecordedSource],
        method: CheckMethod | None = None,
    ) -> Summary:
        """Write the report, the manifest and its signature, and publish the archive under its final name.

        Args:
            settings: settings of the request.
            models: models used.
            sources: all inputs, ordered by id.
            method: method of the residual check; None without one.
        """
        residuals = ResidualSummary(method, self._evidence.residual_counts) if method else None
        signer, tool = self._issuer.signer, self._issuer.tool
        key, summary = key_id(signer.public_key), self._log.summary
        summary.sight = settings.sight
        videos = tuple(self._files)
        sources = [_with_findings(source, summary, self._evidence) for source in sources]
        facts = ReportData(
            tool,
            key,
            settings,
            models,
            sources,
            summary,
            self._evidence,
            videos,
            residuals,
            self._people,
            self._muted,
            self._texts,
        )
        self.add_file(REPORT_FILE, [self._issuer.reporter(facts)])
        digest = sha256()
        document = manifest_chunks(
            tool,
            key,
            settings,
            models,
            sources,
            self._files,
            self._log,
            identity_log=self._people,
            text_log=self._texts,
            residuals=residuals,
            muted=self._muted,
        )
        self._archive.add_stream(MANIFEST_FILE, _tee(document, digest.update))
        self._archive.add(SIGNATURE_FILE, ManifestSignature.sign(digest.hexdigest(), signer).to_json())
        self._archive.commit()
        return summary


def _with_findings(source: RecordedSource, summary: Summary, evidence: ReportEvidence) -> RecordedSource:
    """Return a source with its hints and its frames with weak evidence."""
    shapes = summary.shapes.get(source.id, ShapeEvidence())
    turn = turned_hint(summary.directions.get(source.id, {}), source.info.rotation)
    weak = weak_runs(evidence.tracks_of(source.id), source.tracking.follow if source.tracking else 0)
    return replace(source, aspect_hint=shapes.hint(), turned_hint=turn, weak_evidence=weak)


def _tee(chunks: Iterable[bytes], consume: Callable[[bytes], object]) -> Iterator[bytes]:
    for chunk in chunks:
        consume(chunk)
        yield chunk
