"""Schemas of templates of orders."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

import msgspec
from litestar.params import PathParameter
from msgspec import UNSET, Meta, UnsetType

from framecloak.domain.anonymization.model.orders.template import Template, TemplateMarks, TimeRange
from framecloak.domain.anonymization.model.request import AnonymizationRequest
from framecloak.domain.errors import InvalidOptionError
from framecloak.domain.model.accounts import Principal
from framecloak.domain.model.segments import Region
from framecloak.entrypoints.schemas.common import NO_NUL, Body, Label, Username, View
from framecloak.entrypoints.schemas.orders import OrderOptions
from framecloak.entrypoints.schemas.requests import RequestView
from framecloak.entrypoints.schemas.text import TextBody

TemplateId = Annotated[UUID, PathParameter(description="Id of the template.")]
TemplateName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        pattern=NO_NUL,
        description="Display name, up to 100 characters.",
        examples=["Endoscopy, tower B"],
    ),
]
Seconds = Annotated[float, Meta(ge=0, description="Seconds from the beginning of a video.", examples=[4.0])]
Pixels = Annotated[int, Meta(ge=0, description="Pixels of a frame of the template's size.", examples=[64])]


class TimeRangeBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A time range that is marked as a segment; what lies beyond the end of a video is left out."""

    start_time: Seconds = 0.0
    end_time: Annotated[
        Seconds | None, Meta(description="End in seconds; null for the end of the video.")
    ] = None
    label: Label | None = None


class TemplateRegionBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A region in whole videos."""

    x: Pixels
    y: Pixels
    width: Pixels
    height: Pixels
    label: Label | None = None

    def region(self) -> Region:
        """Return the region of the domain.

        Raises:
            InvalidRegionError: the region is empty.
        """
        return Region(self.x, self.y, self.width, self.height)


class TemplateContent(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options and marks of a template."""

    options: Annotated[OrderOptions, Meta(description="Options of the orders.")] = msgspec.field(
        default_factory=OrderOptions
    )
    segments: Annotated[
        list[TimeRangeBody],
        Meta(
            max_length=100,
            description="Segments to mark; empty for those of each video, else the whole video.",
        ),
    ] = msgspec.field(default_factory=list)
    regions: Annotated[
        list[TemplateRegionBody], Meta(max_length=100, description="Regions to mark in each video.")
    ] = msgspec.field(default_factory=list)
    keep_text: Annotated[
        list[TemplateRegionBody],
        Meta(max_length=100, description="Regions in which level `full` keeps text readable."),
    ] = msgspec.field(default_factory=list)
    frame_width: Annotated[
        int | None,
        Meta(
            description=(
                "Width in pixels of the frames that the regions refer to. They are scaled to videos of the "
                "same shape; other videos are rejected."
            ),
            examples=[1920],
        ),
    ] = None
    frame_height: Annotated[
        int | None, Meta(description="Height in pixels of these frames.", examples=[1080])
    ] = None

    def marks(self) -> TemplateMarks:
        """Return the marks of the domain.

        Raises:
            InvalidSegmentError: a time range is empty.
            InvalidRegionError: a region is empty, or reaches beyond the frame.
            InvalidOptionError: the regions have no frame size.
        """
        size = (self.frame_width, self.frame_height)
        return TemplateMarks(
            tuple(TimeRange(each.start_time, each.end_time, each.label) for each in self.segments),
            tuple((each.region(), each.label) for each in self.regions),
            tuple(each.region() for each in self.keep_text),
            (size[0], size[1]) if size[0] is not None and size[1] is not None else None,
        )


class CreateTemplateBody(TemplateContent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A template to create."""

    name: TemplateName


class ChangeTemplateBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Changes to a template; omitted fields stay unchanged."""

    name: TemplateName | UnsetType = UNSET
    content: Annotated[
        TemplateContent | UnsetType, Meta(description="Options and marks, which replace the earlier ones.")
    ] = UNSET
    shared_with: Annotated[
        Annotated[list[Username], Meta(max_length=100)] | UnsetType,
        Meta(description="User names of all accounts that may use it, besides the owner."),
    ] = UNSET
    is_default: Annotated[
        bool | UnsetType,
        Meta(description="Whether it is proposed to everybody; for administrators.", examples=[False]),
    ] = UNSET


class TemplateView(View, frozen=True, kw_only=True):
    """A template."""

    id: UUID
    name: Annotated[str, Meta(examples=["Endoscopy, tower B"])]
    owner: Annotated[str, Meta(description="User name of the owner.", examples=["ada"])]
    is_own: Annotated[bool, Meta(description="Whether you may change it.", examples=[True])]
    is_default: Annotated[bool, Meta(description="Whether it is proposed to everybody.", examples=[False])]
    shared_with: Annotated[
        list[str], Meta(description="User names; empty unless you may change it.", examples=[["ben"]])
    ]
    created_at: datetime
    content: TemplateContent

    @classmethod
    def of(cls, template: Template, caller: Principal) -> Self:
        """Build the view of a template for a caller."""
        is_own = caller.is_admin or template.owner_id == caller.user_id
        return cls(
            id=template.id,
            name=template.name,
            owner=template.owner_name,
            is_own=is_own,
            is_default=template.is_default,
            shared_with=list(template.shared_with) if is_own else [],
            created_at=template.created_at,
            content=content_of(template),
        )


class LastOptionsView(View, frozen=True, kw_only=True):
    """Options of the latest order."""

    options: Annotated[
        OrderOptions | None, Meta(description="Options, as for a new order; null before the first order.")
    ]


def content_of(template: Template) -> TemplateContent:
    """Return options and marks of a stored template.

    Raises:
        InvalidOptionError: the template was stored by a version with other options.
    """
    marks = template.marks
    try:
        options = msgspec.convert(template.options, OrderOptions)
    except msgspec.ValidationError as error:
        raise InvalidOptionError(
            f"the options of template {template.name} do not fit this version", "save the template again"
        ) from error
    width, height = marks.frame_size or (None, None)
    return TemplateContent(
        options=options,
        segments=[
            TimeRangeBody(start_time=each.start, end_time=each.end, label=each.label)
            for each in marks.segments
        ],
        regions=[_region_body(region, label) for region, label in marks.regions],
        keep_text=[_region_body(region) for region in marks.keep_text],
        frame_width=width,
        frame_height=height,
    )


def options_of(request: AnonymizationRequest) -> OrderOptions:
    """Return the options with which a request was ordered, without its webhook and regions of one video.

    Lists of a text policy are gone with their request, and consent to fail open is not repeated.
    """
    view = msgspec.to_builtins(RequestView.of(request))
    names = {each.encode_name for each in msgspec.structs.fields(OrderOptions)} - {"keep_text", "text"}
    options = msgspec.convert({name: view[name] for name in names if name in view}, OrderOptions)
    return msgspec.structs.replace(options, text=TextBody.of(request.spec.text))


def _region_body(region: Region, label: str | None = None) -> TemplateRegionBody:
    return TemplateRegionBody(x=region.x, y=region.y, width=region.width, height=region.height, label=label)
