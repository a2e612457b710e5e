"""Faces that only occasional passes at full size detect: redacted in every frame, at every frame rate."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fakes.frames import CutFromWhole
from fakes.media import FakeSampler
from fakes.results import ISSUER
from framecloak.domain.anonymization.detection.scales import key_interval, video_scales
from framecloak.domain.anonymization.detection.second_opinion import CROP_SIDE_PX, FACE_SIDES_PX
from framecloak.domain.anonymization.model.frames import RedactedFrame
from framecloak.domain.anonymization.model.options import Appearance, Level
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.anonymization.pipeline.pipeline import redacted_frames
from framecloak.domain.anonymization.results.export import ExportJob
from framecloak.domain.anonymization.results.sources import ExportSource, group_sources
from framecloak.domain.anonymization.results.video_writer import consume
from framecloak.domain.anonymization.tracking.settings import TrackingSettings
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.detections import Detections, Image, ModelCard
from framecloak.domain.model.segments import Segment
from framecloak.domain.ports.frames import SourceInfo
from support.samples.scripted_video import BlackBoxRedactor, ScriptedSource

WIDTH, HEIGHT = 1024, 64
"""Large enough for a scale below full size, and otherwise small."""

FACE = 12.0
"""Side of the face in pixels."""

RATES = (0.0, 1.0, 5.0, 8.0, 10.0, 11.0, 11.4, 12.5, 15.0, 20.0, 23.976, 24.0, 25.0, 29.97, 50.0, 60.0)


@dataclass(frozen=True)
class VideoScript:
    """A video of alternately dark and bright shots, with one face in one of them.

    Attributes:
        length: number of frames.
        cuts: first frames of all shots but the first.
        shot: index of the shot with the face, which is in all its frames.
        speed: movement in face widths per second.
        rate: frames per second.
        confident_at: the only frame with a high score; None means all of them.
    """

    length: int
    cuts: tuple[int, ...]
    shot: int
    speed: float
    rate: float
    confident_at: int | None = None

    @property
    def visible(self) -> range:
        limits = (0, *self.cuts, self.length)
        return range(limits[self.shot], limits[self.shot + 1])

    def face(self, index: int) -> tuple[float, float, float, float]:
        x = WIDTH / 2 + self.speed * FACE / max(self.rate, 1.0) * (index - self.visible.start)
        return x, 20.0, x + FACE, 20.0 + FACE

    def level(self, index: int) -> int:
        return 40 + 120 * (sum(index >= cut for cut in self.cuts) % 2)


TEXTURE = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH)).astype(np.uint8)
"""Blue channel of all frames, by which parts of them are located."""

SIZES = ((1024, 64), (1920, 128))
"""Sizes of whole images that show the face: full size, and enlarged for proposals."""


@dataclass(frozen=True)
class NumberedFrame(CutFromWhole):
    """Carries its number in red, the level of its shot in green, and a texture in blue."""

    script: VideoScript
    index: int
    width: int = WIDTH
    height: int = HEIGHT
    nbytes: int = WIDTH * HEIGHT * 3

    @property
    def display_size(self) -> tuple[int, int]:
        return self.width, self.height

    def bgr(self) -> Image:
        return self.rgb(self.width, self.height)[:, :, ::-1]

    def rgb(self, width: int, height: int) -> Image:
        pixels = np.full((height, width, 3), self.script.level(self.index), np.uint8)
        pixels[..., 0] = self.index
        pixels[..., 2] = texture(width, height)
        return pixels


@cache
def texture(width: int, height: int) -> Image:
    """Return the blue channel of a frame of another size."""
    return TEXTURE[(np.arange(height) * HEIGHT // height)[:, None], np.arange(width) * WIDTH // width]


def located(image: Image) -> tuple[tuple[int, int], tuple[float, float]] | None:
    """Return left and top of a part of a frame in the whole image, and the zoom of that on each axis.

    Returns None if the image is smaller than full size, or turned.
    """
    blue = image[..., 2]
    height, width = blue.shape
    for whole_width, whole_height in SIZES:
        if height > whole_height or width > whole_width:
            continue
        whole = texture(whole_width, whole_height)
        shifts = whole_height - height + 1, whole_width - width + 1
        same = np.ones(shifts, bool)
        for y, x in ((0, 0), (2, 2), (4, 4), (6, 6)):
            same &= whole[y : y + shifts[0], x : x + shifts[1]] == blue[y, x]
        for top, left in np.argwhere(same).tolist():
            if np.array_equal(whole[top : top + height, left : left + width], blue):
                return (left, top), (whole_width / WIDTH, whole_height / HEIGHT)
    return None


@dataclass
class FarFaceSource(ScriptedSource):
    script: VideoScript = VideoScript(1, (), 0, 0.0, 25.0)

    @property
    def info(self) -> SourceInfo:
        return replace(super().info, width=WIDTH, height=HEIGHT, frame_rate=self.script.rate)

    def frames(self, start: int, stop: int) -> Generator[NumberedFrame, None, None]:  # type: ignore[override]
        for index in range(start, stop):
            yield NumberedFrame(self.script, index)


class FullSizeDetector:
    """Detects the face of a script only at full size, in whole frames and in parts of them."""

    max_batch = 1
    stride = 32
    card = ModelCard("far", "0" * 64, "none", "CPU", "fp32")

    def __init__(self, script: VideoScript) -> None:
        self._script = script

    def detect(self, images: Sequence[Image], threshold: float) -> list[Detections]:
        return [self._detect(image) for image in images]

    def _detect(self, image: Image) -> Detections:
        index, script = int(image[0, 0, 0]), self._script
        if index not in script.visible:
            return Detections.empty()
        if image.shape[:2] == (CROP_SIDE_PX, CROP_SIDE_PX):
            corners = (CROP_SIDE_PX + np.array([-1, -1, 1, 1]) * min(FACE_SIDES_PX)) / 2
        elif place := located(image):
            corner, zoom = place
            corners = np.array(script.face(index)) * np.tile(zoom, 2) - np.tile(corner, 2)
        else:
            return Detections.empty()
        if (corners[2:] <= 0).any() or (corners[:2] >= image.shape[1::-1]).any():
            return Detections.empty()
        confident = script.confident_at is None or index == script.confident_at
        return Detections(
            corners[None].astype(np.float32),
            np.array([0.9 if confident else 0.3], np.float32),
            np.zeros((1, 5, 2), np.float32),
        )


class NullEncoder:
    """Encodes every image as no bytes."""

    def encode(self, image: Image, appearance: Appearance) -> bytes:
        return b""


def redacted(script: VideoScript, segments: Sequence[Segment], *, is_alone: bool) -> list[RedactedFrame]:
    """Redact some segments of a video, each continued from the one before if possible.

    Args:
        script: the video.
        segments: parts of it, ascending.
        is_alone: whether there is no second detector.
    """
    source = FarFaceSource(script.length, script=script)
    export_source = ExportSource(0, source, None, str, (Segment(0, script.length),))
    export = ExportJob(ISSUER, Level.FACES, Appearance(), group_sources([export_source]))
    spec = export.redaction_spec(export.groups[0])
    frames: list[RedactedFrame] = []
    before = None
    for segment in segments:
        tools = PipelineTools(
            FullSizeDetector(script),
            BlackBoxRedactor(),
            NullEncoder(),
            FakeSampler(),
            1,
            second_detector=None if is_alone else FullSizeDetector(script),
        )
        before = consume(redacted_frames(source, segment, spec, tools, before), frames.append)
    if before:
        before.close()
    return frames


def uncovered(script: VideoScript, frames: Sequence[RedactedFrame]) -> list[int]:
    return [
        frame.index
        for frame in frames
        if frame.index in script.visible
        and not box_geometry.covers(
            np.array([box.xyxy for box in frame.boxes], np.float64).reshape(-1, 4),
            np.array(script.face(frame.index)),
        ).any()
    ]


@st.composite
def video_scripts(draw: st.DrawFn, *, moving: bool = False) -> VideoScript:
    """Draw one to three shots, each long enough for one pass at full size, or two when the face moves."""
    rate = draw(st.sampled_from(RATES[2:] if moving else RATES) | st.floats(5.0, 61.0))
    interval = key_interval(video_scales(rate))
    shortest = max(5, 2 * interval if moving else interval)
    lengths = draw(st.lists(st.integers(shortest, 40), min_size=1, max_size=3))
    limits = np.cumsum(lengths).tolist()
    shot = draw(st.integers(0, len(lengths) - 1))
    speed = draw(st.floats(-3.0, 3.0)) if moving else 0.0
    return VideoScript(limits[-1], tuple(limits[:-1]), shot, speed, rate)


def redacted_whole(script: VideoScript, *, is_alone: bool) -> list[RedactedFrame]:
    return redacted(script, [Segment(0, script.length)], is_alone=is_alone)


either_number_of_detectors = pytest.mark.parametrize("is_alone", [True, False], ids=["alone", "with second"])


@either_number_of_detectors
@settings(deadline=None, max_examples=settings.default.max_examples // 2)
@given(script=video_scripts())
@example(script=VideoScript(60, (), 0, 0.0, 10.0))
@example(script=VideoScript(60, (), 0, 0.0, 5.0))
@example(script=VideoScript(60, (7,), 1, 0.0, 25.0))
@example(script=VideoScript(60, (12,), 0, 0.0, 24.0))
@example(script=VideoScript(30, (), 0, 0.0, 25.0))
def test_a_distant_still_face_is_covered_in_every_frame(is_alone: bool, script: VideoScript) -> None:
    assert uncovered(script, redacted_whole(script, is_alone=is_alone)) == []


@either_number_of_detectors
@settings(deadline=None, max_examples=settings.default.max_examples // 2)
@given(script=video_scripts(moving=True))
@example(script=VideoScript(54, (6, 18), 1, 3.0, 25.0))
@example(script=VideoScript(60, (), 0, 3.0, 10.0))
@example(script=VideoScript(5, (), 0, 3.0, 7.0))
def test_a_distant_moving_face_is_covered_in_every_frame(is_alone: bool, script: VideoScript) -> None:
    assert uncovered(script, redacted_whole(script, is_alone=is_alone)) == []


@either_number_of_detectors
@pytest.mark.parametrize("rate", RATES)
def test_one_confident_detection_covers_two_intervals_on_each_side(is_alone: bool, rate: float) -> None:
    interval = key_interval(video_scales(rate))
    script = VideoScript(10 * interval, (), 0, 0.0, rate, confident_at=5 * interval)
    covered = set(range(script.length)) - set(uncovered(script, redacted_whole(script, is_alone=is_alone)))
    assert set(range(3 * interval, 7 * interval + 1)) <= covered


@given(st.booleans(), video_scripts(moving=True), st.data())
def test_slices_do_not_change_the_result(is_alone: bool, script: VideoScript, data: st.DataObject) -> None:
    if data.draw(st.booleans()):
        script = replace(script, confident_at=data.draw(st.sampled_from(script.visible)))
    inner = st.integers(1, script.length - 1)
    limits = sorted({0, script.length, *data.draw(st.lists(inner, max_size=3))})
    segments = [Segment(*pair) for pair in pairwise(limits)]
    continued = data.draw(st.booleans())
    summary = partial(lambda frame: (frame.index, [(box.xyxy, box.origin) for box in frame.boxes]))
    parts = (
        redacted(script, segments, is_alone=is_alone)
        if continued
        else [frame for segment in segments for frame in redacted(script, [segment], is_alone=is_alone)]
    )
    assert list(map(summary, parts)) == list(map(summary, redacted_whole(script, is_alone=is_alone)))


@given(st.floats(0.0, 300.0))
def test_tracks_bridge_two_detection_intervals_at_every_rate(rate: float) -> None:
    scales = video_scales(rate)
    interval = key_interval(scales)
    tracking = TrackingSettings.for_rate(rate, interval)
    # One pass in between may fail.
    assert min(tracking.max_gap, tracking.memory) >= 2 * interval
    assert tracking.extension >= interval - 1
    assert {scale.every for scale in scales if scale.longest_side == 960} == {interval}


@given(st.floats(1.0, 300.0))
def test_passes_are_no_rarer_in_time_than_at_the_usual_rate(rate: float) -> None:
    for usual, scale in zip(video_scales(25.0), video_scales(rate), strict=True):
        assert scale.every <= usual.every
        # Intervals are whole frames: at worst every second frame instead of every one and a half.
        assert scale.every == 1 or scale.every / rate <= 1.34 * usual.every / 25.0
