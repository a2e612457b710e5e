"""``framecloak webhook-secret``: what the receivers of webhooks need."""

from __future__ import annotations

import click

from framecloak.entrypoints.cli.options import data_dir_option, service_settings
from framecloak.entrypoints.composition.keys import webhook_secret as secret_of


@click.command("webhook-secret", short_help="Print the secret that webhooks are signed with.")
@data_dir_option
def webhook_secret(*, data_dir: str | None) -> None:
    """Print the secret that webhooks are signed with, for those who run their receivers.

    It is WEBHOOK_SECRET, or derived from SECRET_KEY where that is not set. Whoever knows it can call
    receivers in the name of this installation, and do nothing else with it.
    """
    click.echo(secret_of(service_settings(data_dir=data_dir)))
