"""Use cases of grants: share videos with other accounts."""

from __future__ import annotations

from collections.abc import Sequence

from framecloak.domain.errors import InvalidOptionError, UserNotFoundError
from framecloak.domain.model.accounts import Principal
from framecloak.domain.model.videos import GrantRole, VideoGrant
from framecloak.domain.ports.database import Database, UnitOfWork


class GrantService:
    """Grants on stored videos.

    Args:
        database: storage of the grants.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def grants(self, principal: Principal, video_id: int) -> Sequence[VideoGrant]:
        """Return the grants on a video; for its owner.

        Raises:
            VideoNotFoundError: the video does not exist, or the caller may not see it.
            ForbiddenError: the caller does not own the video.
        """
        async with self._database.unit_of_work() as work:
            await work.videos.get(video_id, principal, GrantRole.OWNER)
            return await work.grants.list(video_id)

    async def grant(
        self, principal: Principal, video_id: int, account: int | str, role: GrantRole
    ) -> VideoGrant:
        """Grant an account access to a video; for its owner.

        Args:
            principal: caller.
            video_id: video to share.
            account: id of the account, or its user name; case is ignored.
            role: permission to grant.

        Raises:
            VideoNotFoundError: the video does not exist, or the caller may not see it.
            ForbiddenError: the caller does not own the video.
            UserNotFoundError: the account does not exist.
            InvalidOptionError: the role is ownership, or the account owns the video.
        """
        async with self._database.unit_of_work() as work:
            video = await work.videos.get(video_id, principal, GrantRole.OWNER)
            user_id = account if isinstance(account, int) else await _user_id(work, account)
            if role is GrantRole.OWNER or user_id == video.owner_id:
                raise InvalidOptionError(
                    "ownership cannot be granted", "grant viewer or editor to another account"
                )
            # An id must not reveal a name to callers who try them all.
            is_named = isinstance(account, str) or principal.is_admin
            grant = await work.grants.put(video_id, user_id, role, is_named=is_named)
            details = {"user_id": user_id, "role": role}
            await work.audit.add(principal, "video.share", f"video:{video_id}", details)
            await work.commit()
        return grant

    async def revoke(self, principal: Principal, video_id: int, user_id: int) -> None:
        """Revoke a grant; for the owner of the video.

        Raises:
            VideoNotFoundError: the video does not exist, or the caller may not see it.
            ForbiddenError: the caller does not own the video.
            GrantNotFoundError: the account has no grant on the video.
        """
        async with self._database.unit_of_work() as work:
            await work.videos.get(video_id, principal, GrantRole.OWNER)
            await work.grants.remove(video_id, user_id)
            await work.audit.add(principal, "video.unshare", f"video:{video_id}", {"user_id": user_id})
            await work.commit()


async def _user_id(work: UnitOfWork, username: str) -> int:
    user = await work.users.find_by_name(username.strip())
    if user is None:
        raise UserNotFoundError("there is no account with this user name", "ask for the exact user name")
    return user.id
