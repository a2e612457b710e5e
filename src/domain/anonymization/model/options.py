"""Options of a redaction: level, output format, appearance, residual check and report language."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.errors import (
    InvalidLevelError,
    InvalidOptionError,
    LevelUnavailableError,
)

DEFAULT_QUALITY = 90

MAX_TEXT_SHARE = 0.25
"""Share of the frame's area from which on text needs agreement, unless a setting names another one."""

FOLLOW_SECONDS = 1.5
"""Default time in seconds for which a head is followed by its pixels where its face is not detected."""

MAX_FOLLOW_SECONDS = 5.0
"""Longest such time in seconds; every slice is analysed with that much context on either side."""

FRAMES_PER_GROUP = 48
"""Frames of a group in a video, about two seconds; players can seek to its start, which is a keyframe."""


class Level(StrEnum):
    """Extent of the redaction."""

    MINIMAL = "minimal"
    """Only the regions given by hand."""
    FACES = "faces"
    """Regions given by hand, and all faces."""
    FULL = "full"
    """Regions, faces, licence plates and burned-in text."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a level as typed by a user; case does not matter.

        Raises:
            InvalidLevelError: there is no such level.
        """
        try:
            return cls(text.strip().lower())
        except ValueError:
            names = ", ".join(cls)
            raise InvalidLevelError(f"unknown level {text!r}", f"use one of {names}") from None


def require_available(level: Level, is_available: Callable[[Level], bool]) -> None:
    """Raise an error if this installation does not support the level.

    Raises:
        LevelUnavailableError: it does not; the hint names what to install.
    """
    if not is_available(level):
        raise LevelUnavailableError(
            f"level {level} is not available here: the text detector is not installed",
            "run `pip install 'framecloak[embedded]'`, or use level faces and mark text as regions",
        )


def require_faces(level: Level) -> None:
    """Raise an error if the level redacts no faces, so that identities cannot be applied.

    Raises:
        InvalidOptionError: the level redacts no faces.
    """
    if level is Level.MINIMAL:
        raise InvalidOptionError(
            f"level {level} redacts no faces, so identities have no effect",
            "use level faces or full, or leave out the identities",
        )


class RedactionStyle(StrEnum):
    """Replacement of the pixels. Only ``solid`` leaves nothing that could be reconstructed."""

    SOLID = "solid"
    PIXELATE = "pixelate"
    BLUR = "blur"


class RedactionShape(StrEnum):
    """Outline of the redacted area inside each box."""

    BOX = "box"
    ELLIPSE = "ellipse"


class Audio(StrEnum):
    """Handling of a video's sound. Voices identify people, so keeping it must be requested."""

    DROP = "drop"
    KEEP = "keep"
    MUTE_SPEECH = "mute-speech"
    """Silence what may be a voice, and encode the rest again."""


class Verify(StrEnum):
    """Frames that undergo the residual check before delivery."""

    NONE = "none"
    SAMPLE = "sample"
    """Every tenth frame, and frames next to a filled gap of a face."""
    ALL = "all"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a choice as typed by a user; case does not matter.

        Raises:
            InvalidOptionError: there is no such choice.
        """
        try:
            return cls(text.strip().lower())
        except ValueError:
            names = ", ".join(cls)
            raise InvalidOptionError(f"unknown choice {text!r}", f"use one of {names}") from None


class Language(StrEnum):
    """Language of the report."""

    ENGLISH = "en"
    GERMAN = "de"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a language as typed by a user; case does not matter.

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
    """Style and format of the result.

    Attributes:
        output_format: file format of the frames.
        quality: 1..100 for JPEG, WebP and MP4; without effect on PNG, which is lossless.
        style: replacement of the pixels.
        shape: outline of the redacted areas; regions given by hand are always boxes.
        audio: handling of the sound of the source; must be dropped for images.
        language: language of the report.

    Raises:
        InvalidOptionError: the quality is outside 1..100, or sound is to be kept in images.
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
        if self.audio is not Audio.DROP and not self.output_format.is_video:
            raise InvalidOptionError(
                f"{self.output_format} files cannot contain sound", "choose mp4, or leave the sound out"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class AppearanceChanges:
    """Changes to an appearance; None keeps the previous value.

    Attributes:
        output_format, quality, style, shape, audio, language: as for ``Appearance``.
    """

    output_format: OutputFormat | None = None
    quality: int | None = None
    style: RedactionStyle | None = None
    shape: RedactionShape | None = None
    audio: Audio | None = None
    language: Language | None = None

    def applied_to(self, previous: Appearance) -> Appearance:
        """Return a previous appearance with these changes.

        A change from videos to images drops sound that was kept before.

        Raises:
            InvalidOptionError: the quality is out of range, or sound is to be kept in images.
        """
        output_format = self.output_format or previous.output_format
        return Appearance(
            output_format,
            previous.quality if self.quality is None else self.quality,
            self.style or previous.style,
            self.shape or previous.shape,
            self.audio or (previous.audio if output_format.is_video else Audio.DROP),
            self.language or previous.language,
        )
