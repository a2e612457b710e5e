"""Options that the service's commands share."""

from __future__ import annotations

import os

import click

from framecloak.domain.errors import InvalidSettingError
from framecloak.entrypoints.settings import Settings

data_dir_option = click.option(
    "--data-dir",
    metavar="DIR",
    help="Folder of the embedded servers and of stored files; DATA_DIR, or the user's data folder, when left "
    "out.",
)


def service_settings(
    *, data_dir: str | None = None, host: str | None = None, port: int | None = None
) -> Settings:
    """The settings of the environment, with what was given on the command line instead.

    Raises:
        InvalidSettingError: one has a value that is not allowed.
    """
    given = {"DATA_DIR": data_dir, "HOST": host, "PORT": None if port is None else str(port)}
    return Settings.from_environment(
        {**os.environ, **{name: value for name, value in given.items() if value}}
    )


def require_addresses(settings: Settings) -> None:
    """Refuse to run one role alone without the servers that all roles share.

    Raises:
        InvalidSettingError: one has no address.
    """
    for name, value in (("DATABASE_URL", settings.database_url), ("REDIS_URL", settings.redis_url)):
        if not value:
            raise InvalidSettingError(
                f"{name} is not set", "set it, or run everything on this machine with `framecloak serve`"
            )
