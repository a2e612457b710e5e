"""Heads seen from the side and from behind, cut out of the shared footage or made from a photograph."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np

from benchmarks.footage.scene import Box, Still, cutout
from benchmarks.footage.stills import SHARED

CITY: dict[str, Box] = {
    "scarf": (324, 124, 350, 164),
    "smile": (531, 132, 553, 161),
    "glasses": (54, 128, 88, 174),
    "jacket": (180, 112, 210, 155),
}
"""Tight boxes of faces in ``sight/city.jpg``: two profiles and two faces turned halfway."""

NEIGHBOURS: dict[str, Box] = {"scarf": (308, 141, 324, 172)}
"""Faces beside them that their cut-outs show as well."""

WALKER = (90, 98)
"""First and last frame of ``street.mp4`` in which a man in profile is not covered by others."""


WALKER_BOXES: dict[int, Box] = {
    81: (1405.8, 683.8, 1442.1, 734.8),
    90: (1343.0, 678.0, 1380.0, 731.0),
    104: (1257.0, 681.0, 1289.0, 731.0),
}
"""His face in three frames; he walks evenly, so that those between are interpolated."""


def profile_stills(shared: Path = SHARED) -> list[Still]:
    """Cut heads in profile out of ``city.jpg``; none without the shared footage."""
    path = shared / "sight" / "city.jpg"
    if not path.is_file():
        return []
    whole = cv2.imread(str(path))
    made = []
    for name, box in CITY.items():
        beside = (NEIGHBOURS[name],) if name in NEIGHBOURS else ()
        cut = cutout(Still(name, whole, (box,)), 0, 2.0)
        # The corner of the cut-out, for the boxes of its neighbours.
        left, top = box[0] - cut.faces[0][0], box[1] - cut.faces[0][1]
        others = tuple((x1 - left, y1 - top, x2 - left, y2 - top) for x1, y1, x2, y2 in beside)
        made.append(Still(name, cut.image, cut.faces + others, cut.alpha))
    return made


def walking_profile(shared: Path = SHARED) -> list[Still]:
    """Cut the man in profile out of each frame of ``street.mp4``; none without the shared footage."""
    video = shared / "street.mp4"
    if not video.is_file():
        return []
    made = []
    with av.open(str(video)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index > WALKER[1]:
                break
            if index >= WALKER[0]:
                x1, y1, x2, y2 = (
                    float(np.interp(index, tuple(WALKER_BOXES), side))
                    for side in zip(*WALKER_BOXES.values(), strict=True)
                )
                still = Still("walker", frame.to_ndarray(format="bgr24"), ((x1, y1, x2, y2),))
                made.append(cutout(still, 0, 2.2))
    return made


def mirrored(still: Still) -> Still:
    """Return a cut-out seen in a mirror."""
    width = still.size[0]
    faces = tuple((width - x2, y1, width - x1, y2) for x1, y1, x2, y2 in still.faces)
    alpha = None if still.alpha is None else np.ascontiguousarray(still.alpha[:, ::-1])
    return Still(f"{still.name}.mirrored", np.ascontiguousarray(still.image[:, ::-1]), faces, alpha)


def face_of(head: Still) -> Still:
    """Return a cut-out of the face alone, without hair and shoulders."""
    face = cutout(head, 0, 1.25)
    height, width = face.image.shape[:2]
    yy, xx = np.mgrid[:height, :width].astype(np.float32) + 0.5
    radius = (2 * xx / width - 1) ** 2 + (2 * yy / height - 1) ** 2
    return Still(face.name, face.image, face.faces, np.clip((1 - radius) / 0.3, 0, 1).astype(np.float32))


def back_of(head: Still, rng: np.random.Generator) -> Still:
    """Return the head from behind: the same outline and shoulders, with hair where the face was."""
    x1, y1, x2, y2 = head.faces[0]
    width, height = x2 - x1, y2 - y1
    band = head.image[max(0, int(y1 - 0.16 * height)) : max(2, int(y1)), int(x1) : int(x2)]
    colour = np.minimum(np.percentile(band.reshape(-1, 3), 15, axis=0), 90)
    strands = cv2.GaussianBlur(
        rng.normal(0, 30, head.image.shape[:2]).astype(np.float32), (0, 0), 0.8, None, 4
    )
    shade = np.linspace(1.15, 0.7, head.size[1], dtype=np.float32)[:, None]
    hair = np.clip((colour + strands[..., None]) * shade[..., None], 0, 255)
    mask = np.zeros(head.image.shape[:2], np.float32)
    middle = (int((x1 + x2) / 2), int(y1 + 0.4 * height))
    cv2.ellipse(mask, middle, (int(0.72 * width), int(0.68 * height)), 0, 0, 360, 1, -1)
    mask = cv2.GaussianBlur(mask, (0, 0), 0.02 * width + 0.5)[..., None]
    image = np.rint(mask * hair + (1 - mask) * head.image).astype(np.uint8)
    return Still(f"{head.name}.back", image, head.faces[:1], head.alpha)
