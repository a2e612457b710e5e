"""Timeline plot of a report: an inline SVG of stacked columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from framecloak.domain.anonymization.results.report_data import Timeline

MAX_COLUMNS = 240
WIDTH, HEIGHT = 1200, 200


@dataclass(frozen=True, slots=True)
class _Column:
    regions: int
    writing: int
    found: int
    inferred: int
    blanked: bool

    @property
    def certain(self) -> int:
        """Number of areas other than inferred faces."""
        return self.regions + self.writing + self.found

    @property
    def total(self) -> int:
        return self.certain + self.inferred


def peak_areas(timeline: Timeline) -> int:
    """Return the largest number of areas redacted in one frame."""
    return max((_areas(timeline, index) for index in range(len(timeline))), default=0)


def render_plot(timeline: Timeline, label: str) -> str:
    """Render the areas redacted over the written frames, as an SVG that scales to any width.

    Each column stands for a range of frames and shows the frame with the most areas, so a short appearance is
    as high as a long one. The page adds the labels, because text in the SVG would be distorted.

    Args:
        timeline: timeline of at least one frame.
        label: accessible description of the plot.
    """
    columns = _columns(timeline)
    peak = max(1, *(column.total for column in columns))
    width = WIDTH / len(columns)
    shapes = [
        f'<path class="{kind}" d="{path}"/>'
        for kind, path in (
            ("blanked", _bars_path(width, [(0, int(bar.blanked)) for bar in columns], 1)),
            ("regions", _bars_path(width, [(0, bar.regions) for bar in columns], peak)),
            (
                "writing",
                _bars_path(width, [(bar.regions, bar.regions + bar.writing) for bar in columns], peak),
            ),
            ("found", _bars_path(width, [(bar.regions + bar.writing, bar.certain) for bar in columns], peak)),
            ("inferred", _bars_path(width, [(bar.certain, bar.total) for bar in columns], peak)),
        )
        if path
    ]
    return (
        f'<svg role="img" aria-label="{escape(label)}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'preserveAspectRatio="none">{"".join(shapes)}</svg>'
    )


def render_ranges(ranges: Sequence[tuple[float, float]], duration: float, label: str) -> str:
    """Render ranges of time as a flat SVG strip.

    Args:
        ranges: start and end of each range in seconds.
        duration: length of the strip in seconds, positive.
        label: accessible description of the strip.
    """
    path = "".join(
        f"M{start * WIDTH / duration:.2f} 0V1H{end * WIDTH / duration:.2f}V0z" for start, end in ranges
    )
    return (
        f'<svg role="img" aria-label="{escape(label)}" viewBox="0 0 {WIDTH} 1" style="height:1rem" '
        f'preserveAspectRatio="none"><path class="blanked" d="{path}"/></svg>'
    )


def _columns(timeline: Timeline) -> list[_Column]:
    frames = len(timeline)
    count = min(frames, MAX_COLUMNS)
    edges = [frames * index // count for index in range(count + 1)]
    columns = []
    for start, stop in pairwise(edges):
        span = range(start, stop)
        best = max(span, key=lambda index: _areas(timeline, index))
        columns.append(
            _Column(
                timeline.regions[best],
                timeline.text_and_plates[best],
                timeline.detected_faces[best],
                timeline.inferred_faces[best],
                any(timeline.blanked[index] for index in span),
            )
        )
    return columns


def _areas(timeline: Timeline, index: int) -> int:
    """Return the number of areas redacted in a frame."""
    return (
        timeline.regions[index]
        + timeline.text_and_plates[index]
        + timeline.detected_faces[index]
        + timeline.inferred_faces[index]
    )


def _bars_path(width: float, spans: list[tuple[int, int]], full_height: int) -> str:
    """Return one SVG path for all bars of a series, so that adjacent bars show no gap.

    Args:
        width: width of a bar in SVG units.
        spans: lower and upper end of each bar, in areas.
        full_height: number of areas at full height.
    """
    return "".join(
        f"M{index * width:.2f} {HEIGHT - low * HEIGHT / full_height:.2f}"
        f"V{HEIGHT - high * HEIGHT / full_height:.2f}h{width:.2f}V{HEIGHT - low * HEIGHT / full_height:.2f}z"
        for index, (low, high) in enumerate(spans)
        if high > low
    )
