"""Identity decisions: classify the face of a track from several samples.

The video is divided into slots on a grid of frame indices. The best sample of each track in each slot is
recognised. The decision for a slot uses the samples of that slot and of the three on each side, which is
about one second each way. Samples further away are ignored, so slices of a video agree on decisions, as on
tracks, wherever the video is cut.

A decision needs three samples, and samples on every side on which the track continues. If a track switches
from one person to another by mistake, the samples contradict each other, or those of one side are missing;
both make the face uncertain.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace

import numpy as np

from framecloak.domain.anonymization.identification.face_samples import ViewPlan, take_views
from framecloak.domain.anonymization.model.analysis import Examination
from framecloak.domain.anonymization.model.boxes import TrackedBox, Tracks, Verdict
from framecloak.domain.anonymization.model.identities import Decision, IdentityMode, IdentityRule, Unknown
from framecloak.domain.errors import ExaminationError, InvalidOptionError
from framecloak.domain.imaging.detections import Image, Kind
from framecloak.domain.model.faces import EmbeddingSpace
from framecloak.domain.ports.frames import Frame
from framecloak.domain.ports.models import FaceRecognizer
from framecloak.domain.reid.matching import assumed_likeness
from framecloak.domain.reid.reference_people import People

_Place = tuple[int, int]
"""Key of a detection: frame index and row among the detections of that frame."""


@dataclass(frozen=True, slots=True)
class Identification:
    """Setup of the identification of faces.

    Attributes:
        recognizer: Face recogniser that computes embeddings.
        people: Reference embeddings of the people.
        rule: Rule that maps decisions to redaction.
    """

    recognizer: FaceRecognizer
    people: People
    rule: IdentityRule


def rule_for(
    space: EmbeddingSpace, mode: IdentityMode, threshold: float | None, unknown: Unknown
) -> IdentityRule:
    """Return the identity rule for an embedding model.

    Args:
        space: Embedding space of the model.
        mode: Whose faces are redacted.
        threshold: Requested similarity threshold; None for the model's usual threshold.
        unknown: Treatment of uncertain faces.

    Raises:
        InvalidOptionError: As for `IdentityRule`, or the threshold would leave faces visible that are to be
            redacted with this model.
    """
    means = assumed_likeness(space)
    effective = means.usual if threshold is None else threshold
    rule = IdentityRule(mode, effective, min(means.possible, effective), unknown)
    if mode is IdentityMode.EXCEPT and effective < means.possible:
        raise InvalidOptionError(
            f"with {space.name}, a threshold of {effective:g} would mistake other people for those whose"
            " faces are kept",
            f"omit the threshold to use the usual {means.usual:g}, or choose {means.possible:g} to 1",
        )
    if unknown is Unknown.KEEP and effective > means.usual:
        raise InvalidOptionError(
            f"with {space.name}, a threshold of {effective:g} would leave people visible who are to be"
            " redacted, because uncertain faces are kept",
            f"omit the threshold to use the usual {means.usual:g}, choose a lower one, or redact uncertain"
            " faces",
        )
    return rule


def decide(
    views: Sequence[float | None], seen: Sequence[bool], threshold: float, possible: float, needed: int
) -> Decision:
    """Classify the face of a track in one slot.

    Args:
        views: For each slot, the highest similarity of its best sample to any of the people; None without a
            sample. The slot to decide is in the middle.
        seen: For each slot, whether the track has a detection in it.
        threshold: Minimum similarity of a known person.
        possible: Minimum similarity that may belong to a known person; all samples of a stranger are below.
        needed: Minimum number of samples for a decision.
    """
    middle = len(views) // 2
    known_similarities = sorted(similarity for similarity in views if similarity is not None)
    nearby = [similarity for similarity in views[max(0, middle - 1) : middle + 2] if similarity is not None]
    sides = (slice(0, middle), slice(middle + 1, None))
    one_sided = any(
        any(seen[side]) and all(similarity is None for similarity in views[side]) for side in sides
    )
    if len(known_similarities) < needed or not nearby or one_sided:
        return Decision.UNCERTAIN
    if known_similarities[-1] < possible:
        return Decision.STRANGER
    median = known_similarities[(len(known_similarities) - 1) // 2]
    return Decision.KNOWN if min(nearby) >= threshold and median >= threshold else Decision.UNCERTAIN


def with_views(
    examined: Examination, frame: Frame, identification: Identification | None, plan: ViewPlan
) -> Examination:
    """Add face samples to the analysis of a frame if the plan samples that frame."""
    if identification is None or examined.found is None or not plan.looks_at(frame.index):
        return examined
    return replace(examined, views=take_views(frame, examined.found, identification.recognizer))


class Verdicts:
    """Classifier of the faces of a video by identity, block by block.

    Args:
        identification: Recogniser, people and rule.
        plan: Sampling plan.
        pool: Executor of the recognition calls.
    """

    def __init__(self, identification: Identification, plan: ViewPlan, pool: Executor) -> None:
        self._identification = identification
        self._plan = plan
        self._pool = pool
        self._similarities: dict[int, Mapping[_Place, float]] = {}

    def judged(self, tracks: Tracks, examined: Sequence[Examination], due: range) -> Tracks:
        """Return the tracks with an identity decision for every face in the frames that are due.

        Args:
            tracks: Tracks of a run of frames.
            examined: Analyses of these frames.
            due: Indices in the video of the frames to decide.
        """
        first, plan = examined[0].index, self._plan
        slots = range(due.start // plan.slot - plan.context, (due.stop - 1) // plan.slot + plan.context + 1)
        histories = {
            number: _history(members, examined, slots, plan)
            for number, members in enumerate(tracks.members)
            if _is_face(members, examined)
        }
        self._recognize(slots, histories, examined)
        verdicts: dict[tuple[int, int], Verdict] = {}
        boxes = list(tracks.boxes)
        for index in due:
            judged: list[TrackedBox] = []
            for box in boxes[index - first]:
                history = histories.get(box.track)
                if history is None or box.kind is not Kind.FACE:
                    judged.append(box)
                    continue
                key = box.track, index // plan.slot
                if key not in verdicts:
                    verdicts[key] = self._verdict(history, key[1])
                judged.append(replace(box, verdict=verdicts[key]))
            boxes[index - first] = judged
        self._similarities = {
            slot: similarities
            for slot, similarities in self._similarities.items()
            if slot >= due.stop // plan.slot - plan.context
        }
        return Tracks(boxes, tracks.members)

    def _verdict(self, history: _History, slot: int) -> Verdict:
        window = range(slot - self._plan.context, slot + self._plan.context + 1)
        views: list[float | None] = []
        evidence: list[tuple[int, float]] = []
        for window_slot in window:
            detection = history.best.get(window_slot)
            similarity = None if detection is None else self._similarities[window_slot].get(detection)
            views.append(similarity)
            if detection is not None and similarity is not None:
                evidence.append((detection[0], similarity))
        seen = [window_slot in history.seen for window_slot in window]
        rule = self._identification.rule
        decision = decide(views, seen, rule.threshold, rule.possible, self._plan.needed)
        return Verdict(decision, tuple(evidence))

    def _recognize(
        self, slots: range, histories: Mapping[int, _History], examined: Sequence[Examination]
    ) -> None:
        """Compute the similarities of the samples in slots that are not cached yet."""
        first = examined[0].index
        pending: dict[int, tuple[list[_Place], list[Future[list[float]]]]] = {}
        size = self._identification.recognizer.max_batch
        for slot in slots:
            if slot in self._similarities:
                continue
            # The composition of a batch must depend on the slot alone: it can affect the last digits.
            detections = sorted({each.best[slot] for each in histories.values() if slot in each.best})
            chips = [examined[frame - first].views[row].chip for frame, row in detections]
            calls = [chips[start : start + size] for start in range(0, len(chips), size)]
            pending[slot] = detections, [self._pool.submit(self._compare, call) for call in calls]
        for slot, (detections, futures) in pending.items():
            similarities = [similarity for call in futures for similarity in call.result()]
            compared = zip(detections, similarities, strict=True)
            self._similarities[slot] = {
                detection: value for detection, value in compared if np.isfinite(value)
            }

    def _compare(self, chips: Sequence[Image]) -> list[float]:
        """Return similarities rounded to four digits; NaN if recognition fails, which means uncertain."""
        identification = self._identification
        try:
            vectors = identification.recognizer.embed(np.stack(chips))
        except ExaminationError:
            return [float("nan")] * len(chips)
        return [round(float(similarity), 4) for similarity in identification.people.similarities(vectors)]


@dataclass(frozen=True, slots=True)
class _History:
    """Slots in which a track was detected and sampled.

    Attributes:
        seen: Slots with a detection of the track.
        best: Best sample of the track in each slot that has one.
    """

    seen: frozenset[int]
    best: Mapping[int, _Place]


def _is_face(members: Sequence[_Place], examined: Sequence[Examination]) -> bool:
    """Return whether a track is one of faces; they come first among the detections of a frame."""
    frame, row = members[0]
    return row < len(examined[frame].finds(Kind.FACE).scores)


def _history(
    members: Sequence[_Place], examined: Sequence[Examination], slots: range, plan: ViewPlan
) -> _History:
    first = examined[0].index
    ranked: dict[int, list[tuple[float, _Place]]] = defaultdict(list)
    seen: set[int] = set()
    for frame, row in members:
        slot = (first + frame) // plan.slot
        if slot not in slots:
            continue
        seen.add(slot)
        view = examined[frame].views.get(row)
        if view:
            ranked[slot].append((-view.worth, (first + frame, row)))
    return _History(frozenset(seen), {slot: min(views)[1] for slot, views in ranked.items()})
