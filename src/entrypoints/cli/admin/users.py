"""Command ``framecloak users``: manage accounts."""

from __future__ import annotations

import json
import sys
from functools import partial

import click
from rich.console import Console
from rich.table import Table

from framecloak.domain.accounts.service import MIN_PASSWORD_LENGTH
from framecloak.domain.model.accounts import Role
from framecloak.entrypoints.cli.admin.connection import (
    OPERATOR,
    acting_principal,
    all_items,
    connected_service,
    run,
)
from framecloak.entrypoints.cli.options import data_dir_option, json_option

password_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input, for scripts."
)


@click.group(short_help="Create, list, disable and remove accounts.")
def users() -> None:
    """Manage accounts. Passwords are typed or piped in, because command lines are visible to other users."""


@users.command(short_help="Create an account.")
@click.argument("name")
@click.option("--admin", is_flag=True, help="Make the account an administrator with access to everything.")
@password_option
@data_dir_option
def create(*, name: str, admin: bool, password_stdin: bool, data_dir: str | None) -> None:
    """Create an account called NAME."""
    password = _password(from_stdin=password_stdin)
    role = Role.ADMIN if admin else Role.USER

    async def main() -> None:
        async with connected_service(data_dir) as service:
            user = await service.use_cases.account_administration.create_user(OPERATOR, name, password, role)
            click.echo(f"account {user.id}: {user.username} ({user.role})")

    run(main)


@users.command("list", short_help="List accounts.")
@json_option
@data_dir_option
def list_users(*, as_json: bool, data_dir: str | None) -> None:
    """List all accounts, oldest first."""

    async def main() -> list[dict[str, object]]:
        async with connected_service(data_dir) as service:
            return [
                {"id": user.id, "username": user.username, "role": user.role.value, "disabled": user.disabled}
                async for user in all_items(
                    partial(service.use_cases.account_administration.list_users, OPERATOR)
                )
            ]

    rows = run(main)
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    table = Table("id", "name", "role", "state")
    table.columns[1].overflow = "fold"
    for row in rows:
        state = "disabled" if row["disabled"] else "enabled"
        table.add_row(str(row["id"]), str(row["username"]), str(row["role"]), state)
    Console().print(table)


@users.command(short_help="Disable an account.")
@click.argument("name")
@data_dir_option
def disable(*, name: str, data_dir: str | None) -> None:
    """Disable the account NAME immediately, with its sessions, tokens and API keys."""
    _change_user(name, data_dir, "is disabled", disabled=True)


@users.command(short_help="Enable a disabled account.")
@click.argument("name")
@data_dir_option
def enable(*, name: str, data_dir: str | None) -> None:
    """Enable the disabled account NAME."""
    _change_user(name, data_dir, "is enabled", disabled=False)


@users.command(short_help="Change a password.")
@click.argument("name")
@password_option
@data_dir_option
def password(*, name: str, password_stdin: bool, data_dir: str | None) -> None:
    """Change the password of NAME and end the sessions that used the old one."""
    _change_user(name, data_dir, "has a new password", password=_password(from_stdin=password_stdin))


@users.command(short_help="Remove an account.")
@click.argument("name")
@click.option(
    "--transfer-to", metavar="HEIR", help="Account that gets the videos, requests and galleries of NAME."
)
@data_dir_option
def remove(*, name: str, transfer_to: str | None, data_dir: str | None) -> None:
    """Remove the account NAME immediately, with its sessions, tokens, API keys and grants.

    An account that owns videos, requests or galleries is removed only if they are handed over. Entries of the
    audit log stay, with the name.
    """

    async def main() -> None:
        async with connected_service(data_dir) as service:
            principal = await acting_principal(service, name, including_disabled=True)
            heir = await acting_principal(service, transfer_to) if transfer_to else None
            removal = service.use_cases.account_removal
            await removal.remove(OPERATOR, principal.user_id, heir.user_id if heir else None)
            outcome = f"is removed; {heir.username} owns what it owned" if heir else "is removed"
            click.echo(f"account {principal.user_id}: {principal.username} {outcome}")

    run(main)


def _change_user(
    name: str,
    data_dir: str | None,
    outcome: str,
    *,
    disabled: bool | None = None,
    password: str | None = None,
) -> None:
    async def main() -> None:
        async with connected_service(data_dir) as service:
            principal = await acting_principal(service, name, including_disabled=True)
            changed = await service.use_cases.account_administration.change_user(
                OPERATOR, principal.user_id, disabled=disabled, password=password
            )
            click.echo(f"account {changed.id}: {changed.username} {outcome}")

    run(main)


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise click.UsageError(
            "there is no terminal to read the password from; pipe it in with --password-stdin"
        )
    prompt = f"Password (at least {MIN_PASSWORD_LENGTH} characters)"
    try:
        return str(click.prompt(prompt, hide_input=True, confirmation_prompt=True))
    except click.Abort as error:
        raise click.UsageError("no password was entered") from error
