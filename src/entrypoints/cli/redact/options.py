"""Options shared by the commands that redact files.

An option without a default takes its value from the manifest that is rendered; its help states this.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import click

from framecloak.domain.anonymization.model.options import Audio, Language, RedactionShape, RedactionStyle
from framecloak.domain.anonymization.model.text_policy import DEFAULT_KEEP, TextMode
from framecloak.entrypoints.cli.options import detector_option
from framecloak.entrypoints.settings import MAX_THREADS, PRECISIONS, PROVIDERS, VIDEO_ENCODERS

Command = TypeVar("Command", bound=Callable[..., Any])
Option = Callable[[Command], Command]

_FROM_MANIFEST = "as in the manifest"

output_option = click.option(
    "-o", "--output", metavar="OUT.zip", required=True, type=click.Path(path_type=Path), help="ZIP to write."
)

threads_option = click.option(
    "--threads",
    metavar="N",
    type=click.IntRange(1, MAX_THREADS),
    show_default="$FRAMECLOAK_THREADS, or all cores",
    help="Number of frames processed in parallel.",
)


video_encoder_option = click.option(
    "--video-encoder",
    type=click.Choice(VIDEO_ENCODERS),
    show_default="$VIDEO_ENCODER, or libx264",
    help="Encoder of MP4 output. A hardware encoder is tried first, and refused if it does not work.",
)


def _combine(*options: Option[Command]) -> Option[Command]:
    """Combine options into one decorator that keeps their order in the help."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


detection_options: Option[Any] = _combine(
    detector_option,
    click.option(
        "--provider",
        type=click.Choice(PROVIDERS),
        show_default="$FRAMECLOAK_PROVIDER, or auto",
        help="Execution provider of the models; auto: the first of tensorrt, cuda and cpu that works.",
    ),
    click.option(
        "--precision",
        type=click.Choice(PRECISIONS),
        show_default="$FRAMECLOAK_PRECISION, or auto",
        help="Numeric precision of the models; auto: int8 on a CPU and fp32 on a GPU.",
    ),
    threads_option,
)
"""Options for the detector and the hardware that it runs on."""


text_options: Option[Any] = _combine(
    click.option(
        "--text",
        "text_mode",
        type=click.Choice([mode.value for mode in TextMode]),
        default=TextMode.ALL.value,
        show_default=True,
        help="Text that level full covers. identifying: all but what is provably harmless; listed: only what"
        " matches --names or --text-patterns.",
    ),
    click.option(
        "--keep",
        "keep_classes",
        metavar="CLASS,...",
        show_default=",".join(sorted(DEFAULT_KEEP)),
        help="Harmless text that --text identifying keeps: measurements, times, device. A time may identify"
        " an examination.",
    ),
    click.option(
        "--names",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Names to cover wherever they are read, one a line.",
    ),
    click.option(
        "--text-patterns",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Regular expressions (RE2) of further text to cover, one a line.",
    ),
    click.option(
        "--device-terms",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Terms of your devices that --text identifying keeps with the class device, one a line.",
    ),
    click.option(
        "--fail-open",
        is_flag=True,
        help="Accept that --text listed leaves text readable that could not be read.",
    ),
)
"""Options of the text policy."""


pixel_aspect_option = click.option(
    "--pixel-aspect",
    metavar="W:H",
    show_default="as declared, or square",
    help="Width to height of one stored pixel as displayed, 1:4 to 4:1, for footage that lost it.",
)


def report_options(names: str) -> Option[Any]:
    """Return the options for the report, the output file and the printed messages.

    Args:
        names: names that --keep-names writes into the ZIP, as in its help.
    """
    return _combine(
        click.option(
            "--language",
            type=click.Choice([language.value for language in Language]),
            show_default="$REPORT_LANGUAGE, or en",
            help="Language of report.html.",
        ),
        click.option("--keep-names", is_flag=True, help=f"Include {names} in the ZIP."),
        click.option("--force", "overwrite", is_flag=True, help="Replace OUT.zip if it exists."),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a report."),
        click.option("--quiet", is_flag=True, help="Print errors only."),
    )


def format_option(default: str | None, help_text: str) -> Option[Any]:
    """Return the option for the format of the output."""
    return click.option(
        "--format", "output_format", metavar="FORMAT", help=help_text, **_default_arguments(default)
    )


def quality_option(default: int | None) -> Option[Any]:
    """Return the option for the quality of the output."""
    return click.option(
        "--quality", type=int, help="Quality of JPEG, WebP and MP4, 1 to 100.", **_default_arguments(default)
    )


def audio_option(default: Audio | None, help_text: str) -> Option[Any]:
    """Return the option for the audio track."""
    return _choice_option("--audio", None, Audio, default, help_text)


def style_option(default: RedactionStyle | None) -> Option[Any]:
    """Return the option for the redaction style."""
    help_text = (
        "How redacted pixels are replaced; only solid leaves nothing from which to reconstruct a face."
    )
    return _choice_option("--redaction", "style", RedactionStyle, default, help_text)


def shape_option(default: RedactionShape | None) -> Option[Any]:
    """Return the option for the shape of redacted faces."""
    help_text = "Shape of redacted faces; everything else is redacted as a box."
    return _choice_option("--shape", None, RedactionShape, default, help_text)


def _choice_option(
    flag: str, name: str | None, kind: type[StrEnum], default: StrEnum | None, help_text: str
) -> Option[Any]:
    names = (flag, name) if name else (flag,)
    choices = click.Choice([member.value for member in kind])
    return click.option(
        *names, type=choices, help=help_text, **_default_arguments(None if default is None else default.value)
    )


def _default_arguments(default: str | int | None) -> dict[str, Any]:
    return {"show_default": _FROM_MANIFEST} if default is None else {"default": default, "show_default": True}
