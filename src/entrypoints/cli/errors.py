"""From errors to exit codes and to the one line that is printed."""

from __future__ import annotations

import json
import sys

import click

from domain.errors import DomainError

SUCCESS = 0
USAGE = 2
FRAMES_BLANKED = 3
INTERNAL = 70
KILLED_BY = 128
"""Plus the number of the signal, as shells have it."""

EXIT_CODES = {
    "input_not_found": 10,
    "empty_file": 11,
    "unreadable_video": 12,
    "no_video_stream": 13,
    "no_frames": 14,
    "truncated_video": 15,
    "image_too_large": 16,
    "invalid_segment": 20,
    "invalid_region": 21,
    "invalid_level": 22,
    "level_unavailable": 23,
    "invalid_format": 24,
    "invalid_option": 25,
    "provider_unavailable": 30,
    "model_missing": 31,
    "model_corrupt": 32,
    "license_not_accepted": 33,
    "model_download_failed": 34,
    "examination_failed": 35,
    "output_unwritable": 40,
    "storage_full": 41,
    "internal_error": INTERNAL,
}
"""Exit code by ``DomainError.code``; the only place that knows."""


def describe_exit_codes() -> str:
    """The table for ``--help``: one line per code."""
    rows = [
        (SUCCESS, "every frame was examined"),
        (USAGE, "the command line was not understood"),
        (FRAMES_BLANKED, "done, but some frames could not be examined and are black"),
        *((code, name.replace("_", " ")) for name, code in EXIT_CODES.items()),
        (130, "interrupted with Ctrl-C"),
        (143, "terminated"),
    ]
    return "\n".join(f"{code:>5}  {meaning}" for code, meaning in rows)


def report(code: str, message: str, hint: str, *, as_json: bool) -> None:
    """Print one line on standard error, for people or for programs."""
    if as_json:
        line = json.dumps({"code": code, "message": message, "hint": hint})
    else:
        text = f"framecloak: {message}: {hint}" if hint else f"framecloak: {message}"
        line = " ".join(text.split())
    click.echo(line, file=sys.stderr)


def report_domain_error(error: DomainError, *, as_json: bool) -> int:
    """Print what went wrong and return its exit code."""
    report(error.code, error.message, error.hint, as_json=as_json)
    return EXIT_CODES[error.code]


def report_usage_error(error: click.ClickException, *, as_json: bool) -> int:
    """Print what is wrong with the command line and return its exit code."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    command = context.command_path if context else "framecloak"
    report("usage", error.format_message().rstrip("."), f"see `{command} --help`", as_json=as_json)
    return USAGE


def report_internal_error(error: Exception, *, as_json: bool) -> int:
    """Print that the program is at fault and return the exit code for that."""
    what = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(": ")
    hint = "please report it; with FRAMECLOAK_DEBUG=1 in the environment it shows where it happened"
    report("internal_error", f"internal error ({what})", hint, as_json=as_json)
    return INTERNAL
