"""Rights behind a download link, which ends with the right of the account that created it."""

from __future__ import annotations

from framecloak.domain.anonymization.model.request import AnonymizationRequest
from framecloak.domain.errors import (
    ForbiddenError,
    NotAuthenticatedError,
    RequestNotFoundError,
    TokenExpiredError,
    UserNotFoundError,
)
from framecloak.domain.model.accounts import Means, principal_of, require_enabled
from framecloak.domain.ports.database import UnitOfWork
from framecloak.domain.videos.access import require_still_shared


async def require_link_rights(work: UnitOfWork, digest: bytes, request: AnonymizationRequest) -> None:
    """Raise an error unless the account that created a link could download the result now.

    Args:
        work: open unit of work.
        digest: digest of the link's token.
        request: request whose result the link is for.

    Raises:
        TokenExpiredError: the account was disabled or removed, or has lost its access.
    """
    holder = await work.download_tokens.holder(digest)
    try:
        user = require_enabled(await work.users.get(request.user_id if holder is None else holder))
        principal = principal_of(user, Means.SESSION)
        await work.requests.get(request.id, principal)
        await require_still_shared(work, principal, request.spec.video_id)
    except (ForbiddenError, NotAuthenticatedError, RequestNotFoundError, UserNotFoundError) as error:
        raise TokenExpiredError(
            "the account that created the download link may no longer use it", "ask for a new one"
        ) from error
