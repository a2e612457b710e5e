"""A drawn video for screenshots: the detector accepts the faces in it, and no real person is shown."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from framecloak.domain.imaging.detections import Image

SIZE = (1280, 720)
HEAD = (160, 200)
"""Width and height of a drawn head with its margin; the face is at the centre."""

_HAIR, _SKIN, _SHADE, _NECK = (38, 46, 62), (166, 192, 228), (118, 146, 186), (105, 130, 168)

Colour = tuple[int, int, int]


def ward(frame: int) -> Image:
    """Draw (720, 1280, 3) BGR: a room in which a nurse walks to a bed."""
    image = np.full((SIZE[1], SIZE[0], 3), (222, 230, 226), np.uint8)
    cv2.rectangle(image, (0, 520), SIZE, (168, 184, 182), -1)
    cv2.rectangle(image, (90, 80), (430, 330), (244, 226, 190), -1)
    cv2.rectangle(image, (90, 80), (430, 330), (255, 255, 255), 12)
    cv2.line(image, (260, 80), (260, 330), (255, 255, 255), 10)
    cv2.rectangle(image, (700, 440), (1190, 560), (250, 250, 250), -1)
    cv2.rectangle(image, (700, 470), (1060, 560), (196, 160, 110), -1)
    for x in (720, 1160):
        cv2.rectangle(image, (x, 560), (x + 16, 640), (120, 120, 120), -1)
    _patient(image, (1110, 420))
    _nurse(image, (180 + 3 * frame // 2, 330 + int(6 * np.sin(frame / 4))))
    cv2.rectangle(image, (1040, 110), (1210, 230), (60, 50, 40), -1)
    cv2.putText(image, "K. MEYER", (1056, 182), cv2.FONT_HERSHEY_SIMPLEX, 0.95, (120, 240, 160), 2)
    return image


def _patient(image: Image, face: tuple[int, int]) -> None:
    x, y = face
    cv2.ellipse(image, (x, y + 150), (95, 80), 0, 180, 360, (96, 60, 40), -1)
    _put_head(image, face)


def _nurse(image: Image, face: tuple[int, int]) -> None:
    x, y = face
    clothes: Colour = (150, 120, 60)
    cv2.ellipse(image, (x, y + 210), (96, 150), 0, 180, 360, clothes, -1)
    cv2.rectangle(image, (x - 96, y + 205), (x + 96, y + 330), clothes, -1)
    _put_head(image, face)


def _put_head(image: Image, face: tuple[int, int]) -> None:
    x, y = face
    cv2.rectangle(image, (x - 22, y + 40), (x + 22, y + 86), _NECK, -1)
    head, share = _head()
    width, height = HEAD
    area = image[y - height // 2 : y + height // 2, x - width // 2 : x + width // 2]
    area[:] = (head * share + area * (1 - share)).astype(np.uint8)


@cache
def _head() -> tuple[Image, Image]:
    """Return a head and its opacity: (200, 160, 3) BGR and (200, 160, 1) in 0 to 1."""
    width, height = HEAD
    head = np.zeros((height, width, 3), np.uint8)
    x, y = width // 2, height // 2
    outline = np.zeros((height, width), np.uint8)
    for middle, half, colour in (
        ((x, y - 14), (60, 70), _HAIR),
        ((x - 50, y + 4), (8, 15), _SHADE),
        ((x + 50, y + 4), (8, 15), _SHADE),
        ((x, y + 2), (49, 64), _SKIN),
    ):
        cv2.ellipse(head, middle, half, 0, 0, 360, colour, -1)
        cv2.ellipse(outline, middle, half, 0, 0, 360, 255, -1)
    _shade(head, (x, y))
    cv2.ellipse(head, (x, y - 46), (45, 24), 0, 180, 360, _HAIR, -1)
    for eye in (x - 20, x + 20):
        cv2.ellipse(head, (eye, y - 10), (14, 10), 0, 0, 360, (110, 135, 170), -1)
        cv2.ellipse(head, (eye, y - 9), (11, 5), 0, 0, 360, (235, 235, 235), -1)
        cv2.circle(head, (eye, y - 9), 5, (35, 35, 35), -1)
        cv2.ellipse(head, (eye, y - 22), (15, 5), 0, 190, 350, _HAIR, 4)
    cv2.ellipse(head, (x - 6, y + 4), (5, 18), 0, 0, 360, (135, 160, 198), -1)
    cv2.ellipse(head, (x, y + 18), (11, 6), 0, 0, 180, (90, 112, 150), -1)
    cv2.ellipse(head, (x, y + 38), (19, 7), 0, 0, 360, (88, 88, 160), -1)
    cv2.ellipse(head, (x, y + 37), (19, 2), 0, 0, 360, (50, 50, 90), -1)
    cv2.ellipse(head, (x, y + 52), (14, 4), 0, 0, 180, (120, 145, 185), -1)
    # Detectors take sharp edges for drawings.
    share = cv2.GaussianBlur(outline, (0, 0), 1.2)[:, :, None] / 255.0
    return np.asarray(cv2.GaussianBlur(head, (0, 0), 2.0), np.uint8), np.asarray(share)


def _shade(head: Image, face: tuple[int, int]) -> None:
    """Darken a face towards its sides and its chin, as light does."""
    rows, columns = np.mgrid[: head.shape[0], : head.shape[1]]
    sides = ((columns - face[0]) / 49) ** 2
    chin = np.clip((rows - face[1] - 20) / 64, 0, 1) ** 2
    dark = np.clip(0.8 * sides + 0.5 * chin, 0, 1)[:, :, None]
    skin = (head == np.array(_SKIN)).all(axis=2)
    head[skin] = (head * (1 - 0.45 * dark))[skin].astype(np.uint8)
