"""A request in slices becomes the very bytes that it would have become in one go."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.media import FakeArchive
from fakes.results import IMPRINT, FakeVideoEncoder
from framecloak.domain.anonymization.identification.decisions import IdentificationSetup
from framecloak.domain.anonymization.model.identities import IdentityMode, IdentityRule
from framecloak.domain.anonymization.model.options import (
    FRAMES_PER_GROUP,
    Appearance,
    Level,
    OutputFormat,
    Verify,
)
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.anonymization.pipeline.continuation import Continuation
from framecloak.domain.anonymization.results.export import ExportJob, ExportSource, group_sources
from framecloak.domain.anonymization.work.parts import (
    PART_FILE,
    AssemblySpec,
    ResultAssembler,
    VideoAssembly,
    write_part,
)
from framecloak.domain.anonymization.work.slice_planning import plan_slices
from framecloak.domain.imaging.detections import TargetKind
from framecloak.domain.model.segments import Region, Segment
from framecloak.domain.reid.reference_people import ReferencePeople
from support.samples.scripted_video import (
    LENS,
    PERSON,
    BlackBoxes,
    RawBytes,
    Script,
    ScriptedAreas,
    ScriptedDetector,
    ScriptedRecognizer,
    ScriptedSource,
    SearchingDetector,
    walking,
)

REGION = Region(0, 0, 8, 8)
LENGTH = 150
EXAMPLES = settings.default.max_examples // 3
"""Of each property: every one is a film in one go and in slices, and costs as much as many of other tests."""


PICTURES, FILMS = Appearance(OutputFormat.PNG), Appearance(OutputFormat.MP4)


def order(
    source: ScriptedSource,
    segments: Sequence[Segment],
    level: Level = Level.FACES,
    appearance: Appearance = PICTURES,
    verify: Verify = Verify.NONE,
) -> ExportJob:
    exhibit = ExportSource(0, source, None, lambda index: f"frames/{index:07d}", tuple(segments), (REGION,))
    return ExportJob(IMPRINT, level, appearance, group_sources([exhibit]), verify=verify)


def instruments(
    detector: ScriptedDetector | None,
    areas: ScriptedAreas | None = None,
    identification: IdentificationSetup | None = None,
) -> PipelineTools:
    found = {TargetKind.TEXT: areas} if areas else {}
    return PipelineTools(
        detector,
        BlackBoxes(),
        RawBytes(),
        2,
        video_encoder=FakeVideoEncoder(),
        box_detectors=found,
        identification=identification,
        residual_tools=LENS,
    )


def level_of(detector: ScriptedDetector | None, areas: ScriptedAreas | None) -> Level:
    return Level.FULL if areas else Level.FACES if detector else Level.MINIMAL


def nothing() -> None:
    """For runs whose progress is of no interest."""


def in_one_go(
    source: ScriptedSource,
    detector: ScriptedDetector | None,
    segments: Sequence[Segment],
    appearance: Appearance = PICTURES,
    areas: ScriptedAreas | None = None,
    identification: IdentificationSetup | None = None,
    verify: Verify = Verify.NONE,
) -> FakeArchive:
    archive = FakeArchive()
    level = level_of(detector, areas)
    order(source, segments, level, appearance, verify).run(
        instruments(detector, areas, identification), archive, nothing
    )
    return archive


def in_parts(
    source: ScriptedSource,
    detector: ScriptedDetector | None,
    segments: Sequence[Segment],
    slices: Sequence[Segment],
    *,
    by_one_worker: bool = False,
    appearance: Appearance = PICTURES,
    areas: ScriptedAreas | None = None,
    identification: IdentificationSetup | None = None,
    verify: Verify = Verify.NONE,
) -> FakeArchive:
    level = level_of(detector, areas)
    export = order(source, segments, level, appearance, verify)
    parts: list[FakeArchive] = []
    continuation: Continuation | None = None
    for piece in slices:
        archive = FakeArchive()
        working = instruments(detector, areas, identification)
        written = write_part(export, piece, working, archive, nothing, continuation)
        if by_one_worker:
            continuation = written.continuation
        else:
            written.continuation.close()
        assert archive.committed
        parts.append(archive)
    if continuation:
        continuation.close()
    result = FakeArchive()
    filming = VideoAssembly(FakeVideoEncoder(), source) if appearance is FILMS else None
    binding = AssemblySpec(IMPRINT, level, appearance, source.sha256(), tuple(segments), (REGION,), filming)
    with closing(ResultAssembler(binding, result, nothing)) as binder:
        for part in parts:
            binder.add(part)
        binder.finish()
    assert result.committed
    return result


@st.composite
def scripts(draw: st.DrawFn, size: float = 30.0) -> Script:
    """People who come and go, walk, are missed for a while and are sometimes hard to see."""
    script: Script = {}
    for person in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, LENGTH - 10))
        stop = draw(st.integers(start + 1, LENGTH))
        pace = draw(st.sampled_from([0.0, 0.5, 2.0]))
        missed = draw(st.sets(st.integers(start, stop), max_size=30))
        weak = draw(st.sets(st.integers(start, stop), max_size=30))
        for t in set(range(start, stop)) - missed:
            box = (30.0 + 65 * person + pace * (t - start) % 60, 90.0, size, 0.3 if t in weak else 0.9)
            script.setdefault(t, []).append(box)
    return script


@st.composite
def cuts(draw: st.DrawFn) -> tuple[list[Segment], list[Segment]]:
    """Segments, and slices that cover them."""
    places = sorted(draw(st.sets(st.integers(0, LENGTH), min_size=2, max_size=6)))
    segments = [Segment(a, b) for a, b in zip(places[::2], places[1::2], strict=False)]
    slices = []
    for segment in segments:
        inner = draw(st.sets(st.integers(segment.start_frame, segment.end_frame), max_size=4))
        edges = sorted({segment.start_frame, segment.end_frame, *inner})
        slices += [Segment(a, b) for a, b in itertools.pairwise(edges)]
    return segments, slices


@settings(max_examples=EXAMPLES)
@given(
    script=scripts(),
    plan=cuts(),
    by_one_worker=st.booleans(),
    lost=st.sets(st.integers(0, LENGTH - 1), max_size=5),
)
def test_slices_make_no_difference(
    script: Script, plan: tuple[list[Segment], list[Segment]], by_one_worker: bool, lost: set[int]
) -> None:
    segments, slices = plan
    source, detector = ScriptedSource(LENGTH, lost=frozenset(lost)), ScriptedDetector(script)
    whole = in_one_go(source, detector, segments)
    sliced = in_parts(source, detector, segments, slices, by_one_worker=by_one_worker)
    assert list(sliced.entries) == list(whole.entries)
    assert json.loads(sliced.entries["manifest.json"]) == json.loads(whole.entries["manifest.json"])
    assert sliced.entries == whole.entries


@st.composite
def writings(draw: st.DrawFn) -> ScriptedAreas:
    """Lines that stand still, drift, race or flicker, and a detector that fails now and then."""
    script: dict[int, list[tuple[float, float, float, float, float]]] = {}
    for line in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, LENGTH - 10))
        stop = draw(st.integers(start + 1, LENGTH))
        pace = draw(st.sampled_from([0.0, 0.5, 6.0]))
        missed = draw(st.sets(st.integers(start, stop), max_size=30))
        weak = draw(st.sets(st.integers(start, stop), max_size=30))
        for t in set(range(start, stop)) - missed:
            left, top = 5.0 + pace * (t - start) % 200, 10.0 + 50 * line
            score = 0.4 if t in weak else 0.9
            script.setdefault(t, []).append((left, top, left + 60, top + 15, score))
    return ScriptedAreas(script, frozenset(draw(st.sets(st.integers(0, LENGTH - 1), max_size=3))))


@settings(max_examples=EXAMPLES)
@given(
    script=scripts(),
    areas=writings(),
    plan=cuts(),
    by_one_worker=st.booleans(),
    lost=st.sets(st.integers(0, LENGTH - 1), max_size=5),
)
def test_slices_make_no_difference_to_text(
    script: Script,
    areas: ScriptedAreas,
    plan: tuple[list[Segment], list[Segment]],
    by_one_worker: bool,
    lost: set[int],
) -> None:
    segments, slices = plan
    source, detector = ScriptedSource(LENGTH, lost=frozenset(lost)), ScriptedDetector(script)
    whole = in_one_go(source, detector, segments, areas=areas)
    sliced = in_parts(source, detector, segments, slices, by_one_worker=by_one_worker, areas=areas)
    assert json.loads(sliced.entries["manifest.json"]) == json.loads(whole.entries["manifest.json"])
    assert sliced.entries == whole.entries


@st.composite
def acquaintances(draw: st.DrawFn) -> IdentificationSetup:
    """Some of the people who walk are known; now and then one looks like another, or cannot be recognised."""
    known = draw(st.sets(st.integers(0, 3)))
    odd = draw(st.sets(st.tuples(st.integers(0, LENGTH), st.integers(0, 3)), max_size=20))
    broken = draw(st.sets(st.integers(0, LENGTH), max_size=4))

    def likeness(frame: int, x: float) -> float:
        person = int((x - 30) // 65)
        return 0.9 if (person in known) != ((frame, person) in odd) else 0.1

    recognizer = ScriptedRecognizer(likeness, frozenset(broken), draw(st.integers(1, 3)))
    mode = draw(st.sampled_from(IdentityMode))
    rule = IdentityRule(mode, 0.5, 0.3)
    return IdentificationSetup(
        recognizer, ReferencePeople(f"folder:{'0' * 64}", recognizer.space, (PERSON,)), rule
    )


@settings(max_examples=EXAMPLES)
@given(
    script=scripts(size=40.0),
    identification=acquaintances(),
    verify=st.sampled_from(Verify),
    plan=cuts(),
    by_one_worker=st.booleans(),
    lost=st.sets(st.integers(0, LENGTH - 1), max_size=5),
)
def test_slices_make_no_difference_to_who_is_who(
    script: Script,
    identification: IdentificationSetup,
    verify: Verify,
    plan: tuple[list[Segment], list[Segment]],
    by_one_worker: bool,
    lost: set[int],
) -> None:
    segments, slices = plan
    source, detector = ScriptedSource(LENGTH, lost=frozenset(lost)), ScriptedDetector(script)
    whole = in_one_go(source, detector, segments, identification=identification, verify=verify)
    sliced = in_parts(
        source,
        detector,
        segments,
        slices,
        by_one_worker=by_one_worker,
        identification=identification,
        verify=verify,
    )
    assert json.loads(sliced.entries["manifest.json"]) == json.loads(whole.entries["manifest.json"])
    assert sliced.entries == whole.entries


def test_one_slice_or_twenty_of_a_walk_are_one_track() -> None:
    source, detector = ScriptedSource(100), ScriptedDetector(walking(range(100)))
    segments = [Segment(0, 100)]
    whole = in_one_go(source, detector, segments)
    for longest in (100, 33, 5):
        slices = plan_slices(segments, max_frames=longest)
        assert in_parts(source, detector, segments, slices).entries == whole.entries
    tracks = {
        box["track"]
        for entry in json.loads(whole.entries["manifest.json"])["frames"]
        for box in entry["boxes"]
        if box["kind"] == "face"
    }
    assert tracks == {0}


@settings(max_examples=EXAMPLES)
@given(
    script=scripts(),
    plan=cuts(),
    longest=st.integers(1, 200),
    lost=st.sets(st.integers(0, LENGTH - 1), max_size=5),
)
def test_slices_make_no_difference_to_films(
    script: Script, plan: tuple[list[Segment], list[Segment]], longest: int, lost: set[int]
) -> None:
    segments, _ = plan
    source, detector = ScriptedSource(LENGTH, lost=frozenset(lost)), ScriptedDetector(script)
    whole = in_one_go(source, detector, segments, FILMS)
    slices = plan_slices(segments, max_frames=longest, group_frames=FRAMES_PER_GROUP)
    sliced = in_parts(source, detector, segments, slices, appearance=FILMS)
    films = [f"films/film_{segment.start_frame:07d}.mp4" for segment in segments]
    assert list(sliced.entries) == [*films, "report.html", "manifest.json", "manifest.sig"]
    assert sliced.entries == whole.entries


@st.composite
def searching(draw: st.DrawFn) -> SearchingDetector:
    """Something is left in redacted frames here and there, and some cannot be searched."""
    numbers = st.sets(st.integers(1, LENGTH - 1), max_size=12)
    left = frozenset(draw(numbers))
    return SearchingDetector(draw(scripts()), left_in=left, lost_in=frozenset(draw(numbers)))


@settings(max_examples=EXAMPLES)
@given(
    detector=searching(),
    plan=cuts(),
    verify=st.sampled_from(Verify),
    by_one_worker=st.booleans(),
    lost=st.sets(st.integers(0, LENGTH - 1), max_size=5),
)
def test_slices_make_no_difference_to_proof(
    detector: SearchingDetector,
    plan: tuple[list[Segment], list[Segment]],
    verify: Verify,
    by_one_worker: bool,
    lost: set[int],
) -> None:
    segments, slices = plan
    source = ScriptedSource(LENGTH, lost=frozenset(lost))
    whole = in_one_go(source, detector, segments, verify=verify)
    sliced = in_parts(source, detector, segments, slices, by_one_worker=by_one_worker, verify=verify)
    assert json.loads(sliced.entries["manifest.json"]) == json.loads(whole.entries["manifest.json"])
    assert sliced.entries == whole.entries


@settings(max_examples=EXAMPLES)
@given(detector=searching(), plan=cuts(), longest=st.integers(1, 200), verify=st.sampled_from(Verify))
def test_slices_make_no_difference_to_proof_of_films(
    detector: SearchingDetector,
    plan: tuple[list[Segment], list[Segment]],
    longest: int,
    verify: Verify,
) -> None:
    segments, _ = plan
    source = ScriptedSource(LENGTH)
    whole = in_one_go(source, detector, segments, FILMS, verify=verify)
    slices = plan_slices(segments, max_frames=longest, group_frames=FRAMES_PER_GROUP)
    assert (
        in_parts(source, detector, segments, slices, appearance=FILMS, verify=verify).entries == whole.entries
    )


def test_what_is_left_is_redacted_again_and_what_cannot_be_searched_is_black() -> None:
    detector = SearchingDetector(walking(range(60)), left_in=frozenset({10, 25}), lost_in=frozenset({20}))
    for appearance in (PICTURES, FILMS):
        for verify, again in ((Verify.NONE, []), (Verify.SAMPLE, [10]), (Verify.ALL, [10, 25])):
            result = in_one_go(ScriptedSource(60), detector, [Segment(0, 60)], appearance, verify=verify)
            manifest = json.loads(result.entries["manifest.json"])
            boxes = {
                entry["index"]: box["xyxy"]
                for entry in manifest["frames"]
                for box in entry["boxes"]
                if box["origin"] == "residual"
            }
            assert boxes == {index: [184, 114, 248, 178] for index in again}
            blanked = [entry["index"] for entry in manifest["frames"] if entry["blanked"]]
            assert blanked == ([] if verify is Verify.NONE else [20])
            proof = manifest["proof"]
            if verify is not Verify.NONE:
                searched = 60 if verify is Verify.ALL else 6
                assert (proof["frames"], proof["residual_before"]) == (searched, len(again))
                assert (proof["residual_after"], proof["blanked"], proof["failed"]) == (0, 1, 1)
            else:
                assert proof is None


def test_level_minimal_in_slices() -> None:
    source, segments = ScriptedSource(20), [Segment(2, 9), Segment(11, 20)]
    slices = plan_slices(segments, max_frames=3)
    assert in_parts(source, None, segments, slices).entries == in_one_go(source, None, segments).entries


def test_a_worker_that_goes_on_examines_nothing_twice() -> None:
    source, detector = ScriptedSource(150), ScriptedDetector(walking(range(150)))
    segments = [Segment(0, 150)]
    whole = len(_examinations(source, segments, [Segment(0, 150)], by_one_worker=True))
    slices = plan_slices(segments, max_frames=30)
    assert len(_examinations(source, segments, slices, by_one_worker=True)) == whole
    assert len(_examinations(source, segments, slices, by_one_worker=False)) > whole
    assert in_parts(source, detector, segments, slices, by_one_worker=True).committed


def _examinations(
    source: ScriptedSource, segments: list[Segment], slices: Sequence[Segment], *, by_one_worker: bool
) -> list[int]:
    detector = ScriptedDetector(walking(range(150)))
    in_parts(source, detector, segments, slices, by_one_worker=by_one_worker)
    return detector.batches


def test_parts_that_lack_a_frame_or_have_one_twice_make_no_result() -> None:
    source, detector = ScriptedSource(30), ScriptedDetector({})
    segments = [Segment(0, 30)]
    whole = [Segment(0, 10), Segment(10, 20), Segment(20, 30)]
    for slices in (whole[:2], whole[1:], [*whole, whole[2]], [whole[0], whole[2], whole[1]], []):
        with pytest.raises(ValueError, match="frame"):
            in_parts(source, detector, segments, slices)


def test_a_part_says_what_the_manifest_needs() -> None:
    source, detector = ScriptedSource(30), ScriptedDetector(walking(range(30)))
    archive = FakeArchive()
    written = write_part(
        order(source, [Segment(0, 30)]), Segment(5, 8), instruments(detector), archive, nothing
    )
    assert written.blanked_frames == 0
    assert list(archive.entries) == [*(f"frames/{n:07d}.png" for n in (5, 6, 7)), PART_FILE]
