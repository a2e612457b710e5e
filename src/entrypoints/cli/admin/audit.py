"""Command ``framecloak audit``: show the audit log."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import click
from rich.console import Console
from rich.table import Table

from framecloak.domain.ports.database import AuditEntry, AuditFilter
from framecloak.entrypoints.cli.admin.connection import OPERATOR, connected_service, run
from framecloak.entrypoints.cli.options import data_dir_option, json_option


@click.command(short_help="Show the audit log.")
@click.option(
    "--subject", metavar="KIND:ID", help="Only entries about this subject, such as request:<id> or video:7."
)
@click.option("--user", "username", metavar="NAME", help="Only actions of this account.")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    help="Only entries from this time on (UTC).",
)
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=100,
    show_default=True,
    help="Maximum number of entries.",
)
@json_option
@data_dir_option
def audit(
    *,
    subject: str | None,
    username: str | None,
    since: datetime | None,
    limit: int,
    as_json: bool,
    data_dir: str | None,
) -> None:
    """Show the audit log, newest entry first: sign-ins, uploads, views, grants and downloads by account."""
    audit_filter = AuditFilter(subject, username, since and since.replace(tzinfo=UTC))

    async def main() -> Sequence[AuditEntry]:
        async with connected_service(data_dir) as service:
            return await service.use_cases.audit.entries(OPERATOR, audit_filter, limit)

    entries = run(main)
    if as_json:
        click.echo(json.dumps([_row(entry) for entry in entries], indent=2))
        return
    table = Table("when (UTC)", "who", "action", "subject", "details", box=None, pad_edge=False)
    # Users copy these columns, so their values must not be truncated.
    for column in table.columns[:4]:
        column.overflow = "fold"
    for entry in entries:
        when = f"{entry.created_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
        details = ", ".join(f"{name} {value}" for name, value in entry.details.items())
        table.add_row(when, entry.username or "-", entry.action, entry.subject, details)
    Console().print(table)


def _row(entry: AuditEntry) -> dict[str, object]:
    return {
        "id": entry.id,
        "created_at": entry.created_at.astimezone(UTC).isoformat(),
        "user_id": entry.user_id,
        "username": entry.username,
        "action": entry.action,
        "subject": entry.subject,
        "details": dict(entry.details),
    }
