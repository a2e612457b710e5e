"""Clips of people whom detection misses: turned, tilted, lying, cut, squeezed, small, turning away.

Every clip is a group of heads seen through a camera, so that its truth is exact. The default seed uses one
half of the heads and every other seed the other half: what was developed on the first can be checked on
footage that chose nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from benchmarks.footage.clip import HD, SEED, SMALL, UPRIGHT, Clip, Scene, all_heads, half_of, seeded_rng
from benchmarks.footage.motion import crowd, viewed, wobble
from benchmarks.footage.profiles import back_of, face_of, mirrored, profile_stills, walking_profile
from benchmarks.footage.scene import Affine, Layer, Size, Still, look, place, similarity
from benchmarks.footage.stills import BACKDROPS, texture

FRAMES = 60
SQUARE = (1480, 1480)
"""Scene that still fills a frame of 1280x720 at every angle."""
MEDIUM = (960, 540)
TURN_AWAY, FACE_AWAY, TURN_BACK = 10, 16, 8
"""Frames that a head takes to turn away, stays away, and takes to come back in profile."""
SLIVER, PROFILE, HARD_BELOW = 0.3, 0.55, 0.5
"""Shares of its width that a face shows: as it disappears, in profile, and below which it is hard."""


@dataclass(frozen=True, slots=True)
class Cast:
    """What the clips are made of.

    Attributes:
        heads: cut-outs of heads seen from the front.
        profiles: cut-outs of heads seen from the side; those from the front where there are none.
        walker: a man in profile, frame by frame; may be empty.
        backdrops: photographs behind them.
        seed: of the motion.
    """

    heads: Sequence[Still]
    profiles: Sequence[Still]
    walker: Sequence[Still]
    backdrops: Sequence[Still]
    seed: int

    def backdrop(self, name: str) -> Still:
        """Return the photograph behind the people of a clip."""
        return self.backdrops[int(seeded_rng(name, self.seed).integers(len(self.backdrops)))]


def sight_catalogue(stills: dict[str, Still], seed: int = SEED) -> list[Clip]:
    """Return every clip; without the shared photographs there are fewer different heads."""
    cast = _cast(stills, seed)
    return [
        _turned("turned90", cast, 90),
        _turned("turned180", cast, 180),
        _turned("turned270", cast, 270),
        _tilted("tilted45", cast, 45),
        _tilted("tilted135", cast, 135),
        _lying(cast),
        _phone(cast),
        _profiles("profile", cast, HD, 8, (18, 44)),
        _profiles("profile_close", cast, SMALL, 3, (50, 84)),
        _edges(cast),
        *_squeezed(cast),
        _small("small960", cast, MEDIUM, 14),
        _small("small640", cast, SMALL, 8),
        _turning_away(cast),
    ]


def _cast(stills: dict[str, Still], seed: int) -> Cast:
    heads = half_of(all_heads(stills), seed)
    sides = profile_stills()
    walker = walking_profile()
    if seed != SEED:
        sides, walker = [mirrored(still) for still in sides], [mirrored(still) for still in walker]
    backdrops = [stills[name] for name in BACKDROPS if name in stills]
    if not backdrops:
        backdrops = [texture(seeded_rng("foliage", seed), (1600, 900), (100, 125, 110), 9)]
    return Cast(heads, sides or heads, walker, backdrops, seed)


def _people(name: str, cast: Cast, size: Size, count: int, widths: tuple[float, float]) -> Scene:
    return crowd(seeded_rng(name, cast.seed), cast.heads, cast.backdrop(name), size, count, widths)


def _about_centre(scene: Size, frame: Size, degrees: float) -> Affine:
    return similarity((scene[0] / 2, scene[1] / 2), (frame[0] / 2, frame[1] / 2), 1, degrees)


def _turned(name: str, cast: Cast, degrees: float) -> Clip:
    """Turn the whole camera, as if the video had lost its rotation flag."""
    frame = HD if degrees == 180 else UPRIGHT
    scene = _people(name, cast, HD, 10, (24, 110))
    return Clip(name, frame, FRAMES, 3000, viewed(scene, lambda _t: _about_centre(HD, frame, degrees)))


def _tilted(name: str, cast: Cast, degrees: float) -> Clip:
    scene = _people(name, cast, SQUARE, 20, (24, 110))
    return Clip(name, HD, FRAMES, 3000, viewed(scene, lambda _t: _about_centre(SQUARE, HD, degrees)))


def _lying(cast: Cast) -> Clip:
    """Show people who lie on either side among others who stand."""
    rng = seeded_rng("lying", cast.seed)
    scene = crowd(rng, cast.heads, cast.backdrop("lying"), HD, 9, (30, 120), tilts=(90, 0, -90))
    return Clip("lying", HD, FRAMES, 3000, scene)


def _phone(cast: Cast) -> Clip:
    """Turn the phone by a quarter while it films."""
    scene = _people("phone", cast, SQUARE, 20, (30, 120))

    def camera(t: float) -> Affine:
        return _about_centre(SQUARE, HD, float(np.interp(t, (25, 40), (0, 90))))

    return Clip("phone", HD, 75, 3000, viewed(scene, camera))


def _profiles(name: str, cast: Cast, size: Size, count: int, widths: tuple[float, float]) -> Clip:
    """Show heads in profile that walk, and a man in profile who moves as he did when he was filmed."""
    rng = seeded_rng(name, cast.seed)
    others = crowd(rng, cast.profiles, cast.backdrop(name), size, count, widths, turn=4)
    start, speed = rng.uniform(0.25, 0.75, 2) * size, rng.uniform(-4, 4)

    def scene(t: float) -> list[Layer]:
        layers = others(t)
        if cast.walker:
            last = len(cast.walker) - 1
            step = last - abs(int(t) % (2 * last) - last)
            where = start + np.array((speed * t, 0))
            layers.append(place(cast.walker[step], where, widths[1], name="walker"))
        return layers

    return Clip(name, size, FRAMES, 4000, scene)


def _edges(cast: Cast) -> Clip:
    """Move heads out over every edge of the frame and back in, two over each."""
    rng = seeded_rng("edges", cast.seed)
    backdrop = cast.backdrop("edges")
    width, height = HD
    people = []
    for k in range(8):
        along = (0.3, 0.7)[k // 4] + rng.uniform(-0.08, 0.08)
        point, outwards = (
            ((0, along * height), (-1, 0)),
            ((width, along * height), (1, 0)),
            ((along * width, 0), (0, -1)),
            ((along * width, height), (0, 1)),
        )[k % 4]
        face = float(np.exp(rng.uniform(*np.log((30, 150)))))
        people.append((np.array(point), np.array(outwards), face, rng.uniform(24, 40), rng.uniform(0, 6.3)))
    sway = wobble(rng, 2, (6, 40))

    def scene(t: float) -> list[Layer]:
        layers = [look(backdrop, np.array(backdrop.size) / 2 + sway(t), 900, HD)]
        for k, (point, outwards, face, period, phase) in enumerate(people):
            reach = 0.9 * face * math.sin(2 * math.pi * t / period + phase) - 0.1 * face
            head = cast.heads[k % len(cast.heads)]
            layers.append(place(head, point + outwards * reach, face, name=f"person{k}"))
        return layers

    return Clip("edges", HD, FRAMES, 3000, scene)


def _squeezed(cast: Cast) -> list[Clip]:
    """Store pixels that are not square: wide and flat ones, as the file says, and wide ones untold."""
    shapes = (
        ("aspect_24_11", (588, 720), Fraction(24, 11), ""),
        ("aspect_1_2", (1280, 360), Fraction(1, 2), ""),
        ("aspect_untold", (640, 720), None, "2:1"),
    )
    clips = []
    for name, size, aspect, true_aspect in shapes:
        across, down = size[0] / HD[0], size[1] / HD[1]
        camera = np.array([[across, 0, 0], [0, down, 0]])
        scene = viewed(_people(name, cast, HD, 10, (24, 100)), lambda _t, camera=camera: camera)
        clips.append(
            Clip(
                name,
                size,
                FRAMES,
                2500,
                scene,
                min_width=12 * across,
                clear_width=20 * across,
                aspect=aspect,
                true_aspect=true_aspect,
            )
        )
    return clips


def _small(name: str, cast: Cast, size: Size, count: int) -> Clip:
    """Show faces of 9 to 16 pixels in a small frame; those below 12 are hard."""
    scene = _people(name, cast, size, count, (9, 16))
    return Clip(name, size, FRAMES, 1800, scene, min_width=8.5, clear_width=12)


def _turning_away(cast: Cast) -> Clip:
    """Turn heads until only hair is seen, and back into profile, at another time each.

    While a head turns, its face moves to the side and narrows in front of the back of the head.
    """
    rng = seeded_rng("turning_away", cast.seed)
    backdrop = cast.backdrop("turning_away")
    people = []
    for k in range(6):
        head = cast.heads[k % len(cast.heads)]
        spot = np.array(((k % 3 + 0.5) * HD[0] / 3, (k // 3 + 0.5) * HD[1] / 2)) + rng.uniform(-60, 60, 2)
        width = float(np.exp(rng.uniform(*np.log((36, 130)))))
        side = float(rng.choice((-1, 1)))
        people.append(
            (
                back_of(head, rng),
                face_of(head),
                spot,
                rng.normal(0, (1.2, 0.2)),
                width,
                side,
                rng.uniform(6, 24),
            )
        )
    sway = wobble(rng, 2, (6, 40))

    def scene(t: float) -> list[Layer]:
        layers = [look(backdrop, np.array(backdrop.size) / 2 - sway(t), 900, HD)]
        for k, (back, face, spot, velocity, width, side, begin) in enumerate(people):
            where = spot + velocity * t + sway(t)
            shown = _shown(t - begin)
            name = f"person{k}"
            behind = place(back, where, width, name=name)
            if shown:
                aside = where + np.array((side * (1 - shown) * width / 2, 0))
                front = place(face, aside, width, 0, shown, name)
                layers += [
                    Layer(_without_faces(back), behind.matrix),
                    _marked(front, hard=shown < HARD_BELOW),
                ]
            else:
                layers.append(Layer(back, behind.matrix, name, away=True))
        return layers

    return Clip("turning_away", HD, 75, 4000, scene)


def _shown(t: float) -> float:
    """Return the share of its width that a face shows, t frames after it began to turn; 0 while away."""
    back_again = TURN_AWAY + FACE_AWAY
    if TURN_AWAY <= t < back_again:
        return 0.0
    moments = (0, TURN_AWAY, back_again, back_again + TURN_BACK)
    return float(np.interp(t, moments, (1, SLIVER, SLIVER, PROFILE)))


def _without_faces(still: Still) -> Still:
    return Still(still.name, still.image, (), still.alpha)


def _marked(layer: Layer, *, hard: bool) -> Layer:
    return Layer(layer.still, layer.matrix, layer.name, hard=hard)
