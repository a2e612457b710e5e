"""Schemas of reviews: results, and edits with which they are rendered again."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from msgspec import Meta

from framecloak.domain.anonymization.model.box_table import MAX_INT32
from framecloak.domain.anonymization.model.frames import RedactedBox
from framecloak.domain.anonymization.model.options import (
    AppearanceChanges,
    Audio,
    Language,
    RedactionStyle,
    Verify,
)
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.model.request import Priority
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.anonymization.requests.resubmit import RerenderSpec
from framecloak.domain.anonymization.review.edits import DrawnBox, FrameEdit
from framecloak.domain.anonymization.review.ranking import FrameRisk, Reason
from framecloak.domain.anonymization.review.service import FrameExcerpt
from framecloak.domain.imaging.detections import Basis, TargetKind
from framecloak.entrypoints.schemas.common import Body, PageBase, View
from framecloak.entrypoints.schemas.orders import (
    PriorityOfRequest,
    ShortText,
    WebhookUrl,
    validate_webhook_url,
)

MAX_BOXES_PER_FRAME = 1000
MAX_EDITED_FRAMES = 100_000

BoxKind = Literal["face", "text", "plate", "region"]
Pixel = Annotated[int, Meta(ge=-MAX_INT32, le=MAX_INT32)]
EditReason = Annotated[str, Meta(min_length=1, max_length=40)]
Number = Annotated[int, Meta(ge=0, le=MAX_INT32)]


class BoxBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A region of a frame."""

    xyxy: Annotated[
        list[Pixel],
        Meta(
            min_length=4,
            max_length=4,
            description=(
                "Left, top, right, bottom in whole pixels; right and bottom are exclusive. Clipped to the "
                "frame; rejected if completely outside."
            ),
            examples=[[311, 40, 402, 161]],
        ),
    ]
    kind: Annotated[BoxKind, Meta(description="Kind of the redacted object.", examples=["face"])] = "face"
    track: Annotated[
        Number | None,
        Meta(description="Track number of the face, text or plate in the manifest.", examples=[3]),
    ] = None

    reason: Annotated[
        EditReason | None,
        Meta(description="Reason why the box is new; null for that of the frame.", examples=["missed"]),
    ] = None

    def to_domain(self) -> DrawnBox:
        """Return the box of the domain."""
        x1, y1, x2, y2 = self.xyxy
        kind = None if self.kind == "region" else TargetKind(self.kind)
        return DrawnBox((x1, y1, x2, y2), kind, self.track, self.reason)


class FrameEditBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Redactions of a frame that replace the previous ones."""

    index: Annotated[Number, Meta(description="Index of the frame in the video.", examples=[12])]
    boxes: Annotated[
        list[BoxBody],
        Meta(
            max_length=MAX_BOXES_PER_FRAME,
            description="All boxes of the frame; boxes that are omitted are no longer redacted.",
        ),
    ]
    blanked: Annotated[
        bool | None,
        Meta(description="Whether the frame is blanked (black); null to keep its state.", examples=[None]),
    ] = None

    reason: Annotated[
        EditReason | None,
        Meta(
            description=(
                "Reason for the changes in the frame, one of `EDIT_REASONS`; null for that of the request. "
                "A face box that was removed for a reason stays uncovered; without one, the "
                "residual check covers the face again if it finds it."
            ),
            examples=["not_identifying"],
        ),
    ] = None

    def to_domain(self, reason: str | None) -> FrameEdit:
        """Return the edit of the domain, with a reason for changes that have none."""
        boxes = tuple(box.to_domain() for box in self.boxes)
        return FrameEdit(self.index, boxes, self.blanked, self.reason or reason)


class RenderBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Changes to a result; omitted fields stay unchanged."""

    frames: Annotated[
        list[FrameEditBody],
        Meta(
            max_length=MAX_EDITED_FRAMES,
            description="Frames whose boxes change, in any order, each once; others stay unchanged.",
        ),
    ]
    reason: Annotated[
        EditReason | None,
        Meta(description="Reason for all changes that have no reason of their own.", examples=["missed"]),
    ] = None
    verify: Annotated[
        Verify | None,
        Meta(
            description="Frames that undergo the residual check; null for those of the first order.",
            examples=["sample"],
        ),
    ] = None
    source_sha256: (
        Annotated[
            str,
            Meta(
                pattern="^[0-9a-f]{64}$",
                description="SHA-256 of the video that the edits were made for; rejected if it differs.",
            ),
        ]
        | None
    ) = None
    output_format: (
        Annotated[ShortText, Meta(description="`jpg`, `jpeg`, `png`, `webp` or `mp4`.", examples=["jpg"])]
        | None
    ) = None
    redaction: Annotated[
        RedactionStyle | None, Meta(description="Style that replaces the pixels.", examples=["solid"])
    ] = None
    quality: (
        Annotated[int, Meta(ge=1, le=100, description="Quality of JPEG, WebP and MP4.", examples=[90])] | None
    ) = None
    audio: Annotated[
        Audio | None, Meta(description="Handling of the audio of videos.", examples=["drop"])
    ] = None
    language: Annotated[Language | None, Meta(description="Language of the report.", examples=["en"])] = None
    priority: PriorityOfRequest = Priority.NORMAL
    webhook_url: WebhookUrl | None = None

    def to_domain(self) -> RerenderSpec:
        """Return the specification of the domain for rendering the result again.

        Raises:
            InvalidFormatError: the format does not exist.
            InvalidOptionError: the webhook has no host.
        """
        return RerenderSpec(
            edits=tuple(frame.to_domain(self.reason) for frame in self.frames),
            choices=AppearanceChanges(
                output_format=None if self.output_format is None else OutputFormat.parse(self.output_format),
                quality=self.quality,
                style=self.redaction,
                audio=self.audio,
                language=self.language,
            ),
            priority=self.priority,
            webhook_url=validate_webhook_url(self.webhook_url),
            source_sha256=self.source_sha256,
            verify=self.verify,
        )


class BoxView(View, frozen=True, kw_only=True):
    """A redacted box of a frame."""

    xyxy: Annotated[
        list[int], Meta(description="Left, top, right, bottom in pixels.", examples=[[311, 40, 402, 161]])
    ]
    kind: Annotated[BoxKind, Meta(examples=["face"])]
    track: Annotated[int | None, Meta(examples=[3])]
    score: Annotated[float | None, Meta(examples=[0.91])]
    origin: Annotated[Origin, Meta(examples=["detected"])]
    basis: Annotated[
        Basis | None, Meta(description="Criterion by which the box is a licence plate.", examples=["shape"])
    ]

    @classmethod
    def of(cls, box: RedactedBox) -> Self:
        """Build the view of a box, with the values of the manifest."""
        return cls(
            xyxy=list(box.xyxy),
            kind="region" if box.kind is None else box.kind.value,
            track=box.track,
            score=box.score,
            origin=box.origin,
            basis=box.basis,
        )


class FrameRiskView(View, frozen=True, kw_only=True):
    """A frame of a result and its review priority."""

    index: Annotated[int, Meta(description="Index of the frame in the video.", examples=[12])]
    risk: Annotated[
        float,
        Meta(
            description=(
                "Risk, 0 to 1: 1 for a blanked frame, 0.97 where a face is lost inside the frame, "
                "otherwise that of its weakest box."
            ),
            examples=[0.9],
        ),
    ]
    reason: Annotated[
        Reason | None,
        Meta(
            description=(
                "`blanked`: the frame is black. `ended`: a face was covered for the last time although it "
                "had not left the frame. `residual`: the residual check found a face. `filled`, "
                "`extended`: a box was interpolated or extrapolated. `followed`: a head was located by its "
                "pixels. `unsure`: a detection was accepted only because of its track. `score`: all "
                "detections were certain. Null if there are no detections."
            ),
            examples=["filled"],
        ),
    ]
    lowest_score: Annotated[float | None, Meta(description="Lowest score of its boxes.", examples=[0.31])]
    boxes: Annotated[list[BoxView], Meta(description="All redacted boxes of the frame.")]

    @classmethod
    def of(cls, risk: FrameRisk) -> Self:
        """Build the view of a ranked frame."""
        boxes = [BoxView.of(box) for box in risk.boxes]
        return cls(
            index=risk.index,
            risk=risk.risk,
            reason=risk.reason,
            lowest_score=risk.lowest_score,
            boxes=boxes,
        )


class ReviewPage(PageBase, frozen=True, kw_only=True):
    """Frames of a result, highest risk first."""

    items: list[FrameRiskView]


class StretchView(View, frozen=True, kw_only=True):
    """Consecutive frames from `start_frame` up to but excluding `end_frame`."""

    start_frame: Annotated[int, Meta(examples=[0])]
    end_frame: Annotated[int, Meta(examples=[100])]


class BoxesView(View, frozen=True, kw_only=True):
    """Redacted boxes of some frames of a result."""

    stretches: Annotated[
        list[StretchView], Meta(description="All ranges of frames of the result, in the order of the video.")
    ]
    items: Annotated[list[FrameRiskView], Meta(description="Requested frames, in the same order.")]

    @classmethod
    def of(cls, excerpt: FrameExcerpt) -> Self:
        """Build the view of an excerpt."""
        stretches = [
            StretchView(start_frame=part.start_frame, end_frame=part.end_frame) for part in excerpt.ranges
        ]
        return cls(stretches=stretches, items=[FrameRiskView.of(risk) for risk in excerpt.frames])
