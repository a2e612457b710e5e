"""What ``framecloak overlays`` does once the command line is understood."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from domain.anonymization.overlay_search import find_overlays
from domain.anonymization.overlays import Proposal
from domain.anonymization.request import Appearance, Level
from domain.detection import Kind
from domain.errors import OutputUnwritableError
from domain.ports import FrameEncoder, FrameSource
from entrypoints.bootstrap import Container

_LINE = 3
_GREEN = (0, 255, 0)


def find_proposals(video: Path, container: Container) -> tuple[FrameSource, list[Proposal]]:
    """Look at samples of a video; frames that cannot be decoded are left out.

    Raises:
        DomainError: the video cannot be opened, or text cannot be looked for.
    """
    source = container.open_source(video)
    return source, find_overlays(source, container.instruments(Level.FULL).areas[Kind.TEXT])


def draw_proposals(
    source: FrameSource, proposals: Sequence[Proposal], encoder: FrameEncoder, path: Path
) -> None:
    """Write the middle frame with a frame around every proposal.

    Raises:
        ExaminationError: that frame is damaged.
        OutputUnwritableError: the file cannot be written.
    """
    middle = source.info.readable_frames // 2
    with closing(source.frames(middle, middle + 1)) as frames:
        picture = next(frames).bgr()
    for x, y, width, height in (
        (one.region.x, one.region.y, one.region.width, one.region.height) for one in proposals
    ):
        inside = picture[y + _LINE : y + height - _LINE, x + _LINE : x + width - _LINE].copy()
        picture[y : y + height, x : x + width] = np.array(_GREEN, np.uint8)
        picture[y + _LINE : y + height - _LINE, x + _LINE : x + width - _LINE] = inside
    try:
        path.write_bytes(encoder.encode(picture, Appearance()))
    except OSError as error:
        raise OutputUnwritableError(f"cannot write {path} ({error.strerror})", "choose another") from error
