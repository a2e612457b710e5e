"""Command ``framecloak storage``: verification of the object store."""

from __future__ import annotations

import json
import sys

import click

from framecloak.domain.storage.verification import VerificationReport
from framecloak.entrypoints.cli.admin.connection import OPERATOR, connected_service, run
from framecloak.entrypoints.cli.exit_codes import STORAGE_DAMAGED, SUCCESS
from framecloak.entrypoints.cli.options import data_dir_option, json_option


@click.group(short_help="Compare stored files with what was stored.")
def storage() -> None:
    """Maintain the object store of this installation."""


@storage.command("verify", short_help="Compare all stored files with what was stored.")
@click.option("--sizes-only", is_flag=True, help="Compare sizes without reading the files.")
@json_option
@data_dir_option
def verify(*, sizes_only: bool, as_json: bool, data_dir: str | None) -> int:
    """Compare every video, result and part with its recorded size and SHA-256, and say what to do.

    Reads all files once. The service keeps running meanwhile. The exit code is 7 if a file is missing or
    differs.
    """

    async def main() -> VerificationReport:
        async with connected_service(data_dir) as service:
            return await service.use_cases.storage_verification.verify(
                OPERATOR, _print_progress, sizes_only=sizes_only
            )

    report = run(main)
    if as_json:
        click.echo(json.dumps(_as_json(report), indent=2))
    else:
        _print_report(report)
    return STORAGE_DAMAGED if report.damaged else SUCCESS


def _print_progress(files: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{files} files ", err=True, nl=False)


def _print_report(report: VerificationReport) -> None:
    for file, problem, advice in report.damaged:
        click.echo(f"{file.owner}, {file.key}: {problem}; {advice}")
    compared = f"{report.checked} files, {report.checked_bytes} bytes"
    click.echo(f"compared {compared}; {len(report.damaged)} damaged")
    if report.without_sha256:
        click.echo(
            f"{report.without_sha256} of them by size alone: they were stored before digests were recorded"
        )


def _as_json(report: VerificationReport) -> dict[str, object]:
    return {
        "checked": report.checked,
        "checked_bytes": report.checked_bytes,
        "without_sha256": report.without_sha256,
        "damaged": [
            {
                "kind": str(file.kind),
                "owner": file.owner,
                "key": file.key,
                "problem": problem,
                "advice": advice,
            }
            for file, problem, advice in report.damaged
        ],
    }
