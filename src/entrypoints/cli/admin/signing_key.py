"""Command ``framecloak signing-key``: print the public key that verifies results."""

from __future__ import annotations

import click

from framecloak.entrypoints.cli.options import data_dir_option, service_settings


@click.command("signing-key", short_help="Print the public key that verifies results.")
@data_dir_option
def signing_key(*, data_dir: str | None) -> None:
    """Print the public key of this installation in PEM, for recipients who verify its results.

    The public key is not secret. The private key is derived from SECRET_KEY or, if it is not set, from the
    secret in DATA_DIR, which is generated if missing.
    """
    from framecloak.adapters.security.signing import to_pem  # noqa: PLC0415
    from framecloak.entrypoints.composition.keys import result_signer  # noqa: PLC0415

    click.echo(to_pem(result_signer(service_settings(data_dir=data_dir)).public_key), nl=False)
