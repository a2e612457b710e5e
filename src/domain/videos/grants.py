"""Use cases around grants: who else may use a video."""

from __future__ import annotations

from collections.abc import Sequence

from framecloak.domain.accounts.model import Principal
from framecloak.domain.errors import InvalidOptionError
from framecloak.domain.ports.database import Database
from framecloak.domain.videos.model import GrantRole, VideoGrant


class Sharing:
    """Grants on stored videos.

    Args:
        database: where they are recorded.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def grants(self, principal: Principal, video_id: int) -> Sequence[VideoGrant]:
        """Who else may use a video; for its owner.

        Raises:
            VideoNotFoundError: there is no such video that the caller may see.
            ForbiddenError: it is not the caller's.
        """
        async with self._database.unit_of_work() as work:
            await work.videos.get(video_id, principal, GrantRole.OWNER)
            return await work.grants.list(video_id)

    async def share(self, principal: Principal, video_id: int, user_id: int, role: GrantRole) -> VideoGrant:
        """Let somebody use a video; for its owner.

        Raises:
            VideoNotFoundError: there is no such video that the caller may see.
            ForbiddenError: it is not the caller's.
            UserNotFoundError: there is no such account.
            InvalidOptionError: ownership cannot be granted, nor anything to the owner.
        """
        async with self._database.unit_of_work() as work:
            video = await work.videos.get(video_id, principal, GrantRole.OWNER)
            if role is GrantRole.OWNER or user_id == video.owner_id:
                raise InvalidOptionError(
                    "ownership is not granted", "grant viewer or editor to somebody else"
                )
            grant = await work.grants.put(video_id, user_id, role)
            details = {"user_id": user_id, "role": role}
            await work.audit.add(principal, "video.share", f"video:{video_id}", details)
            await work.commit()
        return grant

    async def unshare(self, principal: Principal, video_id: int, user_id: int) -> None:
        """Take a grant back; for the video's owner.

        Raises:
            VideoNotFoundError: there is no such video that the caller may see.
            ForbiddenError: it is not the caller's.
            GrantNotFoundError: there is none.
        """
        async with self._database.unit_of_work() as work:
            await work.videos.get(video_id, principal, GrantRole.OWNER)
            await work.grants.remove(video_id, user_id)
            await work.audit.add(principal, "video.unshare", f"video:{video_id}", {"user_id": user_id})
            await work.commit()
