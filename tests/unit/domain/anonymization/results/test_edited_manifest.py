"""Manifests that people have edited, well and badly."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.media import FakeArchive, FakeEncoder, FakeRedactor, FakeSource
from fakes.results import IMPRINT
from fakes.vision import FakeFaceDetector
from framecloak.domain.anonymization.identification.inherited import InheritedIdentities
from framecloak.domain.anonymization.model.box_table import entries
from framecloak.domain.anonymization.model.boxes import Origin
from framecloak.domain.anonymization.model.frames import RedactedBox
from framecloak.domain.anonymization.model.options import (
    Appearance,
    Level,
    OutputFormat,
    RedactionShape,
    RedactionStyle,
)
from framecloak.domain.anonymization.model.provenance import BasedOn, SignatureState
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.anonymization.results import edited_manifest
from framecloak.domain.anonymization.results.edited_manifest import read_edited_manifest
from framecloak.domain.anonymization.results.export import ExportJob, ExportSource, group_sources
from framecloak.domain.errors import (
    DomainError,
    InvalidManifestError,
    ManifestMismatchError,
    TooManyBoxesError,
)
from framecloak.domain.imaging.detections import FloatArray, Image, TargetKind
from framecloak.domain.model.segments import Region, Segment

Document = dict[str, Any]
PEOPLE: Document = {
    "mode": "except",
    "threshold": 0.93,
    "possible": 0.9,
    "unknown": "redact",
    "model": "dlib-resnet",
    "people": f"folder:{'0' * 64}",
    "faces": 2,
}
DECISION: Document = {
    "source": 0,
    "track": 4,
    "segment": [2, 7],
    "decision": "known",
    "redacted": False,
    "similarity": 0.95,
    "views": [[2, 0.95], [5, 0.97]],
}


@pytest.fixture(scope="module")
def signed() -> bytes:
    """The manifest of frames 2 to 6 of a film with a face in each, and a region."""
    archive = FakeArchive()
    exhibit = ExportSource(
        0, FakeSource("film.mp4", 9), None, lambda i: f"frames/{i}", (Segment(2, 7),), (Region(1, 1, 5, 5),)
    )
    look = Appearance(OutputFormat.PNG, 71, RedactionStyle.BLUR)
    instruments = PipelineTools(FakeFaceDetector(), FakeRedactor(), FakeEncoder(), 2)
    ExportJob(IMPRINT, Level.FACES, look, group_sources([exhibit])).run(instruments, archive, lambda: None)
    return archive.read("manifest.json")


@pytest.fixture
def document(signed: bytes) -> Document:
    found: Document = json.loads(signed)
    return found


class _Styles:
    """Remembers what was redacted in which style."""

    def __init__(self) -> None:
        self.calls: list[tuple[RedactionStyle, list[list[float]]]] = []

    def redact(self, image: Image, boxes: FloatArray, style: RedactionStyle, shape: RedactionShape) -> None:
        self.calls.append((style, boxes.tolist()))


def written(document: Document) -> bytes:
    return json.dumps(document).encode()


def test_a_manifest_is_understood_as_it_was_written(signed: bytes, document: Document) -> None:
    found = read_edited_manifest(signed)
    assert (found.level, found.appearance.output_format, found.appearance.quality) == (
        Level.FACES,
        OutputFormat.PNG,
        71,
    )
    source, table = found.source_and_boxes("5" * 64, "film.mp4")
    assert (source.segments, source.regions) == ((Segment(2, 7),), (Region(1, 1, 5, 5),))
    for (index, boxes), entry in zip(entries(table), document["frames"], strict=True):
        assert index == entry["index"]
        assert [list(box.xyxy) for box in boxes or ()] == [box["xyxy"] for box in entry["boxes"]]
        assert [box.origin for box in boxes or ()] == [box["origin"] for box in entry["boxes"]]
    assert len(table) > 5


def test_boxes_and_frames_may_be_edited_in_any_order(document: Document) -> None:
    document["frames"].reverse()
    last = document["frames"][0]
    last["boxes"] = [
        {"xyxy": [1, 2, 3, 4]},
        {"xyxy": [-1, 2, 3, 4], "kind": "region", "track": 7},
        {"xyxy": [5, 5, 9, 9], "kind": "plate", "track": 4, "score": 1, "origin": "edited"},
        {"xyxy": [5, 5, 9, 9], "kind": "face", "track": None, "score": None, "origin": "detected"},
    ]
    document["frames"][1] |= {"blanked": True, "boxes": []}
    _, table = read_edited_manifest(json.dumps(document, indent=1).encode()).source_and_boxes(
        "5" * 64, "film"
    )
    assert table.boxes(6) == (
        RedactedBox((1, 2, 3, 4), None, None, Origin.MANUAL, TargetKind.FACE),
        RedactedBox((-1, 2, 3, 4), None, None, Origin.MANUAL, None),
        RedactedBox((5, 5, 9, 9), 4, 1.0, Origin.EDITED, TargetKind.PLATE),
        RedactedBox((5, 5, 9, 9), None, None, Origin.MANUAL, TargetKind.FACE),
    )
    assert table.boxes(5) is None


def test_what_was_found_in_a_redacted_frame_stays_black_in_whatever_style(document: Document) -> None:
    entry = document["frames"][1]
    left = {"xyxy": [40, 30, 52, 44], "kind": "face", "track": None, "score": None, "origin": "residual"}
    entry["boxes"].append(left)
    manifest = read_edited_manifest(written(document))
    _, table = manifest.source_and_boxes("5" * 64, "film.mp4")
    residual = RedactedBox((40, 30, 52, 44), None, None, Origin.RESIDUAL, TargetKind.FACE)
    assert (table.boxes(3) or ())[-1] == residual
    source = FakeSource("film.mp4", 9)
    exhibit = ExportSource(0, source, None, lambda i: f"frames/{i}", (Segment(2, 7),), boxes=table)
    redactor, archive = _Styles(), FakeArchive()
    based_on = BasedOn(manifest.sha256, SignatureState.CHANGED)
    ExportJob(IMPRINT, Level.FACES, manifest.appearance, group_sources([exhibit]), based_on).run(
        PipelineTools(None, redactor, FakeEncoder(), 1), archive, lambda: None
    )
    black = [boxes for style, boxes in redactor.calls if style is RedactionStyle.SOLID]
    assert black == [[[40, 30, 52, 44]]]
    again = json.loads(archive.read("manifest.json"))
    assert again["frames"][1]["boxes"][-1] == left
    assert (again["proof"], again["models"]) == (None, [])


def test_what_is_said_of_people_is_taken_over(document: Document) -> None:
    document["identities"] = PEOPLE | {"decisions": [DECISION, DECISION | {"source": 1, "track": 9}]}
    found = read_edited_manifest(written(document)).identities
    assert found is not None
    assert found.to_entry() == document["identities"]
    assert InheritedIdentities.from_bytes(found.to_bytes()) == found
    assert [run.track for run in found.of_source(1).runs] == [9]
    assert [run.source for run in found.of_source(1).runs] == [0]
    del document["identities"]["possible"]
    found = read_edited_manifest(written(document)).identities
    assert found is not None
    assert found.settings.possible == PEOPLE["threshold"]


@pytest.mark.parametrize(
    "identities",
    [
        [],
        PEOPLE,
        PEOPLE | {"decisions": {}},
        *(
            PEOPLE | {"decisions": []} | change
            for change in (
                {"mode": "nobody"},
                {"unknown": "perhaps"},
                {"threshold": 0},
                {"threshold": "high"},
                {"possible": 2},
                {"model": ""},
                {"people": "<b>Grace</b>"},
                {"faces": -1},
                {"label": "Grace"},
            )
        ),
        *(
            PEOPLE | {"decisions": [DECISION | change]}
            for change in (
                {"source": True},
                {"track": None},
                {"segment": [4, 4]},
                {"segment": [4]},
                {"decision": "friend"},
                {"redacted": 1},
                {"views": [[2]]},
                {"views": [[2, 1.5]]},
                {"views": [[2, None]]},
                {"name": "Grace"},
            )
        ),
    ],
)
def test_what_cannot_be_said_of_people_is_refused(document: Document, identities: object) -> None:
    document["identities"] = identities
    with pytest.raises(InvalidManifestError, match="sources or identities are invalid"):
        read_edited_manifest(written(document))


def test_a_residual_has_neither_track_nor_score(document: Document) -> None:
    box = {"xyxy": [1, 1, 9, 9], "kind": "face", "track": 3, "score": 0.5, "origin": "residual"}
    document["frames"][0]["boxes"] = [box]
    _, table = read_edited_manifest(written(document)).source_and_boxes("5" * 64, "film.mp4")
    assert table.boxes(2) == (RedactedBox((1, 1, 9, 9), None, None, Origin.RESIDUAL, TargetKind.FACE),)


def test_a_plate_keeps_its_basis_until_a_person_draws_it(document: Document) -> None:
    found = {"xyxy": [1, 1, 9, 9], "kind": "plate", "track": 3, "score": 0.5, "origin": "detected"}
    drawn = found | {"origin": "manual"}
    document["frames"][0]["boxes"] = [
        found | {"basis": "shape"}, found | {"basis": "detector"}, found, drawn | {"basis": "shape"}
    ]  # fmt: skip
    _, table = read_edited_manifest(written(document)).source_and_boxes("5" * 64, "film.mp4")
    assert [box.basis for box in table.boxes(2) or ()] == ["shape", "detector", "detector", None]


def test_a_box_twice_is_redacted_twice_and_that_is_all(document: Document) -> None:
    document["frames"][0]["boxes"] = [{"xyxy": [1, 1, 9, 9]}] * 3
    _, table = read_edited_manifest(written(document)).source_and_boxes("5" * 64, "film.mp4")
    assert table.boxes(2) == (RedactedBox((1, 1, 9, 9), None, None, Origin.MANUAL, TargetKind.FACE),) * 3


def test_a_manifest_of_another_video_names_both(document: Document) -> None:
    found = read_edited_manifest(written(document))
    with pytest.raises(ManifestMismatchError, match=r"5{12}\.\.\., but other.mp4 has a{12}\.\.\."):
        found.source_and_boxes("a" * 64, "other.mp4")


def test_a_frame_that_is_missing_is_not_shipped(document: Document) -> None:
    del document["frames"][2]
    with pytest.raises(InvalidManifestError, match="frame 4 has no entry"):
        read_edited_manifest(written(document)).source_and_boxes("5" * 64, "film.mp4")


def box(**changes: object) -> Callable[[Document], object]:
    return lambda it: it["frames"][1]["boxes"].append({"xyxy": [0, 0, 9, 9], **changes})


def _without_boxes(document: Document) -> Document:
    entry: Document = document["frames"][1]
    entry["boxes"] = []
    return entry


def test_a_frame_with_boxes_need_not_say_that_it_is_shown(document: Document) -> None:
    before = read_edited_manifest(written(document)).source_and_boxes("5" * 64, "film.mp4")[1].boxes(3)
    del document["frames"][1]["blanked"]
    assert (
        read_edited_manifest(written(document)).source_and_boxes("5" * 64, "film.mp4")[1].boxes(3) == before
    )


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (box(xyxy=[0, 0, 9]), "four whole numbers"),
        (box(xyxy=[0, 0, 9, 9.5]), "four whole numbers"),
        (box(xyxy=[0, 0, True, 9]), "four whole numbers"),
        (box(xyxy=[0, 0, 10**30, 9]), "larger than any picture"),
        (box(xyxy=[9, 9, 3, 3]), "no extent"),
        (box(xyxy=None), "four whole numbers"),
        (box(kind="dog"), "one of"),
        (box(kind=["face"]), "one of"),
        (box(origin="guessed"), "origin"),
        (box(track=-1), "track"),
        (box(track=2**31), "track"),
        (box(track="1"), "track"),
        (box(score=1.5), "score"),
        (box(score=float("nan")), "NaN is not a valid number"),
        (box(score=float("inf")), "Infinity is not a valid number"),
        (box(score=True), "score"),
        (box(kind="plate", basis="guess"), "basis"),
        (box(kind="plate", basis=["shape"]), "basis"),
        (box(kind="text", basis="shape"), "only a plate"),
        (box(colour="red"), "unknown fields"),
        (lambda it: it["frames"].append(dict(it["frames"][0])), "two entries"),
        (lambda it: it["frames"].append(7), "not an object"),
        (lambda it: it["frames"][0].update(index=-1), "no index"),
        (lambda it: it["frames"][0].update(index=True), "no index"),
        (lambda it: it["frames"][0].update(source=3), "source that is not listed"),
        (lambda it: it["frames"][0].update(blanked="no"), "blanked"),
        (lambda it: it["frames"][0].update(blanked=True), "blanked"),
        (lambda it: it["frames"][0].update(blanked=None), "must be true or false"),
        (lambda it: it["frames"][0].update(boxes={}), "blanked"),
        (lambda it: _without_boxes(it).pop("blanked"), "required without boxes"),
        (lambda it: _without_boxes(it).update(blanked=None), "required without boxes"),
        (lambda it: _without_boxes(it).update(blanked=0), "must be true or false"),
        (lambda it: it["frames"][0].update(note=1), "unknown fields"),
        (lambda it: it.update(version=1), "its version is 1"),
        (lambda it: it.update(version=True), "its version is True"),
        (lambda it: it.pop("frames"), "no frames"),
        (lambda it: it.pop("settings"), "no settings"),
        (lambda it: it["settings"].update(level="most"), "settings, sources or identities"),
        (lambda it: it["settings"].update(quality="best"), "settings, sources or identities"),
        (lambda it: it["settings"].pop("shape"), "settings, sources or identities"),
        (lambda it: it["sources"].append(it["sources"][0]), "listed twice"),
        (lambda it: it["sources"][0].update(segments=[]), "settings, sources or identities"),
        (lambda it: it["sources"][0].update(segments=[[5, 2]]), "settings, sources or identities"),
        (lambda it: it["sources"][0].update(segments=7), "settings, sources or identities"),
        (
            lambda it: it["sources"][0].update(regions=[{"xyxy": [0, 0, 1, 1]}]),
            "settings, sources or identities",
        ),
        (lambda it: it.update(sources={}), "no sources"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(
    document: Document, spoil: Callable[[Document], object], said: str
) -> None:
    spoil(document)
    with pytest.raises(InvalidManifestError) as raised:
        read_edited_manifest(written(document))
    assert said in raised.value.message
    assert raised.value.hint


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not valid JSON"),
        (b"PK\x03\x04", "not valid JSON"),
        (b"\xff\xfe{", "not UTF-8"),
        (b"[]", "'{' is missing"),
        (b"{}", "no frames"),
        (b'{"frames": []', "is missing"),
        (b'{"frames": []} {}', "follow the end"),
        (b'{"frames": [], "frames": []}', "occurs twice"),
        (b'{"version": 2, "version": 2, "frames": []}', "occurs twice"),
        (b'{"frames": [{"index": 1, "index": 2}]}', "two members of the same name"),
        (b'{"frames": [' + b"[" * 100_000, "nested too deeply"),
        (b'{"frames": [{"index": ' + b"9" * 5000 + b"}]}", "not valid JSON"),
        (b'{7: 1, "frames": []}', "not a member name"),
    ],
)
def test_what_is_no_manifest(data: bytes, said: str) -> None:
    with pytest.raises(InvalidManifestError, match=said):
        read_edited_manifest(data)


def test_ten_million_boxes_are_refused_before_they_are_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edited_manifest, "_Document", None)
    box = b'{"xyxy":[0,0,9,9]},'
    with pytest.raises(TooManyBoxesError, match="2000000 boxes"):
        read_edited_manifest(b'{"frames":[{"index":0,"source":0,"boxes":[' + box * 10_000_000 + b"]}]}")


def test_a_file_that_is_too_large_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edited_manifest, "MAX_EDITED_BYTES", 10)
    with pytest.raises(TooManyBoxesError):
        read_edited_manifest(b" " * 11)


@given(st.binary(max_size=60) | st.text(alphabet='{}[]":,0123framesx \\u', max_size=60).map(str.encode))
def test_whatever_it_is_it_is_an_error_with_a_name(data: bytes) -> None:
    with pytest.raises(DomainError):
        read_edited_manifest(data)
