"""Types and base classes shared by the schemas."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, TypeAlias
from uuid import UUID

from litestar.params import PathParameter, QueryParameter
from msgspec import Meta, Struct

from framecloak.domain.errors import InvalidOptionError

MAX_ID = 2**63 - 1
"""Maximum id of a database row."""

MAX_OFFSET = 10**9
"""Maximum offset of a page; keeps numbers beyond the range of the database away from it."""

NO_NUL = r"^[^\x00]*$"
"""Pattern of text without NUL characters, which Postgres does not support."""

RequestId: TypeAlias = Annotated[
    UUID, PathParameter(description="Id of the request, returned when it was submitted.")
]
VideoId: TypeAlias = Annotated[int, PathParameter(ge=1, le=MAX_ID, description="Id of the video.")]
SegmentId: TypeAlias = Annotated[int, PathParameter(ge=1, le=MAX_ID, description="Id of the segment.")]
RegionId: TypeAlias = Annotated[int, PathParameter(ge=1, le=MAX_ID, description="Id of the region.")]
UserId: TypeAlias = Annotated[int, PathParameter(ge=1, le=MAX_ID, description="Id of the account.")]
ApiKeyId: TypeAlias = Annotated[int, PathParameter(ge=1, le=MAX_ID, description="Id of the API key.")]
Limit: TypeAlias = Annotated[
    int, QueryParameter(ge=1, le=100, description="Maximum number of items on the page.")
]
Offset: TypeAlias = Annotated[
    int, QueryParameter(ge=0, le=MAX_OFFSET, description="Number of items to skip.")
]

Id: TypeAlias = Annotated[int, Meta(ge=1, le=MAX_ID)]
Label: TypeAlias = Annotated[
    str, Meta(max_length=200, pattern=NO_NUL, description="Display name.", examples=["interview"])
]
Secret: TypeAlias = Annotated[str, Meta(min_length=1, max_length=4096, pattern=NO_NUL)]
Username: TypeAlias = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=150,
        pattern=NO_NUL,
        description="User name; not case-sensitive.",
        examples=["ada"],
    ),
]


def in_utc(moment: datetime | None) -> datetime | None:
    """Return a time zone-aware time in UTC.

    Raises:
        InvalidOptionError: in UTC it is before the year 1 or after 9999.
    """
    try:
        return moment and moment.astimezone(UTC)
    except OverflowError as error:
        raise InvalidOptionError(
            "the time is out of range: in UTC it must be in the years 1 to 9999", "choose another time"
        ) from error


class Body(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base class of request bodies; its repr omits the fields, which include passwords and images."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class View(Struct, frozen=True, kw_only=True):
    """Base class of response bodies; its repr omits the fields, which include tokens."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class PageBase(View, frozen=True, kw_only=True):
    """Page of a list."""

    total: Annotated[int, Meta(description="Total number of items.", examples=[1])]
    limit: Annotated[int, Meta(description="Value of the parameter `limit`.", examples=[20])]
    offset: Annotated[int, Meta(description="Value of the parameter `offset`.", examples=[0])]
