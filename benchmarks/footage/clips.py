"""Hard clips: camera motion, layers and lighting."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from benchmarks.footage.clip import FULL, HD, SEED, SMALL, UPRIGHT, Clip, all_heads, seeded_rng
from benchmarks.footage.motion import crowd, darkened, flared, flashed, shots, wobble
from benchmarks.footage.scene import Layer, Size, Still, look, similarity
from benchmarks.footage.stills import BACKDROPS, bar, hand, round_objects, texture


def catalogue(stills: dict[str, Still], seed: int = SEED) -> list[Clip]:
    """Return every clip that the available photographs allow."""
    group = stills["t1.jpg"]
    clips = [
        Clip("pan", FULL, 100, 6000, lambda t: [look(group, (500 + 2.8 * t, 310 + 0.2 * t), 1000, FULL)]),
        _fast_pan(group),
        _close_up("closeup", stills.get("rose_leslie_img1.jpg", group), HD, 1.5),
        Clip("edge", HD, 120, 3000, lambda t: [look(group, _loop(t), 480, HD)]),
        _cuts(stills, seed),
        _compressed(group, seed),
        _backlight(group, seed),
        _occlusion(group),
        _handheld(group, seed),
        _tilt(group),
        _flash(group),
        _empty(stills, seed),
        *_crowds(stills, seed),
    ]
    if "biden.jpg" in stills:
        clips.append(_close_up("selfie", stills["biden.jpg"], UPRIGHT, 1.05))
    return clips


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


def _cuts(stills: dict[str, Still], seed: int) -> Clip:
    rng = seeded_rng("cuts", seed)
    people = [still for still in stills.values() if still.faces]
    scenes = [*people, *[stills["t1.jpg"]] * 3, texture(rng, (960, 540), (80, 110, 95), 9)]
    return Clip("cuts", HD, 120, 4000, shots(rng, scenes, HD, 120))


def _compressed(group: Still, seed: int) -> Clip:
    sway = wobble(seeded_rng("compressed", seed), 6, (8, 40))

    def scene(t: float) -> list[Layer]:
        return [look(group, np.add(sway(t), (640 + 90 * math.sin(t / 18), 360)), 1100, SMALL)]

    return Clip("compressed", SMALL, 100, 75, scene)


def _backlight(group: Still, seed: int) -> Clip:
    def scene(t: float) -> list[Layer]:
        return [look(group, (640 + 150 * math.sin(t / 20), 340), 1200 - 4 * t, SMALL)]

    return Clip("backlight", SMALL, 90, 500, scene, grade=flared(SMALL, seeded_rng("backlight", seed)))


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


def _handheld(group: Still, seed: int) -> Clip:
    sway = wobble(seeded_rng("handheld", seed), 26, (5, 30))

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


def _empty(stills: dict[str, Still], seed: int) -> Clip:
    """Show no face at all: foliage, round objects, a table, cars, and people whose heads are out of view."""
    rng = seeded_rng("empty", seed)
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


def _crowds(stills: dict[str, Still], seed: int) -> list[Clip]:
    """Show many people at once: far away, on a street, in the dark, and crossing at every size."""
    heads = all_heads(stills)
    foliage = texture(seeded_rng("foliage", seed), (1600, 900), (100, 125, 110), 9)
    yard, lot, drive = (stills.get(name, foliage) for name in BACKDROPS[1:])
    dark = seeded_rng("dark", seed)

    def gain(index: int) -> float:
        return 0.2 - 0.08 * index / 99

    return [
        Clip("far", FULL, 100, 6000, crowd(seeded_rng("far", seed), heads, lot, FULL, 24, (14, 28))),
        Clip(
            "crowd",
            FULL,
            110,
            6000,
            crowd(seeded_rng("crowd", seed), heads, drive, FULL, 20, (24, 75), shake=6, narrowest=0.65),
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
            crowd(seeded_rng("mix", seed), heads[:12], foliage, FULL, 12, (40, 230), turn=30, narrowest=0.5),
        ),
    ]
