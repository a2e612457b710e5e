"""Checking a result offline: is the signature good, and what was changed, frame by frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from itertools import pairwise
from typing import Any, Protocol

from framecloak.domain.anonymization.results.manifest import FIRST_LINK, MANIFEST_FILE, next_link
from framecloak.domain.anonymization.results.signature import SEAL_FILE, Seal, key_id
from framecloak.domain.anonymization.results.signed_manifest import manifest_bytes, read_signed
from framecloak.domain.errors import ObjectNotFoundError
from framecloak.domain.ports import ArchiveReader
from framecloak.domain.ports.signing import SignatureCheck

_LARGEST_SEAL = 1 << 16


class Problem(StrEnum):
    """What can be wrong with a result, the worst first."""

    NO_SIGNATURE = "no_signature"
    """There is no signature, or nothing that could be one."""
    WRONG_KEY = "wrong_key"
    """It is signed with another key than the one expected."""
    BAD_SIGNATURE = "bad_signature"
    """The signature does not belong to what it says it signs."""
    MANIFEST_CHANGED = "manifest_changed"
    """The manifest is not the one that was signed."""
    FRAME_CHANGED = "frame_changed"
    """A frame, or what the manifest says of it, is not what it was."""
    FRAME_MISSING = "frame_missing"
    """A frame, or its entry in the manifest, is gone."""
    FRAME_ADDED = "frame_added"
    """There is a frame that was not ordered, or a file that the manifest does not know."""
    FRAMES_REORDERED = "frames_reordered"
    """A frame is where another one belongs."""
    FILE_CHANGED = "file_changed"
    """A film or the report is not what it was, or is gone."""
    ARCHIVE_CHANGED = "archive_changed"
    """The archive holds more than its entries: bytes that belong to none, comments, other attributes."""
    UNKNOWN_SIGNER = "unknown_signer"
    """All is as it was signed, but no key was given to say by whom."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        problem: of which kind.
        subject: the file, or the entry, that it is about.
        detail: what exactly, for people.
    """

    problem: Problem
    subject: str
    detail: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a check.

    Attributes:
        findings: everything that is wrong, the worst first; empty for a genuine result.
        key_id: of the key that it claims to be signed with; None without a signature.
        frames: that the manifest speaks of.
        files: that were compared with it.
    """

    findings: tuple[Finding, ...]
    key_id: str | None
    frames: int
    files: int

    @property
    def worst(self) -> Problem | None:
        """What is reported first; None for a genuine result."""
        return self.findings[0].problem if self.findings else None


class FilmReader(Protocol):
    """Takes films apart."""

    def samples(self, pieces: Iterable[bytes]) -> Sequence[str] | None:
        """SHA-256 of every frame's sample, in hex; None when it cannot be taken apart."""
        ...


def verify(
    archive: ArchiveReader,
    is_signed: SignatureCheck,
    films: FilmReader,
    public_key: bytes | None,
    own_key: bytes | None = None,
) -> Verdict:
    """Compare an archive with its manifest, and the manifest with its signature.

    Nothing that is signed says how entries lie in the archive. But there is one way only in which this
    program lays them out, and no room in it for anything else; so that is compared as well.

    Args:
        archive: the result.
        is_signed: checks signatures.
        films: takes apart films that were changed, to name the frames.
        public_key: of who should have signed it; None where that is not known.
        own_key: of this installation, which is known without being told.

    Raises:
        UnreadableArchiveError: it has no manifest, or one that this program cannot read.
    """
    data = manifest_bytes(archive)
    signed_with, findings = _check_seal(archive, sha256(data).hexdigest(), is_signed, public_key)
    document = read_signed(data)
    del data
    findings += _check_chain(document)
    findings += _check_files(archive, document, films)
    findings += [Finding(Problem.ARCHIVE_CHANGED, one.subject, one.detail) for one in archive.misfits()]
    is_own = own_key is not None and signed_with == key_id(own_key)
    if public_key is None and not is_own and not findings:
        detail = f"all is as it was signed with key {signed_with}; nothing says whose key that is"
        findings.append(Finding(Problem.UNKNOWN_SIGNER, SEAL_FILE, detail))
    order = list(Problem)
    ranked = sorted(findings, key=lambda finding: order.index(finding.problem))
    return Verdict(tuple(ranked), signed_with, len(document["frames"]), len(set(archive.names)))


def _check_seal(
    archive: ArchiveReader, digest: str, is_signed: SignatureCheck, public_key: bytes | None
) -> tuple[str | None, list[Finding]]:
    if SEAL_FILE not in archive.names:
        return None, [Finding(Problem.NO_SIGNATURE, SEAL_FILE, "the archive has no signature")]
    try:
        seal = Seal.parse(b"".join(_limited(archive.stream(SEAL_FILE), _LARGEST_SEAL)))
    except (ValueError, ObjectNotFoundError) as error:
        return None, [Finding(Problem.NO_SIGNATURE, SEAL_FILE, f"it holds no signature ({error})")]
    found: list[Finding] = []
    if public_key is not None and seal.public_key != public_key:
        found.append(Finding(Problem.WRONG_KEY, SEAL_FILE, f"it is signed with key {seal.key_id}"))
    if not is_signed(seal.public_key, seal.message, seal.signature):
        detail = "its signature does not belong to what it says it signs"
        found.append(Finding(Problem.BAD_SIGNATURE, SEAL_FILE, detail))
    if seal.manifest_sha256 != digest:
        found.append(Finding(Problem.MANIFEST_CHANGED, MANIFEST_FILE, "it is not the one that was signed"))
    return seal.key_id, found


def _limited(pieces: Iterable[bytes], most: int) -> Iterator[bytes]:
    for piece in pieces:
        most -= len(piece)
        if most < 0:
            raise ValueError("too long")
        yield piece


Place = tuple[int, int]
"""A frame: id of its source, and its number there."""


def _check_chain(document: Mapping[str, Any]) -> list[Finding]:
    """What in the entries of frames is not as they were chained.

    Entries are looked at in the order they were written in, whatever order they are in now, and a link is
    compared with the one before it as it stands. So one change is one finding.
    """
    entries: list[dict[str, Any]] = document["frames"]
    places = [(entry["source"], entry["index"]) for entry in entries]
    wanted = [
        (source["id"], index)
        for source in document["sources"]
        for start, stop in source["segments"]
        for index in range(start, min(stop, start + len(entries) + 1))
    ]
    found = [
        Finding(Problem.FRAME_MISSING, MANIFEST_FILE, f"the entry of {_name(place)} is gone")
        for place in sorted(set(wanted) - set(places))
    ]
    expected, seen = set(wanted), set[Place]()
    for place in places:
        if place not in expected or place in seen:
            found.append(
                Finding(Problem.FRAME_ADDED, MANIFEST_FILE, f"there is one entry too many for {_name(place)}")
            )
        seen.add(place)
    kept = [place for place in places if place in expected]
    found += [
        Finding(Problem.FRAMES_REORDERED, MANIFEST_FILE, f"{_name(after)} comes behind {_name(before)}")
        for before, after in pairwise(kept)
        if after < before
    ]
    return found + _broken_links(document, wanted, dict(zip(places, entries, strict=True)))


def _broken_links(
    document: Mapping[str, Any], wanted: Sequence[Place], entries: Mapping[Place, dict[str, Any]]
) -> list[Finding]:
    found: list[Finding] = []
    link: bytes | None = FIRST_LINK
    for place in wanted:
        entry = entries.get(place)
        if entry is None:
            link = None
            continue
        try:
            intact = link is None or next_link(link, entry).hex() == entry["link"]
            link = bytes.fromhex(entry["link"])
        except (ValueError, TypeError, RecursionError):
            intact, link = False, None
        if not intact:
            found.append(
                Finding(Problem.FRAME_CHANGED, MANIFEST_FILE, f"the entry of {_name(place)} was changed")
            )
    if link is not None and link.hex() != document["chain"]["head"]:
        found.append(Finding(Problem.MANIFEST_CHANGED, MANIFEST_FILE, "the chain of frames has another end"))
    return found


def _check_files(archive: ArchiveReader, document: Mapping[str, Any], films: FilmReader) -> list[Finding]:
    listed: dict[str, str] = {file["file"]: file["sha256"] for file in document["files"]}
    pictures = {entry["file"]: entry for entry in document["frames"] if entry["file"] not in listed}
    by_digest = {entry["sha256"]: entry for entry in pictures.values()}
    known = {MANIFEST_FILE, SEAL_FILE, *listed, *pictures}
    found: list[Finding] = []
    seen: set[str] = set()
    for name in archive.names:
        if name in seen or name not in known:
            detail = "it is there twice" if name in seen else "the manifest does not know it"
            found.append(Finding(Problem.FRAME_ADDED, name, detail))
            continue
        seen.add(name)
        if name in pictures:
            found += _check_picture(archive, pictures[name], by_digest)
        elif name in listed and _digest(archive, name) != listed[name]:
            found += _changed_film(archive, name, document, films)
    for name in sorted(known - seen - {MANIFEST_FILE, SEAL_FILE}):
        problem = Problem.FRAME_MISSING if name in pictures else Problem.FILE_CHANGED
        found.append(Finding(problem, name, "it is gone"))
    return found


def _check_picture(
    archive: ArchiveReader, entry: Mapping[str, Any], by_digest: Mapping[str, Mapping[str, Any]]
) -> list[Finding]:
    name, digest = entry["file"], _digest(archive, entry["file"])
    if digest == entry["sha256"]:
        return []
    other = by_digest.get(digest or "")
    if other is not None:
        detail = f"it holds what belongs to {other['file']}"
        return [Finding(Problem.FRAMES_REORDERED, name, detail)]
    return [Finding(Problem.FRAME_CHANGED, name, "its content was changed")]


def _changed_film(
    archive: ArchiveReader, name: str, document: Mapping[str, Any], films: FilmReader
) -> list[Finding]:
    """Which frames of a changed file were changed, where it is a film that can be taken apart."""
    whole = Finding(Problem.FILE_CHANGED, name, "its content was changed")
    entries = [entry for entry in document["frames"] if entry["file"] == name]
    try:
        digests = films.samples(archive.stream(name)) if entries else None
    except ObjectNotFoundError:
        digests = None
    if digests is None:
        return [whole]
    found = [whole]
    places = {entry["sha256"]: _name((entry["source"], entry["index"])) for entry in entries}
    for entry, digest in zip(entries, digests, strict=False):
        if digest == entry["sha256"]:
            continue
        place = _name((entry["source"], entry["index"]))
        if digest in places:
            found.append(
                Finding(Problem.FRAMES_REORDERED, name, f"{places[digest]} is where {place} belongs")
            )
        else:
            found.append(Finding(Problem.FRAME_CHANGED, name, f"{place} was changed"))
    if len(digests) < len(entries):
        found.append(Finding(Problem.FRAME_MISSING, name, f"it lacks {len(entries) - len(digests)} frames"))
    elif len(digests) > len(entries):
        found.append(
            Finding(Problem.FRAME_ADDED, name, f"it has {len(digests) - len(entries)} frames too many")
        )
    return found


def _digest(archive: ArchiveReader, name: str) -> str | None:
    """SHA-256 of an entry in hex; None where it cannot be read."""
    digest = sha256()
    try:
        for piece in archive.stream(name):
            digest.update(piece)
    except ObjectNotFoundError:
        return None
    return digest.hexdigest()


def _name(place: Place) -> str:
    source, index = place
    return f"frame {index} of source {source}"
