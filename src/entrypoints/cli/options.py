"""Options and settings shared by several commands."""

from __future__ import annotations

import os

import click

from framecloak.domain.errors import InvalidSettingError
from framecloak.entrypoints.settings import Settings

data_dir_option = click.option(
    "--data-dir",
    metavar="DIR",
    help="Folder of the embedded servers and of stored files; default: $DATA_DIR, or the user's data folder.",
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")

username_option = click.option(
    "--as", "username", metavar="NAME", help="Account to act as; default: the first administrator."
)

detector_option = click.option(
    "--detector",
    metavar="NAME",
    show_default="$FRAMECLOAK_DETECTOR, or auto",
    help="Face detector: centerface, yunet, the name of an InsightFace pack, or auto: a pack if there is"
    " one.",
)


def service_settings(
    *, data_dir: str | None = None, host: str | None = None, port: int | None = None
) -> Settings:
    """Read the settings from the environment, with overrides from the command line.

    Args:
        data_dir: value of ``--data-dir``; None for the setting.
        host: value of ``--host``; None for the setting.
        port: value of ``--port``; None for the setting.

    Raises:
        InvalidSettingError: a setting has a value that is not allowed.
    """
    overrides = {"DATA_DIR": data_dir, "HOST": host, "PORT": None if port is None else str(port)}
    return Settings.from_environment(
        {**os.environ, **{name: value for name, value in overrides.items() if value}}
    )


def require_addresses(settings: Settings) -> None:
    """Check that the servers shared by all processes are configured.

    Raises:
        InvalidSettingError: DATABASE_URL or REDIS_URL is not set.
    """
    for name, value in (("DATABASE_URL", settings.database_url), ("REDIS_URL", settings.redis_url)):
        if not value:
            raise InvalidSettingError(
                f"{name} is not set", "set it, or run everything on this machine with `framecloak serve`"
            )
