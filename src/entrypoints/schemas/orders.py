"""Schemas for submitting anonymisation requests."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from msgspec import Meta

from framecloak.domain.anonymization.model.options import (
    DEFAULT_QUALITY,
    Appearance,
    Audio,
    Language,
    Level,
    RedactionStyle,
    Verify,
)
from framecloak.domain.anonymization.model.orders.submissions import Submitted
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.model.request import Priority, RequestSpec
from framecloak.domain.anonymization.model.text_policy import NO_LISTS, TextChoice
from framecloak.domain.errors import InvalidOptionError, InvalidSegmentsError
from framecloak.domain.imaging.pixel_aspect import parse_aspect
from framecloak.entrypoints.schemas.common import Body, Id, View
from framecloak.entrypoints.schemas.identities import IdentitiesBody
from framecloak.entrypoints.schemas.options import TimeRangeView
from framecloak.entrypoints.schemas.problems import Problem
from framecloak.entrypoints.schemas.text import TextBody
from framecloak.entrypoints.schemas.videos.marks import AreaBody

SegmentIds = (
    list[int]
    | Annotated[
        str, Meta(max_length=4096, description="The ids as text, separated by commas.", examples=["1,2,3"])
    ]
)

ShortText = Annotated[str, Meta(max_length=200)]

WebhookUrl = Annotated[
    str,
    Meta(
        max_length=2000,
        pattern=r"^https?://[!-~]+$",
        description="URL that is called when the request ends.",
        examples=["https://example.org/hooks/frames"],
    ),
]

PriorityOfRequest = Annotated[
    Priority,
    Meta(
        description=(
            "Weight of the request: `high` gets four times the share of the account. It is for "
            "administrators unless HIGH_PRIORITY says otherwise, within a daily quota; the orders of "
            "others are processed as `normal`, which is then the `priority` of the request."
        ),
        examples=["normal"],
    ),
]

MAX_KEEP_TEXT_REGIONS = 100
"""Maximum number of regions of a request in which text is kept."""

_NUMBERS = re.compile(r" *[0-9]{1,19} *(, *[0-9]{1,19} *)*", re.ASCII)


class KeepTextBody(AreaBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A region in which text is kept; in the whole video if no frames are given."""


class OrderOptions(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of a request that do not depend on the video."""

    anonymization_level: (
        Annotated[
            ShortText,
            Meta(description="`minimal`, `faces` or `full`; not case-sensitive.", examples=["faces"]),
        ]
        | None
    ) = None
    output_format: (
        Annotated[
            ShortText,
            Meta(
                description=(
                    "`jpg`, `jpeg`, `png` or `webp` for an image of each frame; `mp4` for a video of each "
                    "segment, with adjacent segments joined. Not case-sensitive."
                ),
                examples=["jpg"],
            ),
        ]
        | None
    ) = None
    redaction: Annotated[
        RedactionStyle,
        Meta(description="Style that replaces the pixels. Only `solid` is irreversible.", examples=["solid"]),
    ] = RedactionStyle.SOLID
    quality: Annotated[
        int, Meta(ge=1, le=100, description="Quality of JPEG, WebP and MP4.", examples=[90])
    ] = DEFAULT_QUALITY
    audio: Annotated[
        Audio,
        Meta(
            description="Audio of videos: dropped, copied, or with all that may be speech silenced. "
            "Voices can identify people.",
            examples=["drop"],
        ),
    ] = Audio.DROP
    language: Annotated[
        Language | None,
        Meta(description="Language of the report; default: setting of the installation.", examples=["en"]),
    ] = None
    verify: Annotated[
        Verify | None,
        Meta(
            description=(
                "Redacted frames that are checked again for faces: `sample` is every tenth frame and those "
                "next to a filled gap. Default: setting of the installation."
            ),
            examples=["sample"],
        ),
    ] = None
    priority: PriorityOfRequest = Priority.NORMAL
    webhook_url: WebhookUrl | None = None
    keep_text: Annotated[
        list[KeepTextBody],
        Meta(
            max_length=MAX_KEEP_TEXT_REGIONS,
            description="Regions in which level `full` keeps text readable; faces in them are redacted.",
            examples=[[{"x": 20, "y": 12, "width": 210, "height": 20}]],
        ),
    ] = msgspec.field(default_factory=list)
    pixel_aspect: (
        Annotated[
            ShortText,
            Meta(
                description=(
                    "Width to height of one stored pixel as displayed, from `1:4` to `4:1`, for videos that "
                    "do not declare it or declare a wrong one. Default: what the video declares, or square."
                ),
                examples=["24:11"],
            ),
        ]
        | None
    ) = None
    identities: Annotated[
        IdentitiesBody | None,
        Meta(description="Identity rule; default: all faces are redacted. Not allowed at level `minimal`."),
    ] = None

    text: Annotated[
        TextBody | None,
        Meta(description="Text to cover at level `full`; default: all text."),
    ] = None

    def to_domain(
        self,
        default_level: Level,
        default_format: OutputFormat,
        default_language: Language = Language.ENGLISH,
        default_verify: Verify = Verify.SAMPLE,
    ) -> RequestSpec:
        """Return the request of the domain; its video and segments are placeholders.

        Raises:
            InvalidLevelError: the level does not exist.
            InvalidFormatError: the format does not exist.
            InvalidOptionError: the webhook has no host, audio is to be copied to an image format, the pixel
                aspect is impossible, or the text policy contradicts itself.
            InvalidRegionError, InvalidSegmentError: a region in which text is kept is invalid.
        """
        level = default_level if self.anonymization_level is None else Level.parse(self.anonymization_level)
        output = default_format if self.output_format is None else OutputFormat.parse(self.output_format)
        text = self.text.choice() if self.text else TextChoice()
        return RequestSpec(
            video_id=0,
            segment_ids=(),
            level=level,
            appearance=Appearance(
                output,
                self.quality,
                self.redaction,
                audio=self.audio,
                language=self.language or default_language,
            ),
            priority=self.priority,
            webhook_url=validate_webhook_url(self.webhook_url),
            keep_text=tuple(area.region() for area in self.keep_text),
            identities=self.identities.identities() if self.identities else None,
            verify=self.verify or default_verify,
            pixel_aspect=None if self.pixel_aspect is None else parse_aspect(self.pixel_aspect),
            text=text.options(),
            text_lists=None if text.lists == NO_LISTS else text.lists,
        )


class SubmitBody(OrderOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request for anonymised frames."""

    video_id: Annotated[Id, Meta(description="Id of a video that you may edit.", examples=[123])]
    segment_ids: Annotated[
        SegmentIds,
        Meta(description="Ids of 1 to 100 segments of the video.", examples=[[1, 2, 3], "1,2,3"]),
    ]
    reference: (
        Annotated[
            str,
            Meta(
                max_length=200,
                description=(
                    "Code of the order, up to 80 characters, such as that of a study; part of the file name "
                    "of the result. It must match `REFERENCE_PATTERN`, and contain no date."
                ),
                examples=["STUDY-7 B12"],
            ),
        ]
        | None
    ) = None

    def to_domain(
        self,
        default_level: Level,
        default_format: OutputFormat,
        default_language: Language = Language.ENGLISH,
        default_verify: Verify = Verify.SAMPLE,
    ) -> RequestSpec:
        """Return the request of the domain.

        Raises:
            InvalidSegmentsError: an id of a segment is invalid.
            DomainError: as for the options.
        """
        spec = super().to_domain(default_level, default_format, default_language, default_verify)
        segment_ids = _parse_segment_ids(self.segment_ids)
        return replace(spec, video_id=self.video_id, segment_ids=segment_ids, reference=self.reference)


class SubmittedView(View, frozen=True, kw_only=True):
    """An accepted request."""

    success: Annotated[Literal[True], Meta(description="Always true.")] = True
    request_id: Annotated[UUID, Meta(description="Id of the request, to query its status.")]
    message: Annotated[str, Meta(examples=["Frame anonymization started"])] = "Frame anonymization started"
    estimated_processing_time: Annotated[
        int,
        Meta(
            description="Estimated seconds until completion, including the time in the queue.", examples=[120]
        ),
    ]
    estimated_time_range: Annotated[
        TimeRangeView,
        Meta(
            description="Range of that time, from the orders of this installation, with the time to load"
            " models and to pack results."
        ),
    ]

    @classmethod
    def of(cls, submitted: Submitted) -> Self:
        """Build the view of an accepted request."""
        return cls(
            request_id=submitted.request.id,
            estimated_processing_time=submitted.estimated_seconds,
            estimated_time_range=TimeRangeView.of(submitted.estimated),
        )


class BatchResult(View, frozen=True, kw_only=True):
    """Outcome of one request of a batch."""

    index: Annotated[int, Meta(description="Index of the request in the batch, from 0.", examples=[0])]
    status: Annotated[Literal["accepted", "rejected"], Meta(examples=["accepted"])]
    request_id: Annotated[UUID | None, Meta(description="Id of the request; null if it was rejected.")] = None
    error: Annotated[
        Problem | None, Meta(description="Reason of the rejection; null if it was accepted.")
    ] = None


def _parse_segment_ids(segment_ids: list[int] | str) -> tuple[int, ...]:
    if isinstance(segment_ids, str) and not _NUMBERS.fullmatch(segment_ids):
        raise InvalidSegmentsError("Invalid segments", 'list their ids, as in [1, 2, 3] or "1,2,3"')
    ids = tuple(map(int, segment_ids.split(","))) if isinstance(segment_ids, str) else tuple(segment_ids)
    if any(segment_id < 1 for segment_id in ids):
        raise InvalidSegmentsError("Invalid segments", "ids of segments are positive")
    return ids


def validate_webhook_url(url: str | None) -> str | None:
    """Validate the URL of a webhook and return it; return None for None.

    Raises:
        InvalidOptionError: the URL has no host, contains a credential or has an invalid port.
    """
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.username is None and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise InvalidOptionError("the URL of the webhook is not valid", "give a URL like https://host/path")
    return url
