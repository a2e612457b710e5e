"""The environment, read once into one frozen struct; options of the command line override it.

Each file has the variables of one concern, in the order that they are documented in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from framecloak.domain.errors import InvalidSettingError
from framecloak.entrypoints.settings.anonymization import AnonymizationSettings
from framecloak.entrypoints.settings.api import ApiSettings
from framecloak.entrypoints.settings.logging import TellingSettings
from framecloak.entrypoints.settings.models import MAX_THREADS, PRECISIONS, PROVIDERS, ModelSettings
from framecloak.entrypoints.settings.recognition import RecognitionSettings
from framecloak.entrypoints.settings.storage import PlaceSettings, data_folder
from framecloak.entrypoints.settings.variables import Variable

__all__ = ["MAX_THREADS", "PRECISIONS", "PROVIDERS", "Settings", "data_folder", "variables"]


@dataclass(frozen=True, kw_only=True)
class Settings(  # a dataclass has the fields of its last base first
    TellingSettings, RecognitionSettings, AnonymizationSettings, ApiSettings, PlaceSettings, ModelSettings
):
    """What an installation is set up for; every field describes its variable.

    `framecloak settings` prints this table with the values in force.
    """

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read and check the variables; an empty one counts as not set.

        Raises:
            InvalidSettingError: a variable has a value that is not allowed; the message names it.
        """
        values: dict[str, Any] = {name: described.read(environment) for name, described in variables()}
        settings = cls(**values)
        settings.require_consistent()
        return settings

    def require_consistent(self) -> None:
        """Refuse values that are allowed each and make no sense together.

        Raises:
            InvalidSettingError: some do not.
        """
        if not self.minio_endpoint:
            return
        for name, value in (
            ("MINIO_ACCESS_KEY", self.minio_access_key),
            ("MINIO_SECRET_KEY", self.minio_secret_key),
        ):
            if not value:
                raise InvalidSettingError(f"MINIO_ENDPOINT is set and {name} is not", f"set {name} too")
        scheme = "https" if self.minio_secure else "http"
        reached = self.minio_public_endpoint or self.minio_endpoint
        if "://" in reached:
            scheme = reached.partition("://")[0]
        if self.base_url.startswith("https://") and scheme == "http":
            raise InvalidSettingError(
                "BASE_URL is https, and videos would go between browsers and the object store in clear",
                "set MINIO_PUBLIC_ENDPOINT to an address that begins with https://",
            )


def variables() -> Iterator[tuple[str, Variable]]:
    """The name of every field of ``Settings`` with its variable, in the order they are documented in."""
    for one in fields(Settings):
        yield one.name, one.metadata["variable"]
