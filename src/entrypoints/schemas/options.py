"""What an order may say here, and what is taken where it says nothing."""

from __future__ import annotations

from typing import Annotated, Self

from msgspec import Meta

from framecloak.domain.anonymization.model.options import Language, Level, OutputFormat, Verify
from framecloak.domain.anonymization.model.throughput import FILM_EFFORT, LEVEL_EFFORTS, VERIFY_EFFORTS
from framecloak.domain.anonymization.requests.submit import Outlook
from framecloak.entrypoints.http.config import HttpConfig
from framecloak.entrypoints.schemas.common import View


class EffortsView(View, frozen=True, kw_only=True):
    """What a frame takes, beside a usual one: level times check, and something more for a film."""

    level: Annotated[dict[str, float], Meta(description="By level.", examples=[{"faces": 1.0, "full": 1.75}])]
    verify: Annotated[
        dict[str, float],
        Meta(
            description="By how much is searched again, except at level `minimal`.",
            examples=[{"sample": 1.0, "all": 1.8}],
        ),
    ]
    film: Annotated[float, Meta(description="More, for a film instead of pictures.", examples=[0.4])]

    @classmethod
    def known(cls) -> Self:
        """As estimates use them."""
        return cls(
            level={str(level): effort for level, effort in LEVEL_EFFORTS.items()},
            verify={str(verify): effort for verify, effort in VERIFY_EFFORTS.items()},
            film=FILM_EFFORT,
        )


class OptionsView(View, frozen=True, kw_only=True):
    """Defaults and limits of this installation, and how busy it is."""

    anonymization_level: Annotated[
        Level, Meta(description="Of an order that names none.", examples=["faces"])
    ]
    output_format: Annotated[OutputFormat, Meta(description="Likewise.", examples=["jpg"])]
    language: Annotated[Language, Meta(description="Of its report, likewise.", examples=["en"])]
    verify: Annotated[
        Verify,
        Meta(description="Which of its redacted frames are searched again, likewise.", examples=["sample"]),
    ]
    levels: Annotated[
        list[Level],
        Meta(description="That can be delivered here.", examples=[["minimal", "faces", "full"]]),
    ]
    max_frames: Annotated[int, Meta(description="That one request may have.", examples=[10000])]
    frames_per_second: Annotated[
        float,
        Meta(
            description="Usual ones (at level `faces`, a sample searched again, pictures), from the requests"
            " completed last; what is to be expected, before the first.",
            examples=[80.5],
        ),
    ]
    frames_waiting: Annotated[
        int, Meta(description="Frames of unfinished requests, which come before a new one.", examples=[0])
    ]
    seconds_waiting: Annotated[float, Meta(description="What these will take.", examples=[12.5])]
    efforts: EffortsView

    @classmethod
    def of(cls, outlook: Outlook, config: HttpConfig) -> Self:
        """As told to whoever is about to submit an order."""
        return cls(
            anonymization_level=config.default_level,
            output_format=config.default_format,
            language=config.default_language,
            verify=config.default_verify,
            levels=list(outlook.levels),
            max_frames=outlook.max_frames,
            frames_per_second=outlook.frames_per_second,
            frames_waiting=outlook.frames_waiting,
            seconds_waiting=outlook.seconds_waiting,
            efforts=EffortsView.known(),
        )
