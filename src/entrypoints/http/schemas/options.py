"""What an order may say here, and what is taken where it says nothing."""

from __future__ import annotations

from typing import Annotated, Self

from msgspec import Meta

from domain.anonymization.request import Language, Level, OutputFormat, Verify
from domain.anonymization.submission import Outlook
from entrypoints.http.config import HttpConfig
from entrypoints.http.schemas.common import View


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
            description="Of the requests completed last; what is to be expected, before the first.",
            examples=[80.5],
        ),
    ]
    frames_waiting: Annotated[
        int, Meta(description="Frames of unfinished requests, which come before a new one.", examples=[0])
    ]

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
        )
