"""Identity decisions: the evidence that they require, and redaction without it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.media import FakeArchive, FakeSampler
from fakes.results import ISSUER
from framecloak.domain.anonymization.identification.decisions import (
    IdentificationSetup,
    classify,
    identity_rule,
)
from framecloak.domain.anonymization.identification.face_samples import SamplingPlan
from framecloak.domain.anonymization.model.identities import Decision, IdentityMode, IdentityRule, Unknown
from framecloak.domain.anonymization.model.options import Appearance, Level, Verify
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.anonymization.results.export import ExportJob
from framecloak.domain.anonymization.results.sources import ExportSource, group_sources
from framecloak.domain.errors import InvalidOptionError
from framecloak.domain.model.faces import EmbeddingSpace
from framecloak.domain.model.segments import Region, Segment
from framecloak.domain.reid.reference_people import ReferencePeople
from support.samples.scripted_video import (
    HEIGHT,
    PERSON,
    RED_OF_BGR,
    RESIDUAL_TOOLS,
    WIDTH,
    BlackBoxRedactor,
    RawEncoder,
    Script,
    ScriptedDetector,
    ScriptedRecognizer,
    ScriptedResidualDetector,
    ScriptedSource,
)

LENGTH, THRESHOLD, POSSIBLE, NEEDED = 120, 0.5, 0.3, 3
SLOTS = 2 * SamplingPlan().context + 1
LIKE, UNLIKE = 0.9, 0.1


def in_all_slots(each: st.SearchStrategy[float | None]) -> st.SearchStrategy[list[float | None]]:
    return st.lists(each, min_size=SLOTS, max_size=SLOTS)


# Of samples without a tendency, hardly any are of a known person.
samples = (
    in_all_slots(st.none() | st.floats(-1, 1))
    | in_all_slots(st.sampled_from((None, 0.4, 0.6, 0.7, 0.8)))
    | in_all_slots(st.none() | st.floats(-1, POSSIBLE))
)
presence = st.lists(st.booleans(), min_size=SLOTS, max_size=SLOTS)


@given(samples, presence)
def test_two_samples_decide_nothing(similarities: list[float | None], present: list[bool]) -> None:
    if sum(similarity is not None for similarity in similarities) < NEEDED:
        assert classify(similarities, present, THRESHOLD, POSSIBLE, NEEDED) is Decision.UNCERTAIN


@given(samples, presence)
def test_a_known_face_is_similar_around_the_slot_and_in_most_samples(
    similarities: list[float | None], present: list[bool]
) -> None:
    if classify(similarities, present, THRESHOLD, POSSIBLE, NEEDED) is Decision.KNOWN:
        middle = SLOTS // 2
        near = [similarity for similarity in similarities[middle - 1 : middle + 2] if similarity is not None]
        measured = [similarity for similarity in similarities if similarity is not None]
        assert near
        assert all(similarity >= THRESHOLD for similarity in near)
        assert sum(similarity >= THRESHOLD for similarity in measured) * 2 > len(measured)


def test_half_of_the_samples_are_not_most() -> None:
    similarities: list[float | None] = [0.4, 0.4, *[None] * (SLOTS - 2)]
    similarities[SLOTS // 2 : SLOTS // 2 + 2] = 0.6, 0.6
    assert classify(similarities, [False] * SLOTS, THRESHOLD, POSSIBLE, NEEDED) is Decision.UNCERTAIN


@given(samples, presence)
def test_a_stranger_matches_in_no_sample(similarities: list[float | None], present: list[bool]) -> None:
    if classify(similarities, present, THRESHOLD, POSSIBLE, NEEDED) is Decision.STRANGER:
        assert all(similarity < POSSIBLE for similarity in similarities if similarity is not None)


@pytest.mark.parametrize(
    ("similarity", "decision"),
    [
        (0.29, Decision.STRANGER),
        (0.3, Decision.UNCERTAIN),
        (0.49, Decision.UNCERTAIN),
        (0.5, Decision.KNOWN),
    ],
)
def test_a_possible_match_is_no_stranger(similarity: float, decision: Decision) -> None:
    assert classify([similarity] * SLOTS, [True] * SLOTS, THRESHOLD, POSSIBLE, NEEDED) is decision


def test_one_possibly_matching_sample_makes_a_decision_uncertain() -> None:
    similarities = [0.1] * (SLOTS - 1) + [0.35]
    assert classify(similarities, [True] * SLOTS, THRESHOLD, POSSIBLE, NEEDED) is Decision.UNCERTAIN


@given(samples, presence)
def test_decisions_are_symmetric_in_time(similarities: list[float | None], present: list[bool]) -> None:
    decision = classify(similarities, present, THRESHOLD, POSSIBLE, NEEDED)
    assert classify(similarities[::-1], present[::-1], THRESHOLD, POSSIBLE, NEEDED) is decision


@given(samples, presence)
def test_a_live_track_needs_later_samples(similarities: list[float | None], present: list[bool]) -> None:
    after = SLOTS // 2 + 1
    blind: list[float | None] = [*similarities[:after], *[None] * (SLOTS - after)]
    continues = [*present[:after], True, *present[after + 1 :]]
    assert classify(blind, continues, THRESHOLD, POSSIBLE, NEEDED) is Decision.UNCERTAIN


@pytest.mark.parametrize("unknown", Unknown)
def test_rules_redact_by_decision(unknown: Unknown) -> None:
    except_rule = IdentityRule(IdentityMode.EXCEPT, THRESHOLD, POSSIBLE)
    assert [except_rule.redacts(decision) for decision in Decision] == [False, True, True]
    only_rule = IdentityRule(IdentityMode.ONLY, THRESHOLD, POSSIBLE, unknown)
    assert [only_rule.redacts(decision) for decision in Decision] == [True, False, unknown is Unknown.REDACT]


@pytest.mark.parametrize("threshold", [-1, 0, 1.01, float("nan"), float("inf")])
def test_a_threshold_is_a_cosine_above_zero(threshold: float) -> None:
    with pytest.raises(InvalidOptionError):
        IdentityRule(IdentityMode.ONLY, threshold, threshold)


def test_mode_except_always_redacts_the_uncertain() -> None:
    with pytest.raises(InvalidOptionError):
        IdentityRule(IdentityMode.EXCEPT, THRESHOLD, POSSIBLE, Unknown.KEEP)


DLIB = EmbeddingSpace("dlib-resnet", "0" * 64, 128)
ARCFACE = EmbeddingSpace("buffalo_l", "0" * 64, 512)
UNMEASURED = EmbeddingSpace("our own", "0" * 64, 512)


@pytest.mark.parametrize(
    ("space", "too_low", "minimum", "usual"),
    [(DLIB, 0.89, 0.9, 0.93), (ARCFACE, 0.29, 0.3, 0.4), (UNMEASURED, 0.29, 0.3, 0.4)],
)
def test_thresholds_that_strangers_reach_are_refused_in_mode_except(
    space: EmbeddingSpace, too_low: float, minimum: float, usual: float
) -> None:
    for threshold in (0.01, too_low):
        with pytest.raises(InvalidOptionError, match=space.name) as refused:
            identity_rule(space, IdentityMode.EXCEPT, threshold, Unknown.REDACT)
        assert f"usual {usual:g}" in refused.value.hint
        assert f"{minimum:g} to 1" in refused.value.hint
    for threshold, counts in ((minimum, minimum), (0.97, 0.97), (None, usual)):
        rule = identity_rule(space, IdentityMode.EXCEPT, threshold, Unknown.REDACT)
        assert (rule.threshold, rule.possible_threshold) == (counts, minimum)


@pytest.mark.parametrize(("space", "minimum", "usual"), [(DLIB, 0.9, 0.93), (ARCFACE, 0.3, 0.4)])
def test_thresholds_that_would_show_listed_people_are_refused_in_mode_only(
    space: EmbeddingSpace, minimum: float, usual: float
) -> None:
    def rule(threshold: float | None, unknown: Unknown) -> IdentityRule:
        return identity_rule(space, IdentityMode.ONLY, threshold, unknown)

    # A threshold that is too low redacts more people; one that is too high makes more of them uncertain.
    low = rule(0.2, Unknown.REDACT)
    assert (low.threshold, low.possible_threshold) == (0.2, 0.2)
    assert rule(0.99, Unknown.REDACT).possible_threshold == minimum
    assert rule(usual, Unknown.KEEP) == rule(None, Unknown.KEEP)
    with pytest.raises(InvalidOptionError, match=space.name):
        rule(usual + 0.01, Unknown.KEEP)


def test_the_stranger_of_the_embedded_default_is_not_kept() -> None:
    stranger = [0.72, 0.75, 0.7, 0.74, 0.71, 0.73, 0.72]
    rule = identity_rule(DLIB, IdentityMode.EXCEPT, 0.9, Unknown.REDACT)
    assert rule.redacts(classify(stranger, [True] * SLOTS, rule.threshold, rule.possible_threshold, NEEDED))
    perhaps = [0.925, 0.92, 0.929, 0.92, 0.91, 0.92, 0.929]
    rule = identity_rule(DLIB, IdentityMode.ONLY, None, Unknown.REDACT)
    assert rule.redacts(classify(perhaps, [True] * SLOTS, rule.threshold, rule.possible_threshold, NEEDED))


def two_people(frames: range = range(LENGTH), size: float = 40.0) -> Script:
    """Return a script with one person on the left and one on the right."""
    return {t: [(80.0, 90.0, size, 0.9), (240.0, 90.0, size, 0.9)] for t in frames}


def left_is_known(_frame: int, x: float) -> float:
    return LIKE if x < WIDTH / 2 else UNLIKE


def run(
    script: Script,
    recognizer: ScriptedRecognizer,
    rule: IdentityRule,
    regions: tuple[Region, ...] = (),
    detector: ScriptedDetector | None = None,
    verify: Verify = Verify.NONE,
) -> tuple[dict, FakeArchive]:
    people = ReferencePeople(f"folder:{'0' * 64}", recognizer.space, (PERSON,))
    source = ScriptedSource(LENGTH)
    whole = (Segment(0, LENGTH),)
    export_source = ExportSource(0, source, None, lambda index: f"frames/{index}", whole, regions)
    export = ExportJob(
        ISSUER, Level.FACES, Appearance(OutputFormat.PNG), group_sources([export_source]), verify=verify
    )
    tools = PipelineTools(
        detector or ScriptedDetector(script),
        BlackBoxRedactor(),
        RawEncoder(),
        FakeSampler(),
        2,
        identification=IdentificationSetup(recognizer, people, rule),
        residual_tools=RESIDUAL_TOOLS,
    )
    archive = FakeArchive()
    export.run(tools, archive, lambda: None)
    return json.loads(archive.entries["manifest.json"]), archive


def redacted_at(document: dict, x: float, index: int) -> bool:
    boxes = document["frames"][index]["boxes"]
    return any(box["xyxy"][0] <= x < box["xyxy"][2] for box in boxes)


EXCEPT = IdentityRule(IdentityMode.EXCEPT, THRESHOLD, POSSIBLE)
ONLY = IdentityRule(IdentityMode.ONLY, THRESHOLD, POSSIBLE)


@pytest.mark.parametrize(("rule", "kept", "redacted"), [(EXCEPT, 80, 240), (ONLY, 240, 80)])
def test_one_person_is_kept_and_the_other_is_redacted(rule: IdentityRule, kept: int, redacted: int) -> None:
    recognizer = ScriptedRecognizer(left_is_known)
    document, archive = run(two_people(), recognizer, rule)
    for index in range(LENGTH):
        assert redacted_at(document, redacted, index)
        assert not redacted_at(document, kept, index)
        shown = archive.entries[f"frames/{index}.png"]
        middle = (90 * WIDTH + kept) * 3
        assert shown[middle + RED_OF_BGR] == index
        covered = (90 * WIDTH + redacted) * 3
        assert not any(shown[covered : covered + 3])
    assert len(shown) == WIDTH * HEIGHT * 3
    first, second = document["identities"]["decisions"]
    assert {first["decision"], second["decision"]} == {"known", "stranger"}
    assert first["segment"] == second["segment"] == [0, LENGTH]
    assert len(first["views"]) == LENGTH // SamplingPlan().slot
    # Both faces share the recogniser calls of a slot, with one sample of eight frames each.
    assert {len(call) for call in recognizer.calls} == {2}
    assert len(recognizer.calls) == LENGTH // SamplingPlan().slot


@pytest.mark.parametrize("verify", [Verify.ALL, Verify.SAMPLE])
def test_a_kept_face_is_no_residual_and_a_missed_face_is(verify: Verify) -> None:
    kept, missed = (64, 74), (140, 130)
    corner = (Region(0, 0, 8, 8),)
    for positions, repaired in (((kept,), []), ((kept, missed), [30, 60])):
        detector = ScriptedResidualDetector(
            two_people(), residual_in=frozenset({30, 60}), residual_at=positions
        )
        document, archive = run({}, ScriptedRecognizer(left_is_known), EXCEPT, corner, detector, verify)
        for index in (30, 60):
            boxes = document["frames"][index]["boxes"]
            residuals = [box["xyxy"] for box in boxes if box["origin"] == "residual"]
            assert residuals == ([[124, 114, 188, 178]] if index in repaired else [])
            assert not redacted_at(document, 80, index)
            assert archive.entries[f"frames/{index}.png"][(90 * WIDTH + 80) * 3 + RED_OF_BGR] == index
        assert document["proof"]["residual_before"] == len(repaired)
        assert (document["proof"]["residual_after"], document["summary"]["blanked"]) == (0, 0)
        assert {entry["decision"] for entry in document["identities"]["decisions"]} == {"known", "stranger"}


def test_a_detection_that_reaches_beyond_a_kept_face_is_a_residual() -> None:
    beyond = ScriptedResidualDetector(two_people(), residual_in=frozenset({60}), residual_at=((90, 80),))
    corner = (Region(0, 0, 8, 8),)
    document, _ = run({}, ScriptedRecognizer(left_is_known), EXCEPT, corner, beyond, Verify.ALL)
    assert document["proof"]["residual_before"] == 1


def never(_frame: int, _x: float) -> float:
    raise AssertionError


@pytest.mark.parametrize(
    ("script", "recognizer"),
    [
        (two_people(size=20.0), ScriptedRecognizer(never)),
        (two_people(range(34, 46)), ScriptedRecognizer(left_is_known)),
        (two_people(), ScriptedRecognizer(never, frozenset(range(LENGTH)))),
    ],
    ids=["too small", "too short", "the recogniser fails"],
)
@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        (EXCEPT, False),
        (ONLY, False),
        (IdentityRule(IdentityMode.ONLY, THRESHOLD, POSSIBLE, Unknown.KEEP), True),
    ],
)
def test_without_evidence_the_rule_decides(
    script: Script, recognizer: ScriptedRecognizer, rule: IdentityRule, kept: bool
) -> None:
    document, _ = run(script, recognizer, rule)
    for index in script:
        assert redacted_at(document, 80, index) is not kept
        assert redacted_at(document, 240, index) is not kept
    assert {entry["decision"] for entry in document["identities"]["decisions"]} == {"uncertain"}


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        (EXCEPT, False),
        (ONLY, False),
        (IdentityRule(IdentityMode.ONLY, THRESHOLD, POSSIBLE, Unknown.KEEP), True),
    ],
)
def test_a_possible_match_is_uncertain(rule: IdentityRule, kept: bool) -> None:
    recognizer = ScriptedRecognizer(lambda _, x: LIKE if x < WIDTH / 2 else 0.4)
    document, _ = run(two_people(), recognizer, rule)
    assert all(redacted_at(document, 240, index) is not kept for index in range(LENGTH))
    assert {entry["decision"] for entry in document["identities"]["decisions"]} == {"known", "uncertain"}
    assert document["identities"]["possible"] == POSSIBLE


def swapped_at(moment: int) -> Callable[[int, float], float]:
    """Return a similarity function by which the person on the left is known only before a frame."""
    return lambda frame, x: LIKE if x < WIDTH / 2 and frame < moment else UNLIKE


@pytest.mark.parametrize("moment", [48, 51, 55])
def test_a_track_that_switches_to_a_stranger_shows_nothing_of_them(moment: int) -> None:
    document, _ = run(two_people(), ScriptedRecognizer(swapped_at(moment)), EXCEPT)
    assert not redacted_at(document, 80, moment - 20)
    assert all(redacted_at(document, 80, index) for index in range(moment, LENGTH))


def test_a_track_that_switches_to_an_unrecognisable_face_shows_nothing_of_it() -> None:
    small = 28.0
    script = {t: [(80.0, 90.0, 40.0 if t < 60 else small, 0.9)] for t in range(LENGTH)}
    document, _ = run(script, ScriptedRecognizer(left_is_known), EXCEPT)
    assert not redacted_at(document, 80, 30)
    assert all(redacted_at(document, 80, index) for index in range(60, LENGTH))


def test_where_faces_overlap_redaction_wins() -> None:
    script = {t: [(100.0, 90.0, 40.0, 0.9), (130.0, 90.0, 40.0, 0.9)] for t in range(LENGTH)}
    document, archive = run(script, ScriptedRecognizer(lambda _, x: LIKE if x < 115 else UNLIKE), EXCEPT)
    (box,) = document["frames"][60]["boxes"]
    x1, y1, x2, y2 = box["xyxy"]
    assert (x1, x2) == (102, 158)
    shown = archive.entries["frames/60.png"]
    rows = [shown[(y * WIDTH + x1) * 3 : (y * WIDTH + x2) * 3] for y in range(y1, y2)]
    assert not any(map(any, rows))
    assert shown[(90 * WIDTH + 85) * 3 + RED_OF_BGR] == 60


def test_regions_are_redacted_whatever_face_is_in_them() -> None:
    region = Region(60, 70, 40, 40)
    document, _ = run(two_people(), ScriptedRecognizer(left_is_known), EXCEPT, (region,))
    assert all(redacted_at(document, 80, index) for index in range(LENGTH))
