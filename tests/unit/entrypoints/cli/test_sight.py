"""Summary line of the commands on what was looked for."""

from __future__ import annotations

from framecloak.domain.anonymization.detection.scales import DetectionScale
from framecloak.domain.anonymization.results.sight import Sight
from framecloak.domain.ports.frames import SourceInfo
from framecloak.entrypoints.cli.sight import describe_sight

VIDEO = SourceInfo("a.mp4", 640, 360, 99, 99, 25.0, 4.0, 0, continuous=True)
SCALES = (DetectionScale(960), DetectionScale(480, 6, direction=90), DetectionScale(480, 6, direction=180))


def test_the_line_names_directions_sizes_models_and_following() -> None:
    sight = Sight.of(SCALES, (DetectionScale(640),), ("first", "second"), 1.5)
    assert describe_sight(sight, [VIDEO]) == (
        "faces from 10 pixels of the searched size; upright in every frame (at 960); "
        "turned 90/180 degrees every 6 frames (at 480); heads followed for 1.5 s; with first and second"
    )


def test_the_line_names_nothing_that_was_not_done() -> None:
    sight = Sight.of(SCALES, (DetectionScale(640),), (), 0.0)
    line = describe_sight(sight, [])
    assert line == "faces from 10 pixels of the searched size"
