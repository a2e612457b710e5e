"""Consistency check of the parts of a result: models and settings in the manifest apply to all parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from framecloak.domain.anonymization.results.manifest import RecordedModel
from framecloak.domain.errors import WorkersDisagreeError
from framecloak.domain.imaging.detections import ModelCard
from framecloak.domain.model.segments import Segment, union

_NONE = "none"


class Made(TypedDict):
    """Models and settings with which a part was made.

    Attributes:
        info: Properties of the video.
        models: Model cards, always in the same order.
        tracking: Tracking settings; None without face detection.
        threshold: Lowest score of a detection passed to the tracker; None without face detection.
        method: Method of the residual check; None without one.
        identities: Identification settings; None without identification.
    """

    info: dict[str, Any]
    models: list[dict[str, Any]]
    tracking: dict[str, Any] | None
    threshold: float | None
    method: dict[str, Any] | None
    identities: dict[str, Any] | None


class Agreement:
    """Incremental comparison of the parts of a result.

    Precision and execution provider of a model may differ between parts, since machines differ; the manifest
    records the frames of each variant. Models and all settings must be identical.
    """

    def __init__(self) -> None:
        self._made: Made | None = None
        self._used: list[dict[ModelCard, list[Segment]]] = []

    @property
    def made(self) -> Made:
        """Models and settings of the first part.

        Raises:
            ValueError: No part was added.
        """
        if self._made is None:
            raise ValueError("frames are missing")
        return self._made

    def add(self, made: Made, frames: Segment) -> None:
        """Add the next part.

        Args:
            made: Models and settings of the part.
            frames: Frames in the part.

        Raises:
            WorkersDisagreeError: The part was made with other models or settings than the parts before.
        """
        if self._made is None:
            self._made = made
        elif difference := _difference(self._made, made):
            raise _disagreement(frames, difference)
        cards = [ModelCard(**card) for card in made["models"]]
        self._used = self._used or [{} for _ in cards]
        for card, used in zip(cards, self._used, strict=True):
            for other in used:
                if other.precision == card.precision and other.sha256 != card.sha256:
                    raise _disagreement(frames, f"different weights of {card.name}")
            used.setdefault(card, []).append(frames)

    @property
    def models(self) -> list[RecordedModel]:
        """Models used, each with its frames if not all parts used the same variant."""
        return [
            RecordedModel(card, tuple(union(frames)) if len(used) > 1 else ())
            for used in self._used
            for card, frames in used.items()
        ]


def _difference(first: Made, other: Made) -> str:
    """Describe the first difference between two parts; return an empty string if they agree."""
    before, now = _settings(first), _settings(other)
    for name in [*before, *(name for name in now if name not in before)]:
        old_value, new_value = before.get(name, _NONE), now.get(name, _NONE)
        if old_value != new_value:
            return f"{name}: {new_value} instead of {old_value}"
    return ""


def _settings(made: Made) -> dict[str, object]:
    """Return all values that must be identical, by display name."""
    names = ", ".join(card["name"] for card in made["models"])
    settings: dict[str, object] = {"models": names or _NONE, "threshold": made["threshold"]}
    groups: Mapping[str, Mapping[str, Any] | None] = {
        # The file name may differ between machines.
        "video": {name: value for name, value in made["info"].items() if name != "name"},
        "tracking": made["tracking"],
        "verification": made["method"],
        "identities": made["identities"],
    }
    for group, values in groups.items():
        settings |= {f"{group} {name}": value for name, value in (values or {}).items()}
    return settings


def _disagreement(frames: Segment, different: str) -> WorkersDisagreeError:
    return WorkersDisagreeError(
        f"frames {frames} were processed differently from the frames before them ({different})",
        "give all workers the same models and settings, and submit the order again",
    )
