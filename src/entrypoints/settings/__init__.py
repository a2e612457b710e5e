"""Settings: environment variables, read once into one frozen dataclass.

Each module defines the variables of one topic, in the order in which they are documented. Command-line
options override them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from framecloak.domain.errors import InvalidSettingError
from framecloak.entrypoints.settings.anonymization import AnonymizationSettings
from framecloak.entrypoints.settings.api import ApiSettings
from framecloak.entrypoints.settings.logging import LoggingSettings
from framecloak.entrypoints.settings.models import (
    MAX_THREADS,
    PRECISIONS,
    PROVIDERS,
    VIDEO_ENCODERS,
    ModelSettings,
)
from framecloak.entrypoints.settings.recognition import RecognitionSettings
from framecloak.entrypoints.settings.results import ResultSettings
from framecloak.entrypoints.settings.retention import RetentionSettings
from framecloak.entrypoints.settings.single_sign_on import SingleSignOnSettings
from framecloak.entrypoints.settings.storage import StorageSettings, data_folder
from framecloak.entrypoints.settings.variables import Variable

__all__ = [
    "MAX_THREADS",
    "PRECISIONS",
    "PROVIDERS",
    "VIDEO_ENCODERS",
    "Settings",
    "data_folder",
    "variables",
]


@dataclass(frozen=True, kw_only=True)
class Settings(  # a dataclass has the fields of its last base first
    LoggingSettings,
    RecognitionSettings,
    RetentionSettings,
    ResultSettings,
    AnonymizationSettings,
    SingleSignOnSettings,
    ApiSettings,
    StorageSettings,
    ModelSettings,
):
    """Settings of an installation; every field carries the description of its variable.

    `framecloak settings` prints them as a table with the values in force.
    """

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read and check the variables; an empty variable counts as not set.

        Args:
            environment: environment variables by name.

        Raises:
            InvalidSettingError: a variable has a value that is not allowed; the message names the variable.
        """
        values: dict[str, Any] = {name: described.read(environment) for name, described in variables()}
        settings = cls(**values)
        settings.require_consistent()
        return settings

    def require_consistent(self) -> None:
        """Reject values that are valid on their own but not in combination.

        Raises:
            InvalidSettingError: two settings contradict each other.
        """
        self.require_complete_sign_on(self.base_url)
        if not self.minio_endpoint:
            return
        for name, value in (
            ("MINIO_ACCESS_KEY", self.minio_access_key),
            ("MINIO_SECRET_KEY", self.minio_secret_key),
        ):
            if not value:
                raise InvalidSettingError(f"MINIO_ENDPOINT is set and {name} is not", f"set {name} too")
        scheme = "https" if self.minio_secure else "http"
        endpoint = self.minio_public_endpoint or self.minio_endpoint
        if "://" in endpoint:
            scheme = endpoint.partition("://")[0]
        if self.base_url.startswith("https://") and scheme == "http":
            raise InvalidSettingError(
                "BASE_URL is https, but videos would travel to and from the object store in clear text",
                "set MINIO_PUBLIC_ENDPOINT to an address that begins with https://",
            )


def variables() -> Iterator[tuple[str, Variable]]:
    """Yield the name of every field of ``Settings`` and its variable, in the order of the documentation."""
    for setting_field in fields(Settings):
        yield setting_field.name, setting_field.metadata["variable"]
