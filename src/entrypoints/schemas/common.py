"""Types that several schemas share."""

from __future__ import annotations

from typing import Annotated, TypeAlias
from uuid import UUID

from litestar.params import PathParameter, QueryParameter
from msgspec import Meta, Struct

MAX_ID = 2**63 - 1
"""The largest number that a row can have."""

MAX_OFFSET = 10**9
"""Nobody turns so many pages; it keeps numbers that no database takes from getting there."""

NO_NUL = r"^[^\x00]*$"
"""Postgres has no NUL character, so no text may have one."""

RequestId: TypeAlias = Annotated[UUID, PathParameter(description="From when it was submitted.")]
VideoId: TypeAlias = Annotated[int, PathParameter(ge=1, le=MAX_ID, description="Number of the video.")]
SegmentId: TypeAlias = Annotated[int, PathParameter(ge=1, le=MAX_ID, description="Number of the segment.")]
RegionId: TypeAlias = Annotated[int, PathParameter(ge=1, le=MAX_ID, description="Number of the region.")]
UserId: TypeAlias = Annotated[int, PathParameter(ge=1, le=MAX_ID, description="Number of the account.")]
ApiKeyId: TypeAlias = Annotated[int, PathParameter(ge=1, le=MAX_ID, description="Number of the API key.")]
Limit: TypeAlias = Annotated[int, QueryParameter(ge=1, le=100, description="Items on a page.")]
Offset: TypeAlias = Annotated[int, QueryParameter(ge=0, le=MAX_OFFSET, description="Items to skip.")]

Id: TypeAlias = Annotated[int, Meta(ge=1, le=MAX_ID)]
Label: TypeAlias = Annotated[
    str, Meta(max_length=200, pattern=NO_NUL, description="What people call it.", examples=["interview"])
]
Secret: TypeAlias = Annotated[str, Meta(min_length=1, max_length=4096, pattern=NO_NUL)]
Username: TypeAlias = Annotated[
    str,
    Meta(min_length=1, max_length=150, pattern=NO_NUL, description="Case does not matter.", examples=["ada"]),
]


class Body(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is sent to us; there are passwords and pictures among it, so it does not show itself."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class View(Struct, frozen=True, kw_only=True):
    """What we answer; there are tokens among it, so it does not show itself."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class PageBase(View, frozen=True, kw_only=True):
    """A page of a longer list."""

    total: Annotated[int, Meta(description="How many there are in all.", examples=[1])]
    limit: Annotated[int, Meta(description="As asked for.", examples=[20])]
    offset: Annotated[int, Meta(description="As asked for.", examples=[0])]
