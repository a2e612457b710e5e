"""Execution of ``framecloak overlays``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from framecloak.domain.anonymization.model.options import Appearance
from framecloak.domain.anonymization.overlays.proposals import OverlayProposal
from framecloak.domain.anonymization.overlays.service import propose_for_video
from framecloak.domain.errors import InvalidOptionError, OutputUnwritableError
from framecloak.domain.model.accounts import Principal
from framecloak.domain.ports.frames import FrameSource
from framecloak.domain.ports.models import BoxDetector
from framecloak.domain.ports.pixels import FrameEncoder
from framecloak.domain.videos.marks import MarkService

_LINE_PX = 3
_GREEN = (0, 255, 0)


def find_proposals(
    video: Path, open_source: Callable[[Path], FrameSource], text: BoxDetector
) -> tuple[FrameSource, list[OverlayProposal]]:
    """Search sampled frames of a video for static overlays; damaged frames are skipped.

    Args:
        video: path of the video.
        open_source: function that opens a video.
        text: text detector.

    Raises:
        DomainError: the video cannot be opened.
    """
    source = open_source(video)
    return source, propose_for_video(source, text)


def select_proposals(
    proposals: Sequence[OverlayProposal], numbers: Collection[int] | None
) -> list[OverlayProposal]:
    """Select proposals by their numbers.

    Args:
        proposals: all proposals.
        numbers: numbers of the selected ones, from 1; None for all.

    Raises:
        InvalidOptionError: there is no proposal with such a number.
    """
    if numbers is None:
        return list(proposals)
    unknown = sorted(set(numbers) - set(range(1, len(proposals) + 1)))
    if unknown:
        available = f"there are {len(proposals)}" if proposals else "there are no proposals"
        raise InvalidOptionError(
            f"there is no proposal {unknown[0]}: {available}", "run without --accept to see the numbers"
        )
    return [proposal for number, proposal in enumerate(proposals, 1) if number in numbers]


async def mark_proposals(
    marking: MarkService, principal: Principal, video_id: int, proposals: Iterable[OverlayProposal]
) -> dict[OverlayProposal, int]:
    """Store proposals as regions of a video; regions that exist already are not added again.

    Returns:
        Id of the region of each proposal.

    Raises:
        DomainError: the principal may not mark the video.
    """
    region_ids = {stored.region: stored.id for stored in await marking.regions(principal, video_id)}
    marked: dict[OverlayProposal, int] = {}
    for proposal in proposals:
        if proposal.region not in region_ids:
            added = await marking.add_region(principal, video_id, proposal.region, proposal.label)
            region_ids[proposal.region] = added.id
        marked[proposal] = region_ids[proposal.region]
    return marked


def draw_proposals(
    source: FrameSource, proposals: Sequence[OverlayProposal], encoder: FrameEncoder, path: Path
) -> None:
    """Write the middle frame of a video with an outline around every proposal.

    Raises:
        FrameAnalysisError: the middle frame is damaged.
        OutputUnwritableError: the file cannot be written.
    """
    middle = source.info.readable_frames // 2
    with closing(source.frames(middle, middle + 1)) as frames:
        image = next(frames).bgr()
    for x, y, width, height in (
        (proposal.region.x, proposal.region.y, proposal.region.width, proposal.region.height)
        for proposal in proposals
    ):
        inner = image[y + _LINE_PX : y + height - _LINE_PX, x + _LINE_PX : x + width - _LINE_PX].copy()
        image[y : y + height, x : x + width] = np.array(_GREEN, np.uint8)
        image[y + _LINE_PX : y + height - _LINE_PX, x + _LINE_PX : x + width - _LINE_PX] = inner
    try:
        path.write_bytes(encoder.encode(image, Appearance()))
    except OSError as error:
        raise OutputUnwritableError(
            f"cannot write {path} ({error.strerror})", "choose another path"
        ) from error
