"""Image files of the format matrix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from support.samples.heif import Still, write_heic
from support.samples.media import numbered_frame

COUNT = 3
DURATIONS = (40, 120, 80)
"""Milliseconds for which each image of an animation is shown."""
_SIDEWAYS = 6
_ORIENTATION = 0x0112


@dataclass(frozen=True, slots=True)
class ImageFormat:
    """Image format.

    Attributes:
        title: name for readers.
        name: name of the file that the test writes.
        frames: number of images in it.
        times: start of each image, in seconds.
        comes_out: effect, for readers.
        options: arguments of Pillow's ``save``.
        turned: True if the file is written with an EXIF orientation that turns it by 90 degrees.
    """

    title: str
    name: str
    comes_out: str
    frames: int = 1
    times: tuple[float, ...] = (0,)
    options: Mapping[str, object] = field(default_factory=dict)
    turned: bool = False


_ANIMATED = {"frames": COUNT, "times": (0, 0.04, 0.16)}
_PAGED = {"frames": COUNT, "times": (0, 1, 2)}
_IMAGE, _VIDEO = "an image", "a video, with the times of the file"

IMAGES = (
    ImageFormat("JPEG", "a.jpg", _IMAGE, options={"quality": 95}),
    ImageFormat(
        "JPEG with EXIF orientation", "turned.jpg", "an image, upright", options={"quality": 95}, turned=True
    ),
    ImageFormat("PNG", "a.png", _IMAGE),
    ImageFormat("WebP", "a.webp", _IMAGE, options={"lossless": True}),
    ImageFormat("BMP", "a.bmp", _IMAGE),
    ImageFormat("TIFF", "a.tiff", _IMAGE),
    ImageFormat("AVIF", "a.avif", _IMAGE, options={"quality": 95}),
    ImageFormat(
        "AVIF with EXIF orientation", "turned.avif", "an image, upright", options={"quality": 95}, turned=True
    ),
    ImageFormat("HEIC, in tiles", "a.heic", "an image, upright", turned=True),
    ImageFormat("HEIC with several images", "b.heic", "a video, one image a second", **_PAGED),
    ImageFormat("APNG", "b.png", _VIDEO, options={"duration": DURATIONS}, **_ANIMATED),
    ImageFormat(
        "animated WebP", "b.webp", _VIDEO, options={"duration": DURATIONS, "lossless": True}, **_ANIMATED
    ),
    ImageFormat(
        "animated AVIF", "b.avif", _VIDEO, options={"duration": DURATIONS, "quality": 95}, **_ANIMATED
    ),
    ImageFormat(
        "MPO (several views)",
        "b.mpo",
        "a video, one view a second",
        options={"format": "MPO", "quality": 95},
        **_PAGED,
    ),
    ImageFormat("multi-page TIFF", "b.tiff", "a video, one page a second", **_PAGED),
)


def write_image_format(path: Path, image: ImageFormat) -> Path:
    """Write numbered images in a format."""
    if path.suffix == ".heic":
        return _write_heic(path, image)
    images = [Pillow.fromarray(numbered_frame(number)[:, :, ::-1]) for number in range(image.frames)]
    options = dict(image.options)
    if image.frames > 1:
        options |= {"save_all": True, "append_images": images[1:]}
        options |= {"duration": list(DURATIONS)} if "duration" in options else {}
    if image.turned:
        images[0] = images[0].transpose(Pillow.Transpose.ROTATE_90)
        exif = Pillow.Exif()
        exif[_ORIENTATION] = _SIDEWAYS
        options["exif"] = exif
    images[0].save(path, **options)
    return path


def _write_heic(path: Path, image: ImageFormat) -> Path:
    """Write a photograph as a telephone does: tiles, turned by 90 degrees, with EXIF that says the same."""
    pixels = [numbered_frame(number)[:, :, ::-1] for number in range(image.frames)]
    if image.turned:
        still = Still(np.rot90(pixels[0]), tile=(64, 64), turns=3)
        return write_heic(path, [still], exif_orientation=_SIDEWAYS)
    return write_heic(path, [Still(one) for one in pixels])
