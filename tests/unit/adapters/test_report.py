"""The report: its contents in every language, as one self-contained page."""

from __future__ import annotations

import json
import re
import string
from dataclasses import asdict, fields, replace
from html.parser import HTMLParser

import pytest

from framecloak.adapters.report.messages import Messages
from framecloak.adapters.report.messages.english import ENGLISH
from framecloak.adapters.report.messages.german import GERMAN
from framecloak.adapters.report.page import render_report
from framecloak.adapters.report.timeline import MAX_COLUMNS, render_plot
from framecloak.domain.anonymization.detection.scales import IMAGE_SCALES, VIDEO_SCALES, DetectionScale
from framecloak.domain.anonymization.detection.text_and_plates import VIDEO_TEXT_AND_PLATES
from framecloak.domain.anonymization.identification.log import DecisionRun, IdentityLog, RecordedIdentities
from framecloak.domain.anonymization.model.frames import IdentifiedFace, RedactedBox, RedactedFrame
from framecloak.domain.anonymization.model.identities import Decision, IdentityMode, Unknown
from framecloak.domain.anonymization.model.options import Appearance, Audio, Language, Level, Verify
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.model.record.history import BoxEdit, Change, Correction, History
from framecloak.domain.anonymization.model.record.provenance import BasedOn, SignatureState
from framecloak.domain.anonymization.model.residuals import (
    CheckCounts,
    CheckMethod,
    FaceThumbnail,
    FrameCheck,
    ResidualSummary,
)
from framecloak.domain.anonymization.model.tracked_boxes import IdentityDecision, Origin
from framecloak.domain.anonymization.results.archive_writer import ReportData
from framecloak.domain.anonymization.results.frame_log import Summary
from framecloak.domain.anonymization.results.manifest import RecordedModel, RecordedSound, RecordedSource
from framecloak.domain.anonymization.results.recorded_settings import (
    RecordedOrder,
    RecordedSettings,
    settings_entry,
)
from framecloak.domain.anonymization.results.report_data import MAX_THUMBNAILS, ReportEvidence, Timeline
from framecloak.domain.imaging.detections import ModelCard, TargetKind
from framecloak.domain.model.segments import Region, Segment
from framecloak.domain.ports.frames import SourceInfo
from framecloak.domain.ports.speech import MutedSound
from framecloak.domain.ports.video import EncoderIdentity

INFO = SourceInfo("a.mp4", 640, 360, 1250, 1250, 25.0, 50.0, 0, continuous=True)
CARD = ModelCard("centerface", "a" * 64, "MIT", "CPU", "int8")
INFERRED_FROM = {10: Origin.FOLLOWED, 11: Origin.EXTENDED}


def box(track: int, origin: Origin, score: float = 0.9) -> RedactedBox:
    return RedactedBox((0, 0, 9, 9), track, score, origin)


def evidence() -> ReportEvidence:
    """Return evidence: track 0 has a gap of three frames, track 1 is weak, and frames 7 and 8 are black."""
    gathered = ReportEvidence()
    for index in range(12):
        origin = Origin.FILLED if 2 <= index < 5 else Origin.DETECTED
        boxes = () if index in {7, 8} else (box(0, origin), box(1, Origin.LINKED, 0.2))
        gathered.add(0, RedactedFrame(index, b"", boxes, blanked=index in {7, 8}))
    return gathered


def page(
    appearance: Appearance | None = None,
    level: Level = Level.FACES,
    name: str | None = None,
    checks: ResidualSummary | None = None,
) -> str:
    boxes = {Origin.DETECTED: 7, Origin.FILLED: 3, Origin.LINKED: 1010}
    summary = Summary(12, 2, 2)
    summary.boxes.update(boxes)
    threshold = None if level is Level.MINIMAL else 0.12
    settings = RecordedSettings(level, appearance or Appearance(), threshold, VIDEO_SCALES, IMAGE_SCALES)
    source = RecordedSource(0, "b" * 64, INFO, name, (Segment(0, 12),), (), None)
    models = [RecordedModel(CARD)] if threshold else []
    facts = ReportData("framecloak 1", "c" * 32, settings, models, [source], summary, evidence(), [], checks)
    return render_report(facts).decode()


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (Language.ENGLISH, "CPU, int8 (frames 0 to 19; frames 40 to 59)"),
        (Language.GERMAN, "CPU, int8 (Bilder 0 bis 19; Bilder 40 bis 59)"),
    ],
)
def test_the_frames_of_each_model_variant_are_listed(language: Language, expected: str) -> None:
    settings = RecordedSettings(Level.FACES, Appearance(language=language), 0.12, VIDEO_SCALES, IMAGE_SCALES)
    source = RecordedSource(0, "b" * 64, INFO, None, (Segment(0, 60),), (), None)
    models = [
        RecordedModel(CARD, (Segment(0, 20), Segment(40, 60))),
        RecordedModel(replace(CARD, precision="fp32", sha256="d" * 64), (Segment(20, 40),)),
        RecordedModel(replace(CARD, name="text", sha256="e" * 64)),
    ]
    facts = ReportData("framecloak 1", "c" * 32, settings, models, [source], Summary(60), evidence(), [])
    written = render_report(facts).decode()
    assert expected in written
    assert "CPU, fp32 (" in written
    assert "<td>CPU, int8</td>" in written


def test_evidence_collects_gaps_blanked_runs_and_weak_tracks() -> None:
    gathered = evidence()
    assert [(gap.track, gap.start, gap.length) for gap in gathered.longest_gaps()] == [(0, 2, 3)]
    assert gathered.gap_count == 1
    assert [(blank.start, blank.stop) for blank in gathered.blanked_runs] == [(7, 9)]
    weak, strong = gathered.weakest_tracks()
    assert (weak.track, weak.best_score, weak.detected_frames, weak.frames) == (1, 0.2, 10, 10)
    assert (strong.track, strong.best_score, strong.detected_frames, strong.frames) == (0, 0.9, 7, 10)


def test_text_and_plates_are_counted_separately() -> None:
    gathered = ReportEvidence()
    for index in range(12):
        origin = Origin.FILLED if index % 6 else Origin.DETECTED
        line = RedactedBox((0, 0, 90, 9), 5, 0.6, origin, TargetKind.TEXT)
        plate = RedactedBox((0, 0, 30, 9), 6, 0.6, origin, TargetKind.PLATE, by_shape=True)
        boxes = (line, plate, box(0, INFERRED_FROM.get(index, Origin.DETECTED)))
        gathered.add(0, RedactedFrame(index, b"", boxes, blanked=False))
    assert (gathered.gap_count, gathered.track_count, gathered.plates_by_shape) == (0, 1, 12)
    assert dict(gathered.inferred) == {Origin.DETECTED: 0, Origin.FOLLOWED: 1, Origin.EXTENDED: 1}
    assert [weak.track for weak in gathered.weakest_tracks()] == [0]
    timeline = gathered.timeline
    assert list(timeline.text_and_plates) == [2] * 12
    assert (sum(timeline.detected_faces), sum(timeline.inferred_faces), sum(timeline.regions)) == (10, 2, 0)


@pytest.mark.parametrize("level", Level)
def test_text_and_plates_are_reported_where_they_were_searched(level: Level) -> None:
    text = page(level=level)
    reported = [words in text for words in (ENGLISH.texts, ENGLISH.plates, ENGLISH.legend_writing)]
    assert reported == [level is Level.FULL] * 3


def test_kept_text_is_reported() -> None:
    settings = RecordedSettings(
        Level.FULL, Appearance(), 0.12, VIDEO_SCALES, IMAGE_SCALES, VIDEO_TEXT_AND_PLATES
    )
    region = Region(0, 0, 9, 9)
    for kept in ((), (region,), (region, region)):
        source = RecordedSource(0, "b" * 64, INFO, None, (Segment(0, 12),), (), None, kept)
        facts = ReportData("framecloak 1", "c" * 32, settings, [], [source], Summary(1), evidence(), [])
        text = render_report(facts).decode()
        assert (ENGLISH.kept_text.format(areas=len(kept)) in text) is bool(kept)
        assert ENGLISH.search_for_text.format(every=6) in text


@pytest.mark.parametrize("language", list(Language))
def test_a_hardware_encoder_is_named(language: Language) -> None:
    appearance = Appearance(OutputFormat.MP4, language=language)
    software = RecordedSettings(Level.FACES, appearance, 0.12, VIDEO_SCALES, IMAGE_SCALES)
    hardware = replace(software, encoder=EncoderIdentity("h264_nvenc", "e" * 64))
    source = RecordedSource(0, "a" * 64, INFO, None, (Segment(0, 30),), (), None)
    for settings in (software, hardware):
        facts = ReportData("framecloak 1", "c" * 32, settings, [], [source], Summary(30), evidence(), [])
        assert (b"h264_nvenc" in render_report(facts)) is (settings is hardware)


@pytest.mark.parametrize("language", list(Language))
def test_the_order_and_the_title_of_its_video_are_named(language: Language) -> None:
    appearance = Appearance(language=language)
    settings = RecordedSettings(Level.FACES, appearance, 0.12, VIDEO_SCALES, IMAGE_SCALES)
    source = RecordedSource(0, "a" * 64, INFO, None, (Segment(0, 30),), (), None)
    for title in (None, "<OR-2>"):
        order = RecordedOrder("7f", "STUDY-7", "Anna", "2026-11-30T08:00:00+00:00", title)
        ordered = replace(settings, order=order)
        facts = ReportData("framecloak 1", "c" * 32, ordered, [], [source], Summary(30), evidence(), [])
        text = render_report(facts).decode()
        messages = (GERMAN if language is Language.GERMAN else ENGLISH).history
        for label, value in (
            (messages.reference, "STUDY-7"),
            (messages.order_id, "7f"),
            (messages.ordered_by, "Anna"),
            (messages.ordered_at, "2026-11-30T08:00:00+00:00"),
            (messages.software, "framecloak 1"),
        ):
            assert f"<dt>{label}</dt><dd>{value}</dd>" in text
        assert ("<dt>Video</dt><dd>&lt;OR-2&gt;</dd>" in text) is (title is not None)


@pytest.mark.parametrize(
    ("language", "name"),
    [(Language.ENGLISH, "Completed at (UTC)"), (Language.GERMAN, "Fertiggestellt am (UTC)")],
)
def test_the_end_of_the_work_is_named_where_it_is_known(language: Language, name: str) -> None:
    appearance = Appearance(language=language)
    settings = RecordedSettings(Level.FACES, appearance, 0.12, VIDEO_SCALES, IMAGE_SCALES)
    source = RecordedSource(0, "a" * 64, INFO, None, (Segment(0, 30),), (), None)
    for completed_at in (None, "2026-11-30T09:00:00+00:00"):
        order = RecordedOrder("7f", None, "Anna", "2026-11-30T08:00:00+00:00", completed_at=completed_at)
        ordered = replace(settings, order=order)
        facts = ReportData("framecloak 1", "c" * 32, ordered, [], [source], Summary(30), evidence(), [])
        text = render_report(facts).decode()
        assert (name in text) is (completed_at is not None)
        assert f"<dt>{name}</dt><dd>{completed_at}</dd>" in text or completed_at is None


def test_silent_sound_is_on_the_timeline() -> None:
    appearance = Appearance(OutputFormat.MP4, audio=Audio.MUTE_SPEECH)
    settings = RecordedSettings(Level.FACES, appearance, 0.12, VIDEO_SCALES, IMAGE_SCALES)
    source = RecordedSource(0, "b" * 64, INFO, None, (Segment(0, 60),), (), None)
    muted = MutedSound("fake", 0.1, 0.3, 8.0, ((2.0, 4.0), (6.0, 7.0)))
    sound = RecordedSound(0, "films/film_0000000.mp4", muted)
    facts = ReportData(
        "framecloak 1", "c" * 32, settings, [], [source], Summary(60), evidence(), [], muted=[sound]
    )
    text = render_report(facts).decode()
    assert ENGLISH.silent_sound.format(file=sound.file, silent=3, total=8) in text
    assert "M300.00 0V1H600.00V0zM900.00 0V1H1050.00V0z" in text


@pytest.mark.parametrize("follow_seconds", [0.0, 1.5])
@pytest.mark.parametrize("detectors", [(), ("first",), ("first", "second")])
def test_the_report_says_what_was_looked_for(detectors: tuple[str, ...], follow_seconds: float) -> None:
    settings = RecordedSettings(
        Level.FACES,
        Appearance(),
        0.12,
        (DetectionScale(960, 6), DetectionScale(1920, 24), DetectionScale(480, 24, direction=45)),
        (DetectionScale(640), DetectionScale(320, direction=90), DetectionScale(320, direction=180)),
        follow_seconds=follow_seconds,
        detectors=detectors,
    )
    infos = [replace(INFO, width=1920, height=1080), replace(INFO, width=640, continuous=False)]
    sources = [
        RecordedSource(n, "b" * 64, info, None, (Segment(0, 1),), (), None) for n, info in enumerate(infos)
    ]
    facts = ReportData("framecloak 1", "c" * 32, settings, [], sources, Summary(2), evidence(), [])
    text = render_report(facts).decode()
    looks = "upright every 6 frames (960 pixels), upright every 24 frames (1920 pixels), "
    assert f"searched for faces {looks}turned by 45 degrees every 24 frames (480 pixels)." in text
    assert "upright in each (640 pixels), turned by 90 and 180 degrees in each (320 pixels)" in text
    assert "upright faces from about 20 pixels were looked for every 6 frames and those from about 10" in text
    assert "from about 10 pixels every 24 frames; smaller ones were not." in text
    assert "640 x 360 pixels, upright faces below about 10 pixels were not looked for. Turned ones" in text
    assert "Turned ones were looked for from about 40 pixels on." in text
    assert ("second looked again" in text) is (len(detectors) == 2)
    assert ("first, which also looked again" in text) is (len(detectors) == 1)
    assert ("for up to 1.5 seconds" in text) is bool(follow_seconds)
    assert (ENGLISH.search.heads_not_followed in text) is not bool(follow_seconds)
    assert ENGLISH.search.search_limits in text


@pytest.mark.parametrize("messages", [ENGLISH, GERMAN])
def test_frames_with_weak_evidence_are_listed(messages: Messages) -> None:
    settings = RecordedSettings(
        Level.FACES, Appearance(language=Language(messages.language)), 0.12, VIDEO_SCALES, IMAGE_SCALES
    )
    for weak, expected in (((), messages.no_weak_frames), (((3, 7), (9, 10)), messages.weak_frames_help)):
        source = RecordedSource(0, "b" * 64, INFO, None, (Segment(0, 12),), (), None, weak_evidence=weak)
        facts = ReportData("framecloak 1", "c" * 32, settings, [], [source], Summary(1), evidence(), [])
        text = render_report(facts).decode()
        assert expected in text
        assert (messages.frame_range.format(first=3, last=6) in text) is bool(weak)
        assert (messages.one_frame.format(first=9) in text) is bool(weak)


@pytest.mark.parametrize("messages", [ENGLISH, GERMAN])
@pytest.mark.parametrize("hint", [None, 90])
def test_a_lost_rotation_flag_is_reported(messages: Messages, hint: int | None) -> None:
    appearance = Appearance(language=Language(messages.language))
    settings = RecordedSettings(Level.FACES, appearance, 0.12, VIDEO_SCALES, IMAGE_SCALES)
    source = RecordedSource(0, "b" * 64, INFO, None, (Segment(0, 12),), (), None, turned_hint=hint)
    facts = ReportData("framecloak 1", "c" * 32, settings, [], [source], Summary(1), evidence(), [])
    text = render_report(facts).decode()
    assert (messages.turned_hint.format(degrees=90) in text) is (hint is not None)


def test_thumbnails_of_tracks_name_the_source_when_there_are_several() -> None:
    gathered = ReportEvidence()
    for number in range(2):
        frame = RedactedFrame(
            0, b"", (box(3, Origin.LINKED, 0.2),), blanked=False, thumbnails=(FaceThumbnail(3, b"small"),)
        )
        gathered.add(number, frame)
    settings = RecordedSettings(Level.FACES, Appearance(), 0.12, VIDEO_SCALES, IMAGE_SCALES)
    sources = [RecordedSource(n, "b" * 64, INFO, None, (Segment(0, 1),), (), None) for n in range(2)]
    facts = ReportData("framecloak 1", "c" * 32, settings, [], sources, Summary(2), gathered, [])
    captions = re.findall("<figcaption>(.*?)</figcaption>", render_report(facts).decode())
    assert captions == ["Source 0, Track 3", "Source 1, Track 3"]


class Parsed(HTMLParser):
    """Collects tags and attributes, and checks that all tags are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self._open: list[str] = []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag != "meta":
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("level", Level)
def test_the_page_has_no_scripts_and_loads_nothing(language: Language, level: Level) -> None:
    text = page(Appearance(OutputFormat.MP4, audio=Audio.KEEP, language=language), level)
    parsed = Parsed(text)
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(parsed.tags)
    assert not any(key in {"src", "href", "action"} or key.startswith("on") for key, _ in parsed.attributes)
    assert "://" not in text
    assert "url(" not in text
    assert f'<html lang="{language}">' in text
    assert "{" not in re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)


def test_the_page_reports_the_run() -> None:
    text = page()
    assert "2 of 12 frames could not be examined" in text
    assert "frames 7 to 8" in text
    assert "1,020" in text
    assert "frames 2 to 4" in text
    assert "centerface" in text
    assert "c" * 32 in text
    assert "not searched a second time" in text
    german = page(Appearance(language=Language.GERMAN))
    assert "1.020" in german
    assert "0,12" in german


def test_the_residual_check_is_reported() -> None:
    counts = CheckCounts()
    counts.add(FrameCheck(whole=True, before=3, similarity_before=0.81))
    text = page(checks=ResidualSummary(CheckMethod(Verify.SAMPLE, 0.2, "arcface", 0.4), counts))
    assert "not searched a second time" not in text
    assert "0.81" in text
    assert "arcface" in text
    assert ENGLISH.nothing_compared in text
    german = page(
        Appearance(language=Language.GERMAN),
        checks=ResidualSummary(CheckMethod(Verify.ALL, 0.2, None, None), counts),
    )
    assert GERMAN.residuals_not_compared in german
    assert GERMAN.residual_scope[Verify.ALL] in german


def test_weak_tracks_are_shown_redacted() -> None:
    gathered = ReportEvidence()
    boxes = tuple(box(track, Origin.LINKED, 0.2 + track / 1000) for track in range(300))
    for track, weak in enumerate(boxes):
        small = (FaceThumbnail(track, b"picture %d" % track),)
        gathered.add(0, RedactedFrame(track, b"", (weak,), blanked=False, thumbnails=small))
    weakest = gathered.weakest_tracks()
    assert [weak.thumbnail for weak in weakest] == [b"picture %d" % track for track in range(10)]
    assert gathered.thumbnail_count <= MAX_THUMBNAILS


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("mode", IdentityMode)
def test_identity_decisions_are_reported(language: Language, mode: IdentityMode) -> None:
    log = IdentityLog()
    for index in range(40):
        kept = IdentityDecision(Decision.KNOWN, ((index // 8 * 8, 0.97),))
        unsure = IdentityDecision(Decision.UNCERTAIN, ())
        xyxy = (0, 0, 9, 9)
        faces = (
            IdentifiedFace(xyxy, 4, kept, redacted=False),
            IdentifiedFace(xyxy, 5, unsure, redacted=True),
        )
        log.add(0, RedactedFrame(index, b"", (), blanked=False, identified=faces))
    assert (log.kept_count, log.kept_tracks, log.redacted_counts[Decision.UNCERTAIN]) == (40, 1, 40)
    people = RecordedIdentities(mode, 0.93, 0.9, Unknown.REDACT, "dlib-resnet", "gallery:staff", 3)
    appearance = Appearance(language=language)
    settings = RecordedSettings(Level.FACES, appearance, 0.12, VIDEO_SCALES, IMAGE_SCALES, identities=people)
    source = RecordedSource(0, "b" * 64, INFO, None, (Segment(0, 40),), (), None)
    facts = ReportData(
        "framecloak 1",
        "c" * 32,
        settings,
        [RecordedModel(CARD)],
        [source],
        Summary(40),
        evidence(),
        [],
        None,
        log,
    )
    text = render_report(facts).decode()
    Parsed(text)
    words = {Language.ENGLISH: ENGLISH, Language.GERMAN: GERMAN}[language]
    assert words.scope_by_level[Level.FACES] not in text
    for text_ in (
        words.scope_regardless_of_identity[Level.FACES],
        words.people,
        "gallery:staff",
        "dlib-resnet",
    ):
        assert text_ in text
    assert words.number(0.97, 2) in text
    assert text.index(f"<td>{words.was_kept}") < text.index(f"<td>{words.was_redacted}")
    assert "{" not in re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize(
    ("based_on", "edited"),
    [
        (BasedOn("f" * 64, SignatureState.GENUINE), False),
        (BasedOn("f" * 64, SignatureState.GENUINE, edited_here=True), True),
        (BasedOn("f" * 64, SignatureState.CHANGED), True),
        (BasedOn("f" * 64, SignatureState.FOREIGN), False),
        (BasedOn("f" * 64, SignatureState.NONE), None),
        (BasedOn("f" * 64, SignatureState.NONE, edited_here=True), True),
        (BasedOn("f" * 64, SignatureState.BAD), None),
    ],
)
def test_a_rerendered_result_claims_no_more_than_is_known(
    language: Language, based_on: BasedOn, edited: bool | None
) -> None:
    people = RecordedIdentities(
        IdentityMode.EXCEPT, 0.93, 0.9, Unknown.REDACT, "dlib-resnet", "gallery:staff", 3
    )
    run = DecisionRun(0, 4, 0, 40, Decision.KNOWN, redacted=False, similarity_by_frame={8: 0.97})
    settings = RecordedSettings(
        Level.FACES,
        Appearance(language=language),
        None,
        VIDEO_SCALES,
        IMAGE_SCALES,
        based_on=based_on,
        identities=people,
    )
    source = RecordedSource(0, "b" * 64, INFO, None, (Segment(0, 40),), (), None)
    log = IdentityLog((run,))
    assert (log.kept_count, log.kept_tracks) == (40, 1)
    facts = ReportData(
        "framecloak 1", "c" * 32, settings, [], [source], Summary(40), evidence(), [], None, log
    )
    text = render_report(facts).decode()
    words = {Language.ENGLISH: ENGLISH, Language.GERMAN: GERMAN}[language]
    assert based_on.edited is edited
    lead = words.lead_rendered[edited].format(frames="40", boxes="0", blanked="0")
    for text_ in (lead, words.inherited_identities, words.decided_before, words.was_kept, "gallery:staff"):
        assert text_ in text
    assert "looked over" not in text
    assert "durchgesehen" not in text


@pytest.mark.parametrize("language", Language)
def test_the_report_of_a_corrected_result_shows_who_changed_what_and_both_searches(
    language: Language,
) -> None:
    counts = CheckCounts(frames=7, residual_before=5, redacted_again=2)
    method = CheckMethod(Verify.SAMPLE, 0.4, None, None)
    found = RecordedSettings(
        Level.FACES, Appearance(), 0.2, VIDEO_SCALES, IMAGE_SCALES, detectors=("finder",)
    )
    first = {
        "tool": "framecloak 1.2",
        "models": [],
        "summary": {"frames": 4321, "blanked": 3, "boxes": {"detected": 8765}},
        "settings": {name: settings_entry(found)[name] for name in ("threshold", "looks", "sight", "areas")},
        "proof": asdict(method) | asdict(counts),
    }
    edit = BoxEdit(7, Change.REMOVED, (1, 2, 3, 4), TargetKind.FACE, 0, Origin.DETECTED, "consent")
    step = Correction("d" * 64, SignatureState.GENUINE, None, "order", "<b>anna", "2026-11-30", (edit,))
    settings = replace(
        found,
        threshold=None,
        appearance=Appearance(language=language),
        based_on=BasedOn("d" * 64, SignatureState.GENUINE, edited_here=True),
        history=History((step,), json.loads(json.dumps(first))),
    )
    source = RecordedSource(0, "b" * 64, INFO, None, (Segment(0, 40),), (), None)
    again = ResidualSummary(method, CheckCounts(frames=11))
    facts = ReportData("framecloak 2", "c" * 32, settings, [], [source], Summary(40), evidence(), [], again)
    text = render_report(facts).decode()
    words = {Language.ENGLISH: ENGLISH, Language.GERMAN: GERMAN}[language]
    history = words.history
    expected = [
        history.title,
        history.released.format(frames="1"),
        "&lt;b&gt;anna",
        history.changes[Change.REMOVED],
        history.reasons["consent"],
        "1, 2, 3, 4",
        history.first_title,
        "framecloak 1.2",
        words.number(4321),
        words.number(8765),
        words.search.second_opinion[False].format(first="finder", second=""),
        words.search.search_limits,
    ]
    assert [each for each in expected if each not in text] == []
    assert text.count(words.residual_frames) == 2
    unknown = replace(facts, settings=replace(settings, history=History((step,), {"settings": {}})))
    assert words.no_residual_check in render_report(unknown).decode()
    lost = replace(facts, settings=replace(settings, history=History((step,), None)))
    assert history.first_unknown in render_report(lost).decode()


def test_file_names_are_escaped() -> None:
    assert "<b>" not in page(name="<b>\udce4.mp4")
    assert "&lt;b&gt;?.mp4" in page(name="<b>\udce4.mp4")


def _placeholders(words: Messages) -> dict[str, set[str]]:
    texts = {field.name: str(getattr(words, field.name)) for field in fields(words)}
    formatter = string.Formatter()
    return {
        name: {key for _, key, _, _ in formatter.parse(text) if key}
        for name, text in texts.items()
        if isinstance(getattr(words, name), str)
    }


def test_languages_have_the_same_placeholders() -> None:
    assert _placeholders(ENGLISH) == _placeholders(GERMAN)


def test_a_short_appearance_in_a_long_video_is_visible_in_the_plot() -> None:
    timeline = Timeline()
    for index in range(100_000):
        boxes = (box(0, Origin.DETECTED),) if index == 51_234 else ()
        timeline.add(RedactedFrame(index, b"", boxes, blanked=index == 99_999))
    drawn = render_plot(timeline, "areas")
    assert re.findall(r'class="(\w+)"', drawn) == ["blanked", "found"]
    width = 1200 / MAX_COLUMNS
    assert f"M{51_234 * MAX_COLUMNS // 100_000 * width:.2f} " in drawn
    assert len(drawn) < 1000
