"""How to connect to Postgres."""

from __future__ import annotations

from pathlib import Path

from advanced_alchemy.config import AlembicAsyncConfig, EngineConfig, SQLAlchemyAsyncConfig
from sqlalchemy import URL, NullPool, Pool, make_url
from sqlalchemy.exc import ArgumentError

from framecloak.domain.errors import InvalidSettingError

CONNECT_SECONDS = 10.0
POOL_SECONDS = 10
IDLE_SECONDS = 10
"""How long a transaction may be left open with nothing asked of it.

A process that is paused, or cut off from the network, in the middle of one would keep its locks, and all
others waiting for them, until it comes back.
"""
_HERE = Path(__file__).resolve().parent
_SCHEMES = frozenset({"postgres", "postgresql", "postgresql+asyncpg"})


def asyncpg_url(url: str) -> URL:
    """The address of a database as the driver wants it.

    Args:
        url: ``postgresql://user:password@host:port/name``; ``sslmode`` is understood.

    Raises:
        InvalidSettingError: it is not the address of a Postgres database.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is None or parsed.drivername not in _SCHEMES or not parsed.database:
        raise InvalidSettingError(
            "DATABASE_URL is not the address of a Postgres database",
            "give postgresql://user:password@host:port/name",
        )
    query = dict(parsed.query)
    if "sslmode" in query:
        query["ssl"] = query.pop("sslmode")
    return parsed.set(drivername="postgresql+asyncpg", query=query)


def migrations_folder() -> Path:
    """Where the migrations lie: in the installed package, or at the root of a checkout."""
    installed = _HERE / "migrations"
    return installed if installed.is_dir() else _HERE.parents[2] / "migrations"


def configuration(url: str, pool_size: int | None) -> SQLAlchemyAsyncConfig:
    """Everything that an engine and the migrations are made from.

    Args:
        url: as for ``asyncpg_url``.
        pool_size: most connections at a time; None for one that is opened when it is needed and then closed.

    Raises:
        InvalidSettingError: as for ``asyncpg_url``.
    """
    return SQLAlchemyAsyncConfig(
        connection_string=asyncpg_url(url).render_as_string(hide_password=False),
        engine_config=_engine_config(pool_size),
        alembic_config=AlembicAsyncConfig(
            script_config="",  # There is no alembic.ini, and none that lies about is to be read.
            script_location=str(migrations_folder()),
            version_table_name="alembic_version",
            render_as_batch=False,
            compare_type=True,
        ),
    )


def _engine_config(pool_size: int | None) -> EngineConfig:
    server_settings = {"application_name": "framecloak"}
    connect_args = {"timeout": CONNECT_SECONDS, "server_settings": server_settings}
    if pool_size is None:
        poolclass: type[Pool] = NullPool
        return EngineConfig(connect_args=connect_args, poolclass=poolclass)
    server_settings["idle_in_transaction_session_timeout"] = f"{IDLE_SECONDS}s"
    return EngineConfig(
        connect_args=connect_args,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_SECONDS,
        # What is stored must not turn up in the text of an error.
        hide_parameters=True,
    )
