"""What shows too much is redacted again, and what still shows is never delivered: pictures and films."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.results import FakeVideoEncoder
from framecloak.domain.anonymization.detection.scales import DetectionScale
from framecloak.domain.anonymization.model.boxes import Origin
from framecloak.domain.anonymization.model.frames import RedactedBox, RedactedFrame
from framecloak.domain.anonymization.model.options import Appearance, OutputFormat, RedactionStyle
from framecloak.domain.anonymization.model.residuals import (
    FaceThumbnail,
    FrameCheck,
    PendingCheck,
    SearchScope,
)
from framecloak.domain.anonymization.residuals.detector import RedactionMask, ResidualDetector, ResidualReport
from framecloak.domain.anonymization.residuals.guard import MAX_ROUNDS, ResidualGuard
from framecloak.domain.anonymization.results.video_writer import video_format
from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.imaging.detections import Detections, Image, ModelCard
from framecloak.domain.ports.frames import Frame
from framecloak.domain.ports.video import FrameGroup, GroupEncoder, VideoFormat
from support.samples.scripted_video import HEIGHT, WIDTH, BlackBoxes, RawBytes, RawReader, ScriptedSource

Box = tuple[int, int, int, int]
PLACES: tuple[Box, ...] = tuple((20 + 80 * n, 40, 52 + 80 * n, 80) for n in range(4))
"""Where faces may be left; far enough from each other to be filled one by one."""

FACE = RedactedBox((100, 120, 160, 180), 3, 0.9, Origin.DETECTED)
SMALL = FaceThumbnail(3, b"a small picture")
GREY = 90


@dataclass
class Chain:
    """Finds one face after the other: each only where those before it are black, and it is not.

    Attributes:
        places: of the faces, in their order.
        stubborn: those that it finds on black too.
        fails_after: looks at a frame until it fails; None for never.
    """

    places: Sequence[Box]
    stubborn: frozenset[Box] = frozenset()
    fails_after: int | None = None
    stride: int = 32
    max_batch: int = 1
    card: ModelCard = field(default_factory=lambda: ModelCard("chain", "0" * 64, "none", "CPU", "fp32"))
    _looks: int = 0

    def detect(self, images: Sequence[Image], threshold: float) -> list[Detections]:
        (image,) = images
        self._looks += 1
        if self.fails_after is not None and self._looks > self.fails_after:
            raise FrameAnalysisError("not a number")
        if not image.any():
            return [Detections.empty()]
        for place in self.places:
            x1, y1, x2, y2 = place
            if image[y1:y2, x1:x2].any() or place in self.stubborn:
                box = np.array([place], np.float32)
                return [Detections(box, np.array([0.9], np.float32), np.zeros((1, 5, 2), np.float32))]
        return [Detections.empty()]


def prover(detector: Chain, style: RedactionStyle = RedactionStyle.SOLID) -> ResidualGuard:
    inspector = ResidualDetector(detector, None, (DetectionScale(WIDTH),), 0.5)
    return ResidualGuard(inspector, RawReader(), BlackBoxes(), RawBytes(), Appearance(style=style), threads=1)


def frame(index: int = 7) -> RedactedFrame:
    image = np.full((HEIGHT, WIDTH, 3), GREY, np.uint8)
    x1, y1, x2, y2 = FACE.xyxy
    image[y1:y2, x1:x2] = 0
    pending = PendingCheck(SearchScope(), (WIDTH, HEIGHT), ())
    return RedactedFrame(index, image.tobytes(), (FACE,), blanked=False, pending=pending, thumbnails=(SMALL,))


def picture(found: RedactedFrame) -> Image:
    return np.frombuffer(found.data, np.uint8).reshape(HEIGHT, WIDTH, 3)


@dataclass
class Filmed:
    """Frames of a film that were checked, with what a player would show of them."""

    frames: tuple[RedactedFrame, ...]
    shown: list[Image]


def filmed(
    detector: Chain, frames: Sequence[RedactedFrame], studio: FakeVideoEncoder | None = None
) -> Filmed:
    studio = studio or FakeVideoEncoder()
    look = Appearance(OutputFormat.MP4)
    film = video_format(ScriptedSource(99).info, look)
    planes, encoder = studio.plane_encoder(film), studio.group_encoder(film)
    for one in frames:
        encoder.add(planes.encode(picture(one), look))
    checker = replace(prover(detector), encoder=planes, appearance=look)
    checked, group = checker.check_group(
        [replace(one, data=b"") for one in frames], encoder.finish(), film, studio
    )
    return Filmed(
        checked, [one.bgr() for one in FakeVideoEncoder().decode_group(film, group, frames[0].index)]
    )


def wider(box: Box) -> Box:
    x1, y1, x2, y2 = box
    across, down = (x2 - x1) // 2, (y2 - y1) // 2
    return max(0, x1 - across), max(0, y1 - down), min(WIDTH, x2 + across), min(HEIGHT, y2 + down)


def test_a_frame_in_which_nothing_is_found_is_delivered_as_it_is() -> None:
    before = frame()
    after = prover(Chain([])).check_image(before)
    assert (after.data, after.boxes, after.thumbnails) == (before.data, before.boxes, before.thumbnails)
    assert after.check is not None
    assert (after.check.before, after.check.after, after.check.blanks, after.pending) == (0, 0, False, None)


def test_a_frame_that_nobody_asked_to_search_is_left_alone() -> None:
    before = replace(frame(), pending=None)
    detector = Chain(PLACES)
    assert prover(detector).check_image(before) is before
    assert detector._looks == 0


@pytest.mark.parametrize("style", RedactionStyle)
@pytest.mark.parametrize("count", range(1, MAX_ROUNDS + 1))
def test_what_is_left_is_filled_with_a_wider_margin_until_nothing_is(
    style: RedactionStyle, count: int
) -> None:
    after = prover(Chain(PLACES[:count]), style).check_image(frame())
    again = [box for box in after.boxes if box.origin is Origin.RESIDUAL]
    assert [box.xyxy for box in again] == [wider(place) for place in PLACES[:count]]
    assert after.boxes[0] == FACE
    for x1, y1, x2, y2 in (box.xyxy for box in again):
        assert not picture(after)[y1:y2, x1:x2].any()
    assert (picture(after)[0, WIDTH - 1] == GREY).all()
    assert after.check is not None
    assert (after.check.before, after.check.after, after.check.blanks) == (count, 0, False)
    assert after.thumbnails == ()


def test_what_shows_up_ever_anew_takes_the_frame_with_it() -> None:
    after = prover(Chain(PLACES[: MAX_ROUNDS + 1])).check_image(frame())
    assert (after.blanked, after.boxes, after.thumbnails) == (True, (), ())
    assert not picture(after).any()
    assert after.check is not None
    assert (after.check.before, after.check.after) == (MAX_ROUNDS, 1)


def test_what_still_shows_where_it_was_filled_takes_the_frame_with_it_at_once() -> None:
    detector = Chain(PLACES[:1], stubborn=frozenset(PLACES[:1]))
    after = prover(detector).check_image(frame())
    assert after.blanked
    assert not picture(after).any()
    assert detector._looks == 2
    assert after.check is not None
    assert (after.check.before, after.check.after, after.check.similarity_after) == (1, 1, None)


@pytest.mark.parametrize("looks", [0, 1])
def test_a_frame_that_cannot_be_searched_is_black(looks: int) -> None:
    after = prover(Chain(PLACES[:1], fails_after=looks)).check_image(frame())
    assert after.blanked
    assert not picture(after).any()
    assert after.check is not None
    assert (after.check.failed, after.check.before) == (True, looks)


def test_bytes_that_are_no_picture_become_a_black_one() -> None:
    after = prover(Chain([])).check_image(replace(frame(), data=b"no picture"))
    assert after.blanked
    assert not picture(after).any()


@given(
    places=st.lists(st.sampled_from(PLACES), unique=True),
    stubborn=st.frozensets(st.sampled_from(PLACES)),
    fails_after=st.none() | st.integers(0, 4),
    style=st.sampled_from(RedactionStyle),
    as_film=st.booleans(),
)
@settings(deadline=None)
def test_nothing_that_the_search_finds_is_ever_delivered(
    places: list[Box],
    stubborn: frozenset[Box],
    fails_after: int | None,
    style: RedactionStyle,
    as_film: bool,
) -> None:
    detector = Chain(places, stubborn, fails_after)
    if as_film:
        checked = filmed(detector, [frame()])
        (after,), (shown,) = checked.frames, checked.shown
    else:
        after = prover(detector, style).check_image(frame())
        shown = picture(after)
    (found,) = Chain(places, stubborn).detect([np.ascontiguousarray(shown)], 0.2)
    assert len(found) == 0
    assert after.blanked is not shown.any()
    assert after.check is not None
    assert after.check.blanks is after.blanked
    assert after.pending is None


def test_a_film_s_frames_end_as_pictures_do() -> None:
    for count in range(MAX_ROUNDS + 2):
        picked = prover(Chain(PLACES[:count])).check_image(frame())
        checked = filmed(Chain(PLACES[:count]), [frame()])
        assert replace(checked.frames[0], data=b"") == replace(picked, data=b"")
        assert (checked.shown[0] == picture(picked)).all()


def test_in_a_film_only_frames_that_were_asked_for_are_searched_and_changed() -> None:
    frames = [frame(7), replace(frame(8), pending=None), frame(9)]
    checked = filmed(Chain(PLACES[:2]), frames)
    assert [one.index for one in checked.frames] == [7, 8, 9]
    assert [one.check is not None for one in checked.frames] == [True, False, True]
    assert checked.frames[1].boxes == (FACE,)
    assert (checked.shown[1] == picture(frames[1])).all()
    assert [len(one.boxes) for one in checked.frames] == [3, 1, 3]


class _Generations(FakeVideoEncoder):
    """Counts how often the group was encoded, and lets every generation tip the detector over anew."""

    encoded = 0

    def group_encoder(self, video_format: VideoFormat) -> GroupEncoder:
        self.encoded += 1
        return super().group_encoder(video_format)


@dataclass
class Tipping(Chain):
    """Finds the face of a place in the frames of some brightness, in given generations of their group.

    Attributes:
        studio: encodes the group.
        shows: for each brightness, the place in each generation where something shows.
    """

    studio: _Generations = field(default_factory=_Generations)
    shows: Mapping[int, Mapping[int, Box]] = field(default_factory=dict)
    looked: list[tuple[int, int]] = field(default_factory=list)

    def detect(self, images: Sequence[Image], threshold: float) -> list[Detections]:
        (image,) = images
        generation, brightness = self.studio.encoded, int(image[-1, -1, 0])
        self.looked.append((generation, brightness))
        place = self.shows.get(brightness, {}).get(generation)
        if place is None:
            return [Detections.empty()]
        box = np.array([place], np.float32)
        return [Detections(box, np.array([0.9], np.float32), np.zeros((1, 5, 2), np.float32))]


@dataclass(frozen=True)
class Scripted(ResidualDetector):
    """Finds in turn what it was told."""

    finds: Iterator[ResidualReport] = field(default_factory=lambda: iter(()))

    def detect(self, shipped: Frame, pending: PendingCheck, redacted: RedactionMask) -> ResidualReport:
        return next(self.finds)


def bright(index: int, brightness: int) -> RedactedFrame:
    image = np.full((HEIGHT, WIDTH, 3), brightness, np.uint8)
    return replace(frame(index), data=image.tobytes())


def tipped(shows: Mapping[int, Mapping[int, Box]], count: int) -> tuple[Filmed, list[tuple[int, int]]]:
    """Frames from 7 on whose brightness is their number, and what was searched: generation and frame."""
    studio = _Generations()
    detector = Tipping((), studio=studio, shows=shows)
    checked = filmed(detector, [bright(n, n) for n in range(7, 7 + count)], studio)
    assert all(one.check is not None for one in checked.frames)
    return checked, detector.looked


def test_what_a_neighbour_shows_only_in_the_second_generation_is_filled() -> None:
    checked, looked = tipped({7: {1: PLACES[0]}, 8: {2: PLACES[1]}}, 3)
    assert sorted(looked) == [(generation, frame) for generation in (1, 2, 3) for frame in (7, 8, 9)]
    assert [len(one.boxes) for one in checked.frames] == [2, 2, 1]
    assert [(one.check.before, one.check.after) for one in checked.frames if one.check] == [
        (1, 0),
        (1, 0),
        (0, 0),
    ]
    for shown, place in zip(checked.shown[:2], PLACES[:2], strict=True):
        x1, y1, x2, y2 = wider(place)
        assert not shown[y1:y2, x1:x2].any()


def test_what_a_neighbour_shows_once_another_is_blanked_is_seen_too() -> None:
    stubborn = dict.fromkeys((1, 2), PLACES[0])
    checked, looked = tipped({7: stubborn, 8: {3: PLACES[1]}}, 2)
    assert [one.blanked for one in checked.frames] == [True, False]
    assert not checked.shown[0].any()
    assert [len(one.boxes) for one in checked.frames] == [0, 2]
    # A black frame needs no search.
    assert looked == [(1, 7), (1, 8), (2, 7), (2, 8), (3, 8), (4, 8)]


def test_what_still_shows_when_the_rounds_run_out_is_blanked_in_whatever_generation_that_is() -> None:
    rounds = {generation: PLACES[generation - 1] for generation in range(1, MAX_ROUNDS + 1)}
    checked, looked = tipped({7: rounds, 8: {MAX_ROUNDS + 1: PLACES[0]}}, 2)
    assert [one.blanked for one in checked.frames] == [False, True]
    assert not checked.shown[1].any()
    assert looked[-1] == (MAX_ROUNDS + 2, 7)


def test_the_similarity_that_a_check_began_with_is_the_highest_of_what_was_not_delivered() -> None:
    left = [np.array([place], np.float64) for place in PLACES[:MAX_ROUNDS]]
    alike = (0.3, 0.8, None)
    finds = [*map(ResidualReport, left, alike), ResidualReport(np.empty((0, 4)), 0.2)]
    inspector = Scripted(Chain([]), None, (), 0.5, finds=iter(finds))
    after = replace(prover(Chain([])), detector=inspector).check_image(frame())
    assert after.check == FrameCheck(
        whole=True, before=MAX_ROUNDS, after=0, similarity_before=0.8, similarity_after=0.2
    )


class _Unplayable(FakeVideoEncoder):
    """Makes groups that cannot be decoded."""

    def decode_group(self, video_format: VideoFormat, group: FrameGroup, first: int) -> Iterator[Frame]:
        raise FrameAnalysisError("a group of frames cannot be decoded again")


def test_a_group_that_cannot_be_decoded_is_black_as_a_whole() -> None:
    frames = [frame(7), replace(frame(8), pending=None)]
    checked = filmed(Chain([]), frames, _Unplayable())
    assert all(one.blanked and not one.boxes for one in checked.frames)
    assert all(one.check is not None and one.check.failed for one in checked.frames)
    assert not any(shown.any() for shown in checked.shown)
