"""Controller of access grants to videos."""

from __future__ import annotations

from litestar import Controller, delete, get, put
from litestar.params import JSONBody

from framecloak.domain.model.videos import GrantRole
from framecloak.domain.videos.grants import GrantService
from framecloak.entrypoints.http.dependencies import Caller, Injected
from framecloak.entrypoints.http.openapi import problems
from framecloak.entrypoints.schemas.common import UserId, VideoId
from framecloak.entrypoints.schemas.videos.grants import GrantView, PutGrantBody


class GrantsController(Controller):
    """Endpoints of the grants of a video, for its owner and administrators."""

    path = "/api/videos/{video_id:int}/grants"
    tags = ("Videos",)

    @get(
        "/",
        operation_id="listGrants",
        summary="List grants",
        responses=problems("video_not_found", "forbidden", parameters=True),
    )
    async def list_grants(
        self, video_id: VideoId, caller: Caller, grants: Injected[GrantService]
    ) -> list[GrantView]:
        """Return all accounts with access to the video besides its owner."""
        return [GrantView.of(grant, caller) for grant in await grants.grants(caller, video_id)]

    @put(
        "/",
        operation_id="putGrant",
        summary="Create or change a grant",
        responses=problems(
            "video_not_found", "user_not_found", "forbidden", "invalid_option", writes=True, body=True
        ),
    )
    async def put_grant(
        self, video_id: VideoId, data: JSONBody[PutGrantBody], caller: Caller, grants: Injected[GrantService]
    ) -> GrantView:
        """Grant access: a viewer may view the video, an editor may also mark it and submit requests."""
        grant = await grants.grant(caller, video_id, data.account(), GrantRole(data.role))
        return GrantView.of(grant, caller)

    @delete(
        "/{user_id:int}",
        operation_id="deleteGrant",
        summary="Revoke a grant",
        responses=problems("video_not_found", "grant_not_found", "forbidden", writes=True, parameters=True),
    )
    async def delete_grant(
        self, video_id: VideoId, user_id: UserId, caller: Caller, grants: Injected[GrantService]
    ) -> None:
        """Revoke access; for that account the video no longer exists."""
        await grants.revoke(caller, video_id, user_id)
