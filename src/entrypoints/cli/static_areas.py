"""What ``framecloak overlays`` does once the command line is understood."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from domain.anonymization.areas import VIDEO_AREAS, look_for_areas
from domain.anonymization.overlays import Proposal, propose, sample_numbers
from domain.anonymization.request import Appearance, Level
from domain.detection import Kind
from domain.errors import ExaminationError, OutputUnwritableError
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
    detectors = {Kind.TEXT: container.instruments(Level.FULL).areas[Kind.TEXT]}
    pictures, texts = [], []
    for number in sample_numbers(source.info.readable_frames):
        with closing(source.frames(number, number + 1)) as frames:
            frame = next(frames)
        try:
            pictures.append(frame.bgr())
        except ExaminationError:
            continue
        texts.append(look_for_areas(frame, detectors, VIDEO_AREAS)[Kind.TEXT].boxes)
    return source, propose(pictures, texts)


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
