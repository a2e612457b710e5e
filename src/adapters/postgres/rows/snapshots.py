"""Snapshots: the inputs of requests at the time of submission, such as segments and regions."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import insert, select

from framecloak.adapters.postgres.connection import Connection
from framecloak.adapters.postgres.tables.requests import (
    RequestBoxesRow,
    RequestRegionRow,
    RequestRow,
    RequestSegmentRow,
    RequestTextListsRow,
)
from framecloak.domain.anonymization.model.identities import PinnedPeople
from framecloak.domain.anonymization.model.request import WorkSpec
from framecloak.domain.model.segments import Region, Segment


async def add(connection: Connection, request_id: UUID, snapshot: WorkSpec) -> None:
    """Store the snapshot of a request that was added in the same transaction."""
    segments = [
        {
            "request_id": request_id,
            "segment_id": segment_id,
            "start_frame": segment.start_frame,
            "end_frame": segment.end_frame,
        }
        for segment_id, segment in snapshot.segments.items()
    ]
    await connection.execute(insert(RequestSegmentRow), segments)
    regions = [
        {
            "request_id": request_id,
            "number": number,
            "x": region.x,
            "y": region.y,
            "width": region.width,
            "height": region.height,
            "start_frame": region.segment.start_frame if region.segment else None,
            "end_frame": region.segment.end_frame if region.segment else None,
        }
        for number, region in enumerate(snapshot.regions)
    ]
    if regions:
        await connection.execute(insert(RequestRegionRow), regions)
    if snapshot.boxes is not None:
        row = {
            "request_id": request_id,
            "boxes": snapshot.boxes,
            "identities": snapshot.earlier,
            "history": snapshot.history,
            "text": snapshot.earlier_text,
        }
        await connection.execute(insert(RequestBoxesRow), [row])
    if snapshot.text_lists is not None:
        lists = {"request_id": request_id, "sealed": snapshot.text_lists}
        await connection.execute(insert(RequestTextListsRow), [lists])


async def get(connection: Connection, request_id: UUID) -> WorkSpec:
    """Return the snapshot of a request, with segments in order of time and regions in insertion order.

    Boxes with what belongs to them, and the lists of a text policy, are available until the request ends.
    """
    row = RequestSegmentRow
    statement = (
        select(row.segment_id, row.start_frame, row.end_frame)
        .where(row.request_id == request_id)
        .order_by(row.start_frame, row.end_frame, row.segment_id)
    )
    segments = {number: Segment(start, end) for number, start, end in await connection.execute(statement)}
    boxes_statement = select(
        RequestBoxesRow.boxes, RequestBoxesRow.identities, RequestBoxesRow.history, RequestBoxesRow.text
    ).where(RequestBoxesRow.request_id == request_id)
    found = (await connection.execute(boxes_statement)).one_or_none()
    boxes, earlier, history, text = found or (None, None, None, None)
    lists_statement = select(RequestTextListsRow.sealed).where(RequestTextListsRow.request_id == request_id)
    lists = (await connection.execute(lists_statement)).scalar_one_or_none()
    regions, people = await _regions(connection, request_id), await _people(connection, request_id)
    return WorkSpec(segments, regions, boxes, people, earlier, history, text, lists)


async def _people(connection: Connection, request_id: UUID) -> PinnedPeople | None:
    row = RequestRow
    statement = select(row.people_threshold, row.people_faces, row.people_digest).where(
        row.id == request_id, row.identity_mode.is_not(None)
    )
    columns = (await connection.execute(statement)).one_or_none()
    return PinnedPeople(*columns) if columns else None


async def _regions(connection: Connection, request_id: UUID) -> tuple[Region, ...]:
    row = RequestRegionRow
    statement = (
        select(row.x, row.y, row.width, row.height, row.start_frame, row.end_frame)
        .where(row.request_id == request_id)
        .order_by(row.number)
    )
    return tuple(
        Region(x, y, width, height, None if start is None else Segment(start, end))
        for x, y, width, height, start, end in await connection.execute(statement)
    )
