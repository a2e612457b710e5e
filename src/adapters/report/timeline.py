"""The plot of a report: an inline SVG of stacked columns."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from itertools import pairwise

from framecloak.domain.anonymization.results.report_data import Timeline

COLUMNS = 240
WIDTH, HEIGHT = 1200, 200


@dataclass(frozen=True, slots=True)
class _Column:
    regions: int
    writing: int
    found: int
    inferred: int
    blanked: bool

    @property
    def sure(self) -> int:
        """All but the inferred faces."""
        return self.regions + self.writing + self.found

    @property
    def total(self) -> int:
        return self.sure + self.inferred


def highest(timeline: Timeline) -> int:
    """The most areas redacted at once in one frame."""
    return max((_areas(timeline, at) for at in range(len(timeline))), default=0)


def plot(timeline: Timeline, label: str) -> str:
    """Areas redacted over the written frames, stretched to whatever width there is.

    A column shows the frame with the most areas of those that it stands for, so that a short appearance is as
    high as a long one. Labels are left to the page, whose text is not stretched.

    Args:
        timeline: at least one frame.
        label: what the plot shows, for those who cannot see it.
    """
    columns = _columns(timeline)
    most = max(1, *(column.total for column in columns))
    width = WIDTH / len(columns)
    shapes = [
        f'<path class="{kind}" d="{path}"/>'
        for kind, path in (
            ("blanked", _bars(width, [(0, int(one.blanked)) for one in columns], 1)),
            ("regions", _bars(width, [(0, one.regions) for one in columns], most)),
            ("writing", _bars(width, [(one.regions, one.regions + one.writing) for one in columns], most)),
            ("found", _bars(width, [(one.regions + one.writing, one.sure) for one in columns], most)),
            ("inferred", _bars(width, [(one.sure, one.total) for one in columns], most)),
        )
        if path
    ]
    return (
        f'<svg role="img" aria-label="{escape(label)}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'preserveAspectRatio="none">{"".join(shapes)}</svg>'
    )


def _columns(timeline: Timeline) -> list[_Column]:
    frames = len(timeline)
    count = min(frames, COLUMNS)
    edges = [frames * place // count for place in range(count + 1)]
    columns = []
    for start, stop in pairwise(edges):
        span = range(start, stop)
        best = max(span, key=lambda at: _areas(timeline, at))
        columns.append(
            _Column(
                timeline.regions[best],
                timeline.writing[best],
                timeline.found[best],
                timeline.inferred[best],
                any(timeline.blanked[at] for at in span),
            )
        )
    return columns


def _areas(timeline: Timeline, at: int) -> int:
    """Areas redacted in a frame."""
    return timeline.regions[at] + timeline.writing[at] + timeline.found[at] + timeline.inferred[at]


def _bars(width: float, spans: list[tuple[int, int]], most: int) -> str:
    """One path for all bars of a kind, each from one height to another; bars that touch leave no seam."""
    return "".join(
        f"M{place * width:.2f} {HEIGHT - low * HEIGHT / most:.2f}"
        f"V{HEIGHT - high * HEIGHT / most:.2f}h{width:.2f}V{HEIGHT - low * HEIGHT / most:.2f}z"
        for place, (low, high) in enumerate(spans)
        if high > low
    )
