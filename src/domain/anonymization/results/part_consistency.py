"""Consistency check of the parts of a result: models and settings in the manifest apply to all parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, NotRequired, TypedDict

from framecloak.domain.anonymization.results.manifest import RecordedModel
from framecloak.domain.errors import WorkersDisagreeError
from framecloak.domain.imaging.detections import ModelCard
from framecloak.domain.model.segments import Segment, union
from framecloak.domain.ports.video import SOFTWARE_ENCODER, EncoderIdentity

_NONE = "none"


class PartProvenance(TypedDict):
    """Models and settings with which a part was made.

    Attributes:
        info: properties of the video.
        models: model cards, always in the same order.
        tracking: tracking settings; None without face detection.
        threshold: lowest score of a detection passed to the tracker; None without face detection.
        max_text_share: share of the frame above which text needed agreement; None without text detection.
            Parts of versions that did not know it lack it.
        follow_seconds: time for which heads were followed; None without face detection. Parts of versions
            that did not know it lack it.
        detectors: names of the face detectors, the first one first. Parts of versions that did not record
            them lack them.
        method: method of the residual check; None without one.
        identities: identification settings; None without identification.
        text: text policy; None if all text is covered. Parts of versions that did not know it lack it.
        encoder: hardware encoder of the videos; None for images and for the software encoder. Parts of
            versions that did not know it lack it.
    """

    info: dict[str, Any]
    models: list[dict[str, Any]]
    tracking: dict[str, Any] | None
    threshold: float | None
    max_text_share: NotRequired[float | None]
    follow_seconds: NotRequired[float | None]
    detectors: NotRequired[list[str]]
    method: dict[str, Any] | None
    identities: dict[str, Any] | None
    text: NotRequired[dict[str, Any] | None]
    encoder: NotRequired[dict[str, Any] | None]


class PartConsistency:
    """Incremental comparison of the parts of a result.

    Precision and execution provider of a model may differ between parts, since machines differ; the manifest
    records the frames of each variant. Models and all settings must be identical.
    """

    def __init__(self) -> None:
        self._provenance: PartProvenance | None = None
        self._frames_by_model: list[dict[ModelCard, list[Segment]]] = []

    @property
    def provenance(self) -> PartProvenance:
        """Models and settings of the first part.

        Raises:
            ValueError: no part was added.
        """
        if self._provenance is None:
            raise ValueError("frames are missing")
        return self._provenance

    def add(self, provenance: PartProvenance, frames: Segment) -> None:
        """Add the next part.

        Args:
            provenance: models and settings of the part.
            frames: frames in the part.

        Raises:
            WorkersDisagreeError: the part was made with other models or settings than the parts before.
        """
        if self._provenance is None:
            self._provenance = provenance
        elif difference := _first_difference(self._provenance, provenance):
            raise _disagreement(frames, difference)
        cards = [ModelCard(**card) for card in provenance["models"]]
        self._frames_by_model = self._frames_by_model or [{} for _ in cards]
        for card, used in zip(cards, self._frames_by_model, strict=True):
            for other in used:
                if other.precision == card.precision and other.sha256 != card.sha256:
                    raise _disagreement(frames, f"different weights of {card.name}")
            used.setdefault(card, []).append(frames)

    @property
    def models(self) -> list[RecordedModel]:
        """Models used, each with its frames if not all parts used the same variant."""
        return [
            RecordedModel(card, tuple(union(frames)) if len(used) > 1 else ())
            for used in self._frames_by_model
            for card, frames in used.items()
        ]


def _first_difference(first: PartProvenance, other: PartProvenance) -> str:
    """Describe the first difference between two parts; return an empty string if they agree."""
    before, now = _comparable_settings(first), _comparable_settings(other)
    for name in [*before, *(name for name in now if name not in before)]:
        old_value, new_value = before.get(name, _NONE), now.get(name, _NONE)
        if old_value != new_value:
            return f"{name}: {new_value} instead of {old_value}"
    return ""


def _comparable_settings(provenance: PartProvenance) -> dict[str, object]:
    """Return all values that must be identical, by display name."""
    names = ", ".join(card["name"] for card in provenance["models"])
    settings: dict[str, object] = {
        "models": names or _NONE,
        "threshold": provenance["threshold"],
        "max_text_share": provenance.get("max_text_share"),
        "follow_seconds": provenance.get("follow_seconds"),
    }
    groups: Mapping[str, Mapping[str, Any] | None] = {
        # The file name may differ between machines.
        "video": {name: value for name, value in provenance["info"].items() if name != "name"},
        "tracking": provenance["tracking"],
        "verification": provenance["method"],
        "identities": provenance["identities"],
        "text": provenance.get("text"),
        "encoder": provenance.get("encoder") or asdict(EncoderIdentity(SOFTWARE_ENCODER)),
    }
    for group, values in groups.items():
        settings |= {f"{group} {name}": value for name, value in (values or {}).items()}
    return settings


def _disagreement(frames: Segment, difference: str) -> WorkersDisagreeError:
    return WorkersDisagreeError(
        f"frames {frames} were processed differently from the frames before them ({difference})",
        "give all workers the same models and settings, and submit the request again",
    )
