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

from framecloak.domain.anonymization.identification.face_samples import SamplingPlan, collect_samples
from framecloak.domain.anonymization.model.analysis import FrameAnalysis
from framecloak.domain.anonymization.model.identities import Decision, IdentityMode, IdentityRule, Unknown
from framecloak.domain.anonymization.model.tracked_boxes import IdentityDecision, TrackedBox, Tracks
from framecloak.domain.errors import FrameAnalysisError, InvalidOptionError
from framecloak.domain.imaging.detections import Image, TargetKind
from framecloak.domain.model.faces import EmbeddingSpace
from framecloak.domain.ports.frames import Frame
from framecloak.domain.ports.models import FaceRecognizer
from framecloak.domain.reid.matching import similarity_scale_or_default
from framecloak.domain.reid.reference_people import ReferencePeople

_DetectionKey = tuple[int, int]
"""Key of a detection: frame index and row among the detections of that frame."""


@dataclass(frozen=True, slots=True)
class IdentificationSetup:
    """Setup of the identification of faces.

    Attributes:
        recognizer: face recogniser that computes embeddings.
        people: reference embeddings of the people.
        rule: rule that maps decisions to redaction.
    """

    recognizer: FaceRecognizer
    people: ReferencePeople
    rule: IdentityRule


def identity_rule(
    space: EmbeddingSpace, mode: IdentityMode, threshold: float | None, unknown: Unknown
) -> IdentityRule:
    """Return the identity rule for an embedding model.

    Args:
        space: embedding space of the model.
        mode: selection of the faces to redact.
        threshold: requested similarity threshold; None for the model's usual threshold.
        unknown: treatment of uncertain faces.

    Raises:
        InvalidOptionError: as for `IdentityRule`, or the threshold would leave faces visible that are to be
            redacted with this model.
    """
    means = similarity_scale_or_default(space)
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


def classify(
    similarities: Sequence[float | None],
    has_detection: Sequence[bool],
    threshold: float,
    possible: float,
    min_samples: int,
) -> Decision:
    """Classify the face of a track in one slot.

    Args:
        similarities: for each slot, the highest similarity of its best sample to any of the people; None
            without a sample. The slot to decide is in the middle.
        has_detection: for each slot, whether the track has a detection in it.
        threshold: minimum similarity of a known person.
        possible: minimum similarity that may belong to a known person; all samples of a stranger are below.
        min_samples: minimum number of samples for a decision.
    """
    middle = len(similarities) // 2
    known_similarities = sorted(similarity for similarity in similarities if similarity is not None)
    nearby = [
        similarity for similarity in similarities[max(0, middle - 1) : middle + 2] if similarity is not None
    ]
    sides = (slice(0, middle), slice(middle + 1, None))
    one_sided = any(
        any(has_detection[side]) and all(similarity is None for similarity in similarities[side])
        for side in sides
    )
    if len(known_similarities) < min_samples or not nearby or one_sided:
        return Decision.UNCERTAIN
    if known_similarities[-1] < possible:
        return Decision.STRANGER
    median = known_similarities[(len(known_similarities) - 1) // 2]
    return Decision.KNOWN if min(nearby) >= threshold and median >= threshold else Decision.UNCERTAIN


def with_samples(
    analysis: FrameAnalysis, frame: Frame, identification: IdentificationSetup | None, plan: SamplingPlan
) -> FrameAnalysis:
    """Add face samples to the analysis of a frame if the plan samples that frame."""
    if identification is None or analysis.faces is None or not plan.is_sampled(frame.index):
        return analysis
    return replace(analysis, face_samples=collect_samples(frame, analysis.faces, identification.recognizer))


class IdentityClassifier:
    """Classifier of the faces of a video by identity, block by block.

    Args:
        identification: recogniser, people and rule.
        plan: sampling plan.
        pool: executor of the recognition calls.
    """

    def __init__(self, identification: IdentificationSetup, plan: SamplingPlan, pool: Executor) -> None:
        self._identification = identification
        self._plan = plan
        self._pool = pool
        self._similarities: dict[int, Mapping[_DetectionKey, float]] = {}

    def classified(self, tracks: Tracks, analyses: Sequence[FrameAnalysis], due: range) -> Tracks:
        """Return the tracks with an identity decision for every face in the frames that are due.

        Args:
            tracks: tracks of a run of frames.
            analyses: analyses of these frames.
            due: indices in the video of the frames to decide.
        """
        first, plan = analyses[0].index, self._plan
        slots = range(due.start // plan.slot - plan.context, (due.stop - 1) // plan.slot + plan.context + 1)
        histories = {
            number: _history(members, analyses, slots, plan)
            for number, members in enumerate(tracks.members)
            if _is_face(members, analyses)
        }
        self._recognize(slots, histories, analyses)
        decisions: dict[tuple[int, int], IdentityDecision] = {}
        boxes = list(tracks.boxes)
        for index in due:
            judged: list[TrackedBox] = []
            for box in boxes[index - first]:
                history = histories.get(box.track)
                if history is None or box.kind is not TargetKind.FACE:
                    judged.append(box)
                    continue
                key = box.track, index // plan.slot
                if key not in decisions:
                    decisions[key] = self._decision(history, key[1])
                judged.append(replace(box, identity=decisions[key]))
            boxes[index - first] = judged
        self._similarities = {
            slot: similarities
            for slot, similarities in self._similarities.items()
            if slot >= due.stop // plan.slot - plan.context
        }
        return Tracks(boxes, tracks.members)

    def _decision(self, history: _SampleHistory, slot: int) -> IdentityDecision:
        window = range(slot - self._plan.context, slot + self._plan.context + 1)
        views: list[float | None] = []
        evidence: list[tuple[int, float]] = []
        for window_slot in window:
            detection = history.best_samples.get(window_slot)
            similarity = None if detection is None else self._similarities[window_slot].get(detection)
            views.append(similarity)
            if detection is not None and similarity is not None:
                evidence.append((detection[0], similarity))
        seen = [window_slot in history.detected_slots for window_slot in window]
        rule = self._identification.rule
        decision = classify(views, seen, rule.threshold, rule.possible_threshold, self._plan.min_samples)
        return IdentityDecision(decision, tuple(evidence))

    def _recognize(
        self, slots: range, histories: Mapping[int, _SampleHistory], analyses: Sequence[FrameAnalysis]
    ) -> None:
        """Compute the similarities of the samples in slots that are not cached yet."""
        first = analyses[0].index
        pending: dict[int, tuple[list[_DetectionKey], list[Future[list[float]]]]] = {}
        size = self._identification.recognizer.max_batch
        for slot in slots:
            if slot in self._similarities:
                continue
            # The composition of a batch must depend on the slot alone: it can affect the last digits.
            detections = sorted(
                {each.best_samples[slot] for each in histories.values() if slot in each.best_samples}
            )
            chips = [analyses[frame - first].face_samples[row].chip for frame, row in detections]
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
        except FrameAnalysisError:
            return [float("nan")] * len(chips)
        return [round(float(similarity), 4) for similarity in identification.people.similarities(vectors)]


@dataclass(frozen=True, slots=True)
class _SampleHistory:
    """Slots in which a track was detected and sampled.

    Attributes:
        detected_slots: slots with a detection of the track.
        best_samples: best sample of the track in each slot that has one.
    """

    detected_slots: frozenset[int]
    best_samples: Mapping[int, _DetectionKey]


def _is_face(members: Sequence[_DetectionKey], analyses: Sequence[FrameAnalysis]) -> bool:
    """Return whether a track is one of faces; they come first among the detections of a frame."""
    frame, row = members[0]
    return row < len(analyses[frame].detections(TargetKind.FACE).scores)


def _history(
    members: Sequence[_DetectionKey], analyses: Sequence[FrameAnalysis], slots: range, plan: SamplingPlan
) -> _SampleHistory:
    first = analyses[0].index
    ranked: dict[int, list[tuple[float, _DetectionKey]]] = defaultdict(list)
    seen: set[int] = set()
    for frame, row in members:
        slot = (first + frame) // plan.slot
        if slot not in slots:
            continue
        seen.add(slot)
        view = analyses[frame].face_samples.get(row)
        if view:
            ranked[slot].append((-view.quality_score, (first + frame, row)))
    return _SampleHistory(frozenset(seen), {slot: min(views)[1] for slot, views in ranked.items()})
