"""Results that are looked over, and rendered again with edited boxes."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from msgspec import Meta

from framecloak.domain.anonymization.model.box_table import LARGEST
from framecloak.domain.anonymization.model.options import (
    Audio,
    Choices,
    Language,
    OutputFormat,
    RedactionStyle,
)
from framecloak.domain.anonymization.model.request import Priority
from framecloak.domain.anonymization.pipeline.render import RedactedBox
from framecloak.domain.anonymization.requests.resubmit import Rework
from framecloak.domain.anonymization.review.edits import DrawnBox, FrameEdit
from framecloak.domain.anonymization.review.ranking import FrameRisk, Reason
from framecloak.domain.anonymization.review.service import Excerpt
from framecloak.domain.anonymization.tracking.tracker import Origin
from framecloak.domain.imaging.detections import Basis, Kind
from framecloak.entrypoints.schemas.common import Body, PageBase, View
from framecloak.entrypoints.schemas.orders import Name, WebhookUrl, webhook

MOST_BOXES_OF_A_FRAME = 1000
MOST_EDITED_FRAMES = 100_000

BoxKind = Literal["face", "text", "plate", "region"]
Pixel = Annotated[int, Meta(ge=-LARGEST, le=LARGEST)]
Number = Annotated[int, Meta(ge=0, le=LARGEST)]


class BoxBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An area of one frame."""

    xyxy: Annotated[
        list[Pixel],
        Meta(
            min_length=4,
            max_length=4,
            description=(
                "Left, top, right, bottom in whole pixels; right and bottom are exclusive. Cut at the "
                "borders of the frame; refused outside it."
            ),
            examples=[[311, 40, 402, 161]],
        ),
    ]
    kind: Annotated[BoxKind, Meta(description="What it is.", examples=["face"])] = "face"
    track: Annotated[
        Number | None,
        Meta(description="Number in the manifest of the face, text or plate that it is.", examples=[3]),
    ] = None

    def drawn(self) -> DrawnBox:
        """The box as the use case takes it."""
        x1, y1, x2, y2 = self.xyxy
        return DrawnBox((x1, y1, x2, y2), None if self.kind == "region" else Kind(self.kind), self.track)


class FrameEditBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that is redacted in one frame, in place of what was."""

    index: Annotated[Number, Meta(description="Number of the frame in the video.", examples=[12])]
    boxes: Annotated[
        list[BoxBody],
        Meta(
            max_length=MOST_BOXES_OF_A_FRAME,
            description="All of them; those that are left out are not redacted any more.",
        ),
    ]
    blanked: Annotated[
        bool | None, Meta(description="Whether the frame is black; null for as it was.", examples=[None])
    ] = None

    def edit(self) -> FrameEdit:
        """The edit as the use case takes it."""
        return FrameEdit(self.index, tuple(box.drawn() for box in self.boxes), self.blanked)


class RenderBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be different from a result; what is left out stays."""

    frames: Annotated[
        list[FrameEditBody],
        Meta(
            max_length=MOST_EDITED_FRAMES,
            description="Frames whose boxes change, in any order, each once; all others keep theirs.",
        ),
    ]
    source_sha256: (
        Annotated[
            str,
            Meta(
                pattern="^[0-9a-f]{64}$",
                description="Of the video that the edits were made for; those of another one are refused.",
            ),
        ]
        | None
    ) = None
    output_format: (
        Annotated[Name, Meta(description="`jpg`, `jpeg`, `png`, `webp` or `mp4`.", examples=["jpg"])] | None
    ) = None
    redaction: Annotated[
        RedactionStyle | None, Meta(description="What replaces the pixels.", examples=["solid"])
    ] = None
    quality: (
        Annotated[int, Meta(ge=1, le=100, description="Of JPEG, WebP and MP4.", examples=[90])] | None
    ) = None
    audio: Annotated[Audio | None, Meta(description="Sound of films.", examples=["drop"])] = None
    language: Annotated[Language | None, Meta(description="Of the report.", examples=["en"])] = None
    priority: Annotated[Priority, Meta(description="Which queue it waits in.", examples=["normal"])] = (
        Priority.NORMAL
    )
    webhook_url: WebhookUrl | None = None

    def rework(self) -> Rework:
        """The edits as the use case takes them.

        Raises:
            InvalidFormatError: there is no such format.
            InvalidOptionError: the webhook has no host.
        """
        return Rework(
            edits=tuple(frame.edit() for frame in self.frames),
            choices=Choices(
                output_format=None if self.output_format is None else OutputFormat.parse(self.output_format),
                quality=self.quality,
                style=self.redaction,
                audio=self.audio,
                language=self.language,
            ),
            priority=self.priority,
            webhook_url=webhook(self.webhook_url),
            source_sha256=self.source_sha256,
        )


class BoxView(View, frozen=True, kw_only=True):
    """What is redacted in a frame."""

    xyxy: Annotated[list[int], Meta(description="Left, top, right, bottom.", examples=[[311, 40, 402, 161]])]
    kind: Annotated[BoxKind, Meta(examples=["face"])]
    track: Annotated[int | None, Meta(examples=[3])]
    score: Annotated[float | None, Meta(examples=[0.91])]
    origin: Annotated[Origin, Meta(examples=["detected"])]
    basis: Annotated[Basis | None, Meta(description="Why it counts as a licence plate.", examples=["shape"])]

    @classmethod
    def of(cls, box: RedactedBox) -> Self:
        """As in the manifest."""
        return cls(
            xyxy=list(box.xyxy),
            kind="region" if box.kind is None else box.kind.value,
            track=box.track,
            score=box.score,
            origin=box.origin,
            basis=box.basis,
        )


class FrameRiskView(View, frozen=True, kw_only=True):
    """One frame of a result, and how much it should be looked at."""

    index: Annotated[int, Meta(description="Number of the frame in the video.", examples=[12])]
    risk: Annotated[
        float,
        Meta(description="In 0 to 1: 1 for a black frame, else of its weakest box.", examples=[0.9]),
    ]
    reason: Annotated[
        Reason | None,
        Meta(
            description=(
                "`blanked`: black. `residual`: a face that the first search missed. `filled`, `extended`: a "
                "box where nothing was found. `unsure`: the track decided. `score`: all were certain. Null "
                "where nothing was found."
            ),
            examples=["filled"],
        ),
    ]
    lowest_score: Annotated[float | None, Meta(description="Of its boxes.", examples=[0.31])]
    boxes: Annotated[list[BoxView], Meta(description="Everything that is redacted in it.")]

    @classmethod
    def of(cls, risk: FrameRisk) -> Self:
        """As shown to whoever reviews."""
        boxes = [BoxView.of(box) for box in risk.boxes]
        return cls(
            index=risk.index,
            risk=risk.risk,
            reason=risk.reason,
            lowest_score=risk.lowest_score,
            boxes=boxes,
        )


class ReviewPage(PageBase, frozen=True, kw_only=True):
    """Frames of a result, those with the weakest evidence first."""

    items: list[FrameRiskView]


class StretchView(View, frozen=True, kw_only=True):
    """Frames that follow each other: from `start_frame` up to, and without, `end_frame`."""

    start_frame: Annotated[int, Meta(examples=[0])]
    end_frame: Annotated[int, Meta(examples=[100])]


class BoxesView(View, frozen=True, kw_only=True):
    """What is redacted in some frames of a result."""

    stretches: Annotated[
        list[StretchView], Meta(description="All frames that the result has, in the order of the film.")
    ]
    items: Annotated[list[FrameRiskView], Meta(description="Those that were asked for, in the same order.")]

    @classmethod
    def of(cls, excerpt: Excerpt) -> Self:
        """As shown to whoever reviews."""
        stretches = [
            StretchView(start_frame=one.start_frame, end_frame=one.end_frame) for one in excerpt.stretches
        ]
        return cls(stretches=stretches, items=[FrameRiskView.of(risk) for risk in excerpt.frames])
