"""A request processed in slices gives the same bytes as one processed as a whole."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.media import FakeArchive, FakeSampler
from fakes.results import ISSUER, FakeVideoEncoder
from framecloak.domain.anonymization.identification.decisions import IdentificationSetup
from framecloak.domain.anonymization.model.identities import IdentityMode, IdentityRule
from framecloak.domain.anonymization.model.options import FRAMES_PER_GROUP, Appearance, Level, Verify
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.anonymization.pipeline.continuation import Continuation
from framecloak.domain.anonymization.results.export import ExportJob
from framecloak.domain.anonymization.results.sources import ExportSource, group_sources
from framecloak.domain.anonymization.work.assembly import AssemblySpec, ResultAssembler, VideoAssembly
from framecloak.domain.anonymization.work.parts import PART_FILE, write_part
from framecloak.domain.anonymization.work.slice_planning import plan_slices
from framecloak.domain.imaging.detections import TargetKind
from framecloak.domain.model.segments import Region, Segment
from framecloak.domain.reid.reference_people import ReferencePeople
from support.samples.scripted_video import (
    PERSON,
    RESIDUAL_TOOLS,
    BlackBoxRedactor,
    RawEncoder,
    Script,
    ScriptedBoxDetector,
    ScriptedDetector,
    ScriptedRecognizer,
    ScriptedResidualDetector,
    ScriptedSource,
    walking_face,
)

REGION = Region(0, 0, 8, 8)
LENGTH = 150
EXAMPLES = settings.default.max_examples // 3
"""Examples per property: each one exports a video as a whole and in slices, which is expensive."""


IMAGES, VIDEO = Appearance(OutputFormat.PNG), Appearance(OutputFormat.MP4)


def export_job(
    source: ScriptedSource,
    segments: Sequence[Segment],
    level: Level = Level.FACES,
    appearance: Appearance = IMAGES,
    verify: Verify = Verify.NONE,
) -> ExportJob:
    export_source = ExportSource(
        0, source, None, lambda index: f"frames/{index:07d}", tuple(segments), (REGION,)
    )
    return ExportJob(ISSUER, level, appearance, group_sources([export_source]), verify=verify)


def pipeline_tools(
    detector: ScriptedDetector | None,
    text: ScriptedBoxDetector | None = None,
    identification: IdentificationSetup | None = None,
) -> PipelineTools:
    box_detectors = {TargetKind.TEXT: text} if text else {}
    return PipelineTools(
        detector,
        BlackBoxRedactor(),
        RawEncoder(),
        FakeSampler(),
        2,
        video_encoder=FakeVideoEncoder(),
        box_detectors=box_detectors,
        identification=identification,
        residual_tools=RESIDUAL_TOOLS,
    )


def level_of(detector: ScriptedDetector | None, text: ScriptedBoxDetector | None) -> Level:
    return Level.FULL if text else Level.FACES if detector else Level.MINIMAL


def ignore_progress() -> None:
    """Progress callback that does nothing."""


def export_whole(
    source: ScriptedSource,
    detector: ScriptedDetector | None,
    segments: Sequence[Segment],
    appearance: Appearance = IMAGES,
    text: ScriptedBoxDetector | None = None,
    identification: IdentificationSetup | None = None,
    verify: Verify = Verify.NONE,
) -> FakeArchive:
    archive = FakeArchive()
    level = level_of(detector, text)
    export_job(source, segments, level, appearance, verify).run(
        pipeline_tools(detector, text, identification), archive, ignore_progress
    )
    return archive


def export_in_slices(
    source: ScriptedSource,
    detector: ScriptedDetector | None,
    segments: Sequence[Segment],
    slices: Sequence[Segment],
    *,
    by_one_worker: bool = False,
    appearance: Appearance = IMAGES,
    text: ScriptedBoxDetector | None = None,
    identification: IdentificationSetup | None = None,
    verify: Verify = Verify.NONE,
) -> FakeArchive:
    level = level_of(detector, text)
    export = export_job(source, segments, level, appearance, verify)
    parts: list[FakeArchive] = []
    continuation: Continuation | None = None
    for slice_ in slices:
        archive = FakeArchive()
        tools = pipeline_tools(detector, text, identification)
        written = write_part(export, slice_, tools, archive, ignore_progress, continuation)
        if by_one_worker:
            continuation = written.continuation
        else:
            written.continuation.close()
        assert archive.committed
        parts.append(archive)
    if continuation:
        continuation.close()
    result = FakeArchive()
    video_assembly = VideoAssembly(FakeVideoEncoder(), source) if appearance is VIDEO else None
    assembly = AssemblySpec(
        ISSUER, level, appearance, source.sha256(), tuple(segments), (REGION,), video_assembly
    )
    with closing(ResultAssembler(assembly, result, ignore_progress)) as assembler:
        for part in parts:
            assembler.add(part)
        assembler.finish()
    assert result.committed
    return result


@st.composite
def scripts(draw: st.DrawFn, size: float = 30.0) -> Script:
    """Draw faces that appear, walk, are missed for a while and are sometimes weak detections."""
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
def segments_and_slices(draw: st.DrawFn) -> tuple[list[Segment], list[Segment]]:
    """Draw segments and slices that cover them."""
    limits = sorted(draw(st.sets(st.integers(0, LENGTH), min_size=2, max_size=6)))
    segments = [Segment(a, b) for a, b in zip(limits[::2], limits[1::2], strict=False)]
    slices = []
    for segment in segments:
        inner = draw(st.sets(st.integers(segment.start_frame, segment.end_frame), max_size=4))
        edges = sorted({segment.start_frame, segment.end_frame, *inner})
        slices += [Segment(a, b) for a, b in itertools.pairwise(edges)]
    return segments, slices


@settings(max_examples=EXAMPLES)
@given(
    script=scripts(),
    plan=segments_and_slices(),
    by_one_worker=st.booleans(),
    lost=st.sets(st.integers(0, LENGTH - 1), max_size=5),
)
def test_slices_do_not_change_images(
    script: Script, plan: tuple[list[Segment], list[Segment]], by_one_worker: bool, lost: set[int]
) -> None:
    segments, slices = plan
    source, detector = ScriptedSource(LENGTH, lost=frozenset(lost)), ScriptedDetector(script)
    whole = export_whole(source, detector, segments)
    sliced = export_in_slices(source, detector, segments, slices, by_one_worker=by_one_worker)
    assert list(sliced.entries) == list(whole.entries)
    assert json.loads(sliced.entries["manifest.json"]) == json.loads(whole.entries["manifest.json"])
    assert sliced.entries == whole.entries


@st.composite
def text_detectors(draw: st.DrawFn) -> ScriptedBoxDetector:
    """Draw lines that stand still, drift, race or flicker, and a detector that fails occasionally."""
    script: dict[int, list[tuple[float, float, float, float, float]]] = {}
    for line in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, LENGTH - 10))
        stop = draw(st.integers(start + 1, LENGTH))
        pace = draw(st.sampled_from([0.0, 0.5, 6.0]))
        missed = draw(st.sets(st.integers(start, stop), max_size=30))
        weak = draw(st.sets(st.integers(start, stop), max_size=30))
        for t in set(range(start, stop)) - missed:
            with_residual, top = 5.0 + pace * (t - start) % 200, 10.0 + 50 * line
            score = 0.4 if t in weak else 0.9
            script.setdefault(t, []).append((with_residual, top, with_residual + 60, top + 15, score))
    return ScriptedBoxDetector(script, frozenset(draw(st.sets(st.integers(0, LENGTH - 1), max_size=3))))


@settings(max_examples=EXAMPLES)
@given(
    script=scripts(),
    text=text_detectors(),
    plan=segments_and_slices(),
    by_one_worker=st.booleans(),
    lost=st.sets(st.integers(0, LENGTH - 1), max_size=5),
)
def test_slices_do_not_change_text(
    script: Script,
    text: ScriptedBoxDetector,
    plan: tuple[list[Segment], list[Segment]],
    by_one_worker: bool,
    lost: set[int],
) -> None:
    segments, slices = plan
    source, detector = ScriptedSource(LENGTH, lost=frozenset(lost)), ScriptedDetector(script)
    whole = export_whole(source, detector, segments, text=text)
    sliced = export_in_slices(source, detector, segments, slices, by_one_worker=by_one_worker, text=text)
    assert json.loads(sliced.entries["manifest.json"]) == json.loads(whole.entries["manifest.json"])
    assert sliced.entries == whole.entries


@st.composite
def identification_setups(draw: st.DrawFn) -> IdentificationSetup:
    """Draw known people among the faces, with some confusions and recogniser failures."""
    known = draw(st.sets(st.integers(0, 3)))
    confused = draw(st.sets(st.tuples(st.integers(0, LENGTH), st.integers(0, 3)), max_size=20))
    broken = draw(st.sets(st.integers(0, LENGTH), max_size=4))

    def similarity(frame: int, x: float) -> float:
        person = int((x - 30) // 65)
        return 0.9 if (person in known) != ((frame, person) in confused) else 0.1

    recognizer = ScriptedRecognizer(similarity, frozenset(broken), draw(st.integers(1, 3)))
    mode = draw(st.sampled_from(IdentityMode))
    rule = IdentityRule(mode, 0.5, 0.3)
    return IdentificationSetup(
        recognizer, ReferencePeople(f"folder:{'0' * 64}", recognizer.space, (PERSON,)), rule
    )


@settings(max_examples=EXAMPLES)
@given(
    script=scripts(size=40.0),
    identification=identification_setups(),
    verify=st.sampled_from(Verify),
    plan=segments_and_slices(),
    by_one_worker=st.booleans(),
    lost=st.sets(st.integers(0, LENGTH - 1), max_size=5),
)
def test_slices_do_not_change_identity_decisions(
    script: Script,
    identification: IdentificationSetup,
    verify: Verify,
    plan: tuple[list[Segment], list[Segment]],
    by_one_worker: bool,
    lost: set[int],
) -> None:
    segments, slices = plan
    source, detector = ScriptedSource(LENGTH, lost=frozenset(lost)), ScriptedDetector(script)
    whole = export_whole(source, detector, segments, identification=identification, verify=verify)
    sliced = export_in_slices(
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


def test_a_walk_in_one_slice_or_twenty_is_one_track() -> None:
    source, detector = ScriptedSource(100), ScriptedDetector(walking_face(range(100)))
    segments = [Segment(0, 100)]
    whole = export_whole(source, detector, segments)
    for max_frames in (100, 33, 5):
        slices = plan_slices(segments, max_frames=max_frames)
        assert export_in_slices(source, detector, segments, slices).entries == whole.entries
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
    plan=segments_and_slices(),
    max_frames=st.integers(1, 200),
    lost=st.sets(st.integers(0, LENGTH - 1), max_size=5),
)
def test_slices_do_not_change_videos(
    script: Script, plan: tuple[list[Segment], list[Segment]], max_frames: int, lost: set[int]
) -> None:
    segments, _ = plan
    source, detector = ScriptedSource(LENGTH, lost=frozenset(lost)), ScriptedDetector(script)
    whole = export_whole(source, detector, segments, VIDEO)
    slices = plan_slices(segments, max_frames=max_frames, group_frames=FRAMES_PER_GROUP)
    sliced = export_in_slices(source, detector, segments, slices, appearance=VIDEO)
    names = [f"films/film_{segment.start_frame:07d}.mp4" for segment in segments]
    assert list(sliced.entries) == [*names, "report.html", "manifest.json", "manifest.sig"]
    assert sliced.entries == whole.entries


@st.composite
def residual_detectors(draw: st.DrawFn) -> ScriptedResidualDetector:
    """Draw detectors that find residuals in some redacted frames and fail in others."""
    numbers = st.sets(st.integers(1, LENGTH - 1), max_size=12)
    with_residual = frozenset(draw(numbers))
    # Faces that only a residual nearby makes count.
    weak = frozenset(draw(st.sets(st.integers(1, LENGTH - 1), max_size=80)))
    return ScriptedResidualDetector(
        draw(scripts()),
        residual_in=with_residual,
        weak_in=weak - with_residual,
        unsearchable_in=frozenset(draw(numbers)),
    )


@settings(max_examples=EXAMPLES)
@given(
    detector=residual_detectors(),
    plan=segments_and_slices(),
    verify=st.sampled_from(Verify),
    by_one_worker=st.booleans(),
    lost=st.sets(st.integers(0, LENGTH - 1), max_size=5),
)
def test_slices_do_not_change_residual_checks(
    detector: ScriptedResidualDetector,
    plan: tuple[list[Segment], list[Segment]],
    verify: Verify,
    by_one_worker: bool,
    lost: set[int],
) -> None:
    segments, slices = plan
    source = ScriptedSource(LENGTH, lost=frozenset(lost))
    whole = export_whole(source, detector, segments, verify=verify)
    sliced = export_in_slices(source, detector, segments, slices, by_one_worker=by_one_worker, verify=verify)
    assert json.loads(sliced.entries["manifest.json"]) == json.loads(whole.entries["manifest.json"])
    assert sliced.entries == whole.entries


@settings(max_examples=EXAMPLES)
@given(
    detector=residual_detectors(),
    plan=segments_and_slices(),
    max_frames=st.integers(1, 200),
    verify=st.sampled_from(Verify),
)
def test_slices_do_not_change_residual_checks_of_videos(
    detector: ScriptedResidualDetector,
    plan: tuple[list[Segment], list[Segment]],
    max_frames: int,
    verify: Verify,
) -> None:
    segments, _ = plan
    source = ScriptedSource(LENGTH)
    whole = export_whole(source, detector, segments, VIDEO, verify=verify)
    slices = plan_slices(segments, max_frames=max_frames, group_frames=FRAMES_PER_GROUP)
    assert (
        export_in_slices(source, detector, segments, slices, appearance=VIDEO, verify=verify).entries
        == whole.entries
    )


def test_residuals_are_redacted_and_frames_that_cannot_be_searched_are_black() -> None:
    detector = ScriptedResidualDetector(
        walking_face(range(60)), residual_in=frozenset({10, 25}), unsearchable_in=frozenset({20})
    )
    for appearance in (IMAGES, VIDEO):
        for verify, redacted_again in ((Verify.NONE, []), (Verify.SAMPLE, [10]), (Verify.ALL, [10, 25])):
            result = export_whole(ScriptedSource(60), detector, [Segment(0, 60)], appearance, verify=verify)
            manifest = json.loads(result.entries["manifest.json"])
            boxes = {
                entry["index"]: box["xyxy"]
                for entry in manifest["frames"]
                for box in entry["boxes"]
                if box["origin"] == "residual"
            }
            assert boxes == {index: [184, 114, 248, 178] for index in redacted_again}
            blanked = [entry["index"] for entry in manifest["frames"] if entry["blanked"]]
            assert blanked == ([] if verify is Verify.NONE else [20])
            proof = manifest["proof"]
            if verify is not Verify.NONE:
                # Six sampled frames, and those that the residual in frame 10 re-opens: 0 to 20.
                searched = 60 if verify is Verify.ALL else 6 + 18
                assert (proof["frames"], proof["residual_before"]) == (searched, len(redacted_again))
                assert (proof["residual_after"], proof["blanked"], proof["failed"]) == (0, 1, 1)
            else:
                assert proof is None


def test_slices_do_not_change_results_at_level_minimal() -> None:
    source, segments = ScriptedSource(20), [Segment(2, 9), Segment(11, 20)]
    slices = plan_slices(segments, max_frames=3)
    assert (
        export_in_slices(source, None, segments, slices).entries
        == export_whole(source, None, segments).entries
    )


def test_a_continuing_worker_analyses_no_frame_twice() -> None:
    source, detector = ScriptedSource(150), ScriptedDetector(walking_face(range(150)))
    segments = [Segment(0, 150)]
    whole = len(_batches(source, segments, [Segment(0, 150)], by_one_worker=True))
    slices = plan_slices(segments, max_frames=30)
    assert len(_batches(source, segments, slices, by_one_worker=True)) == whole
    assert len(_batches(source, segments, slices, by_one_worker=False)) > whole
    assert export_in_slices(source, detector, segments, slices, by_one_worker=True).committed


def _batches(
    source: ScriptedSource, segments: list[Segment], slices: Sequence[Segment], *, by_one_worker: bool
) -> list[int]:
    detector = ScriptedDetector(walking_face(range(150)))
    export_in_slices(source, detector, segments, slices, by_one_worker=by_one_worker)
    return detector.batches


def test_parts_with_missing_or_repeated_frames_are_refused() -> None:
    source, detector = ScriptedSource(30), ScriptedDetector({})
    segments = [Segment(0, 30)]
    whole = [Segment(0, 10), Segment(10, 20), Segment(20, 30)]
    for slices in (whole[:2], whole[1:], [*whole, whole[2]], [whole[0], whole[2], whole[1]], []):
        with pytest.raises(ValueError, match="frame"):
            export_in_slices(source, detector, segments, slices)


def test_a_part_contains_its_frames_and_their_records() -> None:
    source, detector = ScriptedSource(30), ScriptedDetector(walking_face(range(30)))
    archive = FakeArchive()
    written = write_part(
        export_job(source, [Segment(0, 30)]),
        Segment(5, 8),
        pipeline_tools(detector),
        archive,
        ignore_progress,
    )
    assert written.blanked_frames == 0
    assert list(archive.entries) == [*(f"frames/{n:07d}.png" for n in (5, 6, 7)), PART_FILE]
