"""Orders for anonymised frames, and whether they were taken in."""

from __future__ import annotations

import re
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
    OutputFormat,
    RedactionStyle,
    Verify,
)
from framecloak.domain.anonymization.model.request import Order, Priority
from framecloak.domain.anonymization.requests.submit import Submitted
from framecloak.domain.errors import InvalidOptionError, InvalidSegmentsError
from framecloak.entrypoints.schemas.common import Body, Id, View
from framecloak.entrypoints.schemas.identities import IdentitiesBody
from framecloak.entrypoints.schemas.problems import Problem
from framecloak.entrypoints.schemas.videos import AreaBody

SegmentIds = (
    list[int] | Annotated[str, Meta(max_length=4096, description="The same as text.", examples=["1,2,3"])]
)

Name = Annotated[str, Meta(max_length=200)]

WebhookUrl = Annotated[
    str,
    Meta(
        max_length=2000,
        pattern=r"^https?://[!-~]+$",
        description="Told about the end of the request.",
        examples=["https://example.org/hooks/frames"],
    ),
]

MOST_KEPT = 100
"""Areas of one order in which text stays."""

_NUMBERS = re.compile(r" *[0-9]{1,19} *(, *[0-9]{1,19} *)*", re.ASCII)


class KeepTextBody(AreaBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An area in which text stays; in the whole video where no frames are given."""


class SubmitBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An order for anonymised frames."""

    video_id: Annotated[Id, Meta(description="Number of a video that you may edit.", examples=[123])]
    segment_ids: Annotated[
        SegmentIds,
        Meta(description="Numbers of 1 to 100 segments of the video.", examples=[[1, 2, 3], "1,2,3"]),
    ]
    anonymization_level: (
        Annotated[Name, Meta(description="`minimal`, `faces` or `full`, in any case.", examples=["faces"])]
        | None
    ) = None
    output_format: (
        Annotated[
            Name,
            Meta(
                description=(
                    "`jpg`, `jpeg`, `png` or `webp` for a picture of every frame; `mp4` for a film of "
                    "every segment, where segments that touch become one. In any case."
                ),
                examples=["jpg"],
            ),
        ]
        | None
    ) = None
    redaction: Annotated[
        RedactionStyle,
        Meta(description="What replaces the pixels. Only `solid` cannot be undone.", examples=["solid"]),
    ] = RedactionStyle.SOLID
    quality: Annotated[int, Meta(ge=1, le=100, description="Of JPEG, WebP and MP4.", examples=[90])] = (
        DEFAULT_QUALITY
    )
    audio: Annotated[
        Audio,
        Meta(description="Sound of films: left out, or copied. Voices tell people apart.", examples=["drop"]),
    ] = Audio.DROP
    language: Annotated[
        Language | None,
        Meta(description="Of the report; of this installation, when left out.", examples=["en"]),
    ] = None
    verify: Annotated[
        Verify | None,
        Meta(
            description=(
                "Which redacted frames are searched again for faces: `sample` is every tenth and what is "
                "next to a filled gap; the setting of this installation, when left out."
            ),
            examples=["sample"],
        ),
    ] = None
    priority: Annotated[Priority, Meta(description="Which queue it waits in.", examples=["normal"])] = (
        Priority.NORMAL
    )
    webhook_url: WebhookUrl | None = None
    keep_text: Annotated[
        list[KeepTextBody],
        Meta(
            max_length=MOST_KEPT,
            description="Areas in which level `full` leaves text readable; faces in them are redacted.",
            examples=[[{"x": 20, "y": 12, "width": 210, "height": 20}]],
        ),
    ] = msgspec.field(default_factory=list)
    identities: Annotated[
        IdentitiesBody | None,
        Meta(description="Whose faces are redacted; everybody's, when left out. Not at level `minimal`."),
    ] = None

    def order(
        self,
        default_level: Level,
        default_format: OutputFormat,
        default_language: Language = Language.ENGLISH,
        default_verify: Verify = Verify.SAMPLE,
    ) -> Order:
        """The order as the use case takes it.

        Raises:
            InvalidLevelError: there is no such level.
            InvalidFormatError: there is no such format.
            InvalidSegmentsError: a number of a segment is none.
            InvalidOptionError: the webhook has no host, or pictures should keep the sound.
            InvalidRegionError, InvalidSegmentError: an area to keep text in is none.
        """
        level = default_level if self.anonymization_level is None else Level.parse(self.anonymization_level)
        output = default_format if self.output_format is None else OutputFormat.parse(self.output_format)
        return Order(
            video_id=self.video_id,
            segment_ids=_segment_ids(self.segment_ids),
            level=level,
            appearance=Appearance(
                output,
                self.quality,
                self.redaction,
                audio=self.audio,
                language=self.language or default_language,
            ),
            priority=self.priority,
            webhook_url=webhook(self.webhook_url),
            keep_text=tuple(area.region() for area in self.keep_text),
            identities=self.identities.identities() if self.identities else None,
            verify=self.verify or default_verify,
        )


class SubmittedView(View, frozen=True, kw_only=True):
    """An order that was taken in."""

    success: Annotated[Literal[True], Meta(description="Always true.")] = True
    request_id: Annotated[UUID, Meta(description="To ask about it.")]
    message: Annotated[str, Meta(examples=["Frame anonymization started"])] = "Frame anonymization started"
    estimated_processing_time: Annotated[
        int, Meta(description="Whole seconds until it should be done, the queue included.", examples=[120])
    ]

    @classmethod
    def of(cls, submitted: Submitted) -> Self:
        """As told to whoever submitted it."""
        return cls(request_id=submitted.request.id, estimated_processing_time=submitted.estimated_seconds)


class BatchResult(View, frozen=True, kw_only=True):
    """What became of one order of a batch."""

    index: Annotated[int, Meta(description="Which one, counting from 0.", examples=[0])]
    status: Annotated[Literal["accepted", "rejected"], Meta(examples=["accepted"])]
    request_id: Annotated[UUID | None, Meta(description="Null when it was rejected.")] = None
    error: Annotated[Problem | None, Meta(description="Why it was rejected; null when it was accepted.")] = (
        None
    )


def _segment_ids(given: list[int] | str) -> tuple[int, ...]:
    if isinstance(given, str) and not _NUMBERS.fullmatch(given):
        raise InvalidSegmentsError("Invalid segments", 'name them by number, as in [1, 2, 3] or "1,2,3"')
    ids = tuple(map(int, given.split(","))) if isinstance(given, str) else tuple(given)
    if any(one < 1 for one in ids):
        raise InvalidSegmentsError("Invalid segments", "numbers of segments are positive")
    return ids


def webhook(url: str | None) -> str | None:
    """The address of a webhook, if there is one.

    Raises:
        InvalidOptionError: nobody can be called there.
    """
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.username is None and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise InvalidOptionError("the webhook's address cannot be used", "give one like https://host/path")
    return url
