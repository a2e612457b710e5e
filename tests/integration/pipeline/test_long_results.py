"""Results of long videos: many frames in one ZIP, and a report that summarises them."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest

from fakes.results import FakeSigner
from framecloak.adapters.media.zip.archive import ZipArchive
from framecloak.adapters.report.page import render_report
from framecloak.domain.anonymization.detection.scales import IMAGE_SCALES, VIDEO_SCALES
from framecloak.domain.anonymization.model.frames import RedactedBox, RedactedFrame
from framecloak.domain.anonymization.model.options import Appearance, Level
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.anonymization.results.archive_writer import Issuer, ResultWriter
from framecloak.domain.anonymization.results.manifest import RecordedSource
from framecloak.domain.anonymization.results.recorded_settings import RecordedSettings
from framecloak.domain.anonymization.tracking.settings import TrackingSettings
from framecloak.domain.model.segments import Segment
from framecloak.domain.ports.frames import SourceInfo
from support.patience import patience

MAX_REPORT_BYTES = 2_000_000
MAX_ELEMENTS = 20_000
"""Largest number of elements of a report; a browser lays them out in well under a second."""


def frame(index: int) -> RedactedFrame:
    """Return a frame of a busy video: short tracks, weak ones, gaps, and black frames now and then."""
    track = index // 40 * 3
    boxes = (
        RedactedBox((8, 8, 60, 60), track, 0.9, Origin.FILLED if index % 9 == 4 else Origin.DETECTED),
        RedactedBox((80, 8, 120, 50), track + 1, 0.3, Origin.LINKED),
        RedactedBox((180, 18, 220, 70), track + 2, 0.5, Origin.FOLLOWED if index % 5 else Origin.DETECTED),
    )
    blanked = index % 50 == 49
    return RedactedFrame(index, b"", () if blanked else boxes, blanked=blanked)


@pytest.mark.timeout(patience(600))
@pytest.mark.parametrize("count", [3000, pytest.param(70_000, marks=pytest.mark.formats)])
def test_a_long_video_gives_a_whole_zip_and_a_short_report(tmp_path: Path, count: int) -> None:
    archive = ZipArchive(tmp_path / "long.zip")
    writer = ResultWriter(Issuer("framecloak test", FakeSigner(), render_report), archive)
    for index in range(count):
        data = index.to_bytes(4, "big") * 40
        writer.add_frame(0, f"frames/segment_1/frame_{index:07d}.jpg", frame(index), data)
    info = SourceInfo("a.mp4", 640, 360, count, count, 25.0, count / 25, 0, continuous=True)
    settings = RecordedSettings(Level.FACES, Appearance(), 0.12, VIDEO_SCALES, IMAGE_SCALES)
    source = RecordedSource(0, "b" * 64, info, None, (Segment(0, count),), (), TrackingSettings())
    assert writer.close(settings, [], [source]).frames == count
    with ZipFile(tmp_path / "long.zip") as zipped:
        assert len(zipped.namelist()) == count + 3
        assert zipped.testzip() is None
        report = zipped.read("report.html")
    assert len(report) < MAX_REPORT_BYTES
    assert report.count(b"<") < MAX_ELEMENTS
