"""Where everything is kept."""

# ruff: noqa: RUF009 -- `setting` makes a field, as `dataclasses.field` does, and no default

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from framecloak.entrypoints.settings.variables import (
    Address,
    path,
    setting,
    switch,
    text,
)


def data_folder(environment: Mapping[str, str]) -> Path:
    """The user's data folder as the XDG base directory specification has it."""
    data = environment.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data).expanduser().absolute() / "framecloak"


def _scratch_folder(environment: Mapping[str, str]) -> Path:
    return path(environment.get("DATA_DIR") or str(data_folder(environment))) / "scratch"


@dataclass(frozen=True, kw_only=True)
class PlaceSettings:
    """Where everything is kept."""

    data_dir: Path = setting(
        "DATA_DIR",
        "Folder of the embedded servers, of stored objects and of the installation's key.",
        path,
        data_folder,
        default_text="the user's data folder",
    )
    temp_storage_path: Path = setting(
        "TEMP_STORAGE_PATH",
        "Folder for files that are needed for a moment; it holds unredacted frames, so keep it private.",
        path,
        _scratch_folder,
        default_text="scratch in DATA_DIR",
    )
    database_url: str = setting(
        "DATABASE_URL",
        "Postgres with pgvector.",
        Address("postgresql", "postgres", "postgresql+asyncpg"),
        secret=True,
        default_text="an embedded server",
    )
    redis_url: str = setting(
        "REDIS_URL",
        "Redis 6.2 or later, for the queue and for counting attempts.",
        Address("redis", "rediss", "unix"),
        secret=True,
        default_text="an embedded server",
    )
    minio_endpoint: str = setting(
        "MINIO_ENDPOINT",
        "Host and port of an object store that speaks S3.",
        text,
        default_text="a folder in DATA_DIR",
    )
    minio_access_key: str = setting(
        "MINIO_ACCESS_KEY", "Who the service is to the object store.", text, secret=True
    )
    minio_secret_key: str = setting("MINIO_SECRET_KEY", "What it signs its calls with.", text, secret=True)
    minio_bucket: str = setting(
        "MINIO_BUCKET", "Bucket of its objects; made when missing.", text, "framecloak"
    )
    minio_region: str = setting("MINIO_REGION", "Region of the bucket.", text, "us-east-1")
    minio_secure: bool = setting("MINIO_SECURE", "Whether the object store speaks HTTPS.", switch, "true")
    minio_public_endpoint: str = setting(
        "MINIO_PUBLIC_ENDPOINT",
        "The object store as browsers reach it; https:// in front goes before MINIO_SECURE.",
        text,
        default_text="MINIO_ENDPOINT",
    )
