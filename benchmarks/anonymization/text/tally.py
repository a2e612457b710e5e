"""Counts of the benchmark of the text policy, and the tables made of them."""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks.anonymization.text.overlays import Line, touch

SIZE = 1280, 720
LETTERS = (540, 150, 820, 440)
"""Box of the letters on the house front in street.mp4, at ``SIZE``."""
MIN_PROMISED_PX = 16
"""Height of a font from which on no identifying line may stay readable."""

Box = tuple[int, int, int, int]


@dataclass
class Tally:
    """Counts of a policy.

    Attributes:
        lines: frames of lines by whether they identify and by size: as they should be, and all.
        families: the same by the family of the font.
        on_harmless_lines: shares of frames that were covered because of harmless lines.
        on_footage: shares of frames that were covered where there is no line.
        on_cut_lines: shares of frames that were covered because of lines that the edge cuts; they are not
            needless.
        seconds: processor time.
    """

    lines: dict[tuple[bool, int], list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    families: dict[tuple[bool, str], list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    on_harmless_lines: list[float] = field(default_factory=list)
    on_footage: list[float] = field(default_factory=list)
    on_cut_lines: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def needless(self) -> float:
        """Mean share of a frame that was covered needlessly."""
        return float(np.mean(self.on_harmless_lines) + np.mean(self.on_footage))

    def add(self, boxes: list[Box], lines: Sequence[Line], visible: Sequence[Line] | None = None) -> None:
        """Count a frame.

        Args:
            boxes: boxes that were redacted.
            lines: lines that the frame shows whole.
            visible: all lines that it shows; None if all of them are whole.
        """
        mask = _mask(boxes)
        for line in lines:
            x1, y1, x2, y2 = line.box
            share = mask[y1:y2, x1:x2].mean()
            right = share >= 0.99 if line.identifies else share <= 0.05
            if os.environ.get("SHOW_FAILURES") and line.identifies and not right:
                drawn = f"{line.size} px, {line.style}, {line.family}"
                print(f"readable: {line.text!r}, {drawn}, {share:.0%} covered")
            for counts in (
                self.lines[line.identifies, line.size],
                self.families[line.identifies, line.family],
            ):
                counts[0] += bool(right)
                counts[1] += 1
        # Margins of what must be covered are no waste, and neither is the writing on the house front, nor a
        # line that the edge of the frame cuts: what it says is not known, so that it must be covered.
        shown = visible or lines
        cut = [line.box for line in shown if line not in lines]
        identifying = [line.box for line in lines if line.identifies]
        needed, rest = _divided(boxes, [LETTERS, *identifying])
        of_cut, rest = _divided(rest, cut)
        self.on_cut_lines.append(float((_mask(of_cut) & ~_mask(needed)).mean()))
        needed += of_cut
        on_lines, on_footage = _divided(rest, [line.box for line in shown if not line.identifies])
        needed_mask, line_mask = _mask(needed), _mask(on_lines)
        self.on_harmless_lines.append(float((line_mask & ~needed_mask).mean()))
        self.on_footage.append(float((_mask(on_footage) & ~needed_mask & ~line_mask).mean()))

    def add_all(self, other: Tally) -> None:
        """Add the counts of another tally."""
        for key, counts in other.lines.items():
            self.lines[key][0] += counts[0]
            self.lines[key][1] += counts[1]
        for family, counts in other.families.items():
            self.families[family][0] += counts[0]
            self.families[family][1] += counts[1]
        self.on_harmless_lines += other.on_harmless_lines
        self.on_footage += other.on_footage
        self.on_cut_lines += other.on_cut_lines
        self.seconds += other.seconds

    def counts(self, *, identifies: bool, sizes: range = range(1000)) -> tuple[int, int]:
        """Return the frames of lines of some sizes that are as they should be, and all of them."""
        counts = [value for (kind, size), value in self.lines.items() if kind is identifies and size in sizes]
        return sum(right for right, _ in counts), sum(count for _, count in counts)


Tallies = dict[str, Tally]
"""Counts by text policy."""


def show_progress(title: str, done: int, tallies: Tallies) -> None:
    """Print the counts so far of the last policy to standard error."""
    tally = list(tallies.values())[-1]
    covered, identifying = tally.counts(identifies=True)
    kept, harmless = tally.counts(identifies=False)
    print(
        f"{done} {title}: {covered} of {identifying} identifying, {kept} of {harmless} harmless, "
        f"{tally.needless:.2%} needlessly covered",
        file=sys.stderr,
        flush=True,
    )


def print_sizes(title: str, tallies: Tallies) -> None:
    """Print a table by size for each policy."""
    if not any(tally.lines for tally in tallies.values()):
        return
    if {"all", "identifying"} <= tallies.keys():
        ratio = tallies["identifying"].seconds / max(1e-9, tallies["all"].seconds)
        print(f"\n{title}: {ratio:.2f} times the processor time of --text all")
    for mode, tally in tallies.items():
        print(
            f"\n{title}, --text {mode}, {tally.needless:.2%} of the picture covered needlessly: "
            f"{np.mean(tally.on_harmless_lines):.2%} on harmless lines, {np.mean(tally.on_footage):.2%} "
            f"where there is none; {np.mean(tally.on_cut_lines):.2%} more on lines that the edge cuts\n"
        )
        print("| px | identifying lines | covered | harmless lines | kept |")
        print("| --- | --- | --- | --- | --- |")
        for size in sorted({size for _, size in tally.lines}):
            covered, identifying = tally.lines[True, size]
            kept, harmless = tally.lines[False, size]
            print(f"| {size} | {identifying} | {covered} | {harmless} | {kept / max(1, harmless):.2f} |")


def print_conditions(conditions: Mapping[tuple[str, int], Tally]) -> None:
    """Print a table of videos by motion and bit rate."""
    if not conditions:
        return
    print(
        "\n| motion | Mb/s | up to 14 px covered | from 16 px on covered | harmless lines kept | needless |"
    )
    print("| --- | --- | --- | --- | --- | --- |")
    for (motion, bit_rate), tally in sorted(conditions.items()):
        small, small_all = tally.counts(identifies=True, sizes=range(MIN_PROMISED_PX))
        large, large_all = tally.counts(identifies=True, sizes=range(MIN_PROMISED_PX, 1000))
        kept, harmless = tally.counts(identifies=False)
        print(
            f"| {motion} | {bit_rate / 1e6:g} | {small:,} of {small_all:,} | {large:,} of {large_all:,} "
            f"| {kept / max(1, harmless):.2f} | {tally.needless:.2%} |"
        )


def print_families(tallies: Sequence[Tally]) -> None:
    """Print a table by family of fonts."""
    both = Tally()
    for tally in tallies:
        both.add_all(tally)
    print("\n| font | identifying lines | covered | harmless lines | kept |")
    print("| --- | --- | --- | --- | --- |")
    for family in sorted({family for _, family in both.families}):
        covered, identifying = both.families[True, family]
        kept, harmless = both.families[False, family]
        print(f"| {family} | {identifying} | {covered} | {harmless} | {kept / max(1, harmless):.2f} |")


def _divided(boxes: Iterable[Box], others: Sequence[Box]) -> tuple[list[Box], list[Box]]:
    """Return the boxes that touch any of some others, and the rest."""
    touching: tuple[list[Box], list[Box]] = ([], [])
    for box in boxes:
        touching[not any(touch(box, other) for other in others)].append(box)
    return touching


def _mask(boxes: Iterable[Box]) -> NDArray[np.bool_]:
    mask = np.zeros((SIZE[1], SIZE[0]), np.bool_)
    for x1, y1, x2, y2 in boxes:
        mask[max(0, y1) : max(0, y2), max(0, x1) : max(0, x2)] = True
    return mask
