"""Accounts, sessions, keys and the audit log in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from fakes.persistence.tables import Transaction
from framecloak.domain.errors import ApiKeyNotFoundError, UsernameTakenError, UserNotFoundError
from framecloak.domain.model.accounts import ApiKey, Principal, Role, Session, User
from framecloak.domain.ports.database import AuditEntry, AuditFilter, Page
from framecloak.domain.ports.repositories.accounts import Owned


class FakeUserRepository:
    def __init__(self, transaction: Transaction) -> None:
        self._tx = transaction

    async def add(self, username: str, password_hash: str | None, role: Role) -> User:
        rows = await self._tx.write()
        if await self.find_by_name(username):
            raise UsernameTakenError(f"the username {username!r} is taken", "choose another name")
        user_id = self._tx.store.new_id()
        created_at = self._tx.store.now()
        rows.users[user_id] = User(user_id, username, password_hash, role, False, created_at, 0)
        return rows.users[user_id]

    async def get(self, user_id: int) -> User:
        if user := self._tx.rows.users.get(user_id):
            return user
        raise UserNotFoundError(f"there is no account {user_id}")

    async def lock(self, user_id: int) -> User:
        await self._tx.write()
        return await self.get(user_id)

    async def lock_administrators(self) -> int:
        rows = await self._tx.write()
        return sum(user.is_administrator for user in rows.users.values())

    async def find_by_name(self, username: str) -> User | None:
        users = self._tx.rows.users.values()
        return next((user for user in users if user.username.lower() == username.lower()), None)

    async def list(self, limit: int, offset: int) -> Page[User]:
        users = [*self._tx.rows.users.values()]
        return Page(users[offset : offset + limit], len(users))

    async def update(self, user: User) -> None:
        rows = await self._tx.write()
        stored = await self.get(user.id)
        rows.users[user.id] = replace(
            stored,
            role=user.role,
            password_hash=user.password_hash,
            disabled=user.disabled,
            token_generation=user.token_generation,
            must_change_password=user.must_change_password,
            display_name=user.display_name,
            language=user.language,
        )

    async def owned(self, user_id: int) -> Owned:
        rows = self._tx.rows
        return Owned(
            sum(video.owner_id == user_id for video in rows.videos.values()),
            sum(request.user_id == user_id for request in rows.requests.values()),
            sum(gallery.owner_id == user_id for gallery in rows.galleries.values()),
        )

    async def transfer(self, user_id: int, heir_id: int) -> None:
        rows = await self._tx.write()
        for key, video in [*rows.videos.items()]:
            if video.owner_id == user_id:
                rows.videos[key] = replace(video, owner_id=heir_id)
                rows.grants.pop((key, heir_id), None)
        for request_id, request in [*rows.requests.items()]:
            if request.user_id == user_id:
                rows.requests[request_id] = replace(request, user_id=heir_id)
        for gallery_id, gallery in [*rows.galleries.items()]:
            if gallery.owner_id == user_id:
                rows.galleries[gallery_id] = replace(gallery, owner_id=heir_id)
        rows.idempotency = {key: value for key, value in rows.idempotency.items() if key[0] != user_id}

    async def remove(self, user_id: int) -> None:
        rows = await self._tx.write()
        del rows.users[user_id]
        rows.sessions = {
            digest: session for digest, session in rows.sessions.items() if session.user_id != user_id
        }
        rows.external_identities = {
            key: owner for key, owner in rows.external_identities.items() if owner != user_id
        }
        rows.grants = {key: grant for key, grant in rows.grants.items() if key[1] != user_id}
        rows.download_tokens = {
            digest: token for digest, token in rows.download_tokens.items() if token.user_id != user_id
        }


class FakeSessionRepository:
    def __init__(self, transaction: Transaction) -> None:
        self._tx = transaction

    async def add(self, session: Session) -> None:
        rows = await self._tx.write()
        rows.sessions[session.digest] = session

    async def find_user(self, digest: bytes, now: datetime) -> User | None:
        session = self._tx.rows.sessions.get(digest)
        return self._tx.rows.users[session.user_id] if session and session.expires_at > now else None

    async def find(self, digest: bytes) -> Session | None:
        return self._tx.rows.sessions.get(digest)

    async def remove(self, digest: bytes) -> None:
        (await self._tx.write()).sessions.pop(digest, None)

    async def remove_all_of_user(self, user_id: int) -> None:
        rows = await self._tx.write()
        rows.sessions = {key: each for key, each in rows.sessions.items() if each.user_id != user_id}

    async def remove_expired(self, now: datetime) -> int:
        rows = await self._tx.write()
        before = len(rows.sessions)
        rows.sessions = {key: each for key, each in rows.sessions.items() if each.expires_at > now}
        return before - len(rows.sessions)


class FakeExternalIdentityRepository:
    def __init__(self, transaction: Transaction) -> None:
        self._tx = transaction

    async def find_user(self, issuer: str, subject: str) -> User | None:
        user_id = self._tx.rows.external_identities.get((issuer, subject))
        return None if user_id is None else self._tx.rows.users[user_id]

    async def add(self, issuer: str, subject: str, user_id: int) -> bool:
        rows = await self._tx.write()
        if (issuer, subject) in rows.external_identities:
            return False
        rows.external_identities[issuer, subject] = user_id
        return True

    async def is_linked(self, user_id: int) -> bool:
        return user_id in self._tx.rows.external_identities.values()

    async def remove_all_of_user(self, user_id: int) -> None:
        rows = await self._tx.write()
        rows.external_identities = {
            key: owner for key, owner in rows.external_identities.items() if owner != user_id
        }


class FakeRefreshTokenRepository:
    def __init__(self, transaction: Transaction) -> None:
        self._tx = transaction

    async def mark_used(self, digest: bytes, user_id: int, expires_at: datetime) -> bool:
        del user_id
        used = (await self._tx.write()).used_refresh_tokens
        if digest in used:
            return False
        used[digest] = expires_at
        return True

    async def remove_expired(self, now: datetime) -> int:
        rows = await self._tx.write()
        before = len(rows.used_refresh_tokens)
        rows.used_refresh_tokens = {key: end for key, end in rows.used_refresh_tokens.items() if end > now}
        return before - len(rows.used_refresh_tokens)


class FakeApiKeyRepository:
    def __init__(self, transaction: Transaction) -> None:
        self._tx = transaction

    async def add(
        self, user_id: int, name: str, prefix: str, digest: bytes, expires_at: datetime | None
    ) -> ApiKey:
        rows = await self._tx.write()
        key = ApiKey(
            id=self._tx.store.new_id(),
            user_id=user_id,
            name=name,
            prefix=prefix,
            digest=digest,
            created_at=self._tx.store.now(),
            expires_at=expires_at,
            last_used_at=None,
        )
        rows.api_keys[key.id] = key
        return key

    async def list(self, user_id: int) -> Sequence[ApiKey]:
        return [key for key in reversed(self._tx.rows.api_keys.values()) if key.user_id == user_id]

    async def find(self, digest: bytes, now: datetime) -> tuple[ApiKey, User] | None:
        for key in self._tx.rows.api_keys.values():
            if key.digest == digest and (key.expires_at is None or key.expires_at > now):
                return key, self._tx.rows.users[key.user_id]
        return None

    async def touch(self, key_id: int, now: datetime) -> None:
        rows = await self._tx.write()
        if key := rows.api_keys.get(key_id):
            rows.api_keys[key_id] = replace(key, last_used_at=now.replace(second=0, microsecond=0))

    async def remove(self, key_id: int, user_id: int) -> ApiKey:
        rows = await self._tx.write()
        key = rows.api_keys.get(key_id)
        if key is None or key.user_id != user_id:
            raise ApiKeyNotFoundError(f"there is no API key {key_id}")
        return rows.api_keys.pop(key_id)


class FakeAuditLogRepository:
    def __init__(self, transaction: Transaction) -> None:
        self._tx = transaction

    async def add(
        self, principal: Principal | None, action: str, subject: str, details: Mapping[str, object]
    ) -> None:
        rows = await self._tx.write()
        user_id, username = (principal.user_id, principal.username) if principal else (None, None)
        number, now = self._tx.store.new_id(), self._tx.store.now()
        rows.audit[number] = AuditEntry(number, now, user_id, username, action, subject, dict(details))

    async def list(self, criteria: AuditFilter, limit: int) -> Sequence[AuditEntry]:
        name = criteria.username and criteria.username.lower()
        found = [
            entry
            for entry in reversed(self._tx.rows.audit.values())
            if criteria.subject in {None, entry.subject}
            and (name is None or (entry.username is not None and entry.username.lower() == name))
            and (criteria.since is None or entry.created_at >= criteria.since)
        ]
        return found[:limit]
