"""What a person asks for: level, output format, how redaction looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from framecloak.domain.errors import (
    InvalidFormatError,
    InvalidLevelError,
    InvalidOptionError,
    LevelUnavailableError,
)

DEFAULT_QUALITY = 90


class Level(StrEnum):
    """How much is redacted."""

    MINIMAL = "minimal"
    """The regions given by hand, and nothing else."""
    FACES = "faces"
    """The regions given by hand and every face."""
    FULL = "full"
    """Regions, faces, licence plates and burned-in text."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a level from what a person typed.

        Raises:
            InvalidLevelError: there is no such level.
        """
        try:
            return cls(text.strip().lower())
        except ValueError:
            names = ", ".join(cls)
            raise InvalidLevelError(f"unknown level {text!r}", f"use one of {names}") from None


def require_available(level: Level, is_available: Callable[[Level], bool]) -> None:
    """Refuse a level that this installation cannot deliver.

    Raises:
        LevelUnavailableError: it cannot; the hint says what to install.
    """
    if not is_available(level):
        raise LevelUnavailableError(
            f"level {level} is not available here: the text detector is not installed",
            "run `pip install 'framecloak[embedded]'`, or use level faces and mark texts as regions",
        )


def require_faces(level: Level) -> None:
    """Refuse to tell people apart at a level that leaves faces alone.

    Raises:
        InvalidOptionError: it does.
    """
    if level is Level.MINIMAL:
        raise InvalidOptionError(
            f"level {level} redacts no faces, so it does not matter whose they are",
            "use level faces or full, or say nothing about identities",
        )


class OutputFormat(StrEnum):
    """The file format of the result: a picture for every frame, or films."""

    JPG = "jpg"
    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    MP4 = "mp4"
    """One film for every segment instead of pictures."""

    @property
    def is_film(self) -> bool:
        """Whether frames become films instead of pictures."""
        return self is OutputFormat.MP4

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a format from what a person typed; case does not matter.

        Raises:
            InvalidFormatError: there is no such format.
        """
        try:
            return cls(text.strip().lower())
        except ValueError:
            names = ", ".join(cls)
            raise InvalidFormatError(f"unknown format {text!r}", f"use one of {names}") from None


class RedactionStyle(StrEnum):
    """What replaces the pixels. Only ``solid`` leaves nothing that an attack could work on."""

    SOLID = "solid"
    PIXELATE = "pixelate"
    BLUR = "blur"


class RedactionShape(StrEnum):
    """The outline of what is replaced, inside each box."""

    BOX = "box"
    ELLIPSE = "ellipse"


class Audio(StrEnum):
    """What becomes of the sound of a film. Voices tell people apart, so keeping it is a choice."""

    DROP = "drop"
    KEEP = "keep"


class Verify(StrEnum):
    """Which of the redacted frames are searched again before they are delivered."""

    NONE = "none"
    SAMPLE = "sample"
    """Every tenth frame, and what is next to a filled gap of a face."""
    ALL = "all"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read it from what a person typed; case does not matter.

        Raises:
            InvalidOptionError: there is no such choice.
        """
        try:
            return cls(text.strip().lower())
        except ValueError:
            names = ", ".join(cls)
            raise InvalidOptionError(f"unknown choice {text!r}", f"use one of {names}") from None


class Language(StrEnum):
    """What the report is written in."""

    ENGLISH = "en"
    GERMAN = "de"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a language from what a person typed; case does not matter.

        Raises:
            InvalidOptionError: there is no such language.
        """
        try:
            return cls(text.strip().lower())
        except ValueError:
            names = ", ".join(cls)
            raise InvalidOptionError(f"unknown language {text!r}", f"use one of {names}") from None


@dataclass(frozen=True, slots=True)
class Appearance:
    """How the result looks.

    Attributes:
        output_format: file format of the frames.
        quality: 1..100 for JPEG, WebP and MP4; PNG is lossless at any value.
        style: what replaces the pixels.
        shape: outline of what is replaced; regions given by hand are always boxes.
        audio: whether a film keeps the sound of its source; pictures have none.
        language: of the report.

    Raises:
        InvalidOptionError: the quality is outside 1..100, or pictures should keep the sound.
    """

    output_format: OutputFormat = OutputFormat.JPG
    quality: int = DEFAULT_QUALITY
    style: RedactionStyle = RedactionStyle.SOLID
    shape: RedactionShape = RedactionShape.BOX
    audio: Audio = Audio.DROP
    language: Language = Language.ENGLISH

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 100:
            raise InvalidOptionError(f"quality {self.quality} is outside 1 to 100", "choose 1 to 100")
        if self.audio is Audio.KEEP and not self.output_format.is_film:
            raise InvalidOptionError(
                f"{self.output_format} files hold no sound", "choose mp4, or leave the sound out"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What is to look otherwise than it did; None for what stays.

    Attributes:
        output_format, quality, style, shape, audio, language: as for ``Appearance``.
    """

    output_format: OutputFormat | None = None
    quality: int | None = None
    style: RedactionStyle | None = None
    shape: RedactionShape | None = None
    audio: Audio | None = None
    language: Language | None = None

    def over(self, before: Appearance) -> Appearance:
        """What is chosen, and the rest as it was; sound that was kept is dropped where pictures are chosen.

        Raises:
            InvalidOptionError: the quality is out of range, or pictures should keep the sound.
        """
        output_format = self.output_format or before.output_format
        return Appearance(
            output_format,
            before.quality if self.quality is None else self.quality,
            self.style or before.style,
            self.shape or before.shape,
            self.audio or (before.audio if output_format.is_film else Audio.DROP),
            self.language or before.language,
        )
