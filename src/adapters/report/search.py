"""Sentences of the report on what was looked for: directions, sizes, models and following."""

from __future__ import annotations

from collections.abc import Sequence

from framecloak.adapters.report.messages import Messages
from framecloak.domain.anonymization.results.archive_writer import ReportData
from framecloak.domain.anonymization.results.sight import SearchedDirections, smallest_faces
from framecloak.domain.ports.frames import SourceInfo

_MAX_SIZES = 5
"""Maximum number of frame sizes whose smallest face is reported."""


def search_sentences(facts: ReportData, messages: Messages) -> list[str]:
    """Return what was looked for, one sentence or a few each; empty if faces were not searched for."""
    sight = facts.settings.sight
    if sight is None:
        return []
    sentences = []
    if any(source.info.continuous for source in facts.sources):
        degrees = _listed(sight.shot_starts.directions, messages)
        sentences.append(
            messages.search.search_in_videos.format(
                looks=_looks(sight.video, messages.search.in_every_frame, messages), degrees=degrees
            )
        )
    if not all(source.info.continuous for source in facts.sources):
        looks = _looks(sight.picture, messages.search.in_every_picture, messages)
        sentences.append(messages.search.search_in_pictures.format(looks=looks))
    sizes = dict.fromkeys(_smallest(facts, source.info, messages) for source in facts.sources)
    sentences += list(sizes)[:_MAX_SIZES]
    if sight.detectors:
        first, *others = sight.detectors
        second = "".join(others)
        sentences.append(messages.search.second_opinion[bool(others)].format(first=first, second=second))
    seconds = messages.number(sight.follow_seconds, 1)
    followed = messages.search.heads_followed.format(seconds=seconds)
    return [
        *sentences,
        followed if sight.follow_seconds else messages.search.heads_not_followed,
        messages.search.search_limits,
    ]


def _looks(searched: Sequence[SearchedDirections], always: str, messages: Messages) -> str:
    return messages.search.list_separator.join(_look(each, always, messages) for each in searched)


def _look(searched: SearchedDirections, always: str, messages: Messages) -> str:
    interval = always
    if searched.every > 1:
        interval = messages.search.every_n_frames.format(every=messages.number(searched.every))
    template = (
        messages.search.looked_upright if searched.directions == (0,) else messages.search.looked_turned
    )
    return template.format(
        degrees=_listed(searched.directions, messages),
        interval=interval,
        sides=_listed(searched.longest_sides, messages),
    )


def _listed(numbers: Sequence[int], messages: Messages) -> str:
    """Return numbers as an enumeration, without separators of thousands."""
    *others, last = (str(number) for number in numbers)
    return messages.search.last_separator.join(
        [messages.search.list_separator.join(others), last] if others else [last]
    )


def _smallest(facts: ReportData, info: SourceInfo, messages: Messages) -> str:
    smallest = smallest_faces(facts.settings.scales_of(info), info)
    is_single = smallest.every == smallest.key_interval
    template = messages.search.smallest_faces if is_single else messages.search.smallest_faces_at_intervals
    upright = template.format(
        width=info.width,
        height=info.height,
        pixels=smallest.in_key_frames,
        key_interval=smallest.key_interval,
        smallest=smallest.at_intervals,
        every=smallest.every,
    )
    if smallest.turned is None:
        return upright
    return f"{upright} {messages.search.smallest_turned_faces.format(turned=smallest.turned)}"
