"""Postgres repository of segments and regions marked on videos."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, insert, select, update

from framecloak.adapters.postgres.connection import Connection, Record, searchable_id
from framecloak.adapters.postgres.tables.videos import RegionRow, SegmentRow
from framecloak.domain.errors import (
    DomainError,
    RegionNotFoundError,
    SegmentNotFoundError,
    VideoNotFoundError,
)
from framecloak.domain.model.segments import Region, Segment
from framecloak.domain.model.videos import MarkedRegion, MarkedSegment

_SEGMENT = (
    SegmentRow.id,
    SegmentRow.video_id,
    SegmentRow.start_frame,
    SegmentRow.end_frame,
    SegmentRow.label,
)
_REGION = (
    RegionRow.id,
    RegionRow.video_id,
    RegionRow.x,
    RegionRow.y,
    RegionRow.width,
    RegionRow.height,
    RegionRow.start_frame,
    RegionRow.end_frame,
    RegionRow.label,
)


class PostgresMarkRepository:
    """Postgres repository of marked segments and regions; see the port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add_segment(self, video_id: int, segment: Segment, label: str | None) -> MarkedSegment:
        """See the port."""
        values = {
            "video_id": video_id,
            "start_frame": segment.start_frame,
            "end_frame": segment.end_frame,
            "label": label,
        }
        statement = insert(SegmentRow).values(values).returning(*_SEGMENT)
        violations = _missing_video_errors("segments", video_id)
        return _segment((await self._connection.execute(statement, violations=violations)).one())

    async def segments(self, video_id: int) -> Sequence[MarkedSegment]:
        """See the port."""
        statement = (
            select(*_SEGMENT)
            .where(SegmentRow.video_id == searchable_id(video_id))
            .order_by(SegmentRow.start_frame, SegmentRow.end_frame, SegmentRow.id)
        )
        return [_segment(row) for row in await self._connection.execute(statement)]

    async def segment(self, video_id: int, segment_id: int) -> MarkedSegment:
        """See the port."""
        statement = select(*_SEGMENT).where(
            SegmentRow.id == searchable_id(segment_id), SegmentRow.video_id == searchable_id(video_id)
        )
        row = (await self._connection.execute(statement)).one_or_none()
        if row is None:
            raise _segment_not_found(video_id, segment_id)
        return _segment(row)

    async def update_segment(self, marked: MarkedSegment) -> None:
        """See the port."""
        changes = {
            "start_frame": marked.segment.start_frame,
            "end_frame": marked.segment.end_frame,
            "label": marked.label,
        }
        matches = (
            SegmentRow.id == searchable_id(marked.id),
            SegmentRow.video_id == searchable_id(marked.video_id),
        )
        statement = update(SegmentRow).where(*matches).values(changes)
        if not (await self._connection.execute(statement)).rowcount:
            raise _segment_not_found(marked.video_id, marked.id)

    async def remove_segment(self, video_id: int, segment_id: int) -> None:
        """See the port."""
        statement = delete(SegmentRow).where(
            SegmentRow.id == searchable_id(segment_id), SegmentRow.video_id == searchable_id(video_id)
        )
        if not (await self._connection.execute(statement)).rowcount:
            raise _segment_not_found(video_id, segment_id)

    async def add_region(self, video_id: int, region: Region, label: str | None) -> MarkedRegion:
        """See the port."""
        values = {
            "video_id": video_id,
            "x": region.x,
            "y": region.y,
            "width": region.width,
            "height": region.height,
            "start_frame": region.segment.start_frame if region.segment else None,
            "end_frame": region.segment.end_frame if region.segment else None,
            "label": label,
        }
        statement = insert(RegionRow).values(values).returning(*_REGION)
        violations = _missing_video_errors("regions", video_id)
        return _region((await self._connection.execute(statement, violations=violations)).one())

    async def regions(self, video_id: int) -> Sequence[MarkedRegion]:
        """See the port."""
        statement = (
            select(*_REGION).where(RegionRow.video_id == searchable_id(video_id)).order_by(RegionRow.id)
        )
        return [_region(row) for row in await self._connection.execute(statement)]

    async def remove_region(self, video_id: int, region_id: int) -> None:
        """See the port."""
        statement = delete(RegionRow).where(
            RegionRow.id == searchable_id(region_id), RegionRow.video_id == searchable_id(video_id)
        )
        if not (await self._connection.execute(statement)).rowcount:
            raise RegionNotFoundError(f"video {video_id} has no region {region_id}")


def _missing_video_errors(table: str, video_id: int) -> dict[str, DomainError]:
    """Return the error for a mark whose video was deleted meanwhile, by the name of the foreign key."""
    return {f"fk_{table}_video_id_videos": VideoNotFoundError(f"there is no video {video_id}")}


def _segment_not_found(video_id: int, segment_id: int) -> SegmentNotFoundError:
    return SegmentNotFoundError(f"video {video_id} has no segment {segment_id}")


def _segment(row: Record) -> MarkedSegment:
    segment_id, video_id, start, end, label = row
    return MarkedSegment(segment_id, video_id, Segment(start, end), label)


def _region(row: Record) -> MarkedRegion:
    region_id, video_id, x, y, width, height, start, end, label = row
    frames = None if start is None else Segment(start, end)
    return MarkedRegion(region_id, video_id, Region(x, y, width, height, frames), label)
