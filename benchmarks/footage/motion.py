"""Motion, light and groups of people for the clips of the test footage."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.footage.clip import Grade, Scene
from benchmarks.footage.scene import Affine, Layer, Size, Still, look, place


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


def shots(rng: np.random.Generator, stills: Sequence[Still], size: Size, frames: int) -> Scene:
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
    tilts: Sequence[float] = (0,),
) -> Scene:
    """Return heads of `widths` pixels that walk, nod by +-`turn` degrees and occlude each other.

    `narrowest` is the strongest horizontal squeeze, which approximates a profile; `shake` that of the camera.
    `tilts` are the degrees by which the people are turned, in turn.
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
            degrees = tilts[k % len(tilts)] + turn * math.sin(t / 11 + k)
            layers.append(place(head, where, face * (1 + growth * t), degrees, squeeze, f"person{k}"))
        return layers

    return scene


def viewed(scene: Scene, camera: Callable[[float], Affine]) -> Scene:
    """Look at a scene through a camera that maps its pixels into those of the frame at the time `t`."""

    def seen(t: float) -> list[Layer]:
        matrix = camera(t)
        return [
            replace(
                layer,
                matrix=np.column_stack(
                    [matrix[:, :2] @ layer.matrix[:, :2], matrix[:, :2] @ layer.matrix[:, 2] + matrix[:, 2]]
                ),
            )
            for layer in scene(t)
        ]

    return seen
