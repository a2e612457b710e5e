"""Schemas of anonymisation requests: status, results and statistics."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Meta

from framecloak.domain.anonymization.model.options import Audio, Language, Level, RedactionStyle, Verify
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.model.request import AnonymizationRequest, Priority, Status
from framecloak.domain.anonymization.requests.service import Download, RequestProgress, Statistics
from framecloak.domain.imaging.pixel_aspect import format_aspect
from framecloak.entrypoints.schemas.common import PageBase, View
from framecloak.entrypoints.schemas.identities import IdentitiesView
from framecloak.entrypoints.schemas.text import TextView
from framecloak.entrypoints.schemas.videos.marks import AreaView

BlankedFrames: TypeAlias = Annotated[
    int | None,
    Meta(
        description=(
            "Number of blanked (black) frames in the result, because they could not be analysed, failed the "
            "residual check, or were blanked in a review; null until the request is completed. Review the "
            "result if it is above 0."
        ),
        examples=[0],
    ),
]
ErrorCode: TypeAlias = Annotated[
    str | None,
    Meta(description="Stable code of the error; null if there is none.", examples=[None]),
]

ReleasedAt: TypeAlias = Annotated[
    datetime | None, Meta(description="Time of the release of the result; null if it was not released.")
]
ReleasedBy: TypeAlias = Annotated[
    str | None,
    Meta(description="Name or code of the person who released the result; null if none.", examples=[None]),
]


class StatusView(View, frozen=True, kw_only=True):
    """Status of a request."""

    request_id: UUID
    status: Annotated[
        Status,
        Meta(
            description=(
                "`getRequestStatus` answers `processing` from the acceptance of a request to its end: "
                "clients of earlier services poll only while they see it. Event streams answer `pending` "
                "until a worker starts."
            ),
            examples=["processing"],
        ),
    ]
    is_waiting: Annotated[
        bool, Meta(description="Whether the request waits in the queue, and no worker has started it.")
    ]
    progress: Annotated[
        int, Meta(description="Progress in percent, rounded down; 100 only when completed.", examples=[65])
    ]
    total_frames: Annotated[int, Meta(examples=[150])]
    processed_frames: Annotated[int, Meta(examples=[98])]
    blanked_frames: BlankedFrames
    estimated_remaining_time: Annotated[
        int | None,
        Meta(
            description="Estimated seconds until completion; null when the request has ended.", examples=[45]
        ),
    ]
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    error: Annotated[str | None, Meta(description="Reason of the failure; null otherwise.", examples=[None])]
    error_code: ErrorCode
    reference: Annotated[
        str | None, Meta(description="Reference of the order; null without one.", examples=["STUDY-7 B12"])
    ]
    released_at: ReleasedAt
    released_by: ReleasedBy

    @classmethod
    def of(cls, progress: RequestProgress) -> Self:
        """Build the view of the progress of a request."""
        request = progress.request
        return cls(
            request_id=request.id,
            status=request.status,
            is_waiting=request.status is Status.PENDING,
            progress=request.progress,
            total_frames=request.total_frames,
            processed_frames=request.processed_frames,
            blanked_frames=request.known_blanked_frames,
            estimated_remaining_time=progress.estimated_seconds,
            created_at=request.created_at,
            started_at=request.started_at,
            completed_at=request.completed_at,
            error=request.error,
            error_code=request.error_code,
            reference=request.spec.reference,
            released_at=request.released_at,
            released_by=request.released_by,
        )

    def for_polling(self) -> Self:
        """Return the view for clients that poll: an accepted request is being processed until it ends."""
        return msgspec.structs.replace(self, status=Status.PROCESSING) if self.is_waiting else self


class EventView(View, frozen=True, kw_only=True):
    """A server-sent event."""

    event: Annotated[
        Literal["message", "problem"],
        Meta(
            description=(
                "`message`, sent without a name, contains the status; `problem` means that the request is "
                "no longer accessible, and ends the stream."
            )
        ),
    ] = "message"
    data: Annotated[
        str,
        Meta(description="JSON: the fields of `getRequestStatus`, or problem details."),
    ]


class RequestView(View, frozen=True, kw_only=True):
    """An anonymisation request."""

    request_id: UUID
    user_id: Annotated[int, Meta(description="Id of the account that ordered it.", examples=[7])]
    video_id: Annotated[int, Meta(examples=[123])]
    segment_ids: Annotated[list[int], Meta(examples=[[1, 2, 3]])]
    anonymization_level: Annotated[Level, Meta(examples=["faces"])]
    output_format: Annotated[OutputFormat, Meta(examples=["jpg"])]
    redaction: Annotated[RedactionStyle, Meta(examples=["solid"])]
    quality: Annotated[int, Meta(description="Quality of JPEG, WebP and MP4, 1 to 100.", examples=[90])]
    audio: Annotated[Audio, Meta(description="Handling of the audio of videos.", examples=["drop"])]
    language: Annotated[Language, Meta(description="Language of the report.", examples=["en"])]
    keep_text: Annotated[
        list[AreaView], Meta(description="Regions in which level `full` keeps text readable.")
    ]
    pixel_aspect: Annotated[
        str | None,
        Meta(
            description="Given width to height of one stored pixel; null for what the video declares.",
            examples=[None],
        ),
    ]
    identities: Annotated[
        IdentitiesView | None, Meta(description="Identity rule; null if all faces are redacted.")
    ]
    text: Annotated[TextView, Meta(description="Text that level `full` covers.")]
    verify: Annotated[
        Verify, Meta(description="Redacted frames that are checked again for faces.", examples=["sample"])
    ]
    priority: Annotated[Priority, Meta(examples=["normal"])]
    status: Annotated[Status, Meta(examples=["completed"])]
    progress: Annotated[int, Meta(examples=[100])]
    total_frames: Annotated[int, Meta(examples=[150])]
    processed_frames: Annotated[int, Meta(examples=[150])]
    blanked_frames: BlankedFrames
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    error: str | None
    error_code: ErrorCode
    reference: Annotated[
        str | None, Meta(description="Reference of the order; null without one.", examples=["STUDY-7 B12"])
    ]
    result_bytes: Annotated[int | None, Meta(description="Size of the ZIP archive; null if there is none.")]
    released_at: ReleasedAt
    released_by: ReleasedBy

    @classmethod
    def of(cls, request: AnonymizationRequest) -> Self:
        """Build the view of a request."""
        spec = request.spec
        return cls(
            request_id=request.id,
            user_id=request.user_id,
            video_id=spec.video_id,
            segment_ids=list(spec.segment_ids),
            anonymization_level=spec.level,
            output_format=spec.appearance.output_format,
            redaction=spec.appearance.style,
            quality=spec.appearance.quality,
            audio=spec.appearance.audio,
            language=spec.appearance.language,
            keep_text=[AreaView.of(region) for region in spec.keep_text],
            pixel_aspect=format_aspect(spec.pixel_aspect) if spec.pixel_aspect else None,
            identities=IdentitiesView.of(spec.identities) if spec.identities else None,
            text=TextView.of(spec.text),
            verify=spec.verify,
            priority=spec.priority,
            status=request.status,
            progress=request.progress,
            total_frames=request.total_frames,
            processed_frames=request.processed_frames,
            blanked_frames=request.known_blanked_frames,
            created_at=request.created_at,
            started_at=request.started_at,
            completed_at=request.completed_at,
            error=request.error,
            error_code=request.error_code,
            reference=spec.reference,
            result_bytes=request.result_bytes,
            released_at=request.released_at,
            released_by=request.released_by,
        )


class RequestPage(PageBase, frozen=True, kw_only=True):
    """Requests, newest first."""

    items: list[RequestView]


class CancelledView(View, frozen=True, kw_only=True):
    """Confirmation of a cancelled request."""

    success: Annotated[Literal[True], Meta(description="Always true.")] = True
    message: Annotated[str, Meta(examples=["Request cancelled"])] = "Request cancelled"


class DownloadView(View, frozen=True, kw_only=True):
    """A download link of a result, valid once."""

    token: Annotated[str, Meta(description="Download token, valid for one download.")]
    url: Annotated[str, Meta(description="URL of the download; needs no other credential.")]
    expires_at: datetime

    @classmethod
    def of(cls, download: Download, url: str) -> Self:
        """Build the view of a new download link."""
        return cls(token=download.token, url=url, expires_at=download.expires_at)


class StatisticsView(View, frozen=True, kw_only=True):
    """Statistics of the installation."""

    requests: Annotated[
        dict[Status, int], Meta(description="Number of requests by status.", examples=[{"completed": 12}])
    ]
    frames_per_second: Annotated[
        float | None,
        Meta(
            description="Throughput of recently completed requests; null before the first.", examples=[80.5]
        ),
    ]
    average_processing_time: Annotated[
        float | None,
        Meta(description="Mean seconds per recent request; null before the first.", examples=[89.5]),
    ]
    frames_waiting: Annotated[int, Meta(description="Number of frames of unfinished requests.", examples=[0])]
    frames_processed: Annotated[
        int, Meta(description="Number of processed frames of all requests.", examples=[180000])
    ]
    error_rate: Annotated[
        float | None,
        Meta(
            description="Share of failed requests among all ended ones; null before the first.",
            examples=[0.01],
        ),
    ]

    @classmethod
    def of(cls, statistics: Statistics) -> Self:
        """Build the statistics for administrators."""
        counts = dict(statistics.requests)
        ended = counts[Status.COMPLETED] + counts[Status.FAILED]
        return cls(
            requests=counts,
            frames_per_second=statistics.frames_per_second,
            average_processing_time=statistics.average_seconds,
            frames_waiting=statistics.frames_waiting,
            frames_processed=statistics.frames_done,
            error_rate=counts[Status.FAILED] / ended if ended else None,
        )
