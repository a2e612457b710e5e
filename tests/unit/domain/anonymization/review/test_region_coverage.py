"""Regions and the boxes that cover them; edited manifests may lack either."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.anonymization.model.box_table import BoxTable, BoxTableBuilder, entries
from framecloak.domain.anonymization.model.frames import RedactedBox
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.anonymization.review import region_coverage
from framecloak.domain.anonymization.review.region_coverage import cover_regions, remaining_regions
from framecloak.domain.errors import InvalidManifestError, TooManyBoxesError
from framecloak.domain.imaging.box_geometry import Corners
from framecloak.domain.imaging.detections import TargetKind
from framecloak.domain.model.segments import Region, Segment

SIZE = (100, 80)
FACE = RedactedBox((0, 0, 100, 80), 1, 0.9, Origin.DETECTED)
LOGO = Region(10, 10, 20, 5)


def region_box(xyxy: Corners, origin: Origin = Origin.REGION) -> RedactedBox:
    return RedactedBox(xyxy, None, None, origin, None)


LOGO_BOX = region_box((10, 10, 30, 15))


def table(frames: Mapping[int, Sequence[RedactedBox] | None]) -> BoxTable:
    builder = BoxTableBuilder()
    for frame, boxes in frames.items():
        builder.add(frame, boxes)
    return builder.finish()


def test_a_region_without_boxes_is_covered_after_the_existing_boxes() -> None:
    before = table({3: [FACE], 4: [], 5: None, 6: [], 7: []})
    after = cover_regions(before, [Region(10, 10, 20, 5, Segment(3, 7))], SIZE)
    assert dict(entries(after)) == {3: (FACE, LOGO_BOX), 4: (LOGO_BOX,), 5: None, 6: (LOGO_BOX,), 7: ()}


def test_a_table_that_covers_its_regions_is_unchanged() -> None:
    before = table({3: [LOGO_BOX], 4: [region_box((0, 0, 40, 40), Origin.MANUAL), FACE], 5: None})
    assert cover_regions(before, [LOGO], SIZE) is before


@pytest.mark.parametrize(
    "box",
    [
        FACE,
        region_box((10, 10, 30, 14)),
        region_box((11, 10, 31, 15)),
        region_box((50, 50, 60, 60), Origin.EDITED),
    ],
)
def test_faces_and_partial_boxes_do_not_cover_a_region(box: RedactedBox) -> None:
    assert cover_regions(table({0: [box]}), [LOGO], SIZE).boxes(0) == (box, LOGO_BOX)


def test_a_region_is_clipped_to_the_image_and_refused_outside() -> None:
    assert cover_regions(table({0: []}), [Region(90, 70, 50, 50)], SIZE).boxes(0) == (
        region_box((90, 70, 100, 80)),
    )
    for regions in ([Region(100, 0, 1, 1)], [LOGO, Region(0, 80, 1, 1)]):
        with pytest.raises(InvalidManifestError, match="lies outside the frame of 100x80 pixels"):
            cover_regions(table({0: []}), regions, SIZE)
        with pytest.raises(InvalidManifestError, match="lies outside the frame of 100x80 pixels"):
            remaining_regions(table({0: []}), regions, SIZE)


def test_a_region_that_is_named_twice_is_covered_once() -> None:
    assert cover_regions(table({0: []}), [LOGO, LOGO], SIZE).boxes(0) == (LOGO_BOX,)


def test_coverage_can_be_limited_to_some_frames() -> None:
    after = cover_regions(table({0: [], 1: [], 2: None}), [LOGO], SIZE, np.array([False, True, True]))
    assert dict(entries(after)) == {0: (), 1: (LOGO_BOX,), 2: None}


def test_more_boxes_than_the_maximum_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(region_coverage, "MAX_BOXES", 5)
    regions = [Region(n, 0, 1, 1) for n in range(3)]
    assert len(cover_regions(table({0: []}), regions, SIZE)) == 3
    with pytest.raises(TooManyBoxesError, match="5 boxes"):
        cover_regions(table({0: [], 1: []}), regions, SIZE)


def test_a_region_no_longer_applies_where_it_was_uncovered() -> None:
    edited = table({3: [LOGO_BOX], 4: [], 5: [LOGO_BOX], 6: None, 7: [FACE], 9: [], 20: [LOGO_BOX]})
    parts = [Segment(3, 4), Segment(5, 7), Segment(8, 9), Segment(10, 21)]
    assert remaining_regions(edited, [LOGO], SIZE) == tuple(Region(10, 10, 20, 5, part) for part in parts)
    assert remaining_regions(edited, [Region(10, 10, 20, 5, Segment(4, 5))], SIZE) == ()
    kept = Region(10, 10, 20, 5, Segment(5, 7))
    assert remaining_regions(edited, [kept], SIZE) == (kept,)
    elsewhere = Region(1, 1, 2, 2, Segment(100, 200))
    assert remaining_regions(edited, [elsewhere], SIZE) == (elsewhere,)


REGIONS = st.lists(
    st.builds(
        Region,
        st.integers(0, 9),
        st.integers(0, 9),
        st.integers(1, 9),
        st.integers(1, 9),
        st.none()
        | st.builds(lambda start, more: Segment(start, start + more), st.integers(0, 9), st.integers(1, 9)),
    ),
    max_size=3,
)
BOXES = st.lists(
    st.builds(
        lambda x, y, size, kind: RedactedBox((x, y, x + size, y + size), None, None, Origin.MANUAL, kind),
        st.integers(0, 9),
        st.integers(0, 9),
        st.integers(1, 20),
        st.sampled_from([None, TargetKind.FACE]),
    ),
    max_size=3,
)


@given(frames=st.dictionaries(st.integers(0, 12), st.none() | BOXES, max_size=8), regions=REGIONS)
def test_recorded_regions_are_covered(
    frames: dict[int, list[RedactedBox] | None], regions: list[Region]
) -> None:
    before = table(frames)
    after = cover_regions(before, regions, SIZE)
    assert remaining_regions(after, regions, SIZE) == tuple(regions)
    for recorded, covered_table in ((regions, after), (remaining_regions(before, regions, SIZE), before)):
        for frame, boxes in entries(covered_table):
            for region in recorded:
                assert (
                    boxes is None
                    or not region.applies_to(frame)
                    or any(_covers(box, region) for box in boxes)
                )


def _covers(box: RedactedBox, region: Region) -> bool:
    x1, y1, x2, y2 = box.xyxy
    left, top, right, bottom = region.xyxy
    return box.kind is None and x1 <= left and y1 <= top and x2 >= right and y2 >= bottom
