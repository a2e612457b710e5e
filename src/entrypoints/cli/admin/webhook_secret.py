"""Command ``framecloak webhook-secret``: print the secret that signs webhooks."""

from __future__ import annotations

import click

from framecloak.entrypoints.cli.options import data_dir_option, service_settings
from framecloak.entrypoints.composition.keys import webhook_secret as secret_of


@click.command("webhook-secret", short_help="Print the secret that signs webhooks.")
@data_dir_option
def webhook_secret(*, data_dir: str | None) -> None:
    """Print the secret that signs webhooks, for the operators of webhook receivers.

    It is WEBHOOK_SECRET or, if that is not set, derived from SECRET_KEY. Anyone who has it can call receivers
    in the name of this installation, but can do nothing else with it.
    """
    click.echo(secret_of(service_settings(data_dir=data_dir)))
