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
from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.imaging.detections import Image
from framecloak.domain.ports.frames import FrameSource

_TILE_PX = 480
"""Length of the longer side of a tile in pixels."""
_GAP_PX = 16
_CAPTION_HEIGHT_PX = 44
_TEXT_SIZE_PX = 22
_BACKGROUND = (255, 255, 255)
_TEXT_COLOUR = (60, 50, 40)


@dataclass(frozen=True, slots=True)
class FramePair:
    """One frame before and after redaction.

    Attributes:
        time: caption with the time of the frame in the video.
        redacted: caption with the number of redacted faces.
        before: original frame, (h, w, 3) BGR.
        after: redacted frame as stored in the archive, (h, w, 3) BGR.
    """

    time: str
    redacted: str
    before: Image
    after: Image


def select_frame_pairs(source: FrameSource, archive: Path, count: int) -> list[FramePair]:
    """Divide a video into equal ranges and select the frame with the most redacted faces from each.

    Args:
        source: original video.
        archive: result ZIP of this video alone.
        count: number of frames to select; fewer if the video has fewer.
    """
    selected = []
    with zipfile.ZipFile(archive) as file:
        entries = json.loads(file.read(MANIFEST_FILE))["frames"]
        for indices in np.array_split(np.arange(len(entries)), min(count, len(entries))):
            middle = float(indices.mean())
            best = max(indices.tolist(), key=lambda n: (_count_faces(entries[n]), -abs(n - middle)))
            entry = entries[best]
            after = cv2.imdecode(np.frombuffer(file.read(entry["file"]), np.uint8), cv2.IMREAD_COLOR)
            index, faces = entry["index"], _count_faces(entry)
            selected.append(
                FramePair(
                    time=_time_label(source, index),
                    redacted="1 face redacted" if faces == 1 else f"{faces} faces redacted",
                    before=_original_image(source, index),
                    after=np.asarray(after, np.uint8),
                )
            )
    return selected


def _count_faces(entry: Mapping[str, Any]) -> int:
    """Count the redacted faces of a frame in the manifest."""
    return sum(box["kind"] == "face" for box in entry["boxes"])


def draw_contact_sheet(pairs: Sequence[FramePair]) -> Image:
    """Draw the original frames in the upper row and the redacted ones below; (h, w, 3) BGR."""
    before = _draw_row([moment.before for moment in pairs], [f"Before, {moment.time}" for moment in pairs])
    after = _draw_row([moment.after for moment in pairs], [f"After: {moment.redacted}" for moment in pairs])
    return _with_margin(np.vstack([before, after]))


def draw_redacted_only(pairs: Sequence[FramePair], columns: int) -> Image:
    """Draw the redacted frames only, which may be published; (h, w, 3) BGR."""
    rows = [pairs[i : i + columns] for i in range(0, len(pairs), columns)]
    drawn = [
        _draw_row([moment.after for moment in row], [f"{moment.time}: {moment.redacted}" for moment in row])
        for row in rows
    ]
    width = max(row.shape[1] for row in drawn)
    return _with_margin(np.vstack([_padded_to_width(row, width) for row in drawn]))


def write_jpeg(path: Path, image: Image) -> None:
    """Write an image, (h, w, 3) BGR, as JPEG.

    Raises:
        OSError: the file cannot be written.
    """
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 88])
    path.write_bytes(data.tobytes())


def _original_image(source: FrameSource, index: int) -> Image:
    with closing(source.frames(index, index + 1)) as frames:
        frame = next(frames)
    try:
        return frame.bgr()
    except FrameAnalysisError:
        return np.zeros((frame.height, frame.width, 3), np.uint8)


def _time_label(source: FrameSource, index: int) -> str:
    rate = source.info.frame_rate
    return f"{index / rate:.1f} s" if rate else f"frame {index}"


def _draw_row(images: Sequence[Image], captions: Sequence[str]) -> Image:
    tiles = [_draw_tile(image, caption) for image, caption in zip(images, captions, strict=True)]
    gap = np.full((tiles[0].shape[0], _GAP_PX, 3), _BACKGROUND, np.uint8)
    spaced = [part for tile in tiles for part in (gap, tile)][1:]
    return np.hstack(spaced)


def _draw_tile(image: Image, caption: str) -> Image:
    """Scale an image down and put its caption above it."""
    scale = _TILE_PX / max(image.shape[:2])
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    label = np.full((_CAPTION_HEIGHT_PX, size[0], 3), _BACKGROUND, np.uint8)
    baseline = (0, _CAPTION_HEIGHT_PX - 14)
    cv2.putText(label, caption, baseline, _TEXT_COLOUR, cv2.FontFace("sans"), _TEXT_SIZE_PX, 500)
    return np.vstack([label, small])


def _padded_to_width(row: Image, width: int) -> Image:
    padding = ((0, 0), (0, width - row.shape[1]), (0, 0))
    return np.pad(row, padding, constant_values=_BACKGROUND[0])


def _with_margin(image: Image) -> Image:
    """Add a margin at the sides and the bottom; the captions already leave space at the top."""
    return np.pad(
        image, ((0, 2 * _GAP_PX), (2 * _GAP_PX, 2 * _GAP_PX), (0, 0)), constant_values=_BACKGROUND[0]
    )
