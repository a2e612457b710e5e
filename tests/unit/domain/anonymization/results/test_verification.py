"""Checking results: what each kind of change is called, and that nothing passes unnoticed."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fakes.media import FakeArchive, FakeEncoder, FakeRedactor, FakeSource
from fakes.results import IMPRINT, FakeFilmReader, FakeSigner, FakeVideoEncoder, is_signed
from fakes.vision import FakeFaceDetector
from framecloak.domain.anonymization.model.options import Appearance, Level, OutputFormat
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.anonymization.results.export import ExportJob, ExportSource, group_sources
from framecloak.domain.anonymization.results.signature import ManifestSignature
from framecloak.domain.anonymization.results.verification import (
    Finding,
    ProblemKind,
    VerificationResult,
    verify_archive,
)
from framecloak.domain.errors import UnreadableArchiveError
from framecloak.domain.imaging.detections import Image
from framecloak.domain.model.segments import Segment
from framecloak.domain.ports.archives import ForeignContent
from framecloak.domain.support.canonical_json import canonical_json

KEY = IMPRINT.signer.public_key
Entries = dict[str, bytes]


def result(output_format: OutputFormat = OutputFormat.PNG) -> Entries:
    return dict(_result(output_format))


@cache
def _result(output_format: OutputFormat) -> Entries:
    exhibits = [
        ExportSource(
            n, FakeSource("film", 9), None, lambda i, n=n: f"frames/{n}/{i}", (Segment(1, 4), Segment(5, 8))
        )  # type: ignore[misc]
        for n in range(1 if output_format.is_video else 2)
    ]
    archive = FakeArchive()
    instruments = PipelineTools(
        FakeFaceDetector(), FakeRedactor(), Counting(), 2, video_encoder=FakeVideoEncoder()
    )
    ExportJob(IMPRINT, Level.FACES, Appearance(output_format), group_sources(exhibits)).run(
        instruments, archive, lambda: None
    )
    return archive.entries


class Counting(FakeEncoder):
    """Gives every picture bytes of its own."""

    def __init__(self) -> None:
        self.count = 0

    def encode(self, image: Image, appearance: Appearance) -> bytes:
        self.count += 1
        return f"picture {self.count}".encode()


def check(entries: Entries, key: bytes | None = KEY, own: bytes | None = None) -> VerificationResult:
    return verify_archive(FakeArchive(entries=entries), is_signed, FakeFilmReader(), key, own)


def problems(entries: Entries) -> list[ProblemKind]:
    return [finding.kind for finding in check(entries).problems]


def edited_as_json(edit: Callable[[dict[str, Any]], object]) -> Entries:
    """A result whose manifest holds what canonical JSON has no form for, too."""
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
    verdict = check(result(output_format))
    assert verdict.problems == ()
    assert verdict.worst is None
    assert verdict.frame_count == (6 if output_format.is_video else 12)
    assert verdict.key_id == json.loads(result()["manifest.sig"])["key_id"]


def test_without_a_key_nobody_knows_who_signed() -> None:
    assert check(result(), key=None).worst is ProblemKind.UNKNOWN_SIGNER
    assert check(result(), key=None, own=KEY).worst is None
    assert check(result(), key=None, own=bytes(32)).worst is ProblemKind.UNKNOWN_SIGNER
    assert check(result(), key=FakeSigner("else").public_key, own=KEY).worst is ProblemKind.WRONG_KEY


def test_files_that_are_not_what_they_were() -> None:
    whole, name, other = result(), "frames/0/2.png", "frames/1/6.png"
    assert problems({**whole, name: b"x"}) == [ProblemKind.FRAME_CHANGED]
    assert problems({key: whole[key] for key in whole if key != name}) == [ProblemKind.FRAME_MISSING]
    assert problems({**whole, "frames/0/4.png": b"x"}) == [ProblemKind.FRAME_ADDED]
    swapped = check({**whole, name: whole[other], other: whole[name]})
    assert [finding.kind for finding in swapped.problems] == [ProblemKind.FRAMES_REORDERED] * 2
    assert {(one.subject, one.detail) for one in swapped.problems} == {
        (name, f"it has the content of {other}"),
        (other, f"it has the content of {name}"),
    }
    assert problems({**whole, "report.html": b"x"}) == [ProblemKind.FILE_CHANGED]
    assert problems({key: whole[key] for key in whole if key != "report.html"}) == [ProblemKind.FILE_CHANGED]


def test_an_archive_that_holds_more_than_its_entries() -> None:
    strange = [ForeignContent("frames/0/2.png", "there are 9 bytes before it that belong to no entry")]
    archive = FakeArchive(entries=result(), strange=strange)
    verdict = verify_archive(archive, is_signed, FakeFilmReader(), KEY)
    assert verdict.problems == (Finding(ProblemKind.ARCHIVE_CHANGED, strange[0].subject, strange[0].detail),)
    unknown = verify_archive(archive, is_signed, FakeFilmReader(), None)
    assert unknown.worst is ProblemKind.ARCHIVE_CHANGED


def test_films_name_the_frame() -> None:
    whole, name = result(OutputFormat.MP4), "films/film_0000005.mp4"
    head, scale, shown = json.loads(whole[name])
    shown[1][1], shown[2][1] = shown[2][1], "00"
    verdict = check({**whole, name: json.dumps([head, scale, shown]).encode()})
    assert [(one.kind, one.detail) for one in verdict.problems] == [
        (ProblemKind.FRAME_CHANGED, "frame 7 of source 0 was changed"),
        (ProblemKind.FRAMES_REORDERED, "frame 7 of source 0 is in the position of frame 6 of source 0"),
        (ProblemKind.FILE_CHANGED, "its content was changed"),
    ]
    short = check({**whole, name: json.dumps([head, scale, shown[:1]]).encode()})
    assert [one.kind for one in short.problems] == [ProblemKind.FRAME_MISSING, ProblemKind.FILE_CHANGED]
    longer = check({**whole, name: json.dumps([head, scale, [*shown, shown[0]]]).encode()})
    assert ProblemKind.FRAME_ADDED in [one.kind for one in longer.problems]
    assert problems({**whole, name: b"no film"}) == [ProblemKind.FILE_CHANGED]


EDITS: dict[str, tuple[Callable[[dict[str, Any]], object], ProblemKind]] = {
    "a box less": (lambda it: it["frames"][3]["boxes"].pop(), ProblemKind.FRAME_CHANGED),
    "another digest": (lambda it: it["frames"][3].update(sha256="0" * 64), ProblemKind.FRAME_CHANGED),
    "another link": (lambda it: it["frames"][3].update(link="0" * 64), ProblemKind.FRAME_CHANGED),
    "no link": (lambda it: it["frames"][3].update(link="nothing"), ProblemKind.FRAME_CHANGED),
    "an entry less": (lambda it: it["frames"].pop(3), ProblemKind.FRAME_MISSING),
    "the last entry less": (lambda it: it["frames"].pop(), ProblemKind.FRAME_MISSING),
    "an entry twice": (lambda it: it["frames"].append(it["frames"][0]), ProblemKind.FRAME_ADDED),
    "two entries swapped": (
        lambda it: it["frames"].insert(2, it["frames"].pop(3)),
        ProblemKind.FRAMES_REORDERED,
    ),
}


@pytest.mark.parametrize(("edit", "problem"), EDITS.values(), ids=EDITS.keys())
def test_an_edited_manifest_and_what_was_edited(
    edit: Callable[[dict[str, Any]], object], problem: ProblemKind
) -> None:
    found = problems(edited(result(), edit))
    assert found[0] is ProblemKind.MANIFEST_CHANGED
    assert problem in found


def test_an_edited_entry_is_one_finding() -> None:
    verdict = check(edited(result(), lambda it: it["frames"][3].update(blanked=True)))
    assert [one.detail for one in verdict.problems[1:]] == ["the entry of frame 5 of source 0 was changed"]


def test_signatures_that_are_not_good() -> None:
    whole = result()
    assert problems({name: whole[name] for name in whole if name != "manifest.sig"}) == [
        ProblemKind.NO_SIGNATURE
    ]
    assert problems({**whole, "manifest.sig": b"{}"}) == [ProblemKind.NO_SIGNATURE]
    assert problems({**whole, "manifest.sig": b"x" * 100_000}) == [ProblemKind.NO_SIGNATURE]
    assert problems({**whole, "manifest.sig": b"[" * 60_000}) == [ProblemKind.NO_SIGNATURE]
    seal = ManifestSignature.parse(whole["manifest.sig"])
    forged = ManifestSignature(seal.manifest_sha256, seal.public_key, bytes(64)).to_json()
    assert problems({**whole, "manifest.sig": forged}) == [ProblemKind.BAD_SIGNATURE]
    other = ManifestSignature.sign(seal.manifest_sha256, FakeSigner("mallory")).to_json()
    assert problems({**whole, "manifest.sig": other}) == [ProblemKind.WRONG_KEY]


def test_a_signature_with_something_beside_it_is_none() -> None:
    whole = result()
    seal = whole["manifest.sig"]
    more = canonical_json({**json.loads(seal), "zz": "a picture"})
    digits = json.loads(seal)["signature"]
    # The last digit stands for two bits and four that nobody reads.
    unread = seal.replace(digits.encode(), digits[:-3].encode() + bytes([digits.encode()[-3] + 1]) + b"==")
    for changed in (more, seal + b"\n", b" " + seal, unread):
        assert problems({**whole, "manifest.sig": changed}) == [ProblemKind.NO_SIGNATURE]


@given(st.data())
def test_no_changed_byte_goes_unnoticed(data: st.DataObject) -> None:
    whole = result()
    name = data.draw(st.sampled_from(sorted(whole)))
    content = bytearray(whole[name])
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    try:
        verdict = check({**whole, name: bytes(content)})
    except UnreadableArchiveError:
        assert name == "manifest.json"
    else:
        assert verdict.worst is not None


def _deep(levels: int) -> object:
    value: object = 0
    for _ in range(levels):
        value = {"": value}
    return value


MEMBERS: dict[str, Callable[[dict[str, Any], Any], object]] = {
    "an entry's source": lambda it, value: it["frames"][3].update(source=value),
    "an entry's index": lambda it, value: it["frames"][3].update(index=value),
    "an entry's file": lambda it, value: it["frames"][3].update(file=value),
    "an entry's digest": lambda it, value: it["frames"][3].update(sha256=value),
    "an entry's link": lambda it, value: it["frames"][3].update(link=value),
    "an entry's boxes": lambda it, value: it["frames"][3].update(boxes=value),
    "an entry": lambda it, value: it["frames"].insert(3, value),
    "the entries": lambda it, value: it.update(frames=value),
    "a file's name": lambda it, value: it["files"][0].update(file=value),
    "a file's digest": lambda it, value: it["files"][0].update(sha256=value),
    "a file": lambda it, value: it["files"].append(value),
    "the files": lambda it, value: it.update(files=value),
    "a source's id": lambda it, value: it["sources"][0].update(id=value),
    "a source": lambda it, value: it["sources"].append(value),
    "the sources": lambda it, value: it.update(sources=value),
    "a segment's end": lambda it, value: it["sources"][0].update(segments=[[0, value]]),
    "a segment": lambda it, value: it["sources"][0].update(segments=[value]),
    "the segments": lambda it, value: it["sources"][0].update(segments=value),
    "the head": lambda it, value: it["chain"].update(head=value),
    "the chain": lambda it, value: it.update(chain=value),
    "the version": lambda it, value: it.update(version=value),
    "something else": lambda it, value: it.update(settings=value),
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


@given(member=st.sampled_from(sorted(MEMBERS)), value=VALUES, film=st.booleans())
@settings(max_examples=10 * settings.default.max_examples)
def test_whatever_a_manifest_is_changed_to_it_is_a_verdict_or_refused(
    member: str, value: object, film: bool
) -> None:
    whole = result(OutputFormat.MP4 if film else OutputFormat.PNG)
    document = json.loads(whole["manifest.json"])
    before = json.dumps(document, sort_keys=True)
    MEMBERS[member](document, value)
    assume(json.dumps(document, sort_keys=True) != before)
    try:
        verdict = check({**whole, "manifest.json": json.dumps(document).encode()})
    except UnreadableArchiveError:
        return
    assert verdict.worst is ProblemKind.MANIFEST_CHANGED
    for finding in verdict.problems:
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
        check(edited_as_json(lambda it: MEMBERS[member](it, value)))


def test_an_entry_that_is_nested_too_deeply_was_changed() -> None:
    changed = check(edited_as_json(lambda it: it["frames"][3].update(boxes=_deep(700))))
    assert ProblemKind.FRAME_CHANGED in [finding.kind for finding in changed.problems]


@pytest.mark.parametrize(
    "content", [None, b"", b"[]", b"{}", b'{"version":1}', b'{"version":2}', b"[" * 100_000]
)
def test_what_is_no_result_is_refused(content: bytes | None) -> None:
    entries = {} if content is None else {"manifest.json": content}
    with pytest.raises(UnreadableArchiveError):
        check(entries)
