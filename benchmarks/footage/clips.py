"""The clips of the test footage: camera motion, layers and lighting."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.footage.scene import Layer, Size, Still, cutout, look, place, similarity
from benchmarks.footage.stills import BACKDROPS, bar, hand, round_objects, texture

SEED = 20_251_121
FULL, HD, SMALL, UPRIGHT = (1920, 1080), (1280, 720), (640, 360), (720, 1280)

Grade = Callable[[NDArray[np.float32], int], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Clip:
    """One clip: `scene(t)` gives the layers at the time `t`, in frames, back to front."""

    name: str
    size: Size
    frames: int
    kilobits: int
    scene: Callable[[float], list[Layer]]
    grade: Grade = field(default=lambda picture, _index: picture)
    degraded: Callable[[int], bool] = field(default=lambda _index: False)
    shutter: float = 0.0
    """Share of the frame interval during which the shutter is open; 0 gives sharp frames."""


def wobble(
    rng: np.random.Generator, amplitude: float, periods: tuple[float, float]
) -> Callable[[float], NDArray[np.float64]]:
    """Return a hand's smooth random walk: (dx, dy) at the time t, of about +-`amplitude`."""
    period = rng.uniform(*periods, (2, 4))
    phase = rng.uniform(0, 2 * np.pi, (2, 4))
    return lambda t: amplitude * np.sin(2 * np.pi * t / period + phase).sum(axis=1) / 2


def darkened(gain: Callable[[int], float], sigma: float, rng: np.random.Generator) -> Grade:
    """Simulate a dark room: little light, a green cast, the noise of an amplified sensor."""

    def grade(picture: NDArray[np.float32], index: int) -> NDArray[np.float32]:
        lit = picture * (gain(index) * np.array((0.92, 1.06, 0.88), np.float32))
        grain = rng.normal(0, sigma, picture.shape).astype(np.float32)
        return lit + cv2.GaussianBlur(grain, (0, 0), 0.6) * 1.6 + 3

    return grade


def flared(size: Size, rng: np.random.Generator) -> Grade:
    """Simulate backlight: a low-contrast subject under the veil of a bright window."""
    xx = np.linspace(0, 1, size[0], dtype=np.float32)[None, :, None]
    yy = np.linspace(0, 1, size[1], dtype=np.float32)[:, None, None]
    veil = 60 + 135 * np.exp(-3 * ((xx - 0.75) ** 2 + (yy - 0.1) ** 2))
    return lambda picture, _index: 0.14 * picture + veil + rng.normal(0, 3, picture.shape)


def flashed(flashes: frozenset[int]) -> Grade:
    """Overexpose single frames, as a flash does."""
    return lambda image, index: 2 * image + 160 if index in flashes else image


def shots(
    rng: np.random.Generator, stills: Sequence[Still], size: Size, frames: int
) -> Callable[[float], list[Layer]]:
    """Cut every 5 to 12 frames to another face, at another size, or to none."""
    starts, views = [0], []
    while starts[-1] < frames:
        still = stills[int(rng.integers(len(stills)))]
        face = still.faces[int(rng.integers(len(still.faces)))] if still.faces else (0, 0, 99, 99)
        width = size[0] * (face[2] - face[0]) / float(np.exp(rng.uniform(np.log(50), np.log(420))))
        centre = np.array([face[0] + face[2], face[1] + face[3]]) / 2 + rng.uniform(-0.3, 0.3, 2) * width * (
            1,
            0.5,
        )
        views.append((still, centre, width, rng.uniform(-2, 2, 2) * width / size[0]))
        starts.append(starts[-1] + int(rng.integers(5, 13)))

    def scene(t: float) -> list[Layer]:
        shot = int(np.searchsorted(starts, t, side="right")) - 1
        still, centre, width, drift = views[shot]
        moved = centre + drift * (t - starts[shot])
        return [look(still, moved, width, size, name=f"shot{shot}.{still.name}")]

    return scene


def crowd(
    rng: np.random.Generator,
    heads: Sequence[Still],
    backdrop: Still,
    size: Size,
    count: int,
    widths: tuple[float, float],
    *,
    turn: float = 6,
    narrowest: float = 1,
    shake: float = 2,
) -> Callable[[float], list[Layer]]:
    """Return heads of `widths` pixels that walk, nod by +-`turn` degrees and occlude each other.

    `narrowest` is the strongest horizontal squeeze, which approximates a profile; `shake` that of the camera.
    """
    columns = math.ceil(math.sqrt(count * size[0] / size[1]))
    pitch = np.array((size[0] / columns, size[1] / math.ceil(count / columns)))
    people = []
    for k in range(count):
        spot = (np.array(divmod(k, columns)[::-1]) + rng.uniform(0.1, 0.9, 2)) * pitch
        width = float(np.exp(rng.uniform(*np.log(widths))))
        velocity = rng.normal(0, (0.035 * width + 0.5, 0.15))
        people.append(
            (
                width,
                k,
                heads[k % len(heads)],
                spot,
                velocity,
                rng.uniform(narrowest, 1),
                rng.uniform(0, 0.002),
            )
        )
    people.sort(key=lambda person: person[0])
    sway = wobble(rng, shake, (6, 40))

    def scene(t: float) -> list[Layer]:
        width, height = backdrop.size
        view = 0.85 * min(width, height * size[0] / size[1])
        layers = [look(backdrop, np.array((width, height)) / 2 - sway(t) * view / size[0], view, size)]
        for face, k, head, spot, velocity, squeeze, growth in people:
            where = spot + velocity * t + sway(t) + (0, 0.02 * face * np.sin(t / 2.2 + k))
            degrees = turn * math.sin(t / 11 + k)
            layers.append(place(head, where, face * (1 + growth * t), degrees, squeeze, f"person{k}"))
        return layers

    return scene


def catalogue(stills: dict[str, Still]) -> list[Clip]:
    """Return every clip that the available photographs allow."""
    group = stills["t1.jpg"]
    clips = [
        Clip("pan", FULL, 100, 6000, lambda t: [look(group, (500 + 2.8 * t, 310 + 0.2 * t), 1000, FULL)]),
        _fast_pan(group),
        _close_up("closeup", stills.get("rose_leslie_img1.jpg", group), HD, 1.5),
        Clip("edge", HD, 120, 3000, lambda t: [look(group, _loop(t), 480, HD)]),
        _cuts(stills),
        _compressed(group),
        _backlight(group),
        _occlusion(group),
        _handheld(group),
        _tilt(group),
        _flash(group),
        _empty(stills),
        *_crowds(stills),
    ]
    if "biden.jpg" in stills:
        clips.append(_close_up("selfie", stills["biden.jpg"], UPRIGHT, 1.05))
    return clips


def _rng(name: str) -> np.random.Generator:
    return np.random.default_rng([SEED, zlib.crc32(name.encode())])


def _fast_pan(group: Still) -> Clip:
    """Whip to and fro, with up to half a face of motion blur."""

    def scene(t: float) -> list[Layer]:
        return [look(group, (640 + 310 * math.sin(t / 5), 300 + 60 * math.sin(t / 23)), 640, HD)]

    return Clip("fast_pan", HD, 90, 4000, scene, shutter=0.7)


def _close_up(name: str, still: Still, size: Size, tallest: float) -> Clip:
    """Move a face up to the lens until it is `tallest` frames high, and back."""
    x1, y1, x2, y2 = still.faces[0]
    centre, height = ((x1 + x2) / 2, (y1 + y2) / 2), y2 - y1
    widest = min(still.size[0], still.size[1] * size[0] / size[1])
    nearest = height / tallest * size[0] / size[1]

    def scene(t: float) -> list[Layer]:
        near = float(np.interp(t, (0, 60, 75, 90), (0, 1, 1, 0.1)))
        return [look(still, centre, widest * (nearest / widest) ** near, size)]

    return Clip(name, size, 90, 3000, scene)


def _loop(t: float) -> NDArray[np.float64]:
    """Move the centre face out of the frame through all four edges, twice, further each time."""
    angle = 2 * np.pi * t / 60
    return np.array((519, 340)) + (0.78 + t / 400) * np.array((240 * np.cos(angle), 160 * np.sin(angle)))


def _cuts(stills: dict[str, Still]) -> Clip:
    rng = _rng("cuts")
    people = [still for still in stills.values() if still.faces]
    scenes = [*people, *[stills["t1.jpg"]] * 3, texture(rng, (960, 540), (80, 110, 95), 9)]
    return Clip("cuts", HD, 120, 4000, shots(rng, scenes, HD, 120))


def _compressed(group: Still) -> Clip:
    sway = wobble(_rng("compressed"), 6, (8, 40))

    def scene(t: float) -> list[Layer]:
        return [look(group, np.add(sway(t), (640 + 90 * math.sin(t / 18), 360)), 1100, SMALL)]

    return Clip("compressed", SMALL, 100, 75, scene)


def _backlight(group: Still) -> Clip:
    def scene(t: float) -> list[Layer]:
        return [look(group, (640 + 150 * math.sin(t / 20), 340), 1200 - 4 * t, SMALL)]

    return Clip("backlight", SMALL, 90, 500, scene, grade=flared(SMALL, _rng("backlight")))


def _occlusion(group: Still) -> Clip:
    """Move a post past quickly and back slowly, then a hand: each face is covered for 3 to 8 frames."""
    post, palm = bar((230, 800)), hand()
    passes = ((0, -150, 360, 46, post), (36, 1430, 360, -34, post), (76, -150, 400, 60, palm))

    def scene(t: float) -> list[Layer]:
        layers = [look(group, (560 + t, 330), 880, HD)]
        for start, x, y, speed, still in passes:
            middle = (still.size[0] / 2, still.size[1] / 2)
            if t >= start:
                layers.append(Layer(still, similarity(middle, (x + speed * (t - start), y), 1)))
        return layers

    return Clip("occlusion", HD, 110, 3500, scene)


def _handheld(group: Still) -> Clip:
    sway = wobble(_rng("handheld"), 26, (5, 30))

    def scene(t: float) -> list[Layer]:
        centre = np.add(sway(t), (590 + 60 * math.sin(t / 30), 370))
        return [look(group, centre, 760 + 380 * math.cos(t / 14), SMALL)]

    return Clip("handheld", SMALL, 110, 700, scene, shutter=0.5)


def _tilt(group: Still) -> Clip:
    def scene(t: float) -> list[Layer]:
        # Never quite upright: `look` would move an upright view inside the still.
        return [look(group, (519 + 2.8 * t, 350 + 0.4 * t), 620, HD, 35 * math.sin(t / 8 + 0.01))]

    return Clip("tilt", HD, 100, 3000, scene)


def _flash(group: Still) -> Clip:
    flashes = frozenset({14, 33, 52, 71})

    def scene(t: float) -> list[Layer]:
        return [look(group, (450 + 4 * t, 320), 700, HD)]

    return Clip("flash", HD, 90, 3500, scene, grade=flashed(flashes), degraded=flashes.__contains__)


def _empty(stills: dict[str, Still]) -> Clip:
    """Show no face at all: foliage, round objects, a table, cars, and people whose heads are out of view."""
    rng = _rng("empty")
    table = stills["t1.jpg"].image
    views = [
        texture(rng, (1600, 900), (60, 110, 80), 12),
        Still("table", table[665:886, 290:1000]),
        round_objects(rng, (1600, 900)),
        Still("arms", table[490:720, 640:1040]),
        *(stills[name] for name in BACKDROPS if name in stills),
    ]
    if "obama.jpg" in stills:
        views.append(Still("torso", stills["obama.jpg"].image[520:]))
    length = 120 // len(views)

    def scene(t: float) -> list[Layer]:
        view = views[min(int(t) // length, len(views) - 1)]
        width, height = view.size
        return [look(view, (width * (0.4 + 0.2 * (t % length) / length), height / 2), 0.8 * width, FULL)]

    return Clip("empty", FULL, 120, 6000, scene)


def _crowds(stills: dict[str, Still]) -> list[Clip]:
    """Show many people at once: far away, on a street, in the dark, and crossing at every size."""
    heads = [cutout(still, index) for still in stills.values() for index in range(len(still.faces))]
    heads = heads[6:] + heads[:6]
    foliage = texture(_rng("foliage"), (1600, 900), (100, 125, 110), 9)
    yard, lot, drive = (stills.get(name, foliage) for name in BACKDROPS[1:])
    dark = _rng("dark")

    def gain(index: int) -> float:
        return 0.2 - 0.08 * index / 99

    return [
        Clip("far", FULL, 100, 6000, crowd(_rng("far"), heads, lot, FULL, 24, (14, 28))),
        Clip(
            "crowd",
            FULL,
            110,
            6000,
            crowd(_rng("crowd"), heads, drive, FULL, 20, (24, 75), shake=6, narrowest=0.65),
            shutter=0.5,
        ),
        Clip(
            "dark",
            HD,
            100,
            3500,
            crowd(dark, heads, yard, HD, 14, (22, 90), shake=4, narrowest=0.8),
            grade=darkened(gain, 9, dark),
            degraded=lambda index: gain(index) < 0.135,
        ),
        Clip(
            "mix",
            FULL,
            110,
            8000,
            crowd(_rng("mix"), heads[:12], foliage, FULL, 12, (40, 230), turn=30, narrowest=0.5),
        ),
    ]
