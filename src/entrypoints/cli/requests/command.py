"""Command ``framecloak anonymize-frames``: submit and manage requests from the command line."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import UUID

import click

from framecloak.domain.anonymization.model.text_policy import TextMode, parse_keep
from framecloak.entrypoints.cli.admin.connection import run
from framecloak.entrypoints.cli.exit_codes import describe_service_exit_codes
from framecloak.entrypoints.cli.options import data_dir_option, json_option, username_option
from framecloak.entrypoints.cli.requests.arguments import RequestArguments
from framecloak.entrypoints.cli.text_lists import read_lines

_EPILOG = f"""\
\b
Examples
  framecloak anonymize-frames --video-id 123 --segment-ids 1,2,3 -o frames.zip
  framecloak anonymize-frames --batch-file batch.json --async
  framecloak anonymize-frames --status UUID -o frames.zip

\b
Exit codes of this and the other service commands, in addition to those of `framecloak redact`
{describe_service_exit_codes()}
"""


def _segment_ids(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value is not None and not re.fullmatch(r" *\d{1,19} *(, *\d{1,19} *)*", value, re.ASCII):
        raise click.BadParameter(f"{value!r} is not a list of numbers such as 1,2,3")
    return value


def _identities(
    _context: click.Context, _option: click.Parameter, value: str | None
) -> dict[str, str] | None:
    if value is None:
        return None
    mode, colon, gallery = value.partition(":")
    if not colon:
        raise click.BadParameter(f"{value!r} is not a mode and a gallery such as except:UUID")
    return {"mode": mode, "gallery_id": gallery}


def _text(
    mode: str | None, keep: str | None, names: Path | None, patterns: Path | None, *, fail_open: bool
) -> dict[str, object] | None:
    """Return the text policy of a request body; None if no option names one."""
    if mode is None and not (keep or names or patterns or fail_open):
        return None
    body: dict[str, object] = {"mode": mode or TextMode.ALL, "fail_open": fail_open}
    if keep is not None:
        body["keep"] = sorted(parse_keep(keep.split(",")))
    if names:
        body["names"] = read_lines(names)
    if patterns:
        body["patterns"] = read_lines(patterns)
    return body


@click.command("anonymize-frames", epilog=_EPILOG, short_help="Submit, follow and manage requests.")
@click.option("--video-id", type=click.IntRange(min=1), help="Video to anonymise.")
@click.option(
    "--segment-ids", metavar="1,2,3", callback=_segment_ids, help="Segments of the video to anonymise."
)
@click.option("--anonymization-level", metavar="LEVEL", help="Anonymisation level: minimal, faces or full.")
@click.option("--output-format", metavar="FORMAT", help="Format of the output: jpg, jpeg, png, webp or mp4.")
@click.option(
    "--redaction", type=click.Choice(["solid", "pixelate", "blur"]), help="How redacted pixels are replaced."
)
@click.option("--quality", type=click.IntRange(1, 100), help="Quality of JPEG, WebP and MP4.")
@click.option(
    "--audio",
    type=click.Choice(["drop", "keep", "mute-speech"]),
    help="Audio track of MP4 output: drop it, copy it, or silence speech in it.",
)
@click.option("--language", type=click.Choice(["en", "de"]), help="Language of the report.")
@click.option(
    "--identities",
    metavar="MODE:GALLERY",
    callback=_identities,
    help="except:UUID redacts all faces except those of people in a gallery; only:UUID redacts only theirs.",
)
@click.option(
    "--verify",
    type=click.Choice(["none", "sample", "all"]),
    help="Redacted frames to search again for faces.",
)
@click.option(
    "--text",
    "text_mode",
    type=click.Choice([mode.value for mode in TextMode]),
    help="Text to cover at level full; identifying keeps what is provably harmless, listed covers only what"
    " matches --names or --text-patterns.",
)
@click.option(
    "--keep", metavar="CLASSES", help="Harmless text that --text identifying keeps, separated by commas."
)
@click.option(
    "--names",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Names to cover, one a line; stored encrypted until the request ends.",
)
@click.option(
    "--text-patterns",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Regular expressions (RE2) of further text to cover, one a line.",
)
@click.option(
    "--fail-open", is_flag=True, help="Accept that --text listed leaves text readable that could not be read."
)
@click.option(
    "--pixel-aspect",
    metavar="W:H",
    help="Width to height of one stored pixel as displayed, 1:4 to 4:1; default: as declared, or square.",
)
@click.option("--reference", metavar="CODE", help="Code of the order, such as that of a study; no name.")
@click.option(
    "--priority",
    type=click.Choice(["normal", "high"]),
    help="Weight in the queue; high is for administrators unless HIGH_PRIORITY says otherwise.",
)
@click.option(
    "--async", "in_background", is_flag=True, help="Leave processing to the workers and return immediately."
)
@click.option(
    "-o", "--output", metavar="OUT.zip", type=click.Path(path_type=Path), help="Path of the result."
)
@click.option("--force", is_flag=True, help="Overwrite the file named with --output.")
@click.option(
    "--before-release",
    is_flag=True,
    help="Write a result before its release, although RESULT_RELEASE requires one; the audit log says so.",
)
@click.option("--status", metavar="UUID", type=click.UUID, help="Show the status of a request.")
@click.option("--list-requests", is_flag=True, help="List the newest requests of all accounts.")
@click.option("--statistics", is_flag=True, help="Show statistics of the installation.")
@click.option("--cleanup-expired", is_flag=True, help="Delete expired results, uploads and tokens now.")
@click.option(
    "--batch-file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Submit all requests of a JSON list; for an example, see examples/frame_anonymization_batch.json.",
)
@username_option
@json_option
@data_dir_option
def anonymize_frames(
    *,
    video_id: int | None,
    segment_ids: str | None,
    anonymization_level: str | None,
    output_format: str | None,
    redaction: str | None,
    quality: int | None,
    audio: str | None,
    language: str | None,
    identities: dict[str, str] | None,
    verify: str | None,
    text_mode: str | None,
    keep: str | None,
    names: Path | None,
    text_patterns: Path | None,
    fail_open: bool,
    pixel_aspect: str | None,
    reference: str | None,
    priority: str | None,
    in_background: bool,
    output: Path | None,
    force: bool,
    before_release: bool,
    status: UUID | None,
    list_requests: bool,
    statistics: bool,
    cleanup_expired: bool,
    batch_file: Path | None,
    username: str | None,
    as_json: bool,
    data_dir: str | None,
) -> int:
    """Anonymise frames of stored videos, and manage requests.

    Without --async, this process does the work, unless a worker takes the request first, and shows the
    progress. Ctrl-C cancels the request. With --json, every line of standard output is one JSON value.
    """
    order: dict[str, object] = {
        "video_id": video_id,
        "segment_ids": segment_ids,
        "anonymization_level": anonymization_level,
        "output_format": output_format,
        "redaction": redaction,
        "quality": quality,
        "audio": audio,
        "language": language,
        "identities": identities,
        "verify": verify,
        "text": _text(text_mode, keep, names, text_patterns, fail_open=fail_open),
        "pixel_aspect": pixel_aspect,
        "reference": reference,
        "priority": priority,
    }
    options = RequestArguments(
        video_id=video_id,
        batch_file=batch_file,
        status=status,
        list_requests=list_requests,
        statistics=statistics,
        cleanup_expired=cleanup_expired,
        body=order,
        in_background=in_background,
        output=output,
        overwrite=force,
        before_release=before_release,
        username=username,
        as_json=as_json,
        data_dir=data_dir,
    )
    options.require_one_mode()
    # Importing the service is slow, and `--help` does not need it.
    from framecloak.entrypoints.cli.requests.run import execute  # noqa: PLC0415

    return run(lambda: execute(options))
