"""Entry point of the command ``framecloak``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import ClassVar

import click

from framecloak.domain.errors import DomainError
from framecloak.entrypoints.cli.exit_codes import (
    SIGNAL_EXIT_BASE,
    SUCCESS,
    report,
    report_domain_error,
    report_internal_error,
    report_usage_error,
)
from framecloak.entrypoints.cli.interrupts import Interrupted, raise_on_signals
from framecloak.entrypoints.runtime.allocator import return_freed_images

_DEBUG_VARIABLE = "FRAMECLOAK_DEBUG"


class _LazyGroup(click.Group):
    """Command group that imports a command only when it is called, to keep the others fast."""

    summaries: ClassVar = {
        "redact": "Redact videos, images and folders.",
        "render": "Redact again from an edited manifest.",
        "verify": "Check a result against its signature.",
        "overlays": "Propose regions for text and logos that a device overlays.",
        "demo": "Try the whole service on a short video, or on your own.",
        "serve": "Run the whole service on this machine.",
        "api": "Serve the HTTP API.",
        "worker": "Process requests.",
        "clip-service": "Serve emotion recognition (CLIP).",
        "anonymize-frames": "Submit, follow and manage requests.",
        "reid": "Recognise faces in images.",
        "videos": "Import and list stored videos.",
        "users": "Create, list, disable and remove accounts.",
        "audit": "Show the audit log.",
        "db": "Upgrade, downgrade and inspect the database.",
        "settings": "Show the settings of this installation.",
        "storage": "Compare stored files with what was stored.",
        "galleries": "Change the encryption key of galleries.",
        "signing-key": "Print the public key that verifies results.",
        "webhook-secret": "Print the secret that signs webhooks.",
        "healthcheck": "Check a process of the service on this machine.",
        "models": "List, verify, build and download models, and test providers.",
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
        "storage": "cli.admin.storage",
        "galleries": "cli.admin.galleries",
        "signing-key": "cli.admin.signing_key",
        "webhook-secret": "cli.admin.webhook_secret",
        "healthcheck": "cli.admin.healthcheck",
        "models": "cli.models.command",
    }
    """Module of each command, below ``framecloak.entrypoints``."""

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
        from importlib.metadata import version  # noqa: PLC0415 - this import is slower than all others here

        click.echo(f"framecloak {version('framecloak')}")
        context.exit()


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
def framecloak() -> None:
    """Anonymise people in videos and images.

    Every error prints one line on standard error and has its own exit code; `framecloak redact --help` and
    `framecloak anonymize-frames --help` list the codes. Set FRAMECLOAK_DEBUG=1 to see the traceback of an
    error.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: arguments without the program name; None for those of the process.

    Returns:
        Exit code.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    as_json = "--json" in arguments
    return_freed_images()
    try:
        with raise_on_signals():
            return _run(arguments, as_json=as_json)
    except Interrupted as interruption:
        report("interrupted", "interrupted", "no incomplete output was left behind", as_json=as_json)
        return SIGNAL_EXIT_BASE + interruption.number


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
        # Any other error is reported in one line, with an exit code for scripts.
        if os.environ.get(_DEBUG_VARIABLE):
            raise
        return report_internal_error(error, as_json=as_json)
