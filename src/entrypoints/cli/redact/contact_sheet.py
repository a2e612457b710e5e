"""Contact sheets: frames before and after redaction, side by side."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from framecloak.domain.anonymization.results.manifest import MANIFEST_FILE
from framecloak.domain.errors import ExaminationError
from framecloak.domain.imaging.detections import Image
from framecloak.domain.ports.frames import FrameSource

_TILE = 480
"""Length of the longer side of a tile in pixels."""
_GAP = 16
_CAPTION = 44
_TEXT_SIZE = 22
_PAPER = (255, 255, 255)
_INK = (60, 50, 40)


@dataclass(frozen=True, slots=True)
class Moment:
    """One frame before and after redaction.

    Attributes:
        time: Caption with the time of the frame in the video.
        redacted: Caption with the number of redacted faces.
        before: Original frame, (h, w, 3) BGR.
        after: Redacted frame as stored in the archive, (h, w, 3) BGR.
    """

    time: str
    redacted: str
    before: Image
    after: Image


def moments(source: FrameSource, archive: Path, count: int) -> list[Moment]:
    """Divide a video into equal ranges and select the frame with the most redacted faces from each.

    Args:
        source: Original video.
        archive: Result ZIP of this video alone.
        count: Number of frames to select; fewer if the video has fewer.
    """
    selected = []
    with zipfile.ZipFile(archive) as file:
        entries = json.loads(file.read(MANIFEST_FILE))["frames"]
        for indices in np.array_split(np.arange(len(entries)), min(count, len(entries))):
            middle = float(indices.mean())
            best = max(indices.tolist(), key=lambda n: (_faces(entries[n]), -abs(n - middle)))
            entry = entries[best]
            after = cv2.imdecode(np.frombuffer(file.read(entry["file"]), np.uint8), cv2.IMREAD_COLOR)
            index, faces = entry["index"], _faces(entry)
            selected.append(
                Moment(
                    time=_time(source, index),
                    redacted="1 face redacted" if faces == 1 else f"{faces} faces redacted",
                    before=_original(source, index),
                    after=np.asarray(after, np.uint8),
                )
            )
    return selected


def _faces(entry: Mapping[str, Any]) -> int:
    """Count the redacted faces of a frame in the manifest."""
    return sum(box["kind"] == "face" for box in entry["boxes"])


def contact_sheet(shown: Sequence[Moment]) -> Image:
    """Draw the original frames in the upper row and the redacted ones below; (h, w, 3) BGR."""
    before = _row([moment.before for moment in shown], [f"Before, {moment.time}" for moment in shown])
    after = _row([moment.after for moment in shown], [f"After: {moment.redacted}" for moment in shown])
    return _on_paper(np.vstack([before, after]))


def redacted_only(shown: Sequence[Moment], columns: int) -> Image:
    """Draw the redacted frames only, which may be published; (h, w, 3) BGR."""
    rows = [shown[i : i + columns] for i in range(0, len(shown), columns)]
    drawn = [
        _row([moment.after for moment in row], [f"{moment.time}: {moment.redacted}" for moment in row])
        for row in rows
    ]
    width = max(row.shape[1] for row in drawn)
    return _on_paper(np.vstack([_widened(row, width) for row in drawn]))


def write_jpeg(path: Path, picture: Image) -> None:
    """Write an image, (h, w, 3) BGR, as JPEG.

    Raises:
        OSError: The file cannot be written.
    """
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 88])
    path.write_bytes(data.tobytes())


def _original(source: FrameSource, index: int) -> Image:
    with closing(source.frames(index, index + 1)) as frames:
        frame = next(frames)
    try:
        return frame.bgr()
    except ExaminationError:
        return np.zeros((frame.height, frame.width, 3), np.uint8)


def _time(source: FrameSource, index: int) -> str:
    rate = source.info.frame_rate
    return f"{index / rate:.1f} s" if rate else f"frame {index}"


def _row(pictures: Sequence[Image], captions: Sequence[str]) -> Image:
    tiles = [_tile(picture, caption) for picture, caption in zip(pictures, captions, strict=True)]
    gap = np.full((tiles[0].shape[0], _GAP, 3), _PAPER, np.uint8)
    spaced = [part for tile in tiles for part in (gap, tile)][1:]
    return np.hstack(spaced)


def _tile(picture: Image, caption: str) -> Image:
    """Scale an image down and put its caption above it."""
    scale = _TILE / max(picture.shape[:2])
    size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    label = np.full((_CAPTION, size[0], 3), _PAPER, np.uint8)
    baseline = (0, _CAPTION - 14)
    cv2.putText(label, caption, baseline, _INK, cv2.FontFace("sans"), _TEXT_SIZE, 500)
    return np.vstack([label, small])


def _widened(row: Image, width: int) -> Image:
    padding = ((0, 0), (0, width - row.shape[1]), (0, 0))
    return np.pad(row, padding, constant_values=_PAPER[0])


def _on_paper(picture: Image) -> Image:
    """Add a margin at the sides and the bottom; the captions already leave space at the top."""
    return np.pad(picture, ((0, 2 * _GAP), (2 * _GAP, 2 * _GAP), (0, 0)), constant_values=_PAPER[0])
