"""Use case: redact sources and put their frames, or films of them, into an archive with its manifest."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import groupby

from framecloak.domain.anonymization.detection.image_sequence import Album
from framecloak.domain.anonymization.detection.scales import (
    PICTURE_LOOKS,
    VIDEO_LOOKS,
    Look,
    longest_wait,
    video_looks,
)
from framecloak.domain.anonymization.detection.text_and_plates import PICTURE_AREAS, VIDEO_AREAS, AreaSettings
from framecloak.domain.anonymization.identification.face_samples import ViewPlan
from framecloak.domain.anonymization.identification.inherited import EarlierIdentities
from framecloak.domain.anonymization.identification.log import RecordedIdentities
from framecloak.domain.anonymization.model.box_table import BoxTable
from framecloak.domain.anonymization.model.options import Appearance, Level, RedactionShape, Verify
from framecloak.domain.anonymization.model.provenance import BasedOn
from framecloak.domain.anonymization.model.residuals import Method
from framecloak.domain.anonymization.pipeline.config import Instructions, Instruments, prover
from framecloak.domain.anonymization.pipeline.continuation import Continuation
from framecloak.domain.anonymization.pipeline.pipeline import redacted_frames
from framecloak.domain.anonymization.pipeline.render import RedactedFrame
from framecloak.domain.anonymization.pipeline.rerender import rerendered_frames
from framecloak.domain.anonymization.residuals.detector import SEARCH_THRESHOLD
from framecloak.domain.anonymization.residuals.guard import Prover
from framecloak.domain.anonymization.results.archive_writer import Imprint, Record
from framecloak.domain.anonymization.results.manifest import (
    RecordedModel,
    RecordedSettings,
    RecordedSource,
    Summary,
)
from framecloak.domain.anonymization.results.video_writer import (
    Reel,
    consume,
    film_format,
    film_sound,
    grouped,
    require_filmable,
)
from framecloak.domain.anonymization.tracking.tracker import TrackingSettings
from framecloak.domain.imaging.detections import ModelCard
from framecloak.domain.ports import Archive, FrameSource
from framecloak.domain.reid.matching import usual_threshold
from framecloak.domain.videos.segments import Region, Segment

ELLIPSE_MARGIN = 0.3
"""Margin of boxes that ellipses are drawn in: one of 0.21 would just reach the corners of what was found."""


def film_name(segment: Segment) -> str:
    """What a film is called where there is nothing else to call it by."""
    return f"films/film_{segment.start_frame:07d}.mp4"


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One input file and what becomes of it.

    Attributes:
        id: its place among the inputs, from 0.
        source: the file.
        name: its base name; None where names are kept out of the output.
        stem: makes the name of a frame in the archive, without suffix, from its number.
        segments: frames to write, disjoint and ascending; inside the source.
        regions: areas to redact whatever is in them; inside the source.
        film: makes the name of a film in the archive from the segment that it shows.
        keep_text: areas in which text stays readable; inside the source.
        boxes: what to redact, where that is known and nothing is to be looked for.
    """

    id: int
    source: FrameSource
    name: str | None
    stem: Callable[[int], str]
    segments: tuple[Segment, ...]
    regions: tuple[Region, ...] = ()
    film: Callable[[Segment], str] = film_name
    keep_text: tuple[Region, ...] = ()
    boxes: BoxTable | None = None

    @property
    def looks(self) -> tuple[Look, ...]:
        """The sizes at which its frames are examined."""
        info = self.source.info
        return video_looks(info.frame_rate) if info.continuous else PICTURE_LOOKS

    def tracking(self, shape: RedactionShape) -> TrackingSettings:
        """What counts as a face in it, and how much is redacted around one."""
        info = self.source.info
        settings = TrackingSettings.for_pictures()
        if info.continuous:
            settings = TrackingSettings.for_rate(info.frame_rate, longest_wait(self.looks))
        return settings if shape is RedactionShape.BOX else replace(settings, margin=ELLIPSE_MARGIN)


@dataclass(frozen=True, slots=True)
class Batch:
    """What goes through the pipeline in one go: one video, or pictures with the same regions.

    Attributes:
        source: the one input itself, or an ``Album`` of pictures.
        exhibits: the one input; or every picture, in the album's order.
    """

    source: FrameSource
    exhibits: tuple[Exhibit, ...]

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The frames of ``source`` to write."""
        if len(self.exhibits) == 1:
            return self.exhibits[0].segments
        return (Segment(0, len(self.exhibits)),)

    def origin(self, index: int) -> tuple[Exhibit, int]:
        """The input that a frame of ``source`` comes from, and its number there."""
        return (self.exhibits[0], index) if len(self.exhibits) == 1 else (self.exhibits[index], 0)


@dataclass(frozen=True, slots=True)
class Export:
    """An order to redact.

    Attributes:
        imprint: who answers for the result.
        level: what is redacted.
        appearance: how the written frames look.
        batches: what to redact, in the order of the output.
        based_on: the manifest that the boxes of all inputs were taken from, if they were.
        verify: which of the redacted frames are searched again.
        earlier: what that manifest says of people, if anything.
    """

    imprint: Imprint
    level: Level
    appearance: Appearance
    batches: tuple[Batch, ...]
    based_on: BasedOn | None = None
    verify: Verify = Verify.NONE
    earlier: EarlierIdentities | None = None

    @property
    def frame_count(self) -> int:
        """Frames that will be written."""
        return sum(len(segment) for batch in self.batches for segment in batch.segments)

    def run(self, instruments: Instruments, archive: Archive, on_frame: Callable[[], None]) -> Summary:
        """Write every frame, then the manifest, and give the archive its name.

        Args:
            instruments: what to do it with; the detector is None at level ``minimal``.
            archive: open and empty; the caller discards it when this raises.
            on_frame: called after each written frame.

        Raises:
            TruncatedVideoError: a video ends before the frames that were asked for.
            UnreadableVideoError: a video cannot be decoded.
            InputNotFoundError: an input cannot be read any more.
            InvalidFormatError: no film can be made of an input.
            StorageFullError: the disk is full.
            OutputUnwritableError: any other failure to write.
        """
        record = Record(self.imprint, archive, self.earlier)
        if instruments.films:
            sources = [exhibit.source for batch in self.batches for exhibit in batch.exhibits]
            require_filmable(sources, self.appearance, instruments.films)
        for batch in self.batches:
            first_track = 0
            for segment in batch.segments:
                run = self.frames(batch, segment, instruments)
                # Closing ends the pipeline's threads at once when writing fails or a person interrupts.
                with closing(run), closing(_renumbered(run, first_track)) as frames:
                    continuation = self._write(batch, segment, frames, instruments, record, on_frame)
                continuation.close()
                first_track += len(continuation.links.heads)
        return self._close(record, instruments)

    def frames(
        self, batch: Batch, segment: Segment, instruments: Instruments, before: Continuation | None = None
    ) -> Generator[RedactedFrame, None, Continuation]:
        """The redacted frames of one segment of a batch; arguments and errors as for `redacted_frames`."""
        prepared, table = self.prepared(batch, instruments), batch.exhibits[0].boxes
        if table is not None:
            return rerendered_frames(batch.source, segment, table, self.appearance, prepared)
        return redacted_frames(batch.source, segment, self.instructions(batch), prepared, before)

    def prepared(self, batch: Batch, instruments: Instruments) -> Instruments:
        """The instruments for a batch: what encodes the frames of a film makes all of one size."""
        studio = instruments.films
        if studio is None or not self.appearance.output_format.is_film:
            return instruments
        return replace(instruments, encoder=studio.planes(film_format(batch.source.info, self.appearance)))

    def _write(
        self,
        batch: Batch,
        segment: Segment,
        frames: Generator[RedactedFrame, None, Continuation],
        instruments: Instruments,
        record: Record,
        on_frame: Callable[[], None],
    ) -> Continuation:
        """Write the frames of one segment, as pictures or as a film."""
        suffix, studio = self.appearance.output_format, instruments.films

        def take(frame: RedactedFrame) -> None:
            exhibit, index = batch.origin(frame.index)
            file = f"{exhibit.stem(index)}.{suffix}"
            record.picture(exhibit.id, file, _numbered_from(frame, frame.index - index), frame.data)
            on_frame()

        if studio is None or not suffix.is_film:
            return consume(frames, take)
        exhibit, source = batch.exhibits[0], batch.source
        film, sound = film_format(source.info, self.appearance), film_sound(source, self.appearance)
        timing = source.timing(segment.start_frame, segment.end_frame)
        writer = studio.film(film, timing, sound)
        with closing(Reel(record, exhibit.id, exhibit.film(segment), writer, on_frame)) as reel:
            prover = self.prover(batch, instruments)
            continuation = consume(grouped(frames, segment, film, studio, prover), reel.add)
            reel.finish()
        return continuation

    def instructions(self, batch: Batch) -> Instructions:
        """What is to be redacted in a batch, and how."""
        exhibit = batch.exhibits[0]
        continuous = batch.source.info.continuous
        return Instructions(
            appearance=self.appearance,
            regions=exhibit.regions,
            tracking=exhibit.tracking(self.appearance.shape),
            looks=exhibit.looks,
            areas=_areas(self.level, continuous=continuous),
            keep_text=exhibit.keep_text,
            views=ViewPlan.for_rate(batch.source.info.frame_rate) if continuous else ViewPlan.for_pictures(),
            verify=self.verify,
        )

    def prover(self, batch: Batch, instruments: Instruments) -> Prover | None:
        """What checks the frames of films once they are encoded; None where nothing does."""
        instructions = self.instructions(batch)
        return prover(
            instructions, self.prepared(batch, instruments), continuous=batch.source.info.continuous
        )

    def _close(self, record: Record, instruments: Instruments) -> Summary:
        detector = instruments.detector
        exhibits = [exhibit for batch in self.batches for exhibit in batch.exhibits]
        sources = [
            _recorded(one, one.tracking(self.appearance.shape) if detector else None) for one in exhibits
        ]
        models = [RecordedModel(card) for card in used_models(instruments, self.verify)]
        threshold = self.instructions(self.batches[0]).threshold if detector else None
        identities = self.earlier.asked if self.earlier else recorded_identities(instruments)
        settings = recorded_settings(self.level, self.appearance, threshold, self.based_on, identities)
        return record.close(settings, models, sources, search_method(self.verify, instruments))


def recorded_settings(
    level: Level,
    appearance: Appearance,
    threshold: float | None,
    based_on: BasedOn | None = None,
    identities: RecordedIdentities | None = None,
) -> RecordedSettings:
    """What a manifest says of how its frames were made."""
    return RecordedSettings(
        level=level,
        appearance=appearance,
        threshold=threshold,
        video_looks=VIDEO_LOOKS,
        picture_looks=PICTURE_LOOKS,
        video_areas=None if based_on else _areas(level, continuous=True),
        picture_areas=None if based_on else _areas(level, continuous=False),
        based_on=based_on,
        identities=identities,
    )


def recorded_identities(instruments: Instruments) -> RecordedIdentities | None:
    """What a manifest says of the people that were asked for, if any were."""
    identification = instruments.identification
    return RecordedIdentities.of(identification) if identification else None


def used_models(instruments: Instruments, verify: Verify) -> list[ModelCard]:
    """What faces, text and plates are looked for with, and what compares faces, and what is left of them."""
    cards = [instruments.detector.card] if instruments.detector else []
    cards += [detector.card for detector in instruments.areas.values()]
    if instruments.identification:
        cards.append(instruments.identification.recognizer.card)
    lens = instruments.lens if verify is not Verify.NONE and instruments.detector else None
    if lens and lens.recognizer and lens.recognizer.card not in cards:
        cards.append(lens.recognizer.card)
    return cards


def search_method(verify: Verify, instruments: Instruments) -> Method | None:
    """How redacted frames are searched; None where they are not."""
    if verify is Verify.NONE or instruments.detector is None:
        return None
    recognizer = instruments.lens.recognizer if instruments.lens else None
    strangers = usual_threshold(recognizer.space) if recognizer else None
    return Method(verify, SEARCH_THRESHOLD, recognizer.card.name if recognizer else None, strangers)


def _areas(level: Level, *, continuous: bool) -> AreaSettings | None:
    if level is not Level.FULL:
        return None
    return VIDEO_AREAS if continuous else PICTURE_AREAS


def batches(exhibits: Sequence[Exhibit]) -> tuple[Batch, ...]:
    """Order inputs into batches: every video alone, neighbouring pictures together."""
    made: list[Batch] = []
    for continuous, group in groupby(exhibits, lambda one: one.source.info.continuous):
        members = tuple(group)
        if continuous or len(members) == 1:
            made += [Batch(one.source, (one,)) for one in members]
        else:
            made.append(Batch(Album([one.source for one in members]), members))
    return tuple(made)


def _renumbered(
    frames: Generator[RedactedFrame, None, Continuation], first_track: int
) -> Generator[RedactedFrame, None, Continuation]:
    """The same frames, their tracks numbered from a number on."""
    while True:
        try:
            frame = next(frames)
        except StopIteration as end:
            continuation: Continuation = end.value
            return continuation
        boxes = (
            box if box.track is None else replace(box, track=box.track + first_track) for box in frame.boxes
        )
        identified = (replace(one, track=one.track + first_track) for one in frame.identified)
        small = (replace(one, track=one.track + first_track) for one in frame.thumbnails)
        yield replace(frame, boxes=tuple(boxes), identified=tuple(identified), thumbnails=tuple(small))


def _numbered_from(frame: RedactedFrame, first: int) -> RedactedFrame:
    """The same frame, with numbers that count from another frame on."""
    identified = (
        replace(
            one,
            verdict=replace(
                one.verdict, evidence=tuple((index - first, like) for index, like in one.verdict.evidence)
            ),
        )
        for one in frame.identified
    )
    return replace(frame, index=frame.index - first, identified=tuple(identified))


def _recorded(exhibit: Exhibit, tracking: TrackingSettings | None) -> RecordedSource:
    return RecordedSource(
        id=exhibit.id,
        sha256=exhibit.source.sha256(),
        info=exhibit.source.info,
        name=exhibit.name,
        segments=exhibit.segments,
        regions=exhibit.regions,
        tracking=tracking,
        keep_text=exhibit.keep_text,
    )
