"""A short film with faces in it, out of a photograph that is installed anyway."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
from av.video.stream import VideoStream

from framecloak.domain.errors import InputNotFoundError
from framecloak.domain.imaging.detections import Image

SIZE = (1280, 720)
RATE = 25
FRAMES = 150

_CODECS = ("libx264", "libopenh264", "mpeg4")
# The camera's stations: centre as shares of the photograph's width and height, and the shot's width.
_STATIONS = np.array(
    [(0.50, 0.45, 1.00), (0.27, 0.34, 0.60), (0.75, 0.30, 0.60), (0.47, 0.40, 0.34), (0.50, 0.45, 0.90)]
)


def shoot(path: Path) -> None:
    """Write six seconds of a camera moving over six people, 1280x720 at 25 frames a second.

    Args:
        path: where the MP4 goes; a file there is replaced.

    Raises:
        InputNotFoundError: the photograph is not there.
    """
    photograph = _photograph()
    with av.open(str(path), "w") as container:
        stream = cast("VideoStream", container.add_stream(_codec(), rate=RATE))
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 4_000_000
        # The same film on every processor; of the other encoders nothing of the kind is known.
        if stream.codec_context.name == "libx264":
            stream.options = {"x264-params": "cpu-independent=1"}
        for number in range(FRAMES):
            shot = _shot(photograph, number / (FRAMES - 1))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shot, "bgr24")))
        container.mux(stream.encode(None))


def _photograph() -> Image:
    """Six people, from the insightface wheel; importing that would take seconds."""
    wheel = importlib.util.find_spec("insightface")
    path = Path(wheel.origin).parent / "data" / "images" / "t1.jpg" if wheel and wheel.origin else None
    picture = cv2.imread(str(path)) if path and path.is_file() else None
    if picture is None:
        raise InputNotFoundError(
            "the demo's photograph (t1.jpg of the insightface wheel) is not installed",
            "run `pip install insightface`, or name a video of your own",
        )
    return np.asarray(picture, np.uint8)


def _codec() -> str:
    """The best of the encoders that this build of libav has."""
    return next(name for name in _CODECS if name in av.codecs_available)


def _shot(photograph: Image, moment: float) -> Image:
    """What the camera sees, (720, 1280, 3) BGR, at a moment in 0..1."""
    legs = len(_STATIONS) - 1
    leg = min(int(moment * legs), legs - 1)
    eased = (1 - math.cos(math.pi * (moment * legs - leg))) / 2
    x, y, share = _STATIONS[leg] * (1 - eased) + _STATIONS[leg + 1] * eased
    height, width = photograph.shape[:2]
    zoom = SIZE[0] / (share * width)
    half = np.array([SIZE[0], SIZE[1]]) / zoom / 2
    centre = np.clip([x * width, y * height], half, np.array([width, height]) - half)
    move = np.hstack([np.eye(2) * zoom, ((half - centre) * zoom)[:, None]])
    seen = cv2.warpAffine(photograph, move, SIZE, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen, np.uint8)
