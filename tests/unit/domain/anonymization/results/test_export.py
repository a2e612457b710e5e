"""Export of sources to an archive: its frames, their names and their manifest entries."""

from __future__ import annotations

import json
import threading

import pytest

from fakes.media import FakeArchive, FakeEncoder, FakeRedactor, FakeSampler, FakeSource
from fakes.results import ISSUER
from fakes.vision import FakeFaceDetector
from framecloak.domain.anonymization.model.options import Appearance, Level
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.anonymization.results.export import ExportJob
from framecloak.domain.anonymization.results.sources import ExportSource, group_sources
from framecloak.domain.errors import StorageFullError
from framecloak.domain.model.segments import Region, Segment


def export_source(
    number: int, source: FakeSource, *segments: Segment, regions: tuple[Region, ...] = ()
) -> ExportSource:
    ranges = segments or (Segment(0, source.count),)
    return ExportSource(number, source, None, lambda index: f"frames/{number}/{index:07d}", ranges, regions)


def pipeline_tools(detector: FakeFaceDetector | None = None) -> PipelineTools:
    return PipelineTools(detector, FakeRedactor(), FakeEncoder(), FakeSampler(), threads=2)


def export_job(*export_sources: ExportSource, level: Level = Level.FACES) -> ExportJob:
    return ExportJob(ISSUER, level, Appearance(OutputFormat.PNG), group_sources(export_sources))


def ignore_progress() -> None:
    """Progress callback that does nothing."""


def test_neighbouring_images_go_through_the_pipeline_together() -> None:
    frame_counts = [1, 1, 5, 5, 1, 1, 1]
    export_sources = [
        export_source(number, FakeSource(f"{number}", count)) for number, count in enumerate(frame_counts)
    ]
    groups = group_sources(export_sources)
    assert [[source.id for source in group.inputs] for group in groups] == [[0, 1], [2], [3], [4, 5, 6]]
    assert [group.source.info.continuous for group in groups] == [False, True, True, False]
    assert groups[3].origin(2) == (export_sources[6], 0)
    assert groups[1].origin(2) == (export_sources[2], 2)


def test_frames_come_first_and_the_manifest_last() -> None:
    video, image = FakeSource("video", 4), FakeSource("image")
    job = export_job(export_source(0, video, Segment(0, 1), Segment(2, 4)), export_source(1, image))
    archive, counted = FakeArchive(), []
    job.run(pipeline_tools(FakeFaceDetector()), archive, lambda: counted.append(1))
    names = [f"frames/{name}.png" for name in ("0/0000000", "0/0000002", "0/0000003", "1/0000000")]
    assert list(archive.entries) == [*names, "report.html", "manifest.json", "manifest.sig"]
    assert archive.committed
    assert len(counted) == job.frame_count == 4
    entries = json.loads(archive.entries["manifest.json"])["frames"]
    assert [(entry["source"], entry["index"], entry["file"]) for entry in entries] == [
        (0, 0, names[0]),
        (0, 2, names[1]),
        (0, 3, names[2]),
        (1, 0, names[3]),
    ]
    assert all(entry["boxes"] for entry in entries)


def test_track_ids_are_unique_within_a_source() -> None:
    job = export_job(export_source(0, FakeSource("video", 9), Segment(0, 2), Segment(7, 9)))
    archive = FakeArchive()
    summary = job.run(pipeline_tools(FakeFaceDetector()), archive, ignore_progress)
    entries = json.loads(archive.entries["manifest.json"])["frames"]
    assert [[box["track"] for box in entry["boxes"]] for entry in entries] == [[0], [0], [1], [1]]
    assert summary.tracks == 2


def test_at_level_minimal_nothing_is_detected() -> None:
    region = Region(8, 8, 16, 16)
    job = export_job(export_source(0, FakeSource("video", 2), regions=(region,)), level=Level.MINIMAL)
    archive = FakeArchive()
    summary = job.run(pipeline_tools(), archive, ignore_progress)
    manifest = json.loads(archive.entries["manifest.json"])
    assert manifest["models"] == []
    assert manifest["settings"]["threshold"] is None
    assert {box["origin"] for entry in manifest["frames"] for box in entry["boxes"]} == {"region"}
    assert (summary.faces, summary.boxes["region"]) == (0, 2)


def test_a_full_disk_ends_the_threads_immediately() -> None:
    video, archive = FakeSource("video", 200), FakeArchive(max_entries=3)
    before = threading.active_count()
    with pytest.raises(StorageFullError):
        export_job(export_source(0, video)).run(pipeline_tools(FakeFaceDetector()), archive, ignore_progress)
    assert threading.active_count() == before
    assert video.closed == 1
    assert not archive.committed
