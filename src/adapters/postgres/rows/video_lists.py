"""Search, order and states of lists of videos, as SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, case, exists, func, literal, or_, select

from framecloak.adapters.postgres.connection import searchable_text
from framecloak.adapters.postgres.tables.requests import RequestRow
from framecloak.adapters.postgres.tables.videos import RegionRow, SegmentRow, VideoRow
from framecloak.domain.anonymization.model.request import Status
from framecloak.domain.model.accounts import Principal
from framecloak.domain.model.videos import VideoFilter, VideoOrder, VideoState

_NAME = func.lower(func.coalesce(VideoRow.title, VideoRow.filename))


def video_state(principal: Principal) -> ColumnElement[str]:
    """Return the state of the work on the video of the enclosing statement, as the caller may see it."""
    latest = (
        select(
            case(
                (RequestRow.released_at.is_not(None), VideoState.RELEASED),
                (RequestRow.status == Status.COMPLETED, VideoState.READY),
                (RequestRow.status == Status.FAILED, VideoState.FAILED),
                else_=VideoState.ORDERED,
            )
        )
        .where(
            RequestRow.video_id == VideoRow.id,
            RequestRow.status != Status.CANCELLED,
            _is_visible_request(principal),
        )
        .order_by(RequestRow.created_at.desc(), RequestRow.id)
        .limit(1)
        .correlate(VideoRow)
        .scalar_subquery()
    )
    has_marks = or_(
        exists().where(SegmentRow.video_id == VideoRow.id).correlate(VideoRow),
        exists().where(RegionRow.video_id == VideoRow.id).correlate(VideoRow),
    )
    return func.coalesce(latest, case((has_marks, VideoState.MARKED), else_=VideoState.NEW))


def matching(principal: Principal, criteria: VideoFilter) -> Sequence[ColumnElement[bool]]:
    """Return the conditions for videos that meet the criteria."""
    conditions = [_contains(principal, word) for word in (criteria.search or "").split()]
    if criteria.tag is not None:
        # Tags contain no commas.
        tags = func.concat(",", func.lower(func.array_to_string(VideoRow.tags, ",")), ",")
        conditions.append(tags.contains(f",{searchable_text(criteria.tag).lower()},", autoescape=True))
    if criteria.state is not None:
        conditions.append(video_state(principal) == criteria.state)
    return conditions


def ordering(principal: Principal, order: VideoOrder) -> Sequence[ColumnElement[Any]]:
    """Return the keys that put videos in an order."""
    newest = VideoRow.id.desc()
    match order:
        case VideoOrder.NEWEST:
            return (newest,)
        case VideoOrder.OLDEST:
            return (VideoRow.id.asc(),)
        case VideoOrder.NAME:
            return (_NAME.asc(), newest)
        case VideoOrder.LONGEST:
            return (VideoRow.duration.desc(), newest)
        case VideoOrder.STATE:
            place = {state: index for index, state in enumerate(VideoState)}
            return (case(place, value=video_state(principal)).asc(), newest)


def _contains(principal: Principal, word: str) -> ColumnElement[bool]:
    text = searchable_text(word)
    if not text:
        return literal(value=False)
    ordered = select(RequestRow.video_id).where(
        RequestRow.reference.icontains(text, autoescape=True), _is_visible_request(principal)
    )
    return or_(
        VideoRow.title.icontains(text, autoescape=True),
        VideoRow.filename.icontains(text, autoescape=True),
        func.array_to_string(VideoRow.tags, ",").icontains(text, autoescape=True),
        VideoRow.id.in_(ordered),
    )


def _is_visible_request(principal: Principal) -> ColumnElement[bool]:
    return literal(value=True) if principal.is_admin else RequestRow.user_id == principal.user_id
