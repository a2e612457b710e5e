"""Marks of a template on a video, and the segments of an order that names none."""

from __future__ import annotations

from dataclasses import replace

from framecloak.domain.anonymization.model.orders.batch import BatchVideo
from framecloak.domain.anonymization.model.orders.template import TemplateMarks
from framecloak.domain.anonymization.model.request import RequestSpec
from framecloak.domain.anonymization.requests.submit import Marking
from framecloak.domain.model.accounts import Principal
from framecloak.domain.model.segments import Segment
from framecloak.domain.model.videos import GrantRole, VideoFacts
from framecloak.domain.ports.database import UnitOfWork


def marking_of(principal: Principal, video: BatchVideo, marks: TemplateMarks) -> Marking:
    """Return the function that marks a video of a batch and completes the specification of its order.

    What is marked already is not marked twice. Its errors are those of `TemplateMarks`, and:

    Raises:
        VideoNotFoundError: no such video is visible to the caller.
        ForbiddenError: the caller may see the video but not mark it.
    """

    async def mark(work: UnitOfWork, spec: RequestSpec) -> RequestSpec:
        facts = (await work.videos.get(video.video_id, principal, GrantRole.EDITOR)).facts
        known = {each.region for each in await work.marks.regions(video.video_id)}
        for region, label in marks.regions_of(facts):
            if region not in known:
                await work.marks.add_region(video.video_id, region, label)
        segment_ids = video.segment_ids
        if segment_ids is None:
            segment_ids = await _segments(work, video.video_id, marks, facts)
        return replace(spec, segment_ids=segment_ids, keep_text=spec.keep_text + marks.keep_text_of(facts))

    return mark


async def _segments(
    work: UnitOfWork, video_id: int, marks: TemplateMarks, facts: VideoFacts
) -> tuple[int, ...]:
    """Return the ids of the template's segments, else of all marked ones, else of one for the whole video."""
    marked = {each.segment: each.id for each in await work.marks.segments(video_id)}
    wanted = marks.segments_of(facts)
    if not wanted and marked:
        return tuple(marked.values())
    ids = []
    for segment, label in wanted or [(Segment(0, facts.frame_count), None)]:
        if segment not in marked:
            marked[segment] = (await work.marks.add_segment(video_id, segment, label)).id
        ids.append(marked[segment])
    return tuple(dict.fromkeys(ids))
