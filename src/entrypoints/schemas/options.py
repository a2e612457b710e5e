"""Schemas of the defaults and limits of requests."""

from __future__ import annotations

import math
from typing import Annotated, Self

from msgspec import Meta

from framecloak.domain.anonymization.model.options import Language, Level, Verify
from framecloak.domain.anonymization.model.orders.estimates import EstimatedTime, TimeModel
from framecloak.domain.anonymization.model.orders.submissions import ServiceCapacity
from framecloak.domain.anonymization.model.orders.throughput import MARGIN_FRAMES, Efforts
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.model.record.policy import ResultPolicy
from framecloak.domain.anonymization.model.record.release import ReleaseRule
from framecloak.entrypoints.schemas.common import View


class EffortsView(View, frozen=True, kw_only=True):
    """Relative processing time of a frame, as measured on recent orders.

    It is `level` times `verify` times its size, relative to 1920 by 1080 pixels, to the power of
    `size_exponent`, plus `megapixel` times its size in million pixels. An order searches `margin_frames` more
    frames, without the time for `megapixel`.
    """

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
    megapixel: Annotated[
        dict[str, float],
        Meta(description="Added for each million pixels of a frame, by format.", examples=[{"jpg": 0.1}]),
    ]

    size_exponent: Annotated[
        float, Meta(description="Exponent of the size of a frame in its detection.", examples=[0.33])
    ]

    margin_frames: Annotated[
        int, Meta(description="Frames around an order that are searched, too.", examples=[150])
    ]

    @classmethod
    def of(cls, efforts: Efforts) -> Self:
        """Build the view of the factors of a time model."""
        return cls(
            level={str(level): effort for level, effort in efforts.level.items()},
            verify={str(verify): effort for verify, effort in efforts.verify.items()},
            megapixel={str(name): effort for name, effort in efforts.megapixel.items()},
            size_exponent=efforts.size_exponent,
            margin_frames=MARGIN_FRAMES,
        )


class TimeModelView(View, frozen=True, kw_only=True):
    """Time of an order: `startup_seconds`, and `frame_seconds` times effort for each frame until its end."""

    startup_seconds: Annotated[
        float,
        Meta(description="Time to load models and to pack the result, from recent orders.", examples=[38.5]),
    ]
    frame_seconds: Annotated[
        float,
        Meta(
            description="Time of a frame of 1920 by 1080 pixels at level `faces`, with JPEG images and"
            " `verify: sample`.",
            examples=[0.05],
        ),
    ]
    lower_factor: Annotated[
        float, Meta(description="Factor from the estimate to the lower end of its range.", examples=[0.7])
    ]
    upper_factor: Annotated[
        float, Meta(description="Factor from the estimate to the upper end of its range.", examples=[1.6])
    ]

    @classmethod
    def of(cls, model: TimeModel) -> Self:
        """Build the view of a model."""
        return cls(
            startup_seconds=model.startup_seconds,
            frame_seconds=model.frame_seconds,
            lower_factor=model.lower_factor,
            upper_factor=model.upper_factor,
        )


class TimeRangeView(View, frozen=True, kw_only=True):
    """Range of an estimated time in whole seconds."""

    shortest: Annotated[int, Meta(description="Lower end in seconds.", examples=[80])]
    longest: Annotated[int, Meta(description="Upper end in seconds.", examples=[190])]

    @classmethod
    def of(cls, estimated: EstimatedTime) -> Self:
        """Build the view of a range."""
        return cls(shortest=math.floor(estimated.shortest), longest=math.ceil(estimated.longest))


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
    time_model: Annotated[
        TimeModelView, Meta(description="Model of the time of an order, for an estimate as a range.")
    ]
    edit_reasons: Annotated[
        list[str],
        Meta(description="Codes of the reasons for edits of results.", examples=[["missed", "other"]]),
    ]

    release: Annotated[
        ReleaseRule,
        Meta(
            description="Condition for downloads of results: `optional`, `required` (a person has released"
            " it) or `second_person` (that person neither ordered nor corrected it).",
            examples=["optional"],
        ),
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
            frames_per_second=1 / capacity.time_model.frame_seconds,
            frames_waiting=capacity.frames_waiting,
            seconds_waiting=capacity.seconds_waiting,
            efforts=EffortsView.of(capacity.time_model.efforts),
            time_model=TimeModelView.of(capacity.time_model),
            edit_reasons=list(policy.edit_reasons),
            release=policy.release,
        )
