"""The manifest and its JSON Schema, which must not drift apart."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import framecloak.domain.anonymization.results.manifest as module
from framecloak.domain.anonymization.detection.scales import IMAGE_SCALES, VIDEO_SCALES, DetectionScale
from framecloak.domain.anonymization.model.frames import BlankReason, RedactedBox, RedactedFrame
from framecloak.domain.anonymization.model.options import Appearance, Level, RedactionShape, RedactionStyle
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.anonymization.results.frame_log import CHAIN_START, FrameLog, next_link
from framecloak.domain.anonymization.results.manifest import (
    RecordedFile,
    RecordedModel,
    RecordedSource,
    manifest_chunks,
)
from framecloak.domain.anonymization.results.recorded_settings import RecordedSettings
from framecloak.domain.anonymization.tracking.settings import TrackingSettings
from framecloak.domain.imaging.detections import Basis, ModelCard
from framecloak.domain.model.segments import Region, Segment
from framecloak.domain.ports.frames import SourceInfo
from framecloak.domain.support.canonical_json import canonical_json

SCHEMA = json.loads(Path(module.__file__).with_name("manifest.schema.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
CARD = ModelCard("centerface", "a" * 64, "MIT", "CPU", "int8")
INFO = SourceInfo("Jane Doe.mp4", 640, 360, 250, 250, 25.0, 10.0, 90, continuous=True)
SETTINGS = RecordedSettings(Level.FACES, Appearance(), 0.12, VIDEO_SCALES, IMAGE_SCALES)
FACE = RedactedBox((1, 2, 30, 40), 3, 0.912345, Origin.DETECTED)
DIGEST, KEY = "c" * 64, "d" * 32
REPORT = RecordedFile("report.html", "e" * 64, 7)
MARK = RedactedBox((5, 6, 70, 80), None, None, Origin.REGION, None)


def source(name: str | None = None) -> RecordedSource:
    regions = (Region(5, 6, 65, 74), Region(1, 1, 2, 2, Segment(3, 4)))
    return RecordedSource(0, "b" * 64, INFO, name, (Segment(0, 3),), regions, TrackingSettings())


def log(*frames: RedactedFrame) -> FrameLog:
    entries = FrameLog()
    for frame in frames:
        entries.add(0, f"frames/frame_{frame.index:07d}.jpg", frame, DIGEST)
    return entries


def example(name: str | None = None) -> bytes:
    frames = [
        RedactedFrame(0, b"", (FACE, MARK), blanked=False),
        RedactedFrame(1, b"", (), blanked=False),
        RedactedFrame(2, b"", (), blanked=True, blank_reason=BlankReason.NOT_DECODED),
    ]
    return b"".join(
        manifest_chunks(
            "framecloak 0.1.0", KEY, SETTINGS, [RecordedModel(CARD)], [source(name)], [REPORT], log(*frames)
        )
    )


def test_the_manifest_lists_the_redactions() -> None:
    document = json.loads(example())
    VALIDATOR.validate(document)
    link = CHAIN_START
    for entry in document["frames"]:
        link = next_link(link, entry)
        assert entry.pop("link") == link.hex()
        assert entry.pop("sha256") == DIGEST
    assert document["chain"] == {"frames": 3, "head": link.hex()}
    assert document["frames"] == [
        {
            "source": 0,
            "index": 0,
            "file": "frames/frame_0000000.jpg",
            "blanked": False,
            "boxes": [
                {"xyxy": [1, 2, 30, 40], "kind": "face", "track": 3, "score": 0.9123, "origin": "detected"},
                {"xyxy": [5, 6, 70, 80], "kind": "region", "track": None, "score": None, "origin": "region"},
            ],
        },
        {"source": 0, "index": 1, "file": "frames/frame_0000001.jpg", "blanked": False, "boxes": []},
        {
            "source": 0,
            "index": 2,
            "file": "frames/frame_0000002.jpg",
            "blanked": True,
            "blank_reason": "not_decoded",
            "boxes": [],
        },
    ]
    assert document["models"] == [
        {"name": "centerface", "sha256": "a" * 64, "licence": "MIT", "provider": "CPU", "precision": "int8"}
    ]
    assert document["sources"][0]["segments"] == [[0, 3]]
    assert document["sources"][0]["regions"] == [
        {"xyxy": [5, 6, 70, 80], "segment": None},
        {"xyxy": [1, 1, 3, 3], "segment": [3, 4]},
    ]
    assert document["settings"]["redaction"] == "solid"
    assert document["summary"] == {
        "frames": 3,
        "blanked": 1,
        "blank_reasons": {"not_decoded": 1, "not_searched": 0, "residuals": 0, "name_readable": 0},
        "tracks": 1,
        "boxes": {
            "detected": 1,
            "linked": 0,
            "between": 0,
            "filled": 0,
            "extended": 0,
            "followed": 0,
            "region": 1,
            "edited": 0,
            "manual": 0,
            "residual": 0,
        },
        "kinds": {"face": 1, "text": 0, "plate": 0},
    }


def test_the_direction_of_a_turned_face_is_recorded() -> None:
    boxes = (replace(FACE, direction=90), FACE)
    frames = log(RedactedFrame(0, b"", boxes, blanked=False))
    sources = [replace(source(), turned_hint=270)]
    chunks = manifest_chunks("framecloak 0.1.0", KEY, SETTINGS, [RecordedModel(CARD)], sources, [], frames)
    document = json.loads(b"".join(chunks))
    VALIDATOR.validate(document)
    assert [box.get("direction") for box in document["frames"][0]["boxes"]] == [90, None]
    assert document["sources"][0]["turned_hint"] == 270
    assert frames.summary.directions == {0: {90: 1, 0: 1}}


def test_left_out_video_tracks_are_recorded() -> None:
    several = replace(source(), info=replace(source().info, dropped_video_tracks=2))
    for given, expected in ((several, 2), (source(), None)):
        frames = log(RedactedFrame(0, b"", (FACE,), blanked=False))
        chunks = manifest_chunks(
            "framecloak 0.1.0", KEY, SETTINGS, [RecordedModel(CARD)], [given], [], frames
        )
        document = json.loads(b"".join(chunks))
        VALIDATOR.validate(document)
        assert document["sources"][0].get("dropped_video_tracks") == expected


def test_the_manifest_is_canonical_json() -> None:
    assert canonical_json(json.loads(example())) == example()


def test_a_source_name_is_included_only_when_given() -> None:
    assert b"Jane" not in example()
    document = json.loads(example("Jane Doe.mp4"))
    VALIDATOR.validate(document)
    assert document["sources"][0]["name"] == "Jane Doe.mp4"


def test_a_source_name_may_be_invalid_utf8() -> None:
    assert json.loads(example("J\udce4ne.mp4"))["sources"][0]["name"] == "J?ne.mp4"


def test_the_manifest_is_deterministic() -> None:
    assert example() == example()


def test_without_faces_there_are_no_models_and_no_scales() -> None:
    settings = RecordedSettings(Level.MINIMAL, Appearance(), None, VIDEO_SCALES, IMAGE_SCALES)
    recorded = RecordedSource(0, "b" * 64, INFO, None, (Segment(0, 3),), (), None)
    document = json.loads(
        b"".join(manifest_chunks("framecloak 0.1.0", KEY, settings, [], [recorded], [REPORT], log()))
    )
    VALIDATOR.validate(document)
    assert document["settings"]["looks"] is None
    assert document["sources"][0]["tracking"] is None
    assert document["frames"] == []


def test_tracks_are_counted_once_per_source() -> None:
    entries = FrameLog()
    for origin, index in ((Origin.DETECTED, 0), (Origin.FILLED, 1), (Origin.LINKED, 2)):
        box = RedactedBox((0, 0, 9, 9), 7, 0.5, origin)
        entries.add(0, f"a{index}", RedactedFrame(index, b"", (box,), blanked=False), DIGEST)
    other = RedactedFrame(0, b"", (RedactedBox((0, 0, 9, 9), 7, 0.5, Origin.DETECTED),), blanked=False)
    entries.add(1, "b", other, DIGEST)
    assert (entries.summary.frames, entries.summary.tracks, entries.summary.faces) == (4, 2, 4)


def test_memory_grows_little_with_every_frame() -> None:
    entries = FrameLog()
    for index in range(10_000):
        boxes = tuple(RedactedBox((index % 97, n, 300 + n, 200), n, 0.9, Origin.DETECTED) for n in range(5))
        entries.add(
            0, f"frames/frame_{index:07d}.jpg", RedactedFrame(index, b"", boxes, blanked=False), DIGEST
        )
    assert len(entries._compressed) < 200 * 10_000
    assert len(json.loads(b"".join(entries.json_chunks()))) == 10_000


Damage = Callable[[dict[str, Any]], None]
DAMAGES: dict[str, Damage] = {
    "unknown key": lambda doc: doc.update(extra=1),
    "unknown key in a frame": lambda doc: doc["frames"][0].update(extra=1),
    "unknown key in a box": lambda doc: doc["frames"][0]["boxes"][0].update(extra=1),
    "other version": lambda doc: doc.update(version=1),
    "boxes in a blanked frame": lambda doc: doc["frames"][2].update(boxes=doc["frames"][0]["boxes"]),
    "a region with a track": lambda doc: doc["frames"][0]["boxes"][1].update(track=1),
    "a face without one": lambda doc: doc["frames"][0]["boxes"][0].update(track=None),
    "half a pixel": lambda doc: doc["frames"][0]["boxes"][0].update(xyxy=[1, 2, 3.5, 4]),
    "a box that is a line": lambda doc: doc["frames"][0]["boxes"][0].update(xyxy=[1, 2, 3]),
    "a face with a basis": lambda doc: doc["frames"][0]["boxes"][0].update(basis="shape"),
    "an unknown basis": lambda doc: doc["frames"][0]["boxes"][0].update(kind="plate", basis="guess"),
    "an unknown origin": lambda doc: doc["frames"][0]["boxes"][0].update(origin="guessed"),
    "a file elsewhere": lambda doc: doc["frames"][0].update(file="../frame.jpg"),
    "a short digest": lambda doc: doc["sources"][0].update(sha256="abc"),
    "no sources": lambda doc: doc.update(sources=[]),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_the_schema_refuses_invalid_manifests(damage: Damage) -> None:
    document = copy.deepcopy(json.loads(example()))
    damage(document)
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(document)


def test_the_schema_is_valid_and_complete() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    definitions = SCHEMA["$defs"]
    for name, kind in (("tracking", TrackingSettings), ("look", DetectionScale), ("model", ModelCard)):
        names = {field.name for field in fields(kind)}
        assert set(definitions[name]["required"]) == names
        # Segments are listed only where machines differ.
        assert set(definitions[name]["properties"]) - {"segments"} == names
    settings = definitions["settings"]["properties"]
    assert settings["level"]["enum"] == list(Level)
    assert settings["format"]["enum"] == list(OutputFormat)
    assert settings["redaction"]["enum"] == list(RedactionStyle)
    assert settings["shape"]["enum"] == list(RedactionShape)
    assert definitions["box"]["properties"]["origin"]["enum"] == list(Origin)
    assert definitions["box"]["properties"]["basis"]["enum"] == list(Basis)
    objects = [SCHEMA, *(part for part in definitions.values() if part.get("type") == "object")]
    assert all(part["additionalProperties"] is False for part in objects)
