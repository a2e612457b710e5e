"""Generator of the demo video: a camera that pans over a photograph from the insightface wheel."""

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
FRAME_RATE = 25
FRAMES = 150

_CODECS = ("libx264", "libopenh264", "mpeg4")
# Camera positions: centre and width of the view, as fractions of the width and height of the photograph.
_CAMERA_POSITIONS = np.array(
    [(0.50, 0.45, 1.00), (0.27, 0.34, 0.60), (0.75, 0.30, 0.60), (0.47, 0.40, 0.34), (0.50, 0.45, 0.90)]
)


def write_demo_video(path: Path) -> None:
    """Write six seconds of a camera that pans over six people, 1280x720 at 25 frames a second.

    Args:
        path: path of the MP4; an existing file is replaced.

    Raises:
        InputNotFoundError: the photograph is not installed.
    """
    photograph = _read_photograph()
    with av.open(str(path), "w") as container:
        stream = cast("VideoStream", container.add_stream(_best_encoder(), rate=FRAME_RATE))
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 4_000_000
        # libx264 can produce identical output on every processor; the other encoders have no such option.
        if stream.codec_context.name == "libx264":
            stream.options = {"x264-params": "cpu-independent=1"}
        for index in range(FRAMES):
            image = _camera_view(photograph, index / (FRAMES - 1))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "bgr24")))
        container.mux(stream.encode(None))


def _read_photograph() -> Image:
    """Read the photograph of six people from the insightface wheel without importing it, which is slow."""
    wheel = importlib.util.find_spec("insightface")
    path = Path(wheel.origin).parent / "data" / "images" / "t1.jpg" if wheel and wheel.origin else None
    photograph = cv2.imread(str(path)) if path and path.is_file() else None
    if photograph is None:
        raise InputNotFoundError(
            "the photograph of the demo (t1.jpg of the insightface wheel) is not installed",
            "run `pip install insightface`, or give a video of your own",
        )
    return np.asarray(photograph, np.uint8)


def _best_encoder() -> str:
    """Return the best encoder that this build of libav has."""
    return next(name for name in _CODECS if name in av.codecs_available)


def _camera_view(photograph: Image, time: float) -> Image:
    """Return the camera's view, (720, 1280, 3) BGR, at a time from 0 (start) to 1 (end)."""
    legs = len(_CAMERA_POSITIONS) - 1
    leg = min(int(time * legs), legs - 1)
    eased = (1 - math.cos(math.pi * (time * legs - leg))) / 2
    x, y, share = _CAMERA_POSITIONS[leg] * (1 - eased) + _CAMERA_POSITIONS[leg + 1] * eased
    height, width = photograph.shape[:2]
    zoom = SIZE[0] / (share * width)
    half = np.array([SIZE[0], SIZE[1]]) / zoom / 2
    centre = np.clip([x * width, y * height], half, np.array([width, height]) - half)
    move = np.hstack([np.eye(2) * zoom, ((half - centre) * zoom)[:, None]])
    view = cv2.warpAffine(photograph, move, SIZE, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(view, np.uint8)
