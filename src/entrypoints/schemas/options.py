"""Schemas of the defaults and limits of requests."""

from __future__ import annotations

from typing import Annotated, Self

from msgspec import Meta

from framecloak.domain.anonymization.model.options import Language, Level, Verify
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.model.record.policy import ResultPolicy
from framecloak.domain.anonymization.model.throughput import LEVEL_EFFORTS, VERIFY_EFFORTS, VIDEO_EFFORT
from framecloak.domain.anonymization.requests.submit import ServiceCapacity
from framecloak.entrypoints.schemas.common import View


class EffortsView(View, frozen=True, kw_only=True):
    """Relative processing time of a frame: `level` times `verify`, plus `film` for a video."""

    level: Annotated[
        dict[str, float], Meta(description="Factor by level.", examples=[{"faces": 1.0, "full": 1.75}])
    ]
    verify: Annotated[
        dict[str, float],
        Meta(
            description="Factor by extent of the residual check; not used at level `minimal`.",
            examples=[{"sample": 1.0, "all": 1.8}],
        ),
    ]
    film: Annotated[float, Meta(description="Added for a video instead of images.", examples=[0.4])]

    @classmethod
    def current(cls) -> Self:
        """Build the view of the factors used by estimates."""
        return cls(
            level={str(level): effort for level, effort in LEVEL_EFFORTS.items()},
            verify={str(verify): effort for verify, effort in VERIFY_EFFORTS.items()},
            film=VIDEO_EFFORT,
        )


class OptionsView(View, frozen=True, kw_only=True):
    """Defaults, limits and current load of the installation."""

    anonymization_level: Annotated[Level, Meta(description="Default level.", examples=["faces"])]
    output_format: Annotated[OutputFormat, Meta(description="Default output format.", examples=["jpg"])]
    language: Annotated[Language, Meta(description="Default language of the report.", examples=["en"])]
    verify: Annotated[
        Verify,
        Meta(description="Default selection of redacted frames for the residual check.", examples=["sample"]),
    ]
    levels: Annotated[
        list[Level],
        Meta(description="Levels available in this installation.", examples=[["minimal", "faces", "full"]]),
    ]
    max_frames: Annotated[int, Meta(description="Maximum number of frames of a request.", examples=[10000])]
    frames_per_second: Annotated[
        float,
        Meta(
            description="Throughput at level `faces` with images and `verify: sample`, measured on recently"
            " completed requests; an estimate before the first.",
            examples=[80.5],
        ),
    ]
    frames_waiting: Annotated[
        int,
        Meta(description="Number of frames of unfinished requests, which precede a new one.", examples=[0]),
    ]
    seconds_waiting: Annotated[
        float, Meta(description="Estimated seconds to process these frames.", examples=[12.5])
    ]
    efforts: EffortsView
    edit_reasons: Annotated[
        list[str],
        Meta(description="Codes of the reasons for edits of results.", examples=[["missed", "other"]]),
    ]

    @classmethod
    def of(
        cls,
        capacity: ServiceCapacity,
        *,
        level: Level,
        output_format: OutputFormat,
        language: Language,
        verify: Verify,
        policy: ResultPolicy,
    ) -> Self:
        """Build the view of the options for new requests.

        Args:
            capacity: limits and load of the installation.
            level: default level.
            output_format: default format.
            language: default language of reports.
            verify: default of the residual check.
            policy: rules for results.
        """
        return cls(
            anonymization_level=level,
            output_format=output_format,
            language=language,
            verify=verify,
            levels=list(capacity.levels),
            max_frames=capacity.max_frames,
            frames_per_second=capacity.frames_per_second,
            frames_waiting=capacity.frames_waiting,
            seconds_waiting=capacity.seconds_waiting,
            efforts=EffortsView.current(),
            edit_reasons=list(policy.edit_reasons),
        )
