"""Writer of result archives: frames or videos first, then the report, the manifest and its signature."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TypeAlias

from framecloak.domain.anonymization.identification.inherited import EarlierIdentities
from framecloak.domain.anonymization.identification.log import IdentityLog
from framecloak.domain.anonymization.model.frames import RedactedFrame
from framecloak.domain.anonymization.model.residuals import Method, Proof
from framecloak.domain.anonymization.results.manifest import (
    MANIFEST_FILE,
    FrameLog,
    RecordedFile,
    RecordedModel,
    RecordedSettings,
    RecordedSource,
    Summary,
    manifest,
)
from framecloak.domain.anonymization.results.report_data import Evidence
from framecloak.domain.anonymization.results.signature import SEAL_FILE, Seal, key_id
from framecloak.domain.ports.archives import Archive
from framecloak.domain.ports.security import Signer

REPORT_FILE = "report.html"


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """Input data of a report.

    Attributes:
        tool: Name and version of the program.
        key_id: Id of the key that signs the manifest.
        settings: Settings of the request.
        models: Models used.
        sources: All inputs, ordered by id.
        summary: Counts of frames, tracks and boxes.
        evidence: Timeline, gaps and detection confidence.
        files: Videos in the archive.
        proof: Results of the residual check; None without one.
        people: Identity decisions.
    """

    tool: str
    key_id: str
    settings: RecordedSettings
    models: Sequence[RecordedModel]
    sources: Sequence[RecordedSource]
    summary: Summary
    evidence: Evidence
    files: Sequence[RecordedFile]
    proof: Proof | None = None
    people: IdentityLog = field(default_factory=IdentityLog)


Reporter: TypeAlias = Callable[[ReportFacts], bytes]
"""Function that renders a report as one HTML page in the language of the settings."""


@dataclass(frozen=True, slots=True)
class Imprint:
    """Issuer of a result.

    Attributes:
        tool: Name and version of the program.
        signer: Signer with the installation's key.
        reporter: Renderer of the report.
    """

    tool: str
    signer: Signer
    reporter: Reporter


class Record:
    """Writer of a result into an archive; collects the data of the manifest and of the report.

    Errors of the archive propagate to the caller.

    Args:
        imprint: Issuer of the result.
        archive: Open and empty archive; the caller discards it when a method raises.
        earlier: Identity decisions in the manifest that supplied the boxes; None without any.
    """

    def __init__(self, imprint: Imprint, archive: Archive, earlier: EarlierIdentities | None = None) -> None:
        self._imprint = imprint
        self._archive = archive
        self._log = FrameLog()
        self._evidence = Evidence()
        self._people = IdentityLog(earlier.runs if earlier else ())
        self._files: list[RecordedFile] = []

    def picture(self, source: int, file: str, frame: RedactedFrame, data: bytes) -> None:
        """Write a frame as an image file and log it; its index is the one in its source."""
        self._archive.add(file, data)
        self.shot(source, file, frame, data)

    def shot(self, source: int, film: str, frame: RedactedFrame, sample: bytes) -> None:
        """Log a frame of a video file, given its encoded sample."""
        self._log.add(source, film, frame, sha256(sample).hexdigest())
        self._evidence.add(source, frame)
        self._people.add(source, frame)

    def file(self, name: str, pieces: Iterable[bytes]) -> None:
        """Write a file other than a frame image, and log its digest and size."""
        digest, size = sha256(), 0

        def hashed() -> Iterator[bytes]:
            nonlocal size
            for chunk in pieces:
                digest.update(chunk)
                size += len(chunk)
                yield chunk

        self._archive.add_stream(name, hashed())
        self._files.append(RecordedFile(name, digest.hexdigest(), size))

    def close(
        self,
        settings: RecordedSettings,
        models: Sequence[RecordedModel],
        sources: Sequence[RecordedSource],
        method: Method | None = None,
    ) -> Summary:
        """Write the report, the manifest and its signature, and publish the archive under its final name.

        Args:
            settings: Settings of the request.
            models: Models used.
            sources: All inputs, ordered by id.
            method: Method of the residual check; None without one.
        """
        proof = Proof(method, self._evidence.tally) if method else None
        signer, tool = self._imprint.signer, self._imprint.tool
        key, summary = key_id(signer.public_key), self._log.summary
        videos = tuple(self._files)
        facts = ReportFacts(
            tool, key, settings, models, sources, summary, self._evidence, videos, proof, self._people
        )
        self.file(REPORT_FILE, [self._imprint.reporter(facts)])
        digest = sha256()
        document = manifest(
            tool, key, settings, models, sources, self._files, self._log, people=self._people, proof=proof
        )
        self._archive.add_stream(MANIFEST_FILE, _fed(document, digest.update))
        self._archive.add(SEAL_FILE, Seal.of(digest.hexdigest(), signer).document())
        self._archive.commit()
        return summary


def _fed(pieces: Iterable[bytes], feed: Callable[[bytes], object]) -> Iterator[bytes]:
    for chunk in pieces:
        feed(chunk)
        yield chunk
