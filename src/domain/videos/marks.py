"""Use cases of marks on stored videos: time segments and image regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from framecloak.domain.errors import InvalidOptionError
from framecloak.domain.model.accounts import Principal
from framecloak.domain.model.segments import Region, Segment, require_within
from framecloak.domain.model.videos import GrantRole, MarkedRegion, MarkedSegment
from framecloak.domain.ports.database import Database, RequestFilter, UnitOfWork
from framecloak.domain.videos.mark_fitting import MarkFitting

MAX_LABEL_LENGTH = 200


@dataclass(frozen=True, slots=True)
class CopiedMarks:
    """Marks that were copied from another video.

    Attributes:
        segments: new segments, in order of time.
        regions: new regions, oldest first.
        kept_text: regions in which the latest request for the other video that the caller may see keeps
            text, for the next request; they are not stored.
    """

    segments: Sequence[MarkedSegment]
    regions: Sequence[MarkedRegion]
    kept_text: Sequence[Region]


class MarkService:
    """Marks on videos. Callers who may edit a video may mark it.

    Args:
        database: storage of the marks.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def segments(self, principal: Principal, video_id: int) -> Sequence[MarkedSegment]:
        """Return the segments of a video, in order of time.

        Raises:
            VideoNotFoundError: the video does not exist, or the caller may not see it.
        """
        async with self._database.unit_of_work() as work:
            await work.videos.get(video_id, principal, GrantRole.VIEWER)
            return await work.marks.segments(video_id)

    async def segment(self, principal: Principal, video_id: int, segment_id: int) -> MarkedSegment:
        """Return one segment.

        Raises:
            VideoNotFoundError: the video does not exist, or the caller may not see it.
            SegmentNotFoundError: the video has no such segment.
        """
        async with self._database.unit_of_work() as work:
            await work.videos.get(video_id, principal, GrantRole.VIEWER)
            return await work.marks.segment(video_id, segment_id)

    async def add_segment(
        self, principal: Principal, video_id: int, segment: Segment, label: str | None
    ) -> MarkedSegment:
        """Mark a time range.

        Raises:
            VideoNotFoundError: the video does not exist, or the caller may not see it.
            ForbiddenError: the caller may see the video but not mark it.
            InvalidSegmentError: the segment reaches beyond the video.
            InvalidOptionError: the label is too long.
        """
        async with self._database.unit_of_work() as work:
            video = await work.videos.get(video_id, principal, GrantRole.EDITOR)
            segment.require_within(video.facts.frame_count)
            marked = await work.marks.add_segment(video_id, segment, _checked_label(label))
            await _audit_segment(work, principal, "segment.mark", marked)
            await work.commit()
        return marked

    async def change_segment(
        self,
        principal: Principal,
        video_id: int,
        segment_id: int,
        *,
        start_frame: int | None = None,
        end_frame: int | None = None,
        label: str | None = None,
    ) -> MarkedSegment:
        """Change the limits or the label of a segment.

        Arguments that are None leave their field unchanged; an empty label removes the label.

        Raises:
            VideoNotFoundError: the video does not exist, or the caller may not see it.
            ForbiddenError: the caller may see the video but not mark it.
            SegmentNotFoundError: the video has no such segment.
            InvalidSegmentError: the segment would be empty or reach beyond the video.
            InvalidOptionError: the label is too long.
        """
        async with self._database.unit_of_work() as work:
            video = await work.videos.get(video_id, principal, GrantRole.EDITOR)
            marked = await work.marks.segment(video_id, segment_id)
            limits = Segment(
                marked.segment.start_frame if start_frame is None else start_frame,
                marked.segment.end_frame if end_frame is None else end_frame,
            )
            limits.require_within(video.facts.frame_count)
            changed = replace(
                marked, segment=limits, label=marked.label if label is None else _checked_label(label)
            )
            await work.marks.update_segment(changed)
            await _audit_segment(work, principal, "segment.change", changed)
            await work.commit()
        return changed

    async def remove_segment(self, principal: Principal, video_id: int, segment_id: int) -> None:
        """Remove a segment.

        Raises:
            VideoNotFoundError: the video does not exist, or the caller may not see it.
            ForbiddenError: the caller may see the video but not mark it.
            SegmentNotFoundError: the video has no such segment.
        """
        async with self._database.unit_of_work() as work:
            await work.videos.get(video_id, principal, GrantRole.EDITOR)
            await work.marks.remove_segment(video_id, segment_id)
            details = {"segment_id": segment_id}
            await work.audit.add(principal, "segment.unmark", f"video:{video_id}", details)
            await work.commit()

    async def regions(self, principal: Principal, video_id: int) -> Sequence[MarkedRegion]:
        """Return the regions of a video, oldest first.

        Raises:
            VideoNotFoundError: the video does not exist, or the caller may not see it.
        """
        async with self._database.unit_of_work() as work:
            await work.videos.get(video_id, principal, GrantRole.VIEWER)
            return await work.marks.regions(video_id)

    async def add_region(
        self, principal: Principal, video_id: int, region: Region, label: str | None
    ) -> MarkedRegion:
        """Mark a region.

        Raises:
            VideoNotFoundError: the video does not exist, or the caller may not see it.
            ForbiddenError: the caller may see the video but not mark it.
            InvalidRegionError: the region reaches beyond the frame.
            InvalidSegmentError: the frames of the region reach beyond the video.
            InvalidOptionError: the label is too long.
        """
        async with self._database.unit_of_work() as work:
            facts = (await work.videos.get(video_id, principal, GrantRole.EDITOR)).facts
            size = facts.width, facts.height
            require_within([], [region], size=size, frame_count=facts.frame_count)
            marked = await work.marks.add_region(video_id, region, _checked_label(label))
            details = {"region_id": marked.id}
            await work.audit.add(principal, "region.mark", f"video:{video_id}", details)
            await work.commit()
        return marked

    async def remove_region(self, principal: Principal, video_id: int, region_id: int) -> None:
        """Remove a region.

        Raises:
            VideoNotFoundError: the video does not exist, or the caller may not see it.
            ForbiddenError: the caller may see the video but not mark it.
            RegionNotFoundError: the video has no such region.
        """
        async with self._database.unit_of_work() as work:
            await work.videos.get(video_id, principal, GrantRole.EDITOR)
            await work.marks.remove_region(video_id, region_id)
            details = {"region_id": region_id}
            await work.audit.add(principal, "region.unmark", f"video:{video_id}", details)
            await work.commit()

    async def copy(
        self,
        principal: Principal,
        video_id: int,
        source_id: int,
        *,
        segments: bool = True,
        regions: bool = True,
    ) -> CopiedMarks:
        """Mark a video like another one; all marks are copied, or none.

        Times stay the same in seconds, and regions are scaled to frames of the same shape. Marks that the
        video already has are not added again.

        Args:
            principal: caller, who may edit the video and view the other one.
            video_id: video to mark.
            source_id: video whose marks are copied.
            segments: True to copy its segments.
            regions: True to copy its regions, and return the regions in which text is kept.

        Raises:
            VideoNotFoundError: a video does not exist, or the caller may not see it.
            ForbiddenError: the caller may see the video but not mark it.
            OtherFrameShapeError: there are regions, and the frames of the videos have different shapes.
            MarksTooLateError: a mark ends after the video.
        """
        async with self._database.unit_of_work() as work:
            target = await work.videos.get(video_id, principal, GrantRole.EDITOR)
            source = await work.videos.get(source_id, principal, GrantRole.VIEWER)
            fitting = MarkFitting(source.facts, target.facts)
            new_segments: list[MarkedSegment] = []
            new_regions: list[MarkedRegion] = []
            kept: list[Region] = []
            if segments:
                present = {(each.segment, each.label) for each in await work.marks.segments(video_id)}
                for marked in await work.marks.segments(source_id):
                    segment = fitting.segment(marked.segment)
                    if (segment, marked.label) not in present:
                        new_segments.append(await work.marks.add_segment(video_id, segment, marked.label))
            if regions:
                covered = {(each.region, each.label) for each in await work.marks.regions(video_id)}
                for each in await work.marks.regions(source_id):
                    region = fitting.region(each.region)
                    if (region, each.label) not in covered:
                        new_regions.append(await work.marks.add_region(video_id, region, each.label))
                latest = await work.requests.list(principal, RequestFilter(video_id=source_id), 1, 0)
                earlier = [area for request in latest.items for area in request.spec.keep_text]
                kept = [area for area in map(fitting.kept_region, earlier) if area is not None]
            details: dict[str, object] = {
                "from_video": source_id,
                "segments": len(new_segments),
                "regions": len(new_regions),
            }
            await work.audit.add(principal, "marks.copy", f"video:{video_id}", details)
            await work.commit()
        return CopiedMarks(new_segments, new_regions, kept)


async def _audit_segment(work: UnitOfWork, principal: Principal, action: str, marked: MarkedSegment) -> None:
    """Record a change of a segment in the audit log, without its label, which may name a patient."""
    limits = marked.segment
    details = {"segment_id": marked.id, "start_frame": limits.start_frame, "end_frame": limits.end_frame}
    await work.audit.add(principal, action, f"video:{marked.video_id}", details)


def _checked_label(label: str | None) -> str | None:
    if label is not None and len(label) > MAX_LABEL_LENGTH:
        raise InvalidOptionError(f"a label has at most {MAX_LABEL_LENGTH} characters", "shorten the label")
    return label or None
