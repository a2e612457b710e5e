"""Connection and migration settings for Postgres."""

from __future__ import annotations

from pathlib import Path

from advanced_alchemy.config import AlembicAsyncConfig, EngineConfig, SQLAlchemyAsyncConfig
from sqlalchemy import URL, NullPool, Pool, make_url
from sqlalchemy.exc import ArgumentError

from framecloak.domain.errors import InvalidSettingError

CONNECT_TIMEOUT_SECONDS = 10.0
POOL_TIMEOUT_SECONDS = 10
IDLE_TRANSACTION_SECONDS = 10
"""Time after which the server ends a transaction that sends no statements.

Without it, a process that is paused or cut off from the network would keep its locks and block all other
processes.
"""
_FOLDER = Path(__file__).resolve().parent
_SCHEMES = frozenset({"postgres", "postgresql", "postgresql+asyncpg"})


def asyncpg_url(url: str) -> URL:
    """Return a database URL in the form that asyncpg expects.

    Args:
        url: ``postgresql://user:password@host:port/name``; the parameter ``sslmode`` is supported.

    Raises:
        InvalidSettingError: it is not the URL of a Postgres database.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is None or parsed.drivername not in _SCHEMES or not parsed.database:
        raise InvalidSettingError(
            "DATABASE_URL is not the URL of a Postgres database",
            "use postgresql://user:password@host:port/name",
        )
    query = dict(parsed.query)
    if "sslmode" in query:
        query["ssl"] = query.pop("sslmode")
    return parsed.set(drivername="postgresql+asyncpg", query=query)


def migrations_folder() -> Path:
    """Return the folder of the migrations: in the installed package, or at the root of a checkout."""
    installed = _FOLDER / "migrations"
    return installed if installed.is_dir() else _FOLDER.parents[2] / "migrations"


def database_configuration(url: str, pool_size: int | None) -> SQLAlchemyAsyncConfig:
    """Return the configuration of an engine and of the migrations.

    Args:
        url: database URL, as for ``asyncpg_url``.
        pool_size: maximum number of connections; None to open one when needed and close it after use.

    Raises:
        InvalidSettingError: it is not the URL of a Postgres database.
    """
    return SQLAlchemyAsyncConfig(
        connection_string=asyncpg_url(url).render_as_string(hide_password=False),
        engine_config=_engine_config(pool_size),
        alembic_config=AlembicAsyncConfig(
            script_config="",  # There is no alembic.ini; a stray one must not be read.
            script_location=str(migrations_folder()),
            version_table_name="alembic_version",
            render_as_batch=False,
            compare_type=True,
        ),
    )


def _engine_config(pool_size: int | None) -> EngineConfig:
    server_settings = {"application_name": "framecloak"}
    connect_args = {"timeout": CONNECT_TIMEOUT_SECONDS, "server_settings": server_settings}
    if pool_size is None:
        poolclass: type[Pool] = NullPool
        return EngineConfig(connect_args=connect_args, poolclass=poolclass)
    server_settings["idle_in_transaction_session_timeout"] = f"{IDLE_TRANSACTION_SECONDS}s"
    # Compiling a query takes longer than the lists of thousands of videos that it is tried for.
    server_settings["jit"] = "off"
    return EngineConfig(
        connect_args=connect_args,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT_SECONDS,
        # Stored values must not appear in error messages.
        hide_parameters=True,
    )
