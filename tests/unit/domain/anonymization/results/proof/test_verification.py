"""Verification of results: each kind of change has its problem kind, and no change passes unnoticed."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fakes.media import FakeArchive, FakeEncoder, FakeRedactor, FakeSampler, FakeSource
from fakes.results import ISSUER, FakeMp4Reader, FakeSigner, FakeVideoEncoder, is_signed
from fakes.vision import FakeFaceDetector
from framecloak.domain.anonymization.model.options import Appearance, Level
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.model.record.history import Correction
from framecloak.domain.anonymization.model.record.provenance import BasedOn, SignatureState
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.anonymization.results.edited_manifest import read_edited_manifest
from framecloak.domain.anonymization.results.export import ExportJob
from framecloak.domain.anonymization.results.proof.findings import Finding, ProblemKind, VerificationResult
from framecloak.domain.anonymization.results.proof.manifest_signature import (
    ManifestSignature,
    signature_fields,
)
from framecloak.domain.anonymization.results.proof.verification import verify_archive
from framecloak.domain.anonymization.results.sources import ExportSource, group_sources
from framecloak.domain.errors import UnreadableArchiveError
from framecloak.domain.imaging.detections import Image
from framecloak.domain.model.segments import Segment
from framecloak.domain.ports.archives import ForeignContent
from framecloak.domain.support.canonical_json import canonical_json

KEY = ISSUER.signer.public_key
Entries = dict[str, bytes]


def result(output_format: OutputFormat = OutputFormat.PNG) -> Entries:
    return dict(_result(output_format))


@cache
def _result(output_format: OutputFormat) -> Entries:
    export_sources = [
        ExportSource(
            n,
            FakeSource("video", 9),
            None,
            lambda i, n=n: f"frames/{n}/{i}",
            (Segment(1, 4), Segment(5, 8)),
        )  # type: ignore[misc]
        for n in range(1 if output_format.is_video else 2)
    ]
    archive = FakeArchive()
    tools = PipelineTools(
        FakeFaceDetector(),
        FakeRedactor(),
        NumberingEncoder(),
        FakeSampler(),
        2,
        video_encoder=FakeVideoEncoder(),
    )
    ExportJob(ISSUER, Level.FACES, Appearance(output_format), group_sources(export_sources)).run(
        tools, archive, lambda: None
    )
    return archive.entries


class NumberingEncoder(FakeEncoder):
    """Encodes every image as different bytes."""

    def __init__(self) -> None:
        self.count = 0

    def encode(self, image: Image, appearance: Appearance) -> bytes:
        self.count += 1
        return f"image {self.count}".encode()


def check(entries: Entries, key: bytes | None = KEY, own: bytes | None = None) -> VerificationResult:
    return verify_archive(FakeArchive(entries=entries), is_signed, FakeMp4Reader(), key, own)


def problems(entries: Entries) -> list[ProblemKind]:
    return [finding.kind for finding in check(entries).problems]


def edited_as_plain_json(edit: Callable[[dict[str, Any]], object]) -> Entries:
    """Return a result with an edited manifest, possibly with values that canonical JSON does not support."""
    entries = result()
    document = json.loads(entries["manifest.json"])
    edit(document)
    return {**entries, "manifest.json": json.dumps(document).encode()}


def edited(entries: Entries, edit: Callable[[dict[str, Any]], object]) -> Entries:
    document = json.loads(entries["manifest.json"])
    edit(document)
    return {**entries, "manifest.json": canonical_json(document)}


@pytest.mark.parametrize("output_format", [OutputFormat.PNG, OutputFormat.MP4])
def test_a_result_is_genuine(output_format: OutputFormat) -> None:
    verification = check(result(output_format))
    assert verification.problems == ()
    assert verification.worst is None
    assert verification.frame_count == (6 if output_format.is_video else 12)
    assert verification.key_id == json.loads(result()["manifest.sig"])["key_id"]


def test_without_a_key_the_signer_is_unknown() -> None:
    assert check(result(), key=None).worst is ProblemKind.UNKNOWN_SIGNER
    assert check(result(), key=None, own=KEY).worst is None
    assert check(result(), key=None, own=bytes(32)).worst is ProblemKind.UNKNOWN_SIGNER
    assert check(result(), key=FakeSigner("else").public_key, own=KEY).worst is ProblemKind.WRONG_KEY


def corrected(parent: Entries) -> Entries:
    """Return a result that was rendered again from the boxes of another one, without changes."""
    manifest = read_edited_manifest(parent["manifest.json"])
    fields = signature_fields(parent["manifest.sig"])
    step = Correction(manifest.sha256, SignatureState.GENUINE, fields, "order 1", "anna", "2026", ())
    sources = [
        ExportSource(
            number,
            FakeSource("video", 9),
            None,
            lambda i, n=number: f"frames/{n}/{i}",  # type: ignore[misc]
            source.segments,
            boxes=manifest.tables[number],
        )
        for number, source in manifest.sources.items()
    ]
    archive = FakeArchive()
    tools = PipelineTools(None, FakeRedactor(), NumberingEncoder(), FakeSampler(), 2)
    ExportJob(
        ISSUER,
        Level.FACES,
        Appearance(OutputFormat.PNG),
        group_sources(sources),
        BasedOn(manifest.sha256, SignatureState.GENUINE),
        history=manifest.history.with_correction(step),
    ).run(tools, archive, lambda: None)
    return archive.entries


def check_chain(entries: Entries, *parents: Entries) -> VerificationResult:
    given = {f"parent {number}": FakeArchive(entries=parent) for number, parent in enumerate(parents)}
    return verify_archive(FakeArchive(entries=entries), is_signed, FakeMp4Reader(), KEY, parents=given)


def test_the_chain_of_parents_is_followed() -> None:
    first = result()
    second = corrected(first)
    third = corrected(second)
    for parents, expected in (
        ((), [False, False]),
        ((second,), [True, False]),
        ((first, second), [True, True]),
    ):
        verification = check_chain(third, *parents)
        assert verification.problems == ()
        assert [ancestor.is_given for ancestor in verification.ancestors] == expected
        assert all(ancestor.is_signed for ancestor in verification.ancestors)
    digests = [sha256(entries["manifest.json"]).hexdigest() for entries in (second, first)]
    assert [ancestor.manifest_sha256 for ancestor in verification.ancestors] == digests
    assert {ancestor.editor for ancestor in verification.ancestors} == {"anna"}
    assert check(first).ancestors == ()


def _signed(entries: Entries) -> Entries:
    digest = sha256(entries["manifest.json"]).hexdigest()
    return {**entries, "manifest.sig": ManifestSignature.sign(digest, ISSUER.signer).to_json()}


@pytest.mark.parametrize(
    "edit",
    [
        lambda document: document["corrections"][0]["parent_signature"].update(signature="AAAA"),
        lambda document: document["corrections"][0].update(editor="bob"),
        lambda document: document["corrections"].pop(0),
        lambda document: document["corrections"][-1].update(manifest_sha256="0" * 64),
        lambda document: document["first_search"].update(tool="framecloak 99"),
        lambda document: document.update(corrections=7),
    ],
)
def test_false_statements_about_parents_are_found_even_if_signed(
    edit: Callable[[dict[str, Any]], object],
) -> None:
    first = result()
    second = corrected(first)
    false = _signed(edited(corrected(second), edit))
    verification = check_chain(false, first, second)
    assert {finding.kind for finding in verification.problems} == {ProblemKind.PARENT_CHANGED}


def test_a_damaged_or_foreign_parent_is_a_problem() -> None:
    first = result()
    second = corrected(first)
    damaged = check_chain(second, {**first, "frames/0/2.png": b"x"})
    assert [(each.kind, each.subject) for each in damaged.problems] == [
        (ProblemKind.PARENT_CHANGED, "parent 0: frames/0/2.png")
    ]
    assert check_chain(first, second).worst is ProblemKind.PARENT_CHANGED


def test_changed_missing_added_and_reordered_files() -> None:
    whole, name, other = result(), "frames/0/2.png", "frames/1/6.png"
    assert problems({**whole, name: b"x"}) == [ProblemKind.FRAME_CHANGED]
    assert problems({key: whole[key] for key in whole if key != name}) == [ProblemKind.FRAME_MISSING]
    assert problems({**whole, "frames/0/4.png": b"x"}) == [ProblemKind.FRAME_ADDED]
    swapped = check({**whole, name: whole[other], other: whole[name]})
    assert [finding.kind for finding in swapped.problems] == [ProblemKind.FRAMES_REORDERED] * 2
    assert {(problem.subject, problem.detail) for problem in swapped.problems} == {
        (name, f"it has the content of {other}"),
        (other, f"it has the content of {name}"),
    }
    assert problems({**whole, "report.html": b"x"}) == [ProblemKind.FILE_CHANGED]
    assert problems({key: whole[key] for key in whole if key != "report.html"}) == [ProblemKind.FILE_CHANGED]


def test_foreign_content_in_an_archive_is_a_problem() -> None:
    foreign = [ForeignContent("frames/0/2.png", "there are 9 bytes before it that belong to no entry")]
    archive = FakeArchive(entries=result(), foreign=foreign)
    verification = verify_archive(archive, is_signed, FakeMp4Reader(), KEY)
    assert verification.problems == (
        Finding(ProblemKind.ARCHIVE_CHANGED, foreign[0].subject, foreign[0].detail),
    )
    unknown = verify_archive(archive, is_signed, FakeMp4Reader(), None)
    assert unknown.worst is ProblemKind.ARCHIVE_CHANGED


def test_problems_in_videos_name_the_frame() -> None:
    whole, name = result(OutputFormat.MP4), "films/film_0000005.mp4"
    head, scale, shown = json.loads(whole[name])
    shown[1][1], shown[2][1] = shown[2][1], "00"
    verification = check({**whole, name: json.dumps([head, scale, shown]).encode()})
    assert [(problem.kind, problem.detail) for problem in verification.problems] == [
        (ProblemKind.FRAME_CHANGED, "frame 7 of source 0 was changed"),
        (ProblemKind.FRAMES_REORDERED, "frame 7 of source 0 is in the position of frame 6 of source 0"),
        (ProblemKind.FILE_CHANGED, "its content was changed"),
    ]
    short = check({**whole, name: json.dumps([head, scale, shown[:1]]).encode()})
    assert [problem.kind for problem in short.problems] == [
        ProblemKind.FRAME_MISSING,
        ProblemKind.FILE_CHANGED,
    ]
    longer = check({**whole, name: json.dumps([head, scale, [*shown, shown[0]]]).encode()})
    assert ProblemKind.FRAME_ADDED in [problem.kind for problem in longer.problems]
    assert problems({**whole, name: b"no video"}) == [ProblemKind.FILE_CHANGED]


EDITS: dict[str, tuple[Callable[[dict[str, Any]], object], ProblemKind]] = {
    "a box less": (lambda doc: doc["frames"][3]["boxes"].pop(), ProblemKind.FRAME_CHANGED),
    "another digest": (lambda doc: doc["frames"][3].update(sha256="0" * 64), ProblemKind.FRAME_CHANGED),
    "another link": (lambda doc: doc["frames"][3].update(link="0" * 64), ProblemKind.FRAME_CHANGED),
    "no link": (lambda doc: doc["frames"][3].update(link="nothing"), ProblemKind.FRAME_CHANGED),
    "an entry less": (lambda doc: doc["frames"].pop(3), ProblemKind.FRAME_MISSING),
    "the last entry less": (lambda doc: doc["frames"].pop(), ProblemKind.FRAME_MISSING),
    "an entry twice": (lambda doc: doc["frames"].append(doc["frames"][0]), ProblemKind.FRAME_ADDED),
    "two entries swapped": (
        lambda doc: doc["frames"].insert(2, doc["frames"].pop(3)),
        ProblemKind.FRAMES_REORDERED,
    ),
}


@pytest.mark.parametrize(("edit", "problem"), EDITS.values(), ids=EDITS.keys())
def test_an_edited_manifest_and_the_edit_are_problems(
    edit: Callable[[dict[str, Any]], object], problem: ProblemKind
) -> None:
    kinds = problems(edited(result(), edit))
    assert kinds[0] is ProblemKind.MANIFEST_CHANGED
    assert problem in kinds


def test_an_edited_entry_is_one_problem() -> None:
    verification = check(edited(result(), lambda doc: doc["frames"][3].update(blanked=True)))
    assert [problem.detail for problem in verification.problems[1:]] == [
        "the entry of frame 5 of source 0 was changed"
    ]


def test_invalid_signatures() -> None:
    whole = result()
    assert problems({name: whole[name] for name in whole if name != "manifest.sig"}) == [
        ProblemKind.NO_SIGNATURE
    ]
    assert problems({**whole, "manifest.sig": b"{}"}) == [ProblemKind.NO_SIGNATURE]
    assert problems({**whole, "manifest.sig": b"x" * 100_000}) == [ProblemKind.NO_SIGNATURE]
    assert problems({**whole, "manifest.sig": b"[" * 60_000}) == [ProblemKind.NO_SIGNATURE]
    signature = ManifestSignature.parse(whole["manifest.sig"])
    forged = ManifestSignature(signature.manifest_sha256, signature.public_key, bytes(64)).to_json()
    assert problems({**whole, "manifest.sig": forged}) == [ProblemKind.BAD_SIGNATURE]
    other = ManifestSignature.sign(signature.manifest_sha256, FakeSigner("mallory")).to_json()
    assert problems({**whole, "manifest.sig": other}) == [ProblemKind.WRONG_KEY]


def test_a_signature_file_with_additional_content_is_no_signature() -> None:
    whole = result()
    signature = whole["manifest.sig"]
    with_member = canonical_json({**json.loads(signature), "zz": "a picture"})
    digits = json.loads(signature)["signature"]
    # Of the last digit two bits are used, and four are ignored by decoders.
    with_unused_bits = signature.replace(
        digits.encode(), digits[:-3].encode() + bytes([digits.encode()[-3] + 1]) + b"=="
    )
    for changed in (with_member, signature + b"\n", b" " + signature, with_unused_bits):
        assert problems({**whole, "manifest.sig": changed}) == [ProblemKind.NO_SIGNATURE]


@given(st.data())
def test_no_changed_byte_goes_unnoticed(data: st.DataObject) -> None:
    whole = result()
    name = data.draw(st.sampled_from(sorted(whole)))
    content = bytearray(whole[name])
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    try:
        verification = check({**whole, name: bytes(content)})
    except UnreadableArchiveError:
        assert name == "manifest.json"
    else:
        assert verification.worst is not None


def _deep(levels: int) -> object:
    value: object = 0
    for _ in range(levels):
        value = {"": value}
    return value


MEMBERS: dict[str, Callable[[dict[str, Any], Any], object]] = {
    "an entry's source": lambda doc, value: doc["frames"][3].update(source=value),
    "an entry's index": lambda doc, value: doc["frames"][3].update(index=value),
    "an entry's file": lambda doc, value: doc["frames"][3].update(file=value),
    "an entry's digest": lambda doc, value: doc["frames"][3].update(sha256=value),
    "an entry's link": lambda doc, value: doc["frames"][3].update(link=value),
    "an entry's boxes": lambda doc, value: doc["frames"][3].update(boxes=value),
    "an entry": lambda doc, value: doc["frames"].insert(3, value),
    "the entries": lambda doc, value: doc.update(frames=value),
    "a file's name": lambda doc, value: doc["files"][0].update(file=value),
    "a file's digest": lambda doc, value: doc["files"][0].update(sha256=value),
    "a file": lambda doc, value: doc["files"].append(value),
    "the files": lambda doc, value: doc.update(files=value),
    "a source's id": lambda doc, value: doc["sources"][0].update(id=value),
    "a source": lambda doc, value: doc["sources"].append(value),
    "the sources": lambda doc, value: doc.update(sources=value),
    "a segment's end": lambda doc, value: doc["sources"][0].update(segments=[[0, value]]),
    "a segment": lambda doc, value: doc["sources"][0].update(segments=[value]),
    "the segments": lambda doc, value: doc["sources"][0].update(segments=value),
    "the head": lambda doc, value: doc["chain"].update(head=value),
    "the chain": lambda doc, value: doc.update(chain=value),
    "the version": lambda doc, value: doc.update(version=value),
    "something else": lambda doc, value: doc.update(settings=value),
}
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(["\ud800", "0", 10**30, -1, [1], ["0", 5], {}, [], 2.0, "frames/0/2.png", _deep(700)]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(member=st.sampled_from(sorted(MEMBERS)), value=VALUES, as_video=st.booleans())
@settings(max_examples=10 * settings.default.max_examples)
def test_any_changed_manifest_is_a_problem_or_refused(member: str, value: object, as_video: bool) -> None:
    whole = result(OutputFormat.MP4 if as_video else OutputFormat.PNG)
    document = json.loads(whole["manifest.json"])
    before = json.dumps(document, sort_keys=True)
    MEMBERS[member](document, value)
    assume(json.dumps(document, sort_keys=True) != before)
    try:
        verification = check({**whole, "manifest.json": json.dumps(document).encode()})
    except UnreadableArchiveError:
        return
    assert verification.worst is ProblemKind.MANIFEST_CHANGED
    for finding in verification.problems:
        f"{finding.subject}: {finding.detail}".encode()


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("an entry's index", [1]),
        ("an entry's index", 2.0),
        ("an entry's index", True),
        ("an entry's file", 5),
        ("an entry's file", "\ud800"),
        ("an entry's digest", []),
        ("a file's name", {}),
        ("a source's id", {}),
        ("a segment", ["0", 5]),
        ("a segment", 5),
        ("the chain", "0"),
        ("the version", True),
    ],
)
def test_a_member_of_another_type_is_refused(member: str, value: object) -> None:
    with pytest.raises(UnreadableArchiveError):
        check(edited_as_plain_json(lambda doc: MEMBERS[member](doc, value)))


def test_an_entry_that_is_nested_too_deeply_was_changed() -> None:
    changed = check(edited_as_plain_json(lambda doc: doc["frames"][3].update(boxes=_deep(700))))
    assert ProblemKind.FRAME_CHANGED in [finding.kind for finding in changed.problems]


@pytest.mark.parametrize(
    "content", [None, b"", b"[]", b"{}", b'{"version":1}', b'{"version":2}', b"[" * 100_000]
)
def test_an_archive_that_is_no_result_is_refused(content: bytes | None) -> None:
    entries = {} if content is None else {"manifest.json": content}
    with pytest.raises(UnreadableArchiveError):
        check(entries)
