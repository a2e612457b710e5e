"""The command ``framecloak``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import ClassVar

import click

from framecloak.domain.errors import DomainError
from framecloak.entrypoints.cli.exit_codes import (
    KILLED_BY,
    SUCCESS,
    report,
    report_domain_error,
    report_internal_error,
    report_usage_error,
)
from framecloak.entrypoints.cli.interrupts import Interrupted, signals_raise

_DEBUG_VARIABLE = "FRAMECLOAK_DEBUG"


class _LazyGroup(click.Group):
    """Imports a command when it is called: what one needs must not slow the others down."""

    summaries: ClassVar = {
        "redact": "Redact videos, pictures and folders of them.",
        "render": "Redact again where an edited manifest says.",
        "verify": "Check that a result is what was signed.",
        "overlays": "Propose regions for what a device writes over its picture.",
        "demo": "See the whole service work on a short film, or on your own.",
        "serve": "Run the whole service on this machine.",
        "api": "Answer HTTP requests.",
        "worker": "Work on requests.",
        "clip-service": "Say what faces express.",
        "anonymize-frames": "Submit, follow and look after requests.",
        "reid": "Recognise faces in pictures.",
        "videos": "Import and list stored videos.",
        "users": "Create, list and disable accounts.",
        "audit": "Show who did what.",
        "db": "Upgrade, downgrade and inspect the database.",
        "settings": "Show what this installation is set up for.",
        "galleries": "Change the key of galleries.",
        "signing-key": "Print the key that results are checked with.",
        "webhook-secret": "Print the secret that webhooks are signed with.",
        "healthcheck": "Say whether a process on this machine is well.",
        "models": "List, verify, build and fetch model weights, and try what they run on.",
    }

    modules: ClassVar = {
        "redact": "cli.redact.command",
        "render": "cli.render.command",
        "verify": "cli.verify",
        "overlays": "cli.overlays.command",
        "demo": "processes.demo.command",
        "serve": "processes.serve",
        "api": "processes.roles",
        "worker": "processes.roles",
        "clip-service": "processes.clip_service",
        "anonymize-frames": "cli.requests.command",
        "reid": "cli.reid.command",
        "videos": "cli.admin.videos",
        "users": "cli.admin.users",
        "audit": "cli.admin.audit",
        "db": "cli.admin.db",
        "settings": "cli.admin.settings",
        "galleries": "cli.admin.galleries",
        "signing-key": "cli.verify",
        "webhook-secret": "cli.admin.webhook_secret",
        "healthcheck": "cli.admin.healthcheck",
        "models": "cli.models",
    }
    """The module of each command, below ``framecloak.entrypoints``."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return list(self.summaries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in self.summaries:
            return None
        module = import_module(f"framecloak.entrypoints.{self.modules[cmd_name]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(self.summaries.items()))


def _print_version(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        from importlib.metadata import version  # noqa: PLC0415 - takes longer to import than all the rest

        click.echo(f"framecloak {version('framecloak')}")
        context.exit()


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show it."
)
def framecloak() -> None:
    """Remove people's identities from video frames.

    An error is one line on standard error and an exit code of its own; `framecloak redact --help` and
    `framecloak anonymize-frames --help` list them. Set FRAMECLOAK_DEBUG=1 to see where in the program an
    error comes from.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: without the program's name; None for those of the process.

    Returns:
        The exit code.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    as_json = "--json" in arguments
    try:
        with signals_raise():
            return _run(arguments, as_json=as_json)
    except Interrupted as interruption:
        report("interrupted", "interrupted", "nothing half-done is left behind", as_json=as_json)
        return KILLED_BY + interruption.number


def _run(arguments: Sequence[str], *, as_json: bool) -> int:
    try:
        return framecloak.main(list(arguments), prog_name="framecloak", standalone_mode=False) or SUCCESS
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return SUCCESS
    except click.ClickException as error:
        return report_usage_error(error, as_json=as_json)
    except DomainError as error:
        if os.environ.get(_DEBUG_VARIABLE):
            raise
        return report_domain_error(error, as_json=as_json)
    except Exception as error:
        # Whatever it is, people get one line and scripts a code.
        if os.environ.get(_DEBUG_VARIABLE):
            raise
        return report_internal_error(error, as_json=as_json)
