"""A video of textured heads that turn, vanish and come back, and detectors that see what its script says."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

import numpy as np
from hypothesis import strategies as st

from fakes.frames import CutFromWhole
from fakes.vision import LANDMARKS
from framecloak.domain.anonymization.detection.directions import map_from_turned, map_points, turned_size
from framecloak.domain.anonymization.detection.second_opinion import CROP_SIDE_PX, FACE_SIDES_PX
from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.imaging.detections import Detections, Image, ModelCard
from framecloak.domain.imaging.timing import Timing
from framecloak.domain.ports.frames import Sound, SourceInfo

WIDTH, HEIGHT = 192, 96
STRIDE = 48
"""Number of pixels that sides of images are multiples of; crops for second opinions are the exception."""

LANE = 48
"""Width in pixels of the part of the frame that each person stays in; crops are told apart by it."""

SCORES = (0.0, 0.2, 0.4, 0.6, 0.95)
"""Scores of detections: missed, weak, doubtful and strong ones."""

OPINIONS = (0.0, 0.155, 0.7)
"""Scores in crops: one that refutes, one that decides nothing, and one that confirms."""


@dataclass(frozen=True)
class Person:
    """A head with a texture of its own.

    Attributes:
        frames: frames in which it is in sight.
        centre: centre x and y in the first of them; it moves vertically.
        speed: pixels per frame.
        size: side in pixels.
        direction: degrees by which the frame must be turned to show the face upright.
        scores: score of the detection by frame; 0 where the face is missed.
        opinions: score in crops by frame.
    """

    frames: range
    centre: tuple[float, float]
    speed: float
    size: int
    direction: int
    scores: tuple[float, ...]
    opinions: tuple[float, ...]

    def position(self, index: int) -> tuple[float, float]:
        return self.centre[0], self.centre[1] + round(self.speed * (index - self.frames.start))

    def is_detectable(self, index: int) -> bool:
        x, y = self.position(index)
        return index in self.frames and 0 <= x <= WIDTH and 0 <= y <= HEIGHT


def _texture(side: int, seed: int) -> np.ndarray:
    """Return (side, side) noise with structures of three pixels, which survive a small shift."""
    coarse = np.random.default_rng(seed).integers(0, 250, (side // 3 + 1, side // 3 + 1))
    return np.repeat(np.repeat(coarse, 3, axis=0), 3, axis=1)[:side, :side]


@dataclass(frozen=True)
class World:
    """Everything that happens in the video.

    Attributes:
        length: number of frames.
        people: at most one in each lane at a time.
        cuts: first frames of shots.
        lost: frames that cannot be decoded.
        broken_crops: frames in whose crops for second opinions the detector fails.
        broken_regions: frames in whose regions the detector fails.
        bright: frames whose background is brighter: as large a change as a camera makes that moves fast.
    """

    length: int
    people: tuple[Person, ...]
    cuts: frozenset[int] = frozenset()
    lost: frozenset[int] = frozenset()
    broken_crops: frozenset[int] = frozenset()
    broken_regions: frozenset[int] = frozenset()
    bright: frozenset[int] = frozenset()

    @cached_property
    def _textures(self) -> list[np.ndarray]:
        return [_texture(person.size, seed) for seed, person in enumerate(self.people)]

    def image(self, index: int) -> Image:
        """Return a frame, RGB.

        Red is the horizontal position, green the texture. Blue is the frame's number in even columns, and the
        vertical position in odd ones.
        """
        shot = sum(index >= cut for cut in self.cuts)
        image = np.empty((HEIGHT, WIDTH, 3), np.uint8)
        image[:, :, 0] = np.arange(WIDTH)
        image[:, :, 1] = np.random.default_rng(shot).integers(0, 110, (HEIGHT, WIDTH)) + 110 * (shot % 2)
        image[:, :, 1] += 30 * (index in self.bright)
        image[:, :, 2] = index
        image[:, 1::2, 2] = np.arange(HEIGHT)[:, None]
        for person, texture in zip(self.people, self._textures, strict=True):
            if index in person.frames:
                x, y = (round(value - person.size / 2) for value in person.position(index))
                rows, columns = np.arange(y, y + person.size), np.arange(x, x + person.size)
                inside = np.ix_((rows >= 0) & (rows < HEIGHT), (columns >= 0) & (columns < WIDTH))
                place = np.ix_(
                    rows[(rows >= 0) & (rows < HEIGHT)], columns[(columns >= 0) & (columns < WIDTH)]
                )
                image[..., 1][place] = texture[inside]
        return image


@dataclass(frozen=True)
class WorldFrame(CutFromWhole):
    world: World
    index: int
    width: int = WIDTH
    height: int = HEIGHT
    nbytes: int = WIDTH * HEIGHT * 3

    @property
    def display_size(self) -> tuple[int, int]:
        return self.width, self.height

    def bgr(self) -> Image:
        if self.index in self.world.lost:
            raise FrameAnalysisError(f"frame {self.index} was not decoded")
        return np.ascontiguousarray(self.world.image(self.index)[:, :, ::-1])

    def rgb(self, width: int, height: int) -> Image:
        pixels = self.bgr()[:, :, ::-1]
        if (width, height) == (2 * WIDTH, 2 * HEIGHT):
            pixels = pixels.repeat(2, axis=0).repeat(2, axis=1)
        elif (width, height) != (WIDTH, HEIGHT):
            raise ValueError("the detectors of this video read frames at their own size, or twice as large")
        return np.ascontiguousarray(pixels)


@dataclass
class WorldSource:
    world: World
    sound: Sound | None = None

    @property
    def info(self) -> SourceInfo:
        length = self.world.length
        return SourceInfo("people.mp4", WIDTH, HEIGHT, length, length, 25.0, length / 25, 0, True)

    def timing(self, start: int, stop: int) -> Timing:
        return Timing.constant_rate(Fraction(25), start, stop)

    def sha256(self) -> str:
        return "0" * 64

    def frames(self, start: int, stop: int) -> Generator[WorldFrame, None, None]:
        for index in range(start, stop):
            yield WorldFrame(self.world, index)


@dataclass
class WorldDetector:
    """Detects faces where the frame is turned so that they are upright, and scores them in crops as scripted.

    Attributes:
        crops: frames and lanes of the crops for second opinions that it was shown.
        directions: frames and directions of the whole images that it was shown.
        regions: frames and directions of the parts of images that it was shown.
    """

    world: World
    max_batch: int = 1
    stride: int = STRIDE
    crops: list[tuple[int, int]] = field(default_factory=list)
    directions: list[tuple[int, int]] = field(default_factory=list)
    regions: list[tuple[int, int]] = field(default_factory=list)
    card: ModelCard = field(default_factory=lambda: ModelCard("people", "0" * 64, "none", "CPU", "fp32"))

    def detect(self, images: Sequence[Image], threshold: float) -> list[Detections]:
        return [self._detect(image, threshold) for image in images]

    def _detect(self, image: Image, threshold: float) -> Detections:
        if image.shape[:2] == (CROP_SIDE_PX, CROP_SIDE_PX):
            return self._in_crop(image, threshold)
        height, width = image.shape[:2]
        index = _index(image)
        direction = direction_of(image)
        matrix, zoom = _map_to_frame(image, direction)
        if (width, height) == turned_size(WIDTH * zoom, HEIGHT * zoom, direction, STRIDE):
            self.directions.append((index, direction))
            if zoom == 1:
                matrix = map_from_turned((WIDTH, HEIGHT), (width, height), direction)
        else:
            self.regions.append((index, direction))
            if index in self.world.broken_regions:
                raise FrameAnalysisError("not a number")
        faces = [
            (*person.position(index), person.size, person.scores[index])
            for person in self.world.people
            if person.direction == direction and person.is_detectable(index)
        ]
        table = np.array(faces, np.float64).reshape(-1, 4)
        table = table[(table[:, 3] > 0) & (table[:, 3] >= threshold)]
        centres = map_points(table[:, :2], np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2])
        halves = zoom * table[:, 2:3] / 2
        shown = ((centres + halves > 0) & (centres - halves < [width, height])).all(axis=1)
        return _detections(centres[shown], zoom * table[shown, 2], table[shown, 3])

    def _in_crop(self, image: Image, threshold: float) -> Detections:
        centre = CROP_SIDE_PX // 2
        index, lane = _index(image), int(image[centre, centre, 0]) // LANE
        self.crops.append((index, lane))
        if index in self.world.broken_crops:
            raise FrameAnalysisError("not a number")
        people = [person for person in self.world.people if person.centre[0] // LANE == lane]
        score = max((person.opinions[index] for person in people), default=0.0)
        if score < threshold:
            return Detections.empty()
        middle = np.full((1, 2), CROP_SIDE_PX / 2)
        return _detections(middle, np.array([float(FACE_SIDES_PX[0])]), np.array([score]))


def direction_of(image: Image) -> int:
    """Return the degrees by which a frame was turned clockwise, from the slope of its red channel."""
    red = image[:, :, 0].astype(float)
    y, x, step = red.shape[0] // 2, red.shape[1] // 2, 16
    across, down = red[y, x + step] - red[y, x - step], red[y + step, x] - red[y - step, x]
    return int(round(np.degrees(np.arctan2(down, across)) / 45) * 45 % 360)


def _index(image: Image) -> int:
    """Return the number of a frame, from the pixel of an even column that is nearest to the middle."""
    y, x = image.shape[0] // 2, image.shape[1] // 2
    middle = image[y - 4 : y + 5, x - 4 : x + 5].reshape(-1, 3)
    even = np.flatnonzero(middle[:, 0] % 2 == 0)
    return int(middle[even[np.abs(even - len(middle) // 2).argmin()], 2])


def _map_to_frame(image: Image, direction: int) -> tuple[np.ndarray, int]:
    """Return the map from pixels of a turned image, or part of it, to those of the frame, and its zoom."""
    height, width = image.shape[:2]
    # The middle of an image is mapped most exactly; beyond the border it is mirrored.
    y, x = np.mgrid[height // 2 - 8 : height // 2 + 8, width // 2 - 8 : width // 2 + 8]
    pixels = image[y, x].astype(float)
    odd = pixels[..., 0] % 2 == 1
    unzoomed = map_from_turned((0, 0), (0, 0), direction)
    positions = np.stack([x, y], axis=-1) + 0.5
    slope = np.abs(np.polyfit((positions @ unzoomed[0, :2]).ravel(), pixels[..., 0].ravel(), 1)[0])
    zoom = 1 if slope > 0.75 else 2
    unzoomed = unzoomed / zoom
    mapped = map_points(positions, unzoomed)
    middles = [
        (values.max() + values.min()) / 2
        for values in (pixels[..., 0] + 0.5 - mapped[..., 0], (pixels[..., 2] + 0.5 - mapped[..., 1])[odd])
    ]
    unzoomed[:, 2] = middles
    return unzoomed, zoom


def _detections(centres: np.ndarray, sizes: np.ndarray, scores: np.ndarray) -> Detections:
    order = np.argsort(-scores, kind="stable")
    boxes = np.hstack([centres - sizes[:, None] / 2, centres + sizes[:, None] / 2])[order].astype(np.float32)
    corners, extents = boxes[:, None, :2], boxes[:, None, 2:] - boxes[:, None, :2]
    return Detections(boxes, scores[order].astype(np.float32), corners + extents * LANDMARKS)


@st.composite
def worlds(draw: st.DrawFn, length: int) -> World:
    """Draw up to four people of every direction, among cuts, lost frames and failures."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    people = []
    for lane in range(draw(st.integers(1, 4))):
        start = int(rng.integers(0, length))
        weights = rng.dirichlet(np.ones(len(SCORES)))
        # A face keeps its score for a few frames, so that it can be lost for some time.
        held = int(rng.integers(1, 12))
        scores = np.repeat(rng.choice(SCORES, length // held + 1, p=weights), held)[:length]
        people.append(
            Person(
                range(start, int(rng.integers(start + 1, length + 1))),
                (LANE * (lane + 0.5), float(rng.uniform(0, HEIGHT))),
                float(rng.choice([0.0, 0.4, 1.0, 2.5]) * rng.choice([-1, 1])),
                int(rng.integers(14, 34)),
                int(rng.choice([0, 0, 90, 180, 270, 45, 225])),
                tuple(scores.tolist()),
                tuple(np.repeat(rng.choice(OPINIONS, length // held + 1), held)[:length].tolist()),
            )
        )
    frames = st.sets(st.integers(1, length - 1), max_size=3)
    return World(
        length,
        tuple(people),
        frozenset(draw(frames)),
        *(frozenset(draw(frames)) if draw(st.booleans()) else frozenset() for _ in range(3)),
    )
