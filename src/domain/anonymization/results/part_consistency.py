"""What the parts of a result were made with: a manifest says it once, so it has to hold for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from framecloak.domain.anonymization.results.manifest import RecordedModel
from framecloak.domain.errors import WorkersDisagreeError
from framecloak.domain.imaging.detections import ModelCard
from framecloak.domain.videos.segments import Segment, union

_NONE = "none"


class Made(TypedDict):
    """What a part says of how its frames were made.

    Attributes:
        info: what was known of the video.
        models: what looked at the frames, always in the same order.
        tracking: what counted as a face; None where faces were not looked for.
        threshold: the lowest score that the tracker got to know; likewise.
        method: how redacted frames were searched; None where they were not.
        identities: what was asked about people, if anything was.
    """

    info: dict[str, Any]
    models: list[dict[str, Any]]
    tracking: dict[str, Any] | None
    threshold: float | None
    method: dict[str, Any] | None
    identities: dict[str, Any] | None


class Agreement:
    """Compares parts as they come.

    The precision that a model calculates with, and what it runs on, may differ from part to part, as it does
    where machines differ; the manifest says of which frames that is true. Everything else has to be the same:
    the models themselves, and every setting.
    """

    def __init__(self) -> None:
        self._made: Made | None = None
        self._used: list[dict[ModelCard, list[Segment]]] = []

    @property
    def made(self) -> Made:
        """What all parts say.

        Raises:
            ValueError: there are none.
        """
        if self._made is None:
            raise ValueError("frames are missing")
        return self._made

    def add(self, made: Made, frames: Segment) -> None:
        """Take in the next part.

        Args:
            made: what it says.
            frames: the ones that it holds.

        Raises:
            WorkersDisagreeError: it was made with something else than the ones before.
        """
        if self._made is None:
            self._made = made
        elif different := _difference(self._made, made):
            raise _disagreement(frames, different)
        cards = [ModelCard(**card) for card in made["models"]]
        self._used = self._used or [{} for _ in cards]
        for card, used in zip(cards, self._used, strict=True):
            for other in used:
                if other.precision == card.precision and other.sha256 != card.sha256:
                    raise _disagreement(frames, f"other weights of {card.name}")
            used.setdefault(card, []).append(frames)

    @property
    def models(self) -> list[RecordedModel]:
        """What looked at the frames, and at which where not all were looked at alike."""
        return [
            RecordedModel(card, tuple(union(frames)) if len(used) > 1 else ())
            for used in self._used
            for card, frames in used.items()
        ]


def _difference(first: Made, other: Made) -> str:
    """The first thing in which two parts differ, for people; empty where they agree."""
    before, now = _settings(first), _settings(other)
    for name in [*before, *(name for name in now if name not in before)]:
        one, two = before.get(name, _NONE), now.get(name, _NONE)
        if one != two:
            return f"{name}: {two}, and before {one}"
    return ""


def _settings(made: Made) -> dict[str, object]:
    """Everything that has to be the same, with a name each."""
    names = ", ".join(card["name"] for card in made["models"])
    found: dict[str, object] = {"models": names or _NONE, "threshold": made["threshold"]}
    groups: Mapping[str, Mapping[str, Any] | None] = {
        # Everybody may call the file as they like.
        "video": {name: value for name, value in made["info"].items() if name != "name"},
        "tracking": made["tracking"],
        "verification": made["method"],
        "identities": made["identities"],
    }
    for group, values in groups.items():
        found |= {f"{group} {name}": value for name, value in (values or {}).items()}
    return found


def _disagreement(frames: Segment, different: str) -> WorkersDisagreeError:
    return WorkersDisagreeError(
        f"frames {frames} were not made like those before them ({different})",
        "give all workers the same models and settings, and submit the order again",
    )
