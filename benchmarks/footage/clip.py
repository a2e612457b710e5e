"""One clip of the test footage, and the randomness that belongs to its name."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from benchmarks.footage.scene import Layer, Size, Still, cutout

SEED = 20_251_121
FULL, HD, SMALL, UPRIGHT = (1920, 1080), (1280, 720), (640, 360), (720, 1280)

Scene = Callable[[float], list[Layer]]
Grade = Callable[[NDArray[np.float32], int], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Clip:
    """One clip: `scene(t)` gives the layers at the time `t`, in frames, back to front."""

    name: str
    size: Size
    frames: int
    kilobits: int
    scene: Scene
    grade: Grade = field(default=lambda picture, _index: picture)
    degraded: Callable[[int], bool] = field(default=lambda _index: False)
    shutter: float = 0.0
    """Share of the frame interval during which the shutter is open; 0 gives sharp frames."""
    min_width: float = 12
    """Width in pixels below which a face need not be redacted."""
    clear_width: float = 20
    """Width in pixels below which a face is `hard`."""
    aspect: Fraction | None = None
    """Shape of a pixel, width to height, that the file declares; None for a file that declares none."""
    true_aspect: str = ""
    """Shape of a pixel, as `W:H`, where the file should have declared it and does not."""


def seeded_rng(name: str, seed: int = SEED) -> np.random.Generator:
    """Return the random generator of a name; clips do not share any, so that adding one changes no other."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def all_heads(stills: dict[str, Still]) -> list[Still]:
    """Cut every head out of the photographs, those of the group last."""
    heads = [cutout(still, index) for still in stills.values() for index in range(len(still.faces))]
    return heads[6:] + heads[:6]


def half_of(heads: Sequence[Still], seed: int) -> list[Still]:
    """Return one half of the heads for the default seed, and the other half for every other seed."""
    order = seeded_rng("halves").permutation(len(heads))
    return [heads[index] for index in order[int(seed != SEED) :: 2]]
