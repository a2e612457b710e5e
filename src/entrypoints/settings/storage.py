"""Storage settings: data folder, database, queue and object store."""

# ruff: noqa: RUF009 -- `setting` makes a field, as `dataclasses.field` does, and no default

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from framecloak.entrypoints.settings.variables import (
    Address,
    boolean,
    integer,
    path,
    setting,
    text,
)


def data_folder(environment: Mapping[str, str]) -> Path:
    """Return the user's data folder according to the XDG Base Directory Specification."""
    data = environment.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data).expanduser().absolute() / "framecloak"


def _scratch_folder(environment: Mapping[str, str]) -> Path:
    return path(environment.get("DATA_DIR") or str(data_folder(environment))) / "scratch"


@dataclass(frozen=True, kw_only=True)
class StorageSettings:
    """Storage settings: data folder, database, queue and object store."""

    data_dir: Path = setting(
        "DATA_DIR",
        "Folder of the embedded servers, the stored objects and the key of the installation.",
        path,
        data_folder,
        default_text="the user's data folder",
    )
    temp_storage_path: Path = setting(
        "TEMP_STORAGE_PATH",
        "Folder for temporary files; they contain unredacted frames, so keep it private.",
        path,
        _scratch_folder,
        default_text="scratch in DATA_DIR",
    )
    min_free_disk_mb: int = setting(
        "MIN_FREE_DISK_MB",
        "Free space of the disks of DATA_DIR and TEMP_STORAGE_PATH below which the health check is degraded.",
        integer(0, 1 << 30),
        "1024",
        unit="MiB",
    )
    database_url: str = setting(
        "DATABASE_URL",
        "Address of Postgres with the extension pgvector.",
        Address("postgresql", "postgres", "postgresql+asyncpg"),
        secret=True,
        default_text="an embedded server",
    )
    redis_url: str = setting(
        "REDIS_URL",
        "Address of Redis 6.2 or later, for the job queue and the rate limits.",
        Address("redis", "rediss", "unix"),
        secret=True,
        default_text="an embedded server",
    )
    minio_endpoint: str = setting(
        "MINIO_ENDPOINT",
        "Host and port of an S3-compatible object store.",
        text,
        default_text="a folder in DATA_DIR",
    )
    minio_access_key: str = setting(
        "MINIO_ACCESS_KEY", "Access key id for the object store.", text, secret=True
    )
    minio_secret_key: str = setting("MINIO_SECRET_KEY", "Secret key for the object store.", text, secret=True)
    minio_bucket: str = setting(
        "MINIO_BUCKET", "Bucket for stored objects; created if missing.", text, "framecloak"
    )
    minio_region: str = setting("MINIO_REGION", "Region of the bucket.", text, "us-east-1")
    minio_secure: bool = setting("MINIO_SECURE", "Connect to the object store over HTTPS.", boolean, "true")
    minio_public_endpoint: str = setting(
        "MINIO_PUBLIC_ENDPOINT",
        "Address of the object store as browsers reach it; a scheme in it (https://) overrides MINIO_SECURE.",
        text,
        default_text="MINIO_ENDPOINT",
    )
