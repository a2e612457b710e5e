"""What ``framecloak overlays`` does once the command line is understood."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from framecloak.domain.accounts.model import Principal
from framecloak.domain.anonymization.model.options import Appearance
from framecloak.domain.anonymization.overlays.proposals import Proposal
from framecloak.domain.anonymization.overlays.service import find_overlays
from framecloak.domain.errors import InvalidOptionError, OutputUnwritableError
from framecloak.domain.ports import AreaDetector, FrameEncoder, FrameSource
from framecloak.domain.videos.marks import Marking

_LINE = 3
_GREEN = (0, 255, 0)


def find_proposals(
    video: Path, open_source: Callable[[Path], FrameSource], text: AreaDetector
) -> tuple[FrameSource, list[Proposal]]:
    """Look at samples of a video; frames that cannot be decoded are left out.

    Raises:
        DomainError: the video cannot be opened.
    """
    source = open_source(video)
    return source, find_overlays(source, text)


def chosen(proposals: Sequence[Proposal], numbers: Collection[int] | None) -> list[Proposal]:
    """Those that a person has named.

    Args:
        proposals: all of them.
        numbers: from 1; None for all.

    Raises:
        InvalidOptionError: there is no proposal with such a number.
    """
    if numbers is None:
        return list(proposals)
    unknown = sorted(set(numbers) - set(range(1, len(proposals) + 1)))
    if unknown:
        there = f"there are {len(proposals)}" if proposals else "nothing is proposed"
        raise InvalidOptionError(
            f"there is no proposal {unknown[0]}: {there}", "run it without --accept, and look at the numbers"
        )
    return [one for number, one in enumerate(proposals, 1) if number in numbers]


async def mark(
    marking: Marking, principal: Principal, video_id: int, proposals: Iterable[Proposal]
) -> dict[Proposal, int]:
    """Store proposals as regions of a video; what is marked there already is not marked twice.

    Returns:
        The number of each one's region.

    Raises:
        DomainError: the caller may not mark the video.
    """
    there = {one.region: one.id for one in await marking.regions(principal, video_id)}
    marked: dict[Proposal, int] = {}
    for one in proposals:
        if one.region not in there:
            region = await marking.add_region(principal, video_id, one.region, one.label)
            there[one.region] = region.id
        marked[one] = there[one.region]
    return marked


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
