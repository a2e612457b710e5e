"""Access to what was made from a video, which ends with the grant on it."""

from __future__ import annotations

from framecloak.domain.errors import ForbiddenError, VideoNotFoundError
from framecloak.domain.model.accounts import Means, Principal, Role
from framecloak.domain.model.videos import GrantRole
from framecloak.domain.ports.database import UnitOfWork

_ANYONE = Principal(0, "service", Role.ADMIN, Means.COMMAND)


async def require_still_shared(work: UnitOfWork, principal: Principal, video_id: int) -> None:
    """Raise an error unless the caller may see a video, or it was deleted, as results outlive their videos.

    Args:
        work: open unit of work.
        principal: caller.
        video_id: id of the video.

    Raises:
        ForbiddenError: the video exists, and the caller may not see it any more.
    """
    try:
        await work.videos.get(video_id, principal, GrantRole.VIEWER)
    except VideoNotFoundError:
        try:
            await work.videos.get(video_id, _ANYONE, GrantRole.VIEWER)
        except VideoNotFoundError:
            return
        raise ForbiddenError(
            "the video of this request is no longer shared with you", "ask its owner to share it again"
        ) from None
