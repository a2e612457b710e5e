"""From sources to an archive: which frames, under which names, and what the manifest says of them."""

from __future__ import annotations

import json
import threading

import pytest

from fakes.media import FakeArchive, FakeEncoder, FakeRedactor, FakeSource
from fakes.results import IMPRINT
from fakes.vision import FakeFaceDetector
from framecloak.domain.anonymization.model.options import Appearance, Level, OutputFormat
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.anonymization.results.export import ExportJob, ExportSource, group_sources
from framecloak.domain.errors import StorageFullError
from framecloak.domain.model.segments import Region, Segment


def exhibit(
    number: int, source: FakeSource, *segments: Segment, regions: tuple[Region, ...] = ()
) -> ExportSource:
    chosen = segments or (Segment(0, source.count),)
    return ExportSource(number, source, None, lambda index: f"frames/{number}/{index:07d}", chosen, regions)


def instruments(detector: FakeFaceDetector | None = None) -> PipelineTools:
    return PipelineTools(detector, FakeRedactor(), FakeEncoder(), threads=2)


def export(*exhibits: ExportSource, level: Level = Level.FACES) -> ExportJob:
    return ExportJob(IMPRINT, level, Appearance(OutputFormat.PNG), group_sources(exhibits))


def nothing() -> None:
    """For runs whose progress is of no interest."""


def test_neighbouring_pictures_go_through_the_pipeline_together() -> None:
    kinds = [1, 1, 5, 5, 1, 1, 1]
    exhibits = [exhibit(number, FakeSource(f"{number}", count)) for number, count in enumerate(kinds)]
    made = group_sources(exhibits)
    assert [[one.id for one in batch.inputs] for batch in made] == [[0, 1], [2], [3], [4, 5, 6]]
    assert [batch.source.info.continuous for batch in made] == [False, True, True, False]
    assert made[3].origin(2) == (exhibits[6], 0)
    assert made[1].origin(2) == (exhibits[2], 2)


def test_frames_come_first_and_the_manifest_last() -> None:
    film, picture = FakeSource("film", 4), FakeSource("picture")
    order = export(exhibit(0, film, Segment(0, 1), Segment(2, 4)), exhibit(1, picture))
    archive, counted = FakeArchive(), []
    order.run(instruments(FakeFaceDetector()), archive, lambda: counted.append(1))
    names = [f"frames/{name}.png" for name in ("0/0000000", "0/0000002", "0/0000003", "1/0000000")]
    assert list(archive.entries) == [*names, "report.html", "manifest.json", "manifest.sig"]
    assert archive.committed
    assert len(counted) == order.frame_count == 4
    entries = json.loads(archive.entries["manifest.json"])["frames"]
    assert [(entry["source"], entry["index"], entry["file"]) for entry in entries] == [
        (0, 0, names[0]),
        (0, 2, names[1]),
        (0, 3, names[2]),
        (1, 0, names[3]),
    ]
    assert all(entry["boxes"] for entry in entries)


def test_a_track_number_means_one_track_of_a_source() -> None:
    order = export(exhibit(0, FakeSource("film", 9), Segment(0, 2), Segment(7, 9)))
    archive = FakeArchive()
    summary = order.run(instruments(FakeFaceDetector()), archive, nothing)
    entries = json.loads(archive.entries["manifest.json"])["frames"]
    assert [[box["track"] for box in entry["boxes"]] for entry in entries] == [[0], [0], [1], [1]]
    assert summary.tracks == 2


def test_at_level_minimal_nothing_is_looked_for() -> None:
    region = Region(8, 8, 16, 16)
    order = export(exhibit(0, FakeSource("film", 2), regions=(region,)), level=Level.MINIMAL)
    archive = FakeArchive()
    summary = order.run(instruments(), archive, nothing)
    manifest = json.loads(archive.entries["manifest.json"])
    assert manifest["models"] == []
    assert manifest["settings"]["threshold"] is None
    assert {box["origin"] for entry in manifest["frames"] for box in entry["boxes"]} == {"region"}
    assert (summary.faces, summary.boxes["region"]) == (0, 2)


def test_a_full_disk_ends_the_threads_at_once() -> None:
    film, archive = FakeSource("film", 200), FakeArchive(room=3)
    before = threading.active_count()
    with pytest.raises(StorageFullError):
        export(exhibit(0, film)).run(instruments(FakeFaceDetector()), archive, nothing)
    assert threading.active_count() == before
    assert film.closed == 1
    assert not archive.committed
