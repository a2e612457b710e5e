"""``framecloak anonymize-frames``: requests for anonymised frames, for operators."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import click

from framecloak.entrypoints.cli.admin.connection import run
from framecloak.entrypoints.cli.exit_codes import describe_service_exit_codes
from framecloak.entrypoints.cli.options import data_dir_option

_EPILOG = f"""\
\b
Examples
  framecloak anonymize-frames --video-id 123 --segment-ids 1,2,3 -o frames.zip
  framecloak anonymize-frames --batch-file batch.json --async
  framecloak anonymize-frames --status UUID -o frames.zip

\b
Exit codes of this and the other commands of the service, beside those of `framecloak redact`
{describe_service_exit_codes()}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the command line asks for; exactly one of the modes is set.

    Attributes:
        video_id: mode: submit an order for this video.
        batch_file: mode: submit every order in this file.
        status: mode: show where this request stands.
        list_requests, statistics, cleanup_expired: modes.
        order: of a submitted order, in the words of the HTTP API; what is None is left to the settings.
        in_background: whether workers do it, rather than this process.
        output: where to write the result.
        username: whom to act as; None for the first administrator.
        as_json: whether to print JSON.
        data_dir: as on the command line.
    """

    video_id: int | None
    batch_file: Path | None
    status: UUID | None
    list_requests: bool
    statistics: bool
    cleanup_expired: bool
    order: dict[str, object]
    in_background: bool
    output: Path | None
    username: str | None
    as_json: bool
    data_dir: str | None

    def require_one_mode(self) -> None:
        """Refuse to guess.

        Raises:
            UsageError: there is no mode, more than one, or an option that does not go with it.
        """
        modes = {
            "--video-id": self.video_id is not None,
            "--batch-file": self.batch_file is not None,
            "--status": self.status is not None,
            "--list-requests": self.list_requests,
            "--statistics": self.statistics,
            "--cleanup-expired": self.cleanup_expired,
        }
        if sum(modes.values()) != 1:
            raise click.UsageError(f"give exactly one of {', '.join(modes)}")
        self._require_matching_options()

    def _require_matching_options(self) -> None:
        if self.video_id is not None:
            if self.order["segment_ids"] is None:
                raise click.UsageError("--video-id needs --segment-ids, as in --segment-ids 1,2,3")
        else:
            for name, value in self.order.items():
                if value is not None:
                    raise click.UsageError(f"--{name.replace('_', '-')} goes with --video-id")
        if self.video_id is None and self.batch_file is None:
            for option, given in (("--async", self.in_background), ("--as", self.username is not None)):
                if given:
                    raise click.UsageError(f"{option} goes with --video-id or --batch-file")
        if self.output is not None and (self.in_background or not (self.video_id or self.status)):
            raise click.UsageError("--output goes with --video-id in the foreground, or with --status")


def _segment_ids(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value is not None and not re.fullmatch(r" *\d{1,19} *(, *\d{1,19} *)*", value, re.ASCII):
        raise click.BadParameter(f"{value!r} is no list of numbers, such as 1,2,3")
    return value


def _identities(
    _context: click.Context, _option: click.Parameter, value: str | None
) -> dict[str, str] | None:
    if value is None:
        return None
    mode, colon, gallery = value.partition(":")
    if not colon:
        raise click.BadParameter(f"{value!r} is no mode and gallery, such as except:UUID")
    return {"mode": mode, "gallery_id": gallery}


@click.command("anonymize-frames", epilog=_EPILOG, short_help="Submit, follow and look after requests.")
@click.option("--video-id", type=click.IntRange(min=1), help="Anonymise frames of this video.")
@click.option("--segment-ids", metavar="1,2,3", callback=_segment_ids, help="Segments of the video.")
@click.option("--anonymization-level", metavar="LEVEL", help="minimal, faces or full.")
@click.option("--output-format", metavar="FORMAT", help="jpg, jpeg, png, webp or mp4.")
@click.option(
    "--redaction", type=click.Choice(["solid", "pixelate", "blur"]), help="What replaces the pixels."
)
@click.option("--quality", type=click.IntRange(1, 100), help="Of JPEG, WebP and MP4.")
@click.option("--audio", type=click.Choice(["drop", "keep"]), help="Sound of films: left out, or copied.")
@click.option("--language", type=click.Choice(["en", "de"]), help="Of the report.")
@click.option(
    "--identities",
    metavar="MODE:GALLERY",
    callback=_identities,
    help="except:UUID redacts everybody but the people of a gallery; only:UUID redacts only them.",
)
@click.option(
    "--verify",
    type=click.Choice(["none", "sample", "all"]),
    help="Redacted frames to search again for faces.",
)
@click.option("--priority", type=click.Choice(["normal", "high"]), help="Which queue it waits in.")
@click.option("--async", "in_background", is_flag=True, help="Leave it to the workers, and return at once.")
@click.option(
    "-o", "--output", metavar="OUT.zip", type=click.Path(path_type=Path), help="Write the result there."
)
@click.option("--status", metavar="UUID", type=click.UUID, help="Show where a request stands.")
@click.option("--list-requests", is_flag=True, help="List the newest requests of everybody.")
@click.option("--statistics", is_flag=True, help="Show what the installation has done.")
@click.option("--cleanup-expired", is_flag=True, help="Remove what has had its time, now.")
@click.option(
    "--batch-file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Submit every order of a JSON list, as in examples/frame_anonymization_batch.json.",
)
@click.option(
    "--as", "username", metavar="NAME", help="Act as this account; the first administrator otherwise."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
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
    priority: str | None,
    in_background: bool,
    output: Path | None,
    status: UUID | None,
    list_requests: bool,
    statistics: bool,
    cleanup_expired: bool,
    batch_file: Path | None,
    username: str | None,
    as_json: bool,
    data_dir: str | None,
) -> int:
    """Have frames of stored videos anonymised, and look after requests.

    Without --async this process does the work, unless a worker is quicker, and shows how far it is. Ctrl-C
    cancels the request. With --json every line of standard output is one JSON value.
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
        "priority": priority,
    }
    wanted = Wanted(
        video_id=video_id,
        batch_file=batch_file,
        status=status,
        list_requests=list_requests,
        statistics=statistics,
        cleanup_expired=cleanup_expired,
        order=order,
        in_background=in_background,
        output=output,
        username=username,
        as_json=as_json,
        data_dir=data_dir,
    )
    wanted.require_one_mode()
    # The service takes a moment to import; `--help` needs none of it.
    from framecloak.entrypoints.cli.requests.run import carry_out  # noqa: PLC0415

    return run(lambda: carry_out(wanted))
