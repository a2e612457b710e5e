"""Offline verification of a result: checks the signature and lists every change, frame by frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import pairwise
from typing import Any, Protocol

from framecloak.domain.anonymization.results.frame_log import CHAIN_START, next_link
from framecloak.domain.anonymization.results.manifest import MANIFEST_FILE
from framecloak.domain.anonymization.results.proof.ancestry import check_ancestry
from framecloak.domain.anonymization.results.proof.findings import Finding, ProblemKind, VerificationResult
from framecloak.domain.anonymization.results.proof.manifest_signature import (
    SIGNATURE_FILE,
    ManifestSignature,
    key_id,
)
from framecloak.domain.anonymization.results.proof.release_addendum import (
    ReleaseProblemError,
    read_release,
)
from framecloak.domain.anonymization.results.proof.unverified_manifest import (
    manifest_bytes,
    parse_untrusted_manifest,
)
from framecloak.domain.errors import ObjectNotFoundError
from framecloak.domain.ports.archives import ArchiveReader
from framecloak.domain.ports.security import SignatureCheck

MAX_SIGNATURE_FILE_BYTES = 1 << 16


FrameKey = tuple[int, int]
"""Key of a frame: source id and frame index."""


class VideoDemuxer(Protocol):
    """Demultiplexer of video files."""

    def sample_digests(self, chunks: Iterable[bytes]) -> Sequence[str] | None:
        """Return the SHA-256 of every frame's sample, in hex; None if the video cannot be parsed."""
        ...


def verify_archive(
    archive: ArchiveReader,
    verify_signature: SignatureCheck,
    demuxer: VideoDemuxer,
    public_key: bytes | None,
    own_key: bytes | None = None,
    parents: Mapping[str, ArchiveReader] | None = None,
    release: bytes | None = None,
) -> VerificationResult:
    """Compare an archive with its manifest, and the manifest with its signature.

    The layout of the archive is not signed. But this program writes exactly one layout, which leaves no room
    for additional data; deviations from it are reported too.

    Args:
        archive: result to verify.
        verify_signature: verifier of Ed25519 signatures.
        demuxer: parser of changed videos, used to name the changed frames.
        public_key: key of the expected signer; None if unknown.
        own_key: key of this installation, which is trusted without being given.
        parents: results that it was made from, by name; they are verified too.
        release: addendum of its release; None if it is not verified.

    Raises:
        UnreadableArchiveError: the archive has no manifest that this program can read.
    """
    data = manifest_bytes(archive)
    digest = sha256(data).hexdigest()
    signature, findings = _check_signature(archive, digest, verify_signature, public_key)
    signed_with = signature.key_id if signature else None
    document = parse_untrusted_manifest(data)
    del data
    findings += _check_chain(document)
    findings += _check_files(archive, document, demuxer)
    findings += [
        Finding(ProblemKind.ARCHIVE_CHANGED, misfit.subject, misfit.detail)
        for misfit in archive.foreign_content()
    ]
    manifests: dict[str, Mapping[str, Any]] = {}
    for name, parent in (parents or {}).items():
        verified = verify_archive(parent, verify_signature, demuxer, public_key, own_key)
        findings += [
            Finding(ProblemKind.PARENT_CHANGED, f"{name}: {problem.subject}", problem.detail)
            for problem in verified.problems
            if problem.kind is not ProblemKind.UNKNOWN_SIGNER
        ]
        parent_data = manifest_bytes(parent)
        manifests[sha256(parent_data).hexdigest()] = parse_untrusted_manifest(parent_data)
    ancestors, problems = check_ancestry(document, manifests, verify_signature)
    findings += [Finding(ProblemKind.PARENT_CHANGED, MANIFEST_FILE, problem) for problem in problems]
    stated = None
    if release is not None:
        try:
            signer_key = signature.public_key if signature else public_key
            stated = read_release(release, digest, verify_signature, signer_key)
        except ReleaseProblemError as error:
            findings.append(Finding(ProblemKind.RELEASE_INVALID, "release", str(error)))
    is_own = own_key is not None and signed_with == key_id(own_key)
    if public_key is None and not is_own and not findings:
        detail = f"nothing was changed since it was signed with key {signed_with}, whose owner is unknown"
        findings.append(Finding(ProblemKind.UNKNOWN_SIGNER, SIGNATURE_FILE, detail))
    order = list(ProblemKind)
    ranked = sorted(findings, key=lambda finding: order.index(finding.kind))
    frames, files = len(document["frames"]), len(set(archive.names))
    return VerificationResult(tuple(ranked), signed_with, frames, files, ancestors, stated)


def _check_signature(
    archive: ArchiveReader, digest: str, verify_signature: SignatureCheck, public_key: bytes | None
) -> tuple[ManifestSignature | None, list[Finding]]:
    if SIGNATURE_FILE not in archive.names:
        return None, [Finding(ProblemKind.NO_SIGNATURE, SIGNATURE_FILE, "the archive has no signature")]
    try:
        signature = ManifestSignature.parse(
            b"".join(_limited(archive.stream(SIGNATURE_FILE), MAX_SIGNATURE_FILE_BYTES))
        )
    except (ValueError, ObjectNotFoundError) as error:
        return None, [
            Finding(ProblemKind.NO_SIGNATURE, SIGNATURE_FILE, f"it is not a valid signature file ({error})")
        ]
    problems: list[Finding] = []
    if public_key is not None and signature.public_key != public_key:
        problems.append(
            Finding(ProblemKind.WRONG_KEY, SIGNATURE_FILE, f"it is signed with key {signature.key_id}")
        )
    if not verify_signature(signature.public_key, signature.message, signature.signature):
        detail = "its signature does not match the data that it claims to sign"
        problems.append(Finding(ProblemKind.BAD_SIGNATURE, SIGNATURE_FILE, detail))
    if signature.manifest_sha256 != digest:
        problems.append(
            Finding(ProblemKind.MANIFEST_CHANGED, MANIFEST_FILE, "it is not the one that was signed")
        )
    return signature, problems


def _limited(chunks: Iterable[bytes], max_bytes: int) -> Iterator[bytes]:
    for chunk in chunks:
        max_bytes -= len(chunk)
        if max_bytes < 0:
            raise ValueError("too long")
        yield chunk


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
        Finding(ProblemKind.FRAME_MISSING, MANIFEST_FILE, f"the entry of {_frame_label(key)} is missing")
        for key in sorted(set(expected_order) - set(keys))
    ]
    expected, seen = set(expected_order), set[FrameKey]()
    for key in keys:
        if key not in expected or key in seen:
            problems.append(
                Finding(
                    ProblemKind.FRAME_ADDED, MANIFEST_FILE, f"there is an extra entry for {_frame_label(key)}"
                )
            )
        seen.add(key)
    known_keys = [key for key in keys if key in expected]
    problems += [
        Finding(
            ProblemKind.FRAMES_REORDERED,
            MANIFEST_FILE,
            f"{_frame_label(after)} comes after {_frame_label(before)}",
        )
        for before, after in pairwise(known_keys)
        if after < before
    ]
    return problems + _broken_links(document, expected_order, dict(zip(keys, entries, strict=True)))


def _broken_links(
    document: Mapping[str, Any],
    expected: Sequence[FrameKey],
    entries_by_key: Mapping[FrameKey, dict[str, Any]],
) -> list[Finding]:
    problems: list[Finding] = []
    link: bytes | None = CHAIN_START
    for key in expected:
        entry = entries_by_key.get(key)
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
                Finding(
                    ProblemKind.FRAME_CHANGED, MANIFEST_FILE, f"the entry of {_frame_label(key)} was changed"
                )
            )
    if link is not None and link.hex() != document["chain"]["head"]:
        problems.append(
            Finding(ProblemKind.MANIFEST_CHANGED, MANIFEST_FILE, "its frame chain does not end in its head")
        )
    return problems


def _check_files(archive: ArchiveReader, document: Mapping[str, Any], demuxer: VideoDemuxer) -> list[Finding]:
    listed: dict[str, str] = {file["file"]: file["sha256"] for file in document["files"]}
    images = {entry["file"]: entry for entry in document["frames"] if entry["file"] not in listed}
    by_digest = {entry["sha256"]: entry for entry in images.values()}
    known = {MANIFEST_FILE, SIGNATURE_FILE, *listed, *images}
    problems: list[Finding] = []
    seen: set[str] = set()
    for name in archive.names:
        if name in seen or name not in known:
            detail = "it occurs twice" if name in seen else "the manifest does not list it"
            problems.append(Finding(ProblemKind.FRAME_ADDED, name, detail))
            continue
        seen.add(name)
        if name in images:
            problems += _check_image(archive, images[name], by_digest)
        elif name in listed and _digest(archive, name) != listed[name]:
            problems += _video_changes(archive, name, document, demuxer)
    for name in sorted(known - seen - {MANIFEST_FILE, SIGNATURE_FILE}):
        problem = ProblemKind.FRAME_MISSING if name in images else ProblemKind.FILE_CHANGED
        problems.append(Finding(problem, name, "it is missing"))
    return problems


def _check_image(
    archive: ArchiveReader, entry: Mapping[str, Any], by_digest: Mapping[str, Mapping[str, Any]]
) -> list[Finding]:
    name, digest = entry["file"], _digest(archive, entry["file"])
    if digest == entry["sha256"]:
        return []
    other = by_digest.get(digest or "")
    if other is not None:
        detail = f"it has the content of {other['file']}"
        return [Finding(ProblemKind.FRAMES_REORDERED, name, detail)]
    return [Finding(ProblemKind.FRAME_CHANGED, name, "its content was changed")]


def _video_changes(
    archive: ArchiveReader, name: str, document: Mapping[str, Any], demuxer: VideoDemuxer
) -> list[Finding]:
    """Find the changes in a changed file; names the frames if the file is a video that can be parsed."""
    file_problem = Finding(ProblemKind.FILE_CHANGED, name, "its content was changed")
    entries = [entry for entry in document["frames"] if entry["file"] == name]
    try:
        digests = demuxer.sample_digests(archive.stream(name)) if entries else None
    except ObjectNotFoundError:
        digests = None
    if digests is None:
        return [file_problem]
    problems = [file_problem]
    labels = {entry["sha256"]: _frame_label((entry["source"], entry["index"])) for entry in entries}
    for entry, digest in zip(entries, digests, strict=False):
        if digest == entry["sha256"]:
            continue
        label = _frame_label((entry["source"], entry["index"]))
        if digest in labels:
            problems.append(
                Finding(ProblemKind.FRAMES_REORDERED, name, f"{labels[digest]} is in the position of {label}")
            )
        else:
            problems.append(Finding(ProblemKind.FRAME_CHANGED, name, f"{label} was changed"))
    if len(digests) < len(entries):
        problems.append(
            Finding(ProblemKind.FRAME_MISSING, name, f"{len(entries) - len(digests)} frames are missing")
        )
    elif len(digests) > len(entries):
        problems.append(
            Finding(ProblemKind.FRAME_ADDED, name, f"it has {len(digests) - len(entries)} extra frames")
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


def _frame_label(frame: FrameKey) -> str:
    source, index = frame
    return f"frame {index} of source {source}"
