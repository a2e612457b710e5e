"""Command ``framecloak overlays``: propose regions for static overlays and store the accepted ones."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from framecloak.entrypoints.cli.admin.connection import acting_principal, connected_service, run
from framecloak.entrypoints.cli.exit_codes import SUCCESS
from framecloak.entrypoints.cli.options import data_dir_option, json_option, username_option
from framecloak.entrypoints.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from framecloak.domain.anonymization.overlays.proposals import OverlayProposal

_ALL = "all"


class AcceptedProposals(NamedTuple):
    """Accepted proposals.

    Attributes:
        numbers: numbers of the proposals, from 1; None for all proposals.
    """

    numbers: frozenset[int] | None


def _parse_accepted(
    _context: click.Context, _option: click.Parameter, value: str | None
) -> AcceptedProposals | None:
    if value is None:
        return None
    if value == _ALL:
        return AcceptedProposals(None)
    if not re.fullmatch(r" *\d{1,9} *(, *\d{1,9} *)*", value, re.ASCII):
        raise click.BadParameter(f"{value!r} is neither `{_ALL}` nor a list of numbers such as 1,3")
    return AcceptedProposals(frozenset(int(number) for number in value.split(",")))


@click.command(short_help="Propose regions for text and logos that a device overlays.")
@click.argument("video", metavar="[VIDEO]", required=False, type=click.Path(path_type=Path))
@click.option("--video-id", type=click.IntRange(min=1), help="Stored video to analyse instead of a file.")
@click.option(
    "--accept",
    metavar="all|1,3",
    callback=_parse_accepted,
    help="Proposals to save: as regions of the stored video, or in REGIONS.json.",
)
@click.option(
    "-o",
    "--output",
    metavar="REGIONS.json",
    type=click.Path(path_type=Path),
    help="File for the accepted regions of VIDEO, for `framecloak redact --regions-from`.",
)
@click.option(
    "--draw",
    metavar="OUT.jpg",
    type=click.Path(path_type=Path),
    help="Write a frame of VIDEO with the proposals.",
)
@username_option
@json_option
@data_dir_option
def overlays(
    *,
    video: Path | None,
    video_id: int | None,
    accept: AcceptedProposals | None,
    output: Path | None,
    draw: Path | None,
    username: str | None,
    as_json: bool,
    data_dir: str | None,
) -> int:
    """Propose regions for static overlays in a video, such as names, times and logos of devices.

    Review the proposals first, then accept the correct ones with --accept; the same video yields the same
    proposals. Overlays that are visible only some of the time are not detected. Accepted regions of a stored
    video are redacted in every request that is submitted afterwards.
    """
    if video is not None and video_id is None:
        if username is not None:
            raise click.UsageError("--as requires --video-id")
        if (accept is None) is not (output is None):
            raise click.UsageError("for a file, --accept and --output require each other")
        return _propose_for_file(video, accept, output, draw, as_json=as_json)
    if video is not None or video_id is None:
        raise click.UsageError("give either VIDEO or --video-id")
    if output is not None or draw is not None:
        raise click.UsageError("--output and --draw require VIDEO")
    return run(lambda: _propose_for_stored(video_id, accept, username, data_dir, as_json=as_json))


def _propose_for_file(
    video: Path, accept: AcceptedProposals | None, output: Path | None, draw: Path | None, *, as_json: bool
) -> int:
    # Importing NumPy and its dependants is slow, and `--help` and usage errors do not need them.
    from framecloak.entrypoints.cli.overlays.run import draw_proposals, find_proposals, select_proposals  # noqa: PLC0415
    from framecloak.entrypoints.cli.redact.region_files import write_regions  # noqa: PLC0415
    from framecloak.entrypoints.cli.redact.run import check_no_input_is_replaced  # noqa: PLC0415
    from framecloak.entrypoints.composition.pipeline import Container, load_text_detector  # noqa: PLC0415

    for target in filter(None, (output, draw)):
        check_no_input_is_replaced(target, (video,))
    settings = Settings.from_environment(os.environ)
    container = Container.build(settings)
    source, proposals = find_proposals(video, container.open_source, load_text_detector(settings))
    if draw is not None:
        draw_proposals(source, proposals, container.encoder, draw)
    accepted = select_proposals(proposals, accept.numbers) if accept else []
    if output is not None:
        write_regions(output, [proposal.region for proposal in accepted])
    rows = [{**_row(proposal), "accepted": proposal in accepted} for proposal in proposals]
    _print_table(f"Static overlays in {video.name}", rows, as_json=as_json)
    if output is not None and not as_json:
        summary = f"accepted {len(accepted)} of {len(rows)} regions and wrote them to {output}"
        click.echo(f"{summary}, for `framecloak redact --regions-from`")
    return SUCCESS


async def _propose_for_stored(
    video_id: int,
    accept: AcceptedProposals | None,
    username: str | None,
    data_dir: str | None,
    *,
    as_json: bool,
) -> int:
    from framecloak.entrypoints.cli.overlays.run import mark_proposals, select_proposals  # noqa: PLC0415

    async with connected_service(data_dir) as service:
        principal = await acting_principal(service, username)
        proposals = await service.use_cases.overlays.propose(principal, video_id)
        accepted = select_proposals(proposals, accept.numbers) if accept else []
        marked = await mark_proposals(service.use_cases.marks, principal, video_id, accepted)
    rows = [
        {**_row(proposal), "accepted": proposal in marked, "region_id": marked.get(proposal)}
        for proposal in proposals
    ]
    _print_table(f"Static overlays in video {video_id}", rows, as_json=as_json)
    if accept is not None and not as_json:
        click.echo(f"accepted {len(marked)} of {len(rows)} regions and marked them on video {video_id}")
    return SUCCESS


def _row(proposal: OverlayProposal) -> dict[str, object]:
    return {
        "region": str(proposal.region),
        "text": proposal.has_text,
        "stillness": proposal.stillness,
    }


def _print_table(title: str, rows: Sequence[dict[str, object]], *, as_json: bool) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    if as_json:
        click.echo(json.dumps(rows))
        return
    table = Table("number", "region", "text", "stillness", "accepted", title=title)
    for number, row in enumerate(rows, 1):
        text, accepted = ("yes" if row[name] else "no" for name in ("text", "accepted"))
        table.add_row(str(number), str(row["region"]), text, f"{row['stillness']:.2f}", accepted)
    Console().print(table)
