"""Titles of videos in file names and notices of results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from framecloak.domain.anonymization.model.record.policy import ResultPolicy, TitlesInResults
from framecloak.domain.anonymization.model.request import AnonymizationRequest
from framecloak.domain.ports.database import UnitOfWork


async def named_titles(
    work: UnitOfWork, policy: ResultPolicy, requests: Sequence[AnonymizationRequest]
) -> Mapping[UUID, str]:
    """Return the titles of the videos of requests, by id of the request, as far as results may name them."""
    if policy.titles is TitlesInResults.NEVER:
        return {}
    titles = await work.videos.titles({request.spec.video_id for request in requests})
    named = {request.id: policy.title_of(titles.get(request.spec.video_id)) for request in requests}
    return {request_id: title for request_id, title in named.items() if title is not None}
