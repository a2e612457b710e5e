"""Photographs and synthetic images for the test footage, with their verified faces."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from benchmarks.footage.scene import Box, Size, Still

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"

FACES: dict[str, tuple[Box, ...]] = {
    "t1.jpg": (
        (464.2, 266.2, 573.4, 414.6),
        (745.9, 346.7, 845.8, 481.1),
        (58.8, 266.4, 167.7, 394.5),
        (1134.2, 274.1, 1228.2, 400.8),
        (901.9, 59.4, 1011.8, 206.1),
        (273.1, 152.6, 371.9, 270.0),
    ),
    "alex_lacamoire_img1.jpg": ((294.7, 123.0, 591.1, 563.2),),
    "alex_lacamoire_test1.jpg": ((642.1, 109.1, 946.2, 553.5),),
    "biden.jpg": ((425.9, 176.5, 715.7, 567.5),),
    "biden2.jpg": ((426.9, 142.4, 874.5, 777.7),),
    "kit_harington_john1.jpeg": ((687.0, 77.4, 805.7, 235.9),),
    "kit_harington_john2.jpeg": ((315.6, 68.7, 478.2, 280.8),),
    "lin-manuel-miranda.png": ((264.9, 120.0, 531.7, 485.6),),
    "obama.jpg": ((375.4, 83.8, 613.3, 428.4),),
    "obama2.jpg": ((201.6, 236.6, 478.0, 638.2),),
    "rose_leslie_img1.jpg": ((630.8, 64.5, 870.9, 385.7),),
    "rose_leslie_img2.jpg": ((171.0, 110.4, 426.1, 457.7),),
    "two_people.jpg": ((238.0, 24.0, 388.0, 225.9), (788.2, 47.5, 944.0, 254.5)),
}
"""Tight face boxes, forehead to chin: the median of CenterFace at six scales, each checked by eye."""


BACKDROPS = ("car13.jpg", "car16.jpg", "car20.jpg", "car21.jpg")
"""Photographs of parked cars, trees and houses without people."""


def load_stills(shared: Path = SHARED) -> dict[str, Still]:
    """Return the available photographs by file name; `t1.jpg` is always among them.

    Raises:
        SystemExit: insightface is not installed.
    """
    spec = importlib.util.find_spec("insightface")
    if spec is None or spec.origin is None:
        raise SystemExit("insightface, whose wheel carries the photograph, is missing. Run: make setup")
    folders = dict.fromkeys(FACES, shared / "faces") | dict.fromkeys(BACKDROPS, shared / "plates")
    folders["t1.jpg"] = Path(spec.origin).parent / "data" / "images"
    stills = {}
    for name, folder in folders.items():
        if (path := folder / name).is_file():
            stills[name] = Still(path.stem, cv2.imread(str(path)), FACES.get(name, ()))
    # A painting on the wall and a bystander cut by the edge: face-like, but not verifiable.
    group = stills["t1.jpg"].image
    group[66:102, 316:352] = np.median(group[66:102, 306:316], axis=(0, 1))
    if "obama2.jpg" in stills:
        speaker = stills["obama2.jpg"]
        stills["obama2.jpg"] = Still(speaker.name, speaker.image[:, :572], speaker.faces)
    return stills


def texture(rng: np.random.Generator, size: Size, base: Sequence[int], contrast: float) -> Still:
    """Return foliage-like noise: octaves of random values around the BGR colour `base`."""
    width, height = size
    picture = np.empty((height, width, 3), np.float32)
    picture[:] = base
    for octave in range(2, 9):
        grid = rng.normal(size=(2**octave * height // width + 2, 2**octave, 1)) + 0.35 * rng.normal(
            size=(2**octave * height // width + 2, 2**octave, 3)
        )
        picture += contrast * cv2.resize(grid.astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
    return Still("texture", np.clip(picture, 0, 255).astype(np.uint8))


def round_objects(rng: np.random.Generator, size: Size) -> Still:
    """Return plates, balls and pairs of dots on a texture: shapes that cause false detections."""
    picture = texture(rng, size, (90, 120, 140), 10).image
    for _ in range(60):
        x, y, radius = (int(rng.integers(high)) for high in (*size, 70))
        skin = np.clip(np.array((130, 160, 205)) + rng.normal(0, 30, 3), 0, 255).tolist()
        cv2.ellipse(picture, (x, y), (radius + 12, int(1.25 * radius) + 12), 0, 0, 360, skin, -1, cv2.LINE_AA)
        if rng.random() < 0.3:
            cv2.circle(picture, (x, y), radius // 2 + 3, (60, 70, 90), -1, cv2.LINE_AA)
    return Still("round", cv2.GaussianBlur(picture, (0, 0), 1.2))


def bar(size: Size) -> Still:
    """Return an opaque post, as of a lamp or a door, with a grain of its own."""
    picture = texture(np.random.default_rng(7), size, (70, 62, 58), 4)
    return Still("bar", picture.image, alpha=np.ones((size[1], size[0]), np.float32))


def hand() -> Still:
    """Return a flat hand on an arm, 400x700, fingers up."""
    picture = np.full((700, 400, 3), (125, 155, 205), np.uint8)
    mask = np.zeros((700, 400), np.uint8)
    cv2.ellipse(mask, (200, 370), (120, 140), 0, 0, 360, 255, -1)
    cv2.rectangle(mask, (125, 420), (275, 700), 255, -1)
    for x, y, root in ((105, 170, 140), (170, 110, 180), (232, 115, 222), (292, 180, 262), (355, 330, 290)):
        cv2.line(mask, (x, y), (root, 370), 255, 58)
    shade = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    picture = picture * np.clip(0.6 + shade[..., None] / 60, 0, 1)
    alpha = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), 2)
    return Still("hand", picture.astype(np.uint8), alpha=alpha)
