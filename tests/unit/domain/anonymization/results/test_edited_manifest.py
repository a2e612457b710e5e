"""Manifests edited by users: valid and invalid ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.media import FakeArchive, FakeEncoder, FakeRedactor, FakeSampler, FakeSource
from fakes.results import ISSUER
from fakes.vision import FakeFaceDetector
from framecloak.domain.anonymization.identification.inherited import InheritedIdentities
from framecloak.domain.anonymization.model.box_table import entries
from framecloak.domain.anonymization.model.frames import RedactedBox
from framecloak.domain.anonymization.model.options import Appearance, Level, RedactionShape, RedactionStyle
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.model.record.provenance import BasedOn, SignatureState
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.anonymization.results import edited_manifest
from framecloak.domain.anonymization.results.edited_manifest import read_edited_manifest
from framecloak.domain.anonymization.results.export import ExportJob
from framecloak.domain.anonymization.results.sources import ExportSource, group_sources
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
    """Return the manifest of frames 2 to 6 of a video with a face in each and a region."""
    archive = FakeArchive()
    source = ExportSource(
        0, FakeSource("video.mp4", 9), None, lambda i: f"frames/{i}", (Segment(2, 7),), (Region(1, 1, 5, 5),)
    )
    appearance = Appearance(OutputFormat.PNG, 71, RedactionStyle.BLUR)
    tools = PipelineTools(FakeFaceDetector(), FakeRedactor(), FakeEncoder(), FakeSampler(), 2)
    ExportJob(ISSUER, Level.FACES, appearance, group_sources([source])).run(tools, archive, lambda: None)
    return archive.read("manifest.json")


@pytest.fixture
def document(signed: bytes) -> Document:
    parsed: Document = json.loads(signed)
    return parsed


class RecordingRedactor:
    """Records styles and boxes."""

    def __init__(self) -> None:
        self.calls: list[tuple[RedactionStyle, list[list[float]]]] = []

    def redact(self, image: Image, boxes: FloatArray, style: RedactionStyle, shape: RedactionShape) -> None:
        self.calls.append((style, boxes.tolist()))


def encoded(document: Document) -> bytes:
    return json.dumps(document).encode()


def test_an_unedited_manifest_is_read_as_written(signed: bytes, document: Document) -> None:
    manifest = read_edited_manifest(signed)
    assert (manifest.level, manifest.appearance.output_format, manifest.appearance.quality) == (
        Level.FACES,
        OutputFormat.PNG,
        71,
    )
    source, table = manifest.source_and_boxes("5" * 64, "video.mp4")
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
        "5" * 64, "video"
    )
    assert table.boxes(6) == (
        RedactedBox((1, 2, 3, 4), None, None, Origin.MANUAL, TargetKind.FACE),
        RedactedBox((-1, 2, 3, 4), None, None, Origin.MANUAL, None),
        RedactedBox((5, 5, 9, 9), 4, 1.0, Origin.EDITED, TargetKind.PLATE),
        RedactedBox((5, 5, 9, 9), None, None, Origin.MANUAL, TargetKind.FACE),
    )
    assert table.boxes(5) is None


def test_residuals_stay_black_in_every_style(document: Document) -> None:
    entry = document["frames"][1]
    drawn = {"xyxy": [40, 30, 52, 44], "kind": "face", "track": None, "score": None, "origin": "residual"}
    entry["boxes"].append(drawn)
    manifest = read_edited_manifest(encoded(document))
    _, table = manifest.source_and_boxes("5" * 64, "video.mp4")
    residual = RedactedBox((40, 30, 52, 44), None, None, Origin.RESIDUAL, TargetKind.FACE)
    assert (table.boxes(3) or ())[-1] == residual
    source = FakeSource("video.mp4", 9)
    export_source = ExportSource(0, source, None, lambda i: f"frames/{i}", (Segment(2, 7),), boxes=table)
    redactor, archive = RecordingRedactor(), FakeArchive()
    based_on = BasedOn(manifest.sha256, SignatureState.CHANGED)
    ExportJob(ISSUER, Level.FACES, manifest.appearance, group_sources([export_source]), based_on).run(
        PipelineTools(None, redactor, FakeEncoder(), FakeSampler(), 1), archive, lambda: None
    )
    black = [boxes for style, boxes in redactor.calls if style is RedactionStyle.SOLID]
    assert black == [[[40, 30, 52, 44]]]
    rerendered = json.loads(archive.read("manifest.json"))
    assert rerendered["frames"][1]["boxes"][-1] == drawn
    assert (rerendered["proof"], rerendered["models"]) == (None, [])


def test_identities_are_inherited(document: Document) -> None:
    document["identities"] = PEOPLE | {"decisions": [DECISION, DECISION | {"source": 1, "track": 9}]}
    identities = read_edited_manifest(encoded(document)).identities
    assert identities is not None
    assert identities.to_entry() == document["identities"]
    assert InheritedIdentities.from_bytes(identities.to_bytes()) == identities
    assert [run.track for run in identities.of_source(1).runs] == [9]
    assert [run.source for run in identities.of_source(1).runs] == [0]
    del document["identities"]["possible"]
    identities = read_edited_manifest(encoded(document)).identities
    assert identities is not None
    assert identities.rules.possible == PEOPLE["threshold"]


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
def test_invalid_identities_are_refused(document: Document, identities: object) -> None:
    document["identities"] = identities
    with pytest.raises(InvalidManifestError, match="sources or identities are invalid"):
        read_edited_manifest(encoded(document))


def test_a_residual_has_neither_track_nor_score(document: Document) -> None:
    box = {"xyxy": [1, 1, 9, 9], "kind": "face", "track": 3, "score": 0.5, "origin": "residual"}
    document["frames"][0]["boxes"] = [box]
    _, table = read_edited_manifest(encoded(document)).source_and_boxes("5" * 64, "video.mp4")
    assert table.boxes(2) == (RedactedBox((1, 1, 9, 9), None, None, Origin.RESIDUAL, TargetKind.FACE),)


def test_a_plate_keeps_its_basis_until_a_user_draws_it(document: Document) -> None:
    detected = {"xyxy": [1, 1, 9, 9], "kind": "plate", "track": 3, "score": 0.5, "origin": "detected"}
    drawn = detected | {"origin": "manual"}
    document["frames"][0]["boxes"] = [
        detected | {"basis": "shape"}, detected | {"basis": "detector"}, detected, drawn | {"basis": "shape"}
    ]  # fmt: skip
    _, table = read_edited_manifest(encoded(document)).source_and_boxes("5" * 64, "video.mp4")
    assert [box.basis for box in table.boxes(2) or ()] == ["shape", "detector", "detector", None]


def test_a_turned_face_keeps_its_direction_until_a_user_draws_it(document: Document) -> None:
    detected = {"xyxy": [1, 1, 9, 9], "track": 3, "score": 0.5, "origin": "detected", "direction": 90}
    document["frames"][0]["boxes"] = [detected, detected | {"origin": "manual"}]
    _, table = read_edited_manifest(encoded(document)).source_and_boxes("5" * 64, "video.mp4")
    assert [box.direction for box in table.boxes(2) or ()] == [90, 0]


def test_repeated_boxes_are_accepted(document: Document) -> None:
    document["frames"][0]["boxes"] = [{"xyxy": [1, 1, 9, 9]}] * 3
    _, table = read_edited_manifest(encoded(document)).source_and_boxes("5" * 64, "video.mp4")
    assert table.boxes(2) == (RedactedBox((1, 1, 9, 9), None, None, Origin.MANUAL, TargetKind.FACE),) * 3


def test_the_error_for_another_video_names_both(document: Document) -> None:
    manifest = read_edited_manifest(encoded(document))
    with pytest.raises(ManifestMismatchError, match=r"5{12}\.\.\., but other.mp4 has a{12}\.\.\."):
        manifest.source_and_boxes("a" * 64, "other.mp4")


def test_a_missing_frame_is_an_error(document: Document) -> None:
    del document["frames"][2]
    with pytest.raises(InvalidManifestError, match="frame 4 has no entry"):
        read_edited_manifest(encoded(document)).source_and_boxes("5" * 64, "video.mp4")


def box(**changes: object) -> Callable[[Document], object]:
    return lambda document: document["frames"][1]["boxes"].append({"xyxy": [0, 0, 9, 9], **changes})


def _without_boxes(document: Document) -> Document:
    entry: Document = document["frames"][1]
    entry["boxes"] = []
    return entry


def test_a_frame_with_boxes_need_not_have_blanked(document: Document) -> None:
    before = read_edited_manifest(encoded(document)).source_and_boxes("5" * 64, "video.mp4")[1].boxes(3)
    del document["frames"][1]["blanked"]
    assert (
        read_edited_manifest(encoded(document)).source_and_boxes("5" * 64, "video.mp4")[1].boxes(3) == before
    )


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (box(xyxy=[0, 0, 9]), "four whole numbers"),
        (box(xyxy=[0, 0, 9, 9.5]), "four whole numbers"),
        (box(xyxy=[0, 0, True, 9]), "four whole numbers"),
        (box(xyxy=[0, 0, 10**30, 9]), "larger than any frame"),
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
        (box(direction=30), "direction"),
        (box(direction=True), "direction"),
        (box(direction=360), "direction"),
        (box(colour="red"), "unknown fields"),
        (lambda doc: doc["frames"].append(dict(doc["frames"][0])), "two entries"),
        (lambda doc: doc["frames"].append(7), "not an object"),
        (lambda doc: doc["frames"][0].update(index=-1), "no index"),
        (lambda doc: doc["frames"][0].update(index=True), "no index"),
        (lambda doc: doc["frames"][0].update(source=3), "source that is not listed"),
        (lambda doc: doc["frames"][0].update(blanked="no"), "blanked"),
        (lambda doc: doc["frames"][0].update(blanked=True), "blanked"),
        (lambda doc: doc["frames"][0].update(blanked=None), "must be true or false"),
        (lambda doc: doc["frames"][0].update(boxes={}), "blanked"),
        (lambda doc: _without_boxes(doc).pop("blanked"), "required without boxes"),
        (lambda doc: _without_boxes(doc).update(blanked=None), "required without boxes"),
        (lambda doc: _without_boxes(doc).update(blanked=0), "must be true or false"),
        (lambda doc: doc["frames"][0].update(note=1), "unknown fields"),
        (lambda doc: doc.update(version=1), "its version is 1"),
        (lambda doc: doc.update(version=True), "its version is True"),
        (lambda doc: doc.pop("frames"), "no frames"),
        (lambda doc: doc.pop("settings"), "no settings"),
        (lambda doc: doc["settings"].update(level="most"), "settings, sources or identities"),
        (lambda doc: doc["settings"].update(quality="best"), "settings, sources or identities"),
        (lambda doc: doc["settings"].pop("shape"), "settings, sources or identities"),
        (lambda doc: doc["sources"].append(doc["sources"][0]), "listed twice"),
        (lambda doc: doc["sources"][0].update(segments=[]), "settings, sources or identities"),
        (lambda doc: doc["sources"][0].update(segments=[[5, 2]]), "settings, sources or identities"),
        (lambda doc: doc["sources"][0].update(segments=7), "settings, sources or identities"),
        (
            lambda doc: doc["sources"][0].update(regions=[{"xyxy": [0, 0, 1, 1]}]),
            "settings, sources or identities",
        ),
        (lambda doc: doc.update(sources={}), "no sources"),
    ],
)
def test_invalid_edits_are_refused_with_a_message(
    document: Document, edit: Callable[[Document], object], message: str
) -> None:
    edit(document)
    with pytest.raises(InvalidManifestError) as raised:
        read_edited_manifest(encoded(document))
    assert message in raised.value.message
    assert raised.value.hint


@pytest.mark.parametrize(
    ("data", "message"),
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
def test_data_that_is_no_manifest_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(InvalidManifestError, match=message):
        read_edited_manifest(data)


def test_ten_million_boxes_are_refused_before_they_are_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edited_manifest, "ManifestDocument", None)
    box = b'{"xyxy":[0,0,9,9]},'
    with pytest.raises(TooManyBoxesError, match="2000000 boxes"):
        read_edited_manifest(b'{"frames":[{"index":0,"source":0,"boxes":[' + box * 10_000_000 + b"]}]}")


def test_a_file_that_is_too_large_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edited_manifest, "MAX_EDITED_BYTES", 10)
    with pytest.raises(TooManyBoxesError):
        read_edited_manifest(b" " * 11)


@given(st.binary(max_size=60) | st.text(alphabet='{}[]":,0123framesx \\u', max_size=60).map(str.encode))
def test_any_invalid_data_is_a_domain_error(data: bytes) -> None:
    with pytest.raises(DomainError):
        read_edited_manifest(data)
