"""Faces that only an occasional look at full size shows: every frame of them is redacted, at every rate."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fakes.results import IMPRINT
from framecloak.domain.anonymization.detection.scales import max_interval, video_scales
from framecloak.domain.anonymization.model.frames import RedactedFrame
from framecloak.domain.anonymization.model.options import Appearance, Level
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.anonymization.pipeline.pipeline import redacted_frames
from framecloak.domain.anonymization.results.export import ExportJob, ExportSource, group_sources
from framecloak.domain.anonymization.results.video_writer import consume
from framecloak.domain.anonymization.tracking.settings import TrackingSettings
from framecloak.domain.imaging import boxes as bx
from framecloak.domain.imaging.detections import Detections, Image, ModelCard
from framecloak.domain.model.segments import Segment
from framecloak.domain.ports.frames import SourceInfo
from support.samples.scripted_video import BlackBoxes, ScriptedSource

WIDTH, HEIGHT = 1024, 64
"""Wide enough for a look that is not the full size, and otherwise small."""

FACE = 12.0
"""Pixels of a side of the face."""

RATES = (0.0, 1.0, 5.0, 8.0, 10.0, 11.0, 11.4, 12.5, 15.0, 20.0, 23.976, 24.0, 25.0, 29.97, 50.0, 60.0)


@dataclass(frozen=True)
class Scene:
    """One face, of a film of scenes as different as day and night.

    Attributes:
        length: frames of the film.
        cuts: first frames of all scenes but the first.
        shown: in which scene the face is, from its first frame to its last.
        speed: sizes of the face that it moves in a second.
        rate: frames a second.
        sure: frames in which the detector is sure of it, of those in which it sees it; all when None.
    """

    length: int
    cuts: tuple[int, ...]
    shown: int
    speed: float
    rate: float
    sure: int | None = None

    @property
    def visible(self) -> range:
        limits = (0, *self.cuts, self.length)
        return range(limits[self.shown], limits[self.shown + 1])

    def face(self, index: int) -> tuple[float, float, float, float]:
        x = WIDTH / 2 + self.speed * FACE / max(self.rate, 1.0) * (index - self.visible.start)
        return x, 20.0, x + FACE, 20.0 + FACE

    def level(self, index: int) -> int:
        return 40 + 120 * (sum(index >= cut for cut in self.cuts) % 2)


@dataclass(frozen=True)
class FilmedFrame:
    """Tells its number in its first pixel, and its scene in all others."""

    scene: Scene
    index: int
    width: int = WIDTH
    height: int = HEIGHT
    nbytes: int = WIDTH * HEIGHT * 3

    def bgr(self) -> Image:
        return self.rgb(self.width, self.height)

    def rgb(self, width: int, height: int) -> Image:
        picture = np.full((height, width, 3), self.scene.level(self.index), np.uint8)
        picture[0, 0, 0] = self.index
        return picture


@dataclass
class Film(ScriptedSource):
    scene: Scene = Scene(1, (), 0, 0.0, 25.0)

    @property
    def info(self) -> SourceInfo:
        return replace(super().info, width=WIDTH, height=HEIGHT, frame_rate=self.scene.rate)

    def frames(self, start: int, stop: int) -> Generator[FilmedFrame, None, None]:  # type: ignore[override]
        for index in range(start, stop):
            yield FilmedFrame(self.scene, index)


class SeesAtFullSize:
    """Finds the face of a scene, where it is shown a frame as large as it is."""

    max_batch = 1
    stride = 32
    card = ModelCard("far", "0" * 64, "none", "CPU", "fp32")

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def detect(self, images: Sequence[Image], threshold: float) -> list[Detections]:
        return [self._detect(image) for image in images]

    def _detect(self, image: Image) -> Detections:
        index, scene = int(image[0, 0, 0]), self._scene
        if image.shape[1] < WIDTH or index not in scene.visible:
            return Detections.empty()
        box = np.array([scene.face(index)], np.float32)
        surely = scene.sure is None or index == scene.sure
        return Detections(
            box, np.array([0.9 if surely else 0.3], np.float32), np.zeros((1, 5, 2), np.float32)
        )


class Nothing:
    """What is drawn is of no interest."""

    def encode(self, image: Image, appearance: Appearance) -> bytes:
        return b""


def redacted(scene: Scene, pieces: Sequence[Segment]) -> list[RedactedFrame]:
    """The frames of some pieces of a film, each continued from the one before where it can be."""
    source = Film(scene.length, scene=scene)
    exhibit = ExportSource(0, source, None, str, (Segment(0, scene.length),))
    export = ExportJob(IMPRINT, Level.FACES, Appearance(), group_sources([exhibit]))
    instructions = export.redaction_spec(export.groups[0])
    frames: list[RedactedFrame] = []
    before = None
    for piece in pieces:
        tools = PipelineTools(SeesAtFullSize(scene), BlackBoxes(), Nothing(), 1)
        before = consume(redacted_frames(source, piece, instructions, tools, before), frames.append)
    if before:
        before.close()
    return frames


def uncovered(scene: Scene, frames: Sequence[RedactedFrame]) -> list[int]:
    return [
        frame.index
        for frame in frames
        if frame.index in scene.visible
        and not bx.covers(
            np.array([box.xyxy for box in frame.boxes], np.float64).reshape(-1, 4),
            np.array(scene.face(frame.index)),
        ).any()
    ]


@st.composite
def scenes(draw: st.DrawFn, *, moving: bool = False) -> Scene:
    """Films of one to three scenes, each long enough to be looked at; one who moves is looked at twice."""
    rate = draw(st.sampled_from(RATES[2:] if moving else RATES) | st.floats(5.0, 61.0))
    wait = max_interval(video_scales(rate))
    shortest = max(5, 2 * wait if moving else wait)
    lengths = draw(st.lists(st.integers(shortest, 40), min_size=1, max_size=3))
    limits = np.cumsum(lengths).tolist()
    shown = draw(st.integers(0, len(lengths) - 1))
    speed = draw(st.floats(-3.0, 3.0)) if moving else 0.0
    return Scene(limits[-1], tuple(limits[:-1]), shown, speed, rate)


def whole(scene: Scene) -> list[RedactedFrame]:
    return redacted(scene, [Segment(0, scene.length)])


@settings(deadline=None)
@given(scenes())
@example(Scene(60, (), 0, 0.0, 10.0))
@example(Scene(60, (), 0, 0.0, 5.0))
@example(Scene(60, (7,), 1, 0.0, 25.0))
@example(Scene(60, (12,), 0, 0.0, 24.0))
@example(Scene(30, (), 0, 0.0, 25.0))
def test_who_stands_far_away_is_covered_from_the_first_frame_to_the_last(scene: Scene) -> None:
    assert uncovered(scene, whole(scene)) == []


@settings(deadline=None)
@given(scenes(moving=True))
@example(Scene(54, (6, 18), 1, 3.0, 25.0))
@example(Scene(60, (), 0, 3.0, 10.0))
@example(Scene(5, (), 0, 3.0, 7.0))
def test_so_is_who_walks_there(scene: Scene) -> None:
    assert uncovered(scene, whole(scene)) == []


@pytest.mark.parametrize("rate", RATES)
def test_one_sure_find_is_enough_for_what_two_looks_on_each_side_show(rate: float) -> None:
    wait = max_interval(video_scales(rate))
    scene = Scene(10 * wait, (), 0, 0.0, rate, sure=4 * wait)
    covered = set(range(scene.length)) - set(uncovered(scene, whole(scene)))
    assert set(range(2 * wait, 6 * wait + 1)) <= covered


@given(scenes(moving=True), st.data())
def test_where_the_film_is_cut_into_slices_makes_no_difference(scene: Scene, data: st.DataObject) -> None:
    if data.draw(st.booleans()):
        scene = replace(scene, sure=data.draw(st.sampled_from(scene.visible)))
    inner = st.integers(1, scene.length - 1)
    limits = sorted({0, scene.length, *data.draw(st.lists(inner, max_size=3))})
    pieces = [Segment(*both) for both in pairwise(limits)]
    begun = data.draw(st.booleans())
    place = partial(lambda frame: (frame.index, [(box.xyxy, box.origin) for box in frame.boxes]))
    parts = (
        redacted(scene, pieces) if begun else [one for piece in pieces for one in redacted(scene, [piece])]
    )
    assert list(map(place, parts)) == list(map(place, whole(scene)))


@given(st.floats(0.0, 300.0))
def test_what_a_look_shows_reaches_to_the_next_one_at_every_rate(rate: float) -> None:
    looks = video_scales(rate)
    wait = max_interval(looks)
    reach = TrackingSettings.for_rate(rate, wait)
    # One look may fail in between.
    assert min(reach.max_gap, reach.memory) >= 2 * wait
    assert reach.extension >= wait - 1
    assert {look.every for look in looks if look.longest_side == 960} == {1}


@given(st.floats(1.0, 300.0))
def test_looks_are_no_rarer_in_time_than_at_the_usual_rate(rate: float) -> None:
    for usual, look in zip(video_scales(25.0), video_scales(rate), strict=True):
        assert look.every <= usual.every
        # Whole frames: at the worst it is every second instead of every one and a half.
        assert look.every == 1 or look.every / rate <= 1.34 * usual.every / 25.0
