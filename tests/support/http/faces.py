"""Images with faces for the HTTP tests."""

from __future__ import annotations

import base64

import cv2
import httpx
import numpy as np

from fakes.vision import paint_face


def face_png(*boxes: tuple[int, int, int, int], size: tuple[int, int] = (240, 320)) -> bytes:
    """Return a PNG with faces in it."""
    image = np.full((*size, 3), 90, np.uint8)
    for box in boxes:
        paint_face(image, box)
    done, file = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    assert done
    return file.tobytes()


ONE_FACE_PNG = face_png((32, 64, 96, 160))


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


async def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]
