"""Filling an archive: frames or films first, then the report, the manifest and its signature."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TypeAlias

from framecloak.domain.anonymization.identification.inherited import EarlierIdentities
from framecloak.domain.anonymization.identification.log import IdentityLog
from framecloak.domain.anonymization.model.residuals import Method, Proof
from framecloak.domain.anonymization.pipeline.render import RedactedFrame
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
from framecloak.domain.ports import Archive
from framecloak.domain.ports.signing import Signer

REPORT_FILE = "report.html"


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """All that a report is made from.

    Attributes:
        tool: name and version of the program.
        key_id: of the key that the manifest is signed with.
        settings: what was asked for.
        models: what faces were looked for with.
        sources: every input, in order of their ids.
        summary: what was done, in numbers.
        evidence: when, and how sure it is.
        files: films in the archive.
        proof: what a second search found; None where there was none.
        people: what was decided about whose faces there are.
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
"""Writes a report as one HTML page, in the language of the settings."""


@dataclass(frozen=True, slots=True)
class Imprint:
    """Who answers for a result.

    Attributes:
        tool: name and version of the program.
        signer: holds the installation's key.
        reporter: writes the report.
    """

    tool: str
    signer: Signer
    reporter: Reporter


class Record:
    """Writes a result into an archive and remembers what the manifest has to say of it.

    Args:
        imprint: who answers for it.
        archive: open and empty; the caller discards it when anything here raises. Its errors come through.
        earlier: what the manifest that the boxes come from says of people, if anything.
    """

    def __init__(self, imprint: Imprint, archive: Archive, earlier: EarlierIdentities | None = None) -> None:
        self._imprint = imprint
        self._archive = archive
        self._log = FrameLog()
        self._evidence = Evidence()
        self._people = IdentityLog(earlier.runs if earlier else ())
        self._files: list[RecordedFile] = []

    def picture(self, source: int, file: str, frame: RedactedFrame, data: bytes) -> None:
        """Write the picture of a frame, numbered as in its source."""
        self._archive.add(file, data)
        self.shot(source, file, frame, data)

    def shot(self, source: int, film: str, frame: RedactedFrame, sample: bytes) -> None:
        """Remember a frame of a film."""
        self._log.add(source, film, frame, sha256(sample).hexdigest())
        self._evidence.add(source, frame)
        self._people.add(source, frame)

    def file(self, name: str, pieces: Iterable[bytes]) -> None:
        """Write what is not the picture of one frame."""
        digest, size = sha256(), 0

        def hashed() -> Iterator[bytes]:
            nonlocal size
            for piece in pieces:
                digest.update(piece)
                size += len(piece)
                yield piece

        self._archive.add_stream(name, hashed())
        self._files.append(RecordedFile(name, digest.hexdigest(), size))

    def close(
        self,
        settings: RecordedSettings,
        models: Sequence[RecordedModel],
        sources: Sequence[RecordedSource],
        method: Method | None = None,
    ) -> Summary:
        """Write the report, the manifest and its signature, and give the archive its name.

        Args:
            settings: what was asked for.
            models: what was looked with.
            sources: every input, in order of their ids.
            method: how redacted frames were searched; None where they were not.
        """
        proof = Proof(method, self._evidence.tally) if method else None
        signer, tool = self._imprint.signer, self._imprint.tool
        key, summary = key_id(signer.public_key), self._log.summary
        films = tuple(self._files)
        facts = ReportFacts(
            tool, key, settings, models, sources, summary, self._evidence, films, proof, self._people
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
    for piece in pieces:
        feed(piece)
        yield piece
