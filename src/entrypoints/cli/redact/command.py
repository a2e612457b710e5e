"""Command ``framecloak redact``: redact videos and images, and write the frames into a ZIP."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from framecloak.domain.anonymization.model.identities import Unknown
from framecloak.domain.anonymization.model.options import (
    Appearance,
    Audio,
    Language,
    Level,
    RedactionShape,
    RedactionStyle,
    Verify,
)
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.entrypoints.cli.exit_codes import FRAMES_BLANKED, SUCCESS, describe_exit_codes, report
from framecloak.entrypoints.cli.redact.options import (
    audio_option,
    detection_options,
    format_option,
    output_option,
    pixel_aspect_option,
    quality_option,
    report_options,
    shape_option,
    style_option,
    text_options,
    video_encoder_option,
)
from framecloak.entrypoints.runtime.garbage import permanent_objects
from framecloak.entrypoints.settings import Settings

if TYPE_CHECKING:
    from framecloak.entrypoints.cli.redact.outcome import RedactionResult

_DEFAULT = Appearance()

_EPILOG = f"""\
\b
Segments and regions
  --segments 0:100,200:260    frames; the start is included, the end is not
  --segments 1.5s:4s,10s:     seconds, at the average frame rate; without an end, up to the last frame
  --region 10,20,300,40       x, y, width, height in pixels of the upright frame
  --region 10,20,300,40@0:50  as above, in these frames only

\b
Exit codes
{describe_exit_codes()}
"""


@click.command(epilog=_EPILOG, short_help="Redact videos, images and folders.")
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=click.Path(path_type=Path))
@output_option
@click.option(
    "--level",
    metavar="LEVEL",
    default=Level.FACES.value,
    show_default=True,
    help="minimal: the given regions; faces: also all faces; full: also all text and licence plates.",
)
@format_option(
    _DEFAULT.output_format.value,
    "Format of the frames: jpg, jpeg, png or webp; or mp4 for one video per segment instead.",
)
@quality_option(_DEFAULT.quality)
@audio_option(
    _DEFAULT.audio,
    "Audio track of MP4 output: drop it, copy it unchanged, or silence what may be speech; voices identify "
    "people.",
)
@click.option(
    "--segments",
    metavar="START:END,...",
    show_default="all",
    help="Segments of every video to write.",
)
@click.option(
    "--region",
    "regions",
    metavar="X,Y,W,H[@START:END]",
    multiple=True,
    help="Region to redact regardless of its content; may be repeated.",
)
@click.option(
    "--regions-from",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="File with more regions: a JSON list, as `framecloak overlays` writes it.",
)
@click.option(
    "--keep-text",
    "keep_text",
    metavar="X,Y,W,H[@START:END]",
    multiple=True,
    help="Region in which level full keeps text readable; faces in it are still redacted; may be repeated.",
)
@text_options
@click.option(
    "--keep-faces",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Photos of people whose faces are kept; all other and all uncertain faces are redacted.",
)
@click.option(
    "--only-faces",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Photos of people; only their faces are redacted.",
)
@click.option(
    "--face-threshold",
    metavar="COSINE",
    type=float,
    show_default="that of the recogniser",
    help="Minimum similarity at which two faces count as the same person, above 0 and up to 1; refused if it "
    "would leave faces visible that must be redacted.",
)
@click.option(
    "--unknown-faces",
    type=click.Choice([unknown.value for unknown in Unknown]),
    show_default="redact",
    help="Treatment of faces that cannot be identified, with --only-faces.",
)
@style_option(_DEFAULT.style)
@shape_option(_DEFAULT.shape)
@click.option(
    "--verify",
    type=click.Choice([verify.value for verify in Verify]),
    show_default="$DEFAULT_VERIFY, or sample",
    help="Redacted frames to search again for faces: none, sample (every tenth and beside gaps) or all.",
)
@pixel_aspect_option
@detection_options
@video_encoder_option
@report_options("the names of the input files")
def redact(
    *,
    inputs: tuple[Path, ...],
    output: Path,
    level: str,
    output_format: str,
    quality: int,
    audio: str,
    segments: str | None,
    regions: Sequence[str],
    regions_from: Path | None,
    keep_text: Sequence[str],
    text_mode: str,
    keep_classes: str | None,
    names: Path | None,
    text_patterns: Path | None,
    device_terms: Path | None,
    fail_open: bool,
    keep_faces: Path | None,
    only_faces: Path | None,
    face_threshold: float | None,
    unknown_faces: str | None,
    style: str,
    shape: str,
    verify: str | None,
    pixel_aspect: str | None,
    detector: str | None,
    provider: str | None,
    precision: str | None,
    threads: int | None,
    video_encoder: str | None,
    language: str | None,
    keep_names: bool,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Redact every INPUT and write the frames, or videos of them, into one ZIP.

    An INPUT is a video, an image or a folder. Of a folder, the images and videos directly in it are used,
    sorted by name; other files in it are reported and ignored. The ZIP also contains report.html for people;
    manifest.json, which lists what was redacted, where and why; and manifest.sig, its signature, for
    `framecloak verify`. The ZIP is written only if it is complete.
    """
    # Importing NumPy and its dependants is slow, and `--help` and usage errors do not need them.
    with permanent_objects():
        from framecloak.domain.imaging.pixel_aspect import parse_aspect  # noqa: PLC0415
        from framecloak.entrypoints.cli.progress import Monitor, OutputMode  # noqa: PLC0415
        from framecloak.entrypoints.cli.redact import people, run  # noqa: PLC0415
        from framecloak.entrypoints.cli.redact.marks import parse_region, parse_segments  # noqa: PLC0415
        from framecloak.entrypoints.cli.redact.region_files import read_regions  # noqa: PLC0415
        from framecloak.entrypoints.cli.redact.text import TextArguments  # noqa: PLC0415
        from framecloak.entrypoints.composition.pipeline import Container  # noqa: PLC0415

    settings = overridden_settings(
        detector=detector,
        provider=provider,
        precision=precision,
        threads=threads,
        video_encoder=video_encoder,
    )
    arguments = run.RedactArguments(
        inputs=inputs,
        output=output,
        level=Level.parse(level),
        appearance=Appearance(
            OutputFormat.parse(output_format),
            quality,
            RedactionStyle(style),
            RedactionShape(shape),
            Audio(audio),
            Language(language) if language else settings.report_language,
        ),
        segments=parse_segments(segments) if segments is not None else (),
        regions=(
            *(parse_region(region) for region in regions),
            *(read_regions(regions_from) if regions_from else ()),
        ),
        keep_text=tuple(parse_region(region) for region in keep_text),
        verify=Verify(verify) if verify else settings.default_verify,
        keep_names=keep_names,
        overwrite=overwrite,
        pixel_aspect=None if pixel_aspect is None else parse_aspect(pixel_aspect),
        text=TextArguments(
            mode=text_mode,
            keep=keep_classes,
            names=names,
            patterns=text_patterns,
            device_terms=device_terms,
            fail_open=fail_open,
        ),
        people=people.reference_photos(keep_faces, only_faces, face_threshold, unknown_faces),
        video_encoder=video_encoder,
    )
    output_mode = OutputMode.JSON if as_json else OutputMode.QUIET if quiet else OutputMode.HUMAN
    monitor = Monitor(output_mode)
    outcome = run.redact(arguments, Container.build(settings), monitor)
    monitor.report(outcome)
    return exit_code(outcome, as_json=as_json)


def overridden_settings(
    *,
    detector: str | None = None,
    provider: str | None = None,
    precision: str | None = None,
    threads: int | None = None,
    video_encoder: str | None = None,
) -> Settings:
    """Read the settings from the environment, with overrides from the command line.

    Args:
        detector: value of ``--detector``; None for the setting.
        provider: value of ``--provider``; None for the setting.
        precision: value of ``--precision``; None for the setting.
        threads: value of ``--threads``; None for the setting.
        video_encoder: value of ``--video-encoder``; None for the setting.

    Raises:
        InvalidSettingError: a variable has a value that is not allowed.
    """
    settings = Settings.from_environment(os.environ)
    return replace(
        settings,
        detector=detector or settings.detector,
        provider=provider or settings.provider,
        precision=precision or settings.precision,
        threads=threads or settings.threads,
        video_encoder=video_encoder or settings.video_encoder,
    )


def _describe_reasons(counts: Mapping[str, int]) -> str:
    """Return the number of blanked frames by reason, in words."""
    words = {
        "not_decoded": "damaged in the source",
        "not_searched": "not examined",
        "residuals": "still showed a face",
        "name_readable": "still showed a name",
    }
    known = [f"{counts[reason]} {text}" for reason, text in words.items() if counts.get(reason)]
    return ", ".join(known) or "as in the edited result"


def exit_code(outcome: RedactionResult, *, as_json: bool = False) -> int:
    """Return the exit code of a run; report blanked frames on standard error."""
    summary = outcome.summary
    if not summary.blanked:
        return SUCCESS
    reasons = {str(reason): count for reason, count in summary.blank_reasons.items()}
    report(
        "frames_blanked",
        f"{summary.blanked} of {summary.frames} frames could not be examined or still showed too much; "
        f"they are black in the output ({_describe_reasons(reasons)})",
        'manifest.json lists them ("blanked": true); repair or re-export the source, then redact it again',
        as_json=as_json,
    )
    return FRAMES_BLANKED
