"""Offline verification of a result: checks the signature and lists every change, frame by frame."""

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
from framecloak.domain.ports.archives import ArchiveReader
from framecloak.domain.ports.security import SignatureCheck

_LARGEST_SEAL = 1 << 16


class Problem(StrEnum):
    """Kind of problem with a result, in descending order of severity."""

    NO_SIGNATURE = "no_signature"
    """The archive has no well-formed signature."""
    WRONG_KEY = "wrong_key"
    """The manifest is signed with another key than the expected one."""
    BAD_SIGNATURE = "bad_signature"
    """The signature does not match the message that it claims to sign."""
    MANIFEST_CHANGED = "manifest_changed"
    """The manifest is not the one that was signed."""
    FRAME_CHANGED = "frame_changed"
    """A frame or its manifest entry was changed."""
    FRAME_MISSING = "frame_missing"
    """A frame or its manifest entry is missing."""
    FRAME_ADDED = "frame_added"
    """A frame was not requested, or the manifest does not list a file."""
    FRAMES_REORDERED = "frames_reordered"
    """A frame is in the position of another one."""
    FILE_CHANGED = "file_changed"
    """A video or the report was changed or is missing."""
    ARCHIVE_CHANGED = "archive_changed"
    """The archive contains data outside its entries, comments, or other attributes."""
    UNKNOWN_SIGNER = "unknown_signer"
    """Nothing was changed since signing, but no key was given to identify the signer."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Problem found in a result.

    Attributes:
        problem: Kind of the problem.
        subject: Affected file or entry.
        detail: Human-readable description.
    """

    problem: Problem
    subject: str
    detail: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Result of a verification.

    Attributes:
        findings: Problems, the most severe first; empty for a genuine result.
        key_id: Id of the key named by the signature; None without a signature.
        frames: Number of frames in the manifest.
        files: Number of files compared with the manifest.
    """

    findings: tuple[Finding, ...]
    key_id: str | None
    frames: int
    files: int

    @property
    def worst(self) -> Problem | None:
        """Kind of the most severe problem; None for a genuine result."""
        return self.findings[0].problem if self.findings else None


class FilmReader(Protocol):
    """Demultiplexer of video files."""

    def samples(self, pieces: Iterable[bytes]) -> Sequence[str] | None:
        """Return the SHA-256 of every frame's sample, in hex; None if the video cannot be parsed."""
        ...


def verify(
    archive: ArchiveReader,
    is_signed: SignatureCheck,
    films: FilmReader,
    public_key: bytes | None,
    own_key: bytes | None = None,
) -> Verdict:
    """Compare an archive with its manifest, and the manifest with its signature.

    The layout of the archive is not signed. But this program writes exactly one layout, which leaves no room
    for additional data; deviations from it are reported too.

    Args:
        archive: Result to verify.
        is_signed: Verifier of Ed25519 signatures.
        films: Parser of changed videos, used to name the changed frames.
        public_key: Key of the expected signer; None if unknown.
        own_key: Key of this installation, which is trusted without being given.

    Raises:
        UnreadableArchiveError: The archive has no manifest that this program can read.
    """
    data = manifest_bytes(archive)
    signed_with, findings = _check_seal(archive, sha256(data).hexdigest(), is_signed, public_key)
    document = read_signed(data)
    del data
    findings += _check_chain(document)
    findings += _check_files(archive, document, films)
    findings += [
        Finding(Problem.ARCHIVE_CHANGED, misfit.subject, misfit.detail) for misfit in archive.misfits()
    ]
    is_own = own_key is not None and signed_with == key_id(own_key)
    if public_key is None and not is_own and not findings:
        detail = f"nothing was changed since it was signed with key {signed_with}, whose owner is unknown"
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
        return None, [Finding(Problem.NO_SIGNATURE, SEAL_FILE, f"it is not a valid signature file ({error})")]
    problems: list[Finding] = []
    if public_key is not None and seal.public_key != public_key:
        problems.append(Finding(Problem.WRONG_KEY, SEAL_FILE, f"it is signed with key {seal.key_id}"))
    if not is_signed(seal.public_key, seal.message, seal.signature):
        detail = "its signature does not match the data that it claims to sign"
        problems.append(Finding(Problem.BAD_SIGNATURE, SEAL_FILE, detail))
    if seal.manifest_sha256 != digest:
        problems.append(Finding(Problem.MANIFEST_CHANGED, MANIFEST_FILE, "it is not the one that was signed"))
    return seal.key_id, problems


def _limited(pieces: Iterable[bytes], most: int) -> Iterator[bytes]:
    for chunk in pieces:
        most -= len(chunk)
        if most < 0:
            raise ValueError("too long")
        yield chunk


Place = tuple[int, int]
"""Key of a frame: source id and frame index."""


def _check_chain(document: Mapping[str, Any]) -> list[Finding]:
    """Find differences between the frame entries and their hash chain.

    Entries are checked in the order in which they were written, regardless of their present order, and each
    link against the recorded link before it. So one change yields one problem.
    """
    entries: list[dict[str, Any]] = document["frames"]
    keys = [(entry["source"], entry["index"]) for entry in entries]
    expected_order = [
        (source["id"], index)
        for source in document["sources"]
        for start, stop in source["segments"]
        for index in range(start, min(stop, start + len(entries) + 1))
    ]
    problems = [
        Finding(Problem.FRAME_MISSING, MANIFEST_FILE, f"the entry of {_name(key)} is missing")
        for key in sorted(set(expected_order) - set(keys))
    ]
    expected, seen = set(expected_order), set[Place]()
    for key in keys:
        if key not in expected or key in seen:
            problems.append(
                Finding(Problem.FRAME_ADDED, MANIFEST_FILE, f"there is an extra entry for {_name(key)}")
            )
        seen.add(key)
    known_keys = [key for key in keys if key in expected]
    problems += [
        Finding(Problem.FRAMES_REORDERED, MANIFEST_FILE, f"{_name(after)} comes after {_name(before)}")
        for before, after in pairwise(known_keys)
        if after < before
    ]
    return problems + _broken_links(document, expected_order, dict(zip(keys, entries, strict=True)))


def _broken_links(
    document: Mapping[str, Any], wanted: Sequence[Place], entries: Mapping[Place, dict[str, Any]]
) -> list[Finding]:
    problems: list[Finding] = []
    link: bytes | None = FIRST_LINK
    for key in wanted:
        entry = entries.get(key)
        if entry is None:
            link = None
            continue
        try:
            intact = link is None or next_link(link, entry).hex() == entry["link"]
            link = bytes.fromhex(entry["link"])
        except (ValueError, TypeError, RecursionError):
            intact, link = False, None
        if not intact:
            problems.append(
                Finding(Problem.FRAME_CHANGED, MANIFEST_FILE, f"the entry of {_name(key)} was changed")
            )
    if link is not None and link.hex() != document["chain"]["head"]:
        problems.append(
            Finding(Problem.MANIFEST_CHANGED, MANIFEST_FILE, "its frame chain does not end in its head")
        )
    return problems


def _check_files(archive: ArchiveReader, document: Mapping[str, Any], films: FilmReader) -> list[Finding]:
    listed: dict[str, str] = {file["file"]: file["sha256"] for file in document["files"]}
    images = {entry["file"]: entry for entry in document["frames"] if entry["file"] not in listed}
    by_digest = {entry["sha256"]: entry for entry in images.values()}
    known = {MANIFEST_FILE, SEAL_FILE, *listed, *images}
    problems: list[Finding] = []
    seen: set[str] = set()
    for name in archive.names:
        if name in seen or name not in known:
            detail = "it occurs twice" if name in seen else "the manifest does not list it"
            problems.append(Finding(Problem.FRAME_ADDED, name, detail))
            continue
        seen.add(name)
        if name in images:
            problems += _check_picture(archive, images[name], by_digest)
        elif name in listed and _digest(archive, name) != listed[name]:
            problems += _changed_film(archive, name, document, films)
    for name in sorted(known - seen - {MANIFEST_FILE, SEAL_FILE}):
        problem = Problem.FRAME_MISSING if name in images else Problem.FILE_CHANGED
        problems.append(Finding(problem, name, "it is missing"))
    return problems


def _check_picture(
    archive: ArchiveReader, entry: Mapping[str, Any], by_digest: Mapping[str, Mapping[str, Any]]
) -> list[Finding]:
    name, digest = entry["file"], _digest(archive, entry["file"])
    if digest == entry["sha256"]:
        return []
    other = by_digest.get(digest or "")
    if other is not None:
        detail = f"it has the content of {other['file']}"
        return [Finding(Problem.FRAMES_REORDERED, name, detail)]
    return [Finding(Problem.FRAME_CHANGED, name, "its content was changed")]


def _changed_film(
    archive: ArchiveReader, name: str, document: Mapping[str, Any], films: FilmReader
) -> list[Finding]:
    """Find the changes in a changed file; names the frames if the file is a video that can be parsed."""
    file_problem = Finding(Problem.FILE_CHANGED, name, "its content was changed")
    entries = [entry for entry in document["frames"] if entry["file"] == name]
    try:
        digests = films.samples(archive.stream(name)) if entries else None
    except ObjectNotFoundError:
        digests = None
    if digests is None:
        return [file_problem]
    problems = [file_problem]
    labels = {entry["sha256"]: _name((entry["source"], entry["index"])) for entry in entries}
    for entry, digest in zip(entries, digests, strict=False):
        if digest == entry["sha256"]:
            continue
        label = _name((entry["source"], entry["index"]))
        if digest in labels:
            problems.append(
                Finding(Problem.FRAMES_REORDERED, name, f"{labels[digest]} is in the position of {label}")
            )
        else:
            problems.append(Finding(Problem.FRAME_CHANGED, name, f"{label} was changed"))
    if len(digests) < len(entries):
        problems.append(
            Finding(Problem.FRAME_MISSING, name, f"{len(entries) - len(digests)} frames are missing")
        )
    elif len(digests) > len(entries):
        problems.append(
            Finding(Problem.FRAME_ADDED, name, f"it has {len(digests) - len(entries)} extra frames")
        )
    return problems


def _digest(archive: ArchiveReader, name: str) -> str | None:
    """Return the SHA-256 of an archive entry in hex; None if it cannot be read."""
    digest = sha256()
    try:
        for chunk in archive.stream(name):
            digest.update(chunk)
    except ObjectNotFoundError:
        return None
    return digest.hexdigest()


def _name(place: Place) -> str:
    source, index = place
    return f"frame {index} of source {source}"
