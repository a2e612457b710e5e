"""Accuracy of the recogniser: ROC over a folder of labelled faces.

A person is a folder of images or, for images in the folder itself, the name of the file without the number
at its end (``obama.jpg`` and ``obama2.jpg``). Images with several faces are skipped and listed, as the label
does not say which face it belongs to. ``--largest`` uses the largest face of such images.

True accepts at a rate of false ones (TAR at FAR) are reported as far as there are enough pairs of different
people: with 61 pairs, a rate below 1/61 cannot be distinguished from zero.

    python -m benchmarks.faces.recognition_roc FOLDER [--recognizer NAME] [--largest] [--curve roc.png]
        [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from framecloak.domain.errors import DomainError
from framecloak.entrypoints.composition.reid import load_analysis
from framecloak.entrypoints.settings import Settings

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}
FALSE_ACCEPTS = (1e-1, 1e-2, 1e-3, 1e-4)
_NUMBER = re.compile(r"[_-]?(img|test|john)?[_-]?\d+$")
_SIDE, _MARGIN = 480, 60


def main() -> None:
    """Print the figures, and draw the curve on request."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--recognizer", default="auto")
    parser.add_argument("--largest", action="store_true", help="take the largest of several faces")
    parser.add_argument("--curve", type=Path, help="picture of the curve to write")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    labels, vectors, space = embed(arguments.folder, arguments.recognizer, largest=arguments.largest)
    same, different = pairs(labels, vectors)
    if not len(same) or not len(different):
        sys.exit("there must be two pictures of one person, and two people, at least")
    figures = evaluate(same, different)
    if arguments.curve:
        cv2.imwrite(str(arguments.curve), draw_curve(same, different, f"{space}: {describe(labels)}"))
    if arguments.json:
        print(json.dumps({"model": space, "faces": len(labels), **figures}, indent=2))
        return
    print(f"{space}: {describe(labels)}, {len(same)} pairs of one person and {len(different)} of two")
    for name, value in figures.items():
        print(f"{name:<28}{'too few pairs of two people' if value is None else f'{value:.4f}'}")


def describe(labels: list[str]) -> str:
    """Describe the number of faces and people."""
    return f"{len(labels)} faces of {len(set(labels))} people"


def embed(folder: Path, recognizer: str, *, largest: bool) -> tuple[list[str], NDArray[np.float32], str]:
    """Return label and vector of every image with one labelled face, and the name of the model.

    Args:
        folder: folder with images and folders of images.
        recognizer: name of the recogniser.
        largest: whether the label belongs to the largest of several faces.
    """
    settings = replace(Settings.from_environment({}), recognizer=recognizer)
    analysis = load_analysis(settings)
    labels, vectors = [], []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in SUFFIXES:
            continue
        try:
            (found,) = asyncio.run(analysis.analyze_all([path.read_bytes()]))
        except DomainError as error:
            found = error
        if isinstance(found, DomainError):
            print(f"{path}: left out: {found.message}", file=sys.stderr)
            continue
        if len(found.faces) > 1 and not largest:
            print(f"{path}: left out: {len(found.faces)} faces for one label", file=sys.stderr)
            continue
        labels.append(path.parent.name if path.parent != folder else _NUMBER.sub("", path.stem))
        vectors.append(found.faces[0].embedding.vector)
    analysis.close()
    return labels, np.array(vectors), analysis.space.name


def pairs(labels: list[str], vectors: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the cosines of all pairs of one person, and of all pairs of two people."""
    first, second = np.triu_indices(len(labels), 1)
    cosines = (vectors @ vectors.T)[first, second]
    names = np.array(labels)
    alike = names[first] == names[second]
    return cosines[alike], cosines[~alike]


def rates(
    same: NDArray[np.float32], different: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float64]]:
    """Return thresholds in descending order, with the rates of false and true accepts at each."""
    thresholds = np.unique(np.concatenate([same, different]))[::-1]
    accepts = [
        (len(scores) - np.searchsorted(np.sort(scores), thresholds, "left")) / len(scores)
        for scores in (different, same)
    ]
    return thresholds, *accepts


def evaluate(same: NDArray[np.float32], different: NDArray[np.float32]) -> dict[str, float | None]:
    """Return the area under the curve, the threshold with the fewest errors, and true accept rates.

    None marks rates that too few pairs of different people cannot determine.
    """
    thresholds, false, true = rates(same, different)
    best = int(np.argmin(false + 1 - true))
    # In the gap between the two kinds of pairs, the middle is the safest threshold.
    below = different[different < thresholds[best]]
    threshold = (float(thresholds[best]) + float(below.max(initial=-1))) / 2
    above = np.searchsorted(np.sort(different), same, "left") + np.searchsorted(
        np.sort(different), same, "right"
    )
    figures: dict[str, float | None] = {
        "lowest of one person": float(same.min()),
        "highest of two": float(different.max()),
        "area under the curve": float(above.mean() / 2 / len(different)),
        "best threshold": threshold,
        "balanced accuracy there": float(1 - (false[best] + 1 - true[best]) / 2),
    }
    for limit in FALSE_ACCEPTS:
        known = limit * len(different) >= 1
        figures[f"TAR at FAR {limit:g}"] = float(true[false <= limit].max(initial=0.0)) if known else None
    figures["TAR with no false accept"] = float((same > different.max()).mean())
    # Rule of three: what happened in none of n pairs happens in at most 3 in n, with 95 % confidence.
    figures["FAR of that, at most"] = min(1.0, 3 / len(different))
    return figures


def draw_curve(same: NDArray[np.float32], different: NDArray[np.float32], title: str) -> NDArray[np.uint8]:
    """Draw the curve with false accepts on a logarithmic axis, (h, w, 3) uint8 BGR."""
    _, false, true = rates(same, different)
    smallest = 10.0 ** np.floor(np.log10(1 / len(different)))
    image = np.full((_SIDE + 2 * _MARGIN, _SIDE + 2 * _MARGIN, 3), 255, np.uint8)

    def place(accept: float, right: float) -> tuple[int, int]:
        across = 1 - np.log10(max(accept, smallest)) / np.log10(smallest)
        return round(_MARGIN + across * _SIDE), round(_MARGIN + (1 - right) * _SIDE)

    def write(text: str, origin: tuple[int, int]) -> None:
        cv2.putText(image, text, origin, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (60, 50, 40), 1, cv2.LINE_AA)

    for decade in range(int(np.log10(smallest)), 1):
        x, _ = place(10.0**decade, 0)
        cv2.line(image, (x, _MARGIN), (x, _MARGIN + _SIDE), (225, 225, 225), 1)
        write(f"1e{decade}" if decade else "1", (x - 14, _MARGIN + _SIDE + 20))
    for tenth in range(0, 11, 2):
        _, y = place(1, tenth / 10)
        cv2.line(image, (_MARGIN, y), (_MARGIN + _SIDE, y), (225, 225, 225), 1)
        write(f"{tenth / 10:.1f}", (_MARGIN - 34, y + 5))
    corners = [(0.0, 0.0), *zip(false.tolist(), true.tolist(), strict=True), (1.0, 1.0)]
    points = np.array([place(accept, right) for accept, right in corners], np.int32)
    cv2.polylines(image, [points], isClosed=False, color=(200, 110, 30), thickness=2, lineType=cv2.LINE_AA)
    write(title, (_MARGIN, _MARGIN - 36))
    write("false accepts", (_MARGIN + _SIDE // 2 - 50, _MARGIN + _SIDE + 44))
    write("true accepts", (6, _MARGIN - 12))
    return image


if __name__ == "__main__":
    main()
