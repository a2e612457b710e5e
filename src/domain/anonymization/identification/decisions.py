"""Whose a face is, decided from several views of its track.

The video is divided into slots, on a grid of frame numbers. Of each track the best view in every slot is
recognised, and the face is decided upon anew in every slot, from the views in that one and in the three on
each side: about one second each way. Nothing that is further away counts, so that slices of a video agree
with each other wherever it was cut, as they do about tracks.

A decision takes three views. They also have to be there on both sides, as far as the track goes on: where it
passes from one person to another by mistake, views of both contradict each other, or those of the other are
missing, and either makes the face uncertain.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace

import numpy as np

from framecloak.domain.anonymization.detection.faces import Examination
from framecloak.domain.anonymization.identification.face_samples import ViewPlan, take_views
from framecloak.domain.anonymization.model.identities import Decision, IdentityMode, IdentityRule, Unknown
from framecloak.domain.anonymization.tracking.tracker import TrackedBox, Tracks, Verdict
from framecloak.domain.errors import ExaminationError, InvalidOptionError
from framecloak.domain.imaging.detections import Image, Kind
from framecloak.domain.ports import Frame
from framecloak.domain.ports.recognition import FaceRecognizer
from framecloak.domain.reid.matching import assumed_likeness
from framecloak.domain.reid.model import EmbeddingSpace
from framecloak.domain.reid.reference_people import People

_Place = tuple[int, int]
"""A detection: number of its frame in the video, and its row there."""


@dataclass(frozen=True, slots=True)
class Identification:
    """What faces are recognised with.

    Attributes:
        recognizer: turns faces into vectors.
        people: who is looked for.
        rule: which faces are redacted.
    """

    recognizer: FaceRecognizer
    people: People
    rule: IdentityRule


def rule_for(
    space: EmbeddingSpace, mode: IdentityMode, threshold: float | None, unknown: Unknown
) -> IdentityRule:
    """The rule for faces that are recognised with a model.

    Args:
        space: of the model.
        mode: whose faces are redacted.
        threshold: the one that was asked for; None for the usual one of the model.
        unknown: what becomes of uncertain faces.

    Raises:
        InvalidOptionError: as for `IdentityRule`; or with this model the threshold would leave faces visible
            that are to be redacted.
    """
    means = assumed_likeness(space)
    wanted = means.usual if threshold is None else threshold
    rule = IdentityRule(mode, wanted, min(means.possible, wanted), unknown)
    if mode is IdentityMode.EXCEPT and wanted < means.possible:
        raise InvalidOptionError(
            f"with {space.name}, a threshold of {wanted:g} would take other people for those whose faces are"
            " kept",
            f"leave the threshold out for the usual {means.usual:g}, or ask for {means.possible:g} to 1",
        )
    if unknown is Unknown.KEEP and wanted > means.usual:
        raise InvalidOptionError(
            f"with {space.name}, a threshold of {wanted:g} would leave people visible who are to be redacted,"
            " as faces that are uncertain are kept",
            f"leave the threshold out for the usual {means.usual:g}, ask for less, or have uncertain faces"
            " redacted",
        )
    return rule


def decide(
    views: Sequence[float | None], seen: Sequence[bool], threshold: float, possible: float, needed: int
) -> Decision:
    """What the views of a track say about one slot.

    Args:
        views: per slot the similarity of its best view to whoever of the people it is most like, or None;
            the slot in question is in the middle.
        seen: per slot, whether the track has a detection in it.
        threshold: least similarity of one person.
        possible: least similarity that may be one person's; a stranger stays below it in every view.
        needed: views that a decision takes at least.
    """
    middle = len(views) // 2
    told = sorted(one for one in views if one is not None)
    near = [one for one in views[max(0, middle - 1) : middle + 2] if one is not None]
    sides = (slice(0, middle), slice(middle + 1, None))
    one_sided = any(any(seen[side]) and all(one is None for one in views[side]) for side in sides)
    if len(told) < needed or not near or one_sided:
        return Decision.UNCERTAIN
    if told[-1] < possible:
        return Decision.STRANGER
    middling = told[(len(told) - 1) // 2]
    return Decision.KNOWN if min(near) >= threshold and middling >= threshold else Decision.UNCERTAIN


def with_views(
    examined: Examination, frame: Frame, identification: Identification | None, plan: ViewPlan
) -> Examination:
    """The same with the faces that can be recognised, in frames where that is due."""
    if identification is None or examined.found is None or not plan.looks_at(frame.index):
        return examined
    return replace(examined, views=take_views(frame, examined.found, identification.recognizer))


class Verdicts:
    """Decides upon the faces of a video, block by block.

    Args:
        identification: what with.
        plan: where evidence is looked for.
        pool: where faces are recognised.
    """

    def __init__(self, identification: Identification, plan: ViewPlan, pool: Executor) -> None:
        self._identification = identification
        self._plan = plan
        self._pool = pool
        self._similarities: dict[int, Mapping[_Place, float]] = {}

    def judged(self, tracks: Tracks, examined: Sequence[Examination], due: range) -> Tracks:
        """The same tracks, with a verdict upon every face of the frames that are due.

        Args:
            tracks: of a run of frames.
            examined: those frames.
            due: numbers in the video of the frames to decide upon.
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
            slot: known
            for slot, known in self._similarities.items()
            if slot >= due.stop // plan.slot - plan.context
        }
        return Tracks(boxes, tracks.members)

    def _verdict(self, history: _History, slot: int) -> Verdict:
        around = range(slot - self._plan.context, slot + self._plan.context + 1)
        views: list[float | None] = []
        evidence: list[tuple[int, float]] = []
        for one in around:
            place = history.best.get(one)
            similarity = None if place is None else self._similarities[one].get(place)
            views.append(similarity)
            if place is not None and similarity is not None:
                evidence.append((place[0], similarity))
        seen = [one in history.seen for one in around]
        rule = self._identification.rule
        decision = decide(views, seen, rule.threshold, rule.possible, self._plan.needed)
        return Verdict(decision, tuple(evidence))

    def _recognize(
        self, slots: range, histories: Mapping[int, _History], examined: Sequence[Examination]
    ) -> None:
        """Find out the similarities of the views in slots where that was not done before."""
        first = examined[0].index
        begun: dict[int, tuple[list[_Place], list[Future[list[float]]]]] = {}
        size = self._identification.recognizer.max_batch
        for slot in slots:
            if slot in self._similarities:
                continue
            # Who shares a call with whom depends on the slot alone, because it may show in the last digits.
            places = sorted({one.best[slot] for one in histories.values() if slot in one.best})
            chips = [examined[frame - first].views[row].chip for frame, row in places]
            calls = [chips[start : start + size] for start in range(0, len(chips), size)]
            begun[slot] = places, [self._pool.submit(self._compare, call) for call in calls]
        for slot, (places, under_way) in begun.items():
            told = [similarity for call in under_way for similarity in call.result()]
            known = zip(places, told, strict=True)
            self._similarities[slot] = {place: one for place, one in known if np.isfinite(one)}

    def _compare(self, chips: Sequence[Image]) -> list[float]:
        """Similarities of faces, to four digits; what cannot be recognised has none, and is uncertain."""
        identification = self._identification
        try:
            vectors = identification.recognizer.embed(np.stack(chips))
        except ExaminationError:
            return [float("nan")] * len(chips)
        return [round(float(one), 4) for one in identification.people.similarities(vectors)]


@dataclass(frozen=True, slots=True)
class _History:
    """Where a track was seen.

    Attributes:
        seen: slots with a detection of it.
        best: its best view in each slot that has one.
    """

    seen: frozenset[int]
    best: Mapping[int, _Place]


def _is_face(members: Sequence[_Place], examined: Sequence[Examination]) -> bool:
    """Whether a track is one of faces, which are counted first among the detections of a frame."""
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
