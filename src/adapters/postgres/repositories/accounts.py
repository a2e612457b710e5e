"""Postgres repositories of accounts, sessions, refresh tokens and API keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from framecloak.adapters.postgres.connection import Connection, Record, searchable_id, searchable_text
from framecloak.adapters.postgres.tables.accounts import ApiKeyRow, SessionRow, UsedRefreshTokenRow, UserRow
from framecloak.adapters.postgres.tables.galleries import GalleryRow
from framecloak.adapters.postgres.tables.requests import RequestRow
from framecloak.adapters.postgres.tables.videos import GrantRow, VideoRow
from framecloak.domain.errors import ApiKeyNotFoundError, UsernameTakenError, UserNotFoundError
from framecloak.domain.model.accounts import ApiKey, Role, Session, User
from framecloak.domain.ports.database import Page
from framecloak.domain.ports.repositories.accounts import Owned

USER_COLUMNS = (
    UserRow.id,
    UserRow.username,
    UserRow.password_hash,
    UserRow.role,
    UserRow.disabled,
    UserRow.created_at,
    UserRow.token_generation,
    UserRow.must_change_password,
    UserRow.display_name,
    UserRow.language,
)
_API_KEY = (
    ApiKeyRow.id,
    ApiKeyRow.user_id,
    ApiKeyRow.name,
    ApiKeyRow.prefix,
    ApiKeyRow.digest,
    ApiKeyRow.created_at,
    ApiKeyRow.expires_at,
    ApiKeyRow.last_used_at,
)
# Built once, because one of these statements runs with every authenticated request.
_USER_BY_ID: Select[*tuple[Any, ...]] = select(*USER_COLUMNS).where(UserRow.id == bindparam("user_id"))
# FOR NO KEY UPDATE: transactions that add rows referring to the account need not wait.
_USER_BY_ID_LOCKED = _USER_BY_ID.with_for_update(key_share=True)
_USER_BY_SESSION: Select[*tuple[Any, ...]] = (
    select(*USER_COLUMNS)
    .join(SessionRow, SessionRow.user_id == UserRow.id)
    .where(SessionRow.digest == bindparam("digest"), SessionRow.expires_at > bindparam("now"))
)
_USER_BY_API_KEY: Select[*tuple[Any, ...]] = (
    select(*_API_KEY, *USER_COLUMNS)
    .join(UserRow, UserRow.id == ApiKeyRow.user_id)
    .where(
        ApiKeyRow.digest == bindparam("digest"),
        or_(ApiKeyRow.expires_at.is_(None), ApiKeyRow.expires_at > bindparam("now")),
    )
)


class PostgresUserRepository:
    """Postgres repository of accounts; see the port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, username: str, password_hash: str | None, role: Role) -> User:
        """See the port."""
        statement = upsert(UserRow).values(username=username, password_hash=password_hash, role=role)
        # A failing INSERT would abort the transaction.
        statement = statement.on_conflict_do_nothing(index_elements=[func.lower(UserRow.username)])
        row = (await self._connection.execute(statement.returning(*USER_COLUMNS))).one_or_none()
        if row is None:
            raise UsernameTakenError(f"the username {username!r} is taken", "choose another name")
        return user_of(row)

    async def get(self, user_id: int) -> User:
        """See the port."""
        row = (await self._connection.execute(_USER_BY_ID, {"user_id": searchable_id(user_id)})).one_or_none()
        if row is None:
            raise UserNotFoundError(f"there is no account {user_id}")
        return user_of(row)

    async def lock(self, user_id: int) -> User:
        """See the port."""
        row = (
            await self._connection.execute(_USER_BY_ID_LOCKED, {"user_id": searchable_id(user_id)})
        ).one_or_none()
        if row is None:
            raise UserNotFoundError(f"there is no account {user_id}")
        return user_of(row)

    async def lock_administrators(self) -> int:
        """See the port."""
        # A fixed order prevents deadlocks between two transactions that lock the administrators.
        statement = (
            select(UserRow.id)
            .where(UserRow.role == Role.ADMIN, UserRow.disabled.is_(False))
            .order_by(UserRow.id)
            .with_for_update(key_share=True)
        )
        return len((await self._connection.execute(statement)).all())

    async def find_by_name(self, username: str) -> User | None:
        """See the port."""
        statement = select(*USER_COLUMNS).where(
            func.lower(UserRow.username) == func.lower(searchable_text(username))
        )
        row = (await self._connection.execute(statement)).one_or_none()
        return user_of(row) if row else None

    async def list(self, limit: int, offset: int) -> Page[User]:
        """See the port."""
        statement = select(*USER_COLUMNS).order_by(UserRow.id).limit(limit).offset(offset)
        rows = (await self._connection.execute(statement)).all()
        total = await self._connection.execute(select(func.count()).select_from(UserRow))
        return Page([user_of(row) for row in rows], total.scalar_one())

    async def update(self, user: User) -> None:
        """See the port."""
        changes = {
            "role": user.role,
            "password_hash": user.password_hash,
            "disabled": user.disabled,
            "token_generation": user.token_generation,
            "must_change_password": user.must_change_password,
            "display_name": user.display_name,
            "language": user.language,
        }
        statement = update(UserRow).where(UserRow.id == searchable_id(user.id)).values(changes)
        if not (await self._connection.execute(statement)).rowcount:
            raise UserNotFoundError(f"there is no account {user.id}")

    async def owned(self, user_id: int) -> Owned:
        """See the port."""
        counts = [
            select(func.count()).where(column == searchable_id(user_id)).scalar_subquery()
            for column in (VideoRow.owner_id, RequestRow.user_id, GalleryRow.owner_id)
        ]
        return Owned(*(await self._connection.execute(select(*counts))).one())

    async def transfer(self, user_id: int, heir_id: int) -> None:
        """See the port."""
        # The owner of a video needs no grant on it.
        videos = select(VideoRow.id).where(VideoRow.owner_id == user_id)
        for statement in (
            delete(GrantRow).where(GrantRow.user_id == heir_id, GrantRow.video_id.in_(videos)),
            update(VideoRow).where(VideoRow.owner_id == user_id).values(owner_id=heir_id),
            update(RequestRow)
            .where(RequestRow.user_id == user_id)
            .values(user_id=heir_id, idempotency_key=None, order_digest=None),
            update(GalleryRow).where(GalleryRow.owner_id == user_id).values(owner_id=heir_id),
        ):
            await self._connection.execute(statement)

    async def remove(self, user_id: int) -> None:
        """See the port."""
        await self._connection.execute(delete(UserRow).where(UserRow.id == user_id))


class PostgresSessionRepository:
    """Postgres repository of browser sessions; see the port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, session: Session) -> None:
        """See the port."""
        values = {
            "digest": session.digest,
            "user_id": session.user_id,
            "expires_at": session.expires_at,
            "id_token": session.id_token,
        }
        await self._connection.execute(insert(SessionRow).values(values))

    async def find_user(self, digest: bytes, now: datetime) -> User | None:
        """See the port."""
        found = await self._connection.execute(_USER_BY_SESSION, {"digest": digest, "now": now})
        row = found.one_or_none()
        return user_of(row) if row else None

    async def find(self, digest: bytes) -> Session | None:
        """See the port."""
        columns = (SessionRow.digest, SessionRow.user_id, SessionRow.expires_at, SessionRow.id_token)
        found = await self._connection.execute(select(*columns).where(SessionRow.digest == digest))
        row = found.one_or_none()
        return Session(*row) if row else None

    async def remove(self, digest: bytes) -> None:
        """See the port."""
        await self._connection.execute(delete(SessionRow).where(SessionRow.digest == digest))

    async def remove_all_of_user(self, user_id: int) -> None:
        """See the port."""
        await self._connection.execute(delete(SessionRow).where(SessionRow.user_id == user_id))

    async def remove_expired(self, now: datetime) -> int:
        """See the port."""
        statement = delete(SessionRow).where(SessionRow.expires_at <= now)
        return (await self._connection.execute(statement)).rowcount


class PostgresRefreshTokenRepository:
    """Postgres repository of used refresh tokens; see the port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def mark_used(self, digest: bytes, user_id: int, expires_at: datetime) -> bool:
        """See the port."""
        values = {"digest": digest, "user_id": user_id, "expires_at": expires_at}
        # A second transaction waits until the first has committed, then conflicts with its row.
        statement = upsert(UsedRefreshTokenRow).values(values).on_conflict_do_nothing()
        return (await self._connection.execute(statement)).rowcount == 1

    async def remove_expired(self, now: datetime) -> int:
        """See the port."""
        statement = delete(UsedRefreshTokenRow).where(UsedRefreshTokenRow.expires_at <= now)
        return (await self._connection.execute(statement)).rowcount


class PostgresApiKeyRepository:
    """Postgres repository of API keys; see the port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(
        self, user_id: int, name: str, prefix: str, digest: bytes, expires_at: datetime | None
    ) -> ApiKey:
        """See the port."""
        values = {
            "user_id": user_id,
            "name": name,
            "prefix": prefix,
            "digest": digest,
            "expires_at": expires_at,
        }
        statement = insert(ApiKeyRow).values(values).returning(*_API_KEY)
        return ApiKey(*(await self._connection.execute(statement)).one())

    async def list(self, user_id: int) -> Sequence[ApiKey]:
        """See the port."""
        statement = select(*_API_KEY).where(ApiKeyRow.user_id == user_id).order_by(ApiKeyRow.id.desc())
        return [ApiKey(*row) for row in await self._connection.execute(statement)]

    async def find(self, digest: bytes, now: datetime) -> tuple[ApiKey, User] | None:
        """See the port."""
        found = await self._connection.execute(_USER_BY_API_KEY, {"digest": digest, "now": now})
        row = found.one_or_none()
        if row is None:
            return None
        split = len(_API_KEY)
        return ApiKey(*row[:split]), user_of(row[split:])

    async def touch(self, key_id: int, now: datetime) -> None:
        """See the port."""
        minute = now.replace(second=0, microsecond=0)
        # Most calls within a minute change nothing, so they need not wait for a row lock.
        is_new_minute = ApiKeyRow.last_used_at.is_distinct_from(minute)
        statement = update(ApiKeyRow).where(ApiKeyRow.id == key_id, is_new_minute).values(last_used_at=minute)
        await self._connection.execute(statement)

    async def remove(self, key_id: int, user_id: int) -> ApiKey:
        """See the port."""
        statement = delete(ApiKeyRow).where(
            ApiKeyRow.id == searchable_id(key_id), ApiKeyRow.user_id == user_id
        )
        row = (await self._connection.execute(statement.returning(*_API_KEY))).one_or_none()
        if row is None:
            raise ApiKeyNotFoundError(f"there is no API key {key_id}")
        return ApiKey(*row)


def user_of(row: Record | tuple[Any, ...]) -> User:
    """Return the account of a row of ``USER_COLUMNS``."""
    user_id, username, password_hash, role, *state = row
    return User(user_id, username, password_hash, Role(role), *state)
