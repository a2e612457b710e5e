"""A virtual camera over photographs: composites layers into a frame with the exact position of every face.

Coordinates are continuous pixels: an image of width w spans [0, w], and pixel i is centred at i + 0.5.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Affine = NDArray[np.float64]
Box = tuple[float, float, float, float]
Image = NDArray[np.uint8]
Point = Sequence[float] | NDArray[np.float64]
Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Still:
    """A BGR image, its tight face boxes and, for a cut-out, its opacity (float32, 0 to 1)."""

    name: str
    image: Image
    faces: tuple[Box, ...] = ()
    alpha: NDArray[np.float32] | None = None

    @property
    def size(self) -> Size:
        """Width and height in pixels."""
        return self.image.shape[1], self.image.shape[0]


@dataclass(frozen=True, slots=True)
class Layer:
    """A still, the 2x3 matrix that maps it into the frame, and a name for its faces."""

    still: Still
    matrix: Affine
    name: str = ""
    hard: bool = False
    """True if its faces are hard, whatever their size."""
    away: bool = False
    """True for the back of a head: its faces are not seen from this side."""


@dataclass(frozen=True, slots=True)
class Face:
    """A face in a frame: its whole box, unclipped, its visible share, and the marks of its layer."""

    box: Box
    visible: float
    hard: bool = False
    away: bool = False

    @property
    def width(self) -> float:
        """Width of the whole box in pixels."""
        return self.box[2] - self.box[0]

    @property
    def centre(self) -> tuple[float, float]:
        """Centre of the whole box."""
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2


def similarity(source: Point, target: Point, scale: float, degrees: float = 0, squeeze: float = 1) -> Affine:
    """Map the point `source` onto `target`: first squeeze horizontally, then scale and turn."""
    cosine, sine = (scale * f(math.radians(degrees)) for f in (math.cos, math.sin))
    linear = np.array([[cosine * squeeze, -sine], [sine * squeeze, cosine]])
    return np.column_stack([linear, np.subtract(target, linear @ np.asarray(source, float))])


def look(
    still: Still, centre: Point, view_width: float, frame: Size, degrees: float = 0, name: str = ""
) -> Layer:
    """Fill the frame with the part of the still around `centre`; an upright view stays inside the still."""
    width, height = still.size
    if not degrees:
        view_width = min(view_width, width, height * frame[0] / frame[1])
        half = np.array([view_width, view_width * frame[1] / frame[0]]) / 2
        centre = np.clip(centre, half, np.array([width, height]) - half)
    matrix = similarity(centre, (frame[0] / 2, frame[1] / 2), frame[0] / view_width, degrees)
    return Layer(still, matrix, name or still.name)


def place(
    still: Still,
    centre: Point,
    face_width: float,
    degrees: float = 0,
    squeeze: float = 1,
    name: str = "",
) -> Layer:
    """Place a cut-out with its first face at `centre`, `face_width` pixels wide before the squeeze."""
    x1, y1, x2, y2 = still.faces[0]
    matrix = similarity(((x1 + x2) / 2, (y1 + y2) / 2), centre, face_width / (x2 - x1), degrees, squeeze)
    return Layer(still, matrix, name or still.name)


def cutout(still: Still, index: int, grow: float = 2.3) -> Still:
    """Cut one head with its shoulders out of a photograph, with a soft edge."""
    x1, y1, x2, y2 = still.faces[index]
    reach_x, reach_y = grow * (x2 - x1) / 2, grow * (y2 - y1) / 2
    left, top = max(0, int((x1 + x2) / 2 - reach_x)), max(0, int((y1 + y2) / 2 - 0.9 * reach_y))
    image = still.image[top : int((y1 + y2) / 2 + reach_y), left : int((x1 + x2) / 2 + reach_x)]
    height, width = image.shape[:2]
    yy, xx = np.mgrid[:height, :width].astype(np.float32) + 0.5
    radius = (2 * xx / width - 1) ** 4 + (2 * yy / height - 1) ** 4
    alpha = np.clip((1 - radius) / 0.25, 0, 1).astype(np.float32)
    return Still(f"{still.name}.{index}", image, ((x1 - left, y1 - top, x2 - left, y2 - top),), alpha)


def transform(box: Box, matrix: Affine) -> Box:
    """Return the upright box around the ellipse inscribed in `box` after an affine map."""
    centre = matrix[:, :2] @ [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2] + matrix[:, 2]
    reach = np.hypot(*(matrix[:, :2] * [(box[2] - box[0]) / 2, (box[3] - box[1]) / 2]).T)
    left, top, right, bottom = (float(v) for v in (*(centre - reach), *(centre + reach)))
    return left, top, right, bottom


def clip(box: Box, size: Size) -> Box:
    """Return the part of a box inside a frame; of no width or height where there is none."""
    x1, x2 = (min(max(v, 0.0), size[0]) for v in box[::2])
    y1, y2 = (min(max(v, 0.0), size[1]) for v in box[1::2])
    return x1, y1, x2, y2


def compose(layers: Sequence[Layer], size: Size) -> tuple[Image, dict[str, Face]]:
    """Paint the layers back to front.

    Returns:
        The image, and every face that touches the frame, including covered ones, as "layer name/index".
    """
    image = np.zeros((size[1], size[0], 3), np.uint8)
    owner = np.full((size[1], size[0]), -1, np.int8)
    for depth, layer in enumerate(layers):
        _paint(image, owner, depth, layer)
    faces = {}
    for depth, layer in enumerate(layers):
        for index, box in enumerate(layer.still.faces):
            whole = transform(box, layer.matrix)
            x1, y1, x2, y2 = clip(whole, size)
            inside = (x2 - x1) * (y2 - y1) / ((whole[2] - whole[0]) * (whole[3] - whole[1]))
            visible = owner[round(y1) : round(y2), round(x1) : round(x2)]
            if inside > 0 and visible.size:
                share = inside * float((visible == depth).mean())
                faces[f"{layer.name}/{index}"] = Face(whole, share, layer.hard, layer.away)
    return image, faces


def expose(
    scene: Callable[[float], Sequence[Layer]], t: float, shutter: float, samples: int, size: Size
) -> tuple[Image, dict[str, Face], dict[str, float]]:
    """Take one frame with the shutter open from `t - shutter / 2` to `t + shutter / 2`.

    Returns:
        The image, its faces at the time `t`, and how far each moved during the exposure, in face widths.
    """
    picture, faces = compose(scene(t), size)
    if not shutter:
        return picture, faces, dict.fromkeys(faces, 0.0)
    moments = [compose(scene(t + shutter * (k / (samples - 1) - 0.5)), size) for k in range(samples)]
    blurred = np.mean([moment for moment, _ in moments], axis=0, dtype=np.float32)
    before, after = moments[0][1], moments[-1][1]
    smear = {
        name: math.dist(before.get(name, face).centre, after.get(name, face).centre) / face.width
        for name, face in faces.items()
    }
    return np.rint(blurred).astype(np.uint8), faces, smear


def _paint(image: Image, owner: NDArray[np.int8], depth: int, layer: Layer) -> None:
    source, alpha, matrix = _shrunk(layer)
    height, width = source.shape[:2]
    left, top, right, bottom = 0, 0, image.shape[1], image.shape[0]
    if alpha is not None:
        corners = matrix[:, :2] @ [[0, width, 0, width], [0, 0, height, height]] + matrix[:, 2:]
        low, high = np.floor(corners.min(axis=1)).astype(int), np.ceil(corners.max(axis=1)).astype(int)
        left, top, right, bottom = (
            max(left, low[0]),
            max(top, low[1]),
            min(right, high[0]),
            min(bottom, high[1]),
        )
    if right <= left or bottom <= top:
        return
    # From continuous coordinates to those of cv2, whose pixel i is centred at i, and to the crop's corner.
    shifted = matrix.copy()
    shifted[:, 2] += matrix[:, :2].sum(axis=1) / 2 - 0.5 - [left, top]
    size = (right - left, bottom - top)
    patch = cv2.warpAffine(source, shifted, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    region = np.s_[top:bottom, left:right]
    if alpha is None:
        image[region], owner[region] = patch, depth
        return
    opacity = cv2.warpAffine(alpha, shifted, size, flags=cv2.INTER_LINEAR)[..., None]
    image[region] = np.rint(opacity * patch + (1 - opacity) * image[region]).astype(np.uint8)
    owner[region][opacity[..., 0] > 0.5] = depth


def _shrunk(layer: Layer) -> tuple[Image, NDArray[np.float32] | None, Affine]:
    """Average the still down first where the map shrinks it: warping alone would alias."""
    image, alpha, matrix = layer.still.image, layer.still.alpha, layer.matrix.copy()
    scale = math.sqrt(abs(float(np.linalg.det(matrix[:, :2]))))
    if scale >= 0.75:
        return image, alpha, matrix
    width, height = layer.still.size
    size = max(1, math.ceil(width * scale)), max(1, math.ceil(height * scale))
    matrix[:, :2] *= [width / size[0], height / size[1]]
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return small, None if alpha is None else cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), matrix
