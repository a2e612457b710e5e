"""Use case: redact sources and write the frames or videos with their manifest to an archive."""

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
from framecloak.domain.anonymization.model.frames import RedactedFrame
from framecloak.domain.anonymization.model.options import Appearance, Level, RedactionShape, Verify
from framecloak.domain.anonymization.model.provenance import BasedOn
from framecloak.domain.anonymization.model.residuals import Method
from framecloak.domain.anonymization.pipeline.config import Instructions, Instruments, prover
from framecloak.domain.anonymization.pipeline.continuation import Continuation
from framecloak.domain.anonymization.pipeline.pipeline import redacted_frames
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
from framecloak.domain.model.segments import Region, Segment
from framecloak.domain.ports.archives import Archive
from framecloak.domain.ports.frames import FrameSource
from framecloak.domain.reid.matching import usual_threshold

ELLIPSE_MARGIN = 0.3
"""Margin of boxes in which ellipses are drawn; 0.21 would just reach the corners of the detection."""


def film_name(segment: Segment) -> str:
    """Return the default archive entry name of the video of a segment."""
    return f"films/film_{segment.start_frame:07d}.mp4"


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One input file and how to export it.

    Attributes:
        id: Index among the inputs, from 0.
        source: Open source of its frames.
        name: Base name of the file; None where file names are excluded from the output.
        stem: Returns the archive entry name of a frame, without suffix, for a frame index.
        segments: Frames to write, disjoint and ascending; inside the source.
        regions: Regions to redact regardless of their content; inside the source.
        film: Returns the archive entry name of the video of a segment.
        keep_text: Regions in which text stays readable; inside the source.
        boxes: Boxes to redact if they are already known; no detection takes place then.
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
        """Detection scales of its frames."""
        info = self.source.info
        return video_looks(info.frame_rate) if info.continuous else PICTURE_LOOKS

    def tracking(self, shape: RedactionShape) -> TrackingSettings:
        """Return the tracking settings for this source and a redaction shape."""
        info = self.source.info
        settings = TrackingSettings.for_pictures()
        if info.continuous:
            settings = TrackingSettings.for_rate(info.frame_rate, longest_wait(self.looks))
        return settings if shape is RedactionShape.BOX else replace(settings, margin=ELLIPSE_MARGIN)


@dataclass(frozen=True, slots=True)
class Batch:
    """Inputs that go through the pipeline together: one video, or a run of still images.

    Attributes:
        source: The only input itself, or an image sequence of all inputs.
        exhibits: The only input, or one entry for each image, in the order of the sequence.
    """

    source: FrameSource
    exhibits: tuple[Exhibit, ...]

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Frames of ``source`` to write."""
        if len(self.exhibits) == 1:
            return self.exhibits[0].segments
        return (Segment(0, len(self.exhibits)),)

    def origin(self, index: int) -> tuple[Exhibit, int]:
        """Return the input that contains a frame of ``source``, and the frame's index in that input."""
        return (self.exhibits[0], index) if len(self.exhibits) == 1 else (self.exhibits[index], 0)


@dataclass(frozen=True, slots=True)
class Export:
    """Specification of one export.

    Attributes:
        imprint: Issuer of the result.
        level: What is redacted.
        appearance: Format, quality and redaction style of the output.
        batches: Inputs in the order of the output.
        based_on: Manifest that supplied the boxes of all inputs; None if they are detected.
        verify: Which redacted frames are searched again for residual faces.
        earlier: Identity decisions in that manifest; None without any.
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
        """Number of frames to write."""
        return sum(len(segment) for batch in self.batches for segment in batch.segments)

    def run(self, instruments: Instruments, archive: Archive, on_frame: Callable[[], None]) -> Summary:
        """Write every frame and then the manifest, and publish the archive under its final name.

        Args:
            instruments: Models and codecs; the detector is None at level ``minimal``.
            archive: Open and empty archive; the caller discards it when this method raises.
            on_frame: Called after each written frame.

        Raises:
            TruncatedVideoError: A video ends before the requested frames.
            UnreadableVideoError: A video cannot be decoded.
            InputNotFoundError: An input has become unreadable.
            InvalidFormatError: An input cannot be written as a video.
            StorageFullError: The disk is full.
            OutputUnwritableError: Writing fails for any other reason.
        """
        record = Record(self.imprint, archive, self.earlier)
        if instruments.films:
            sources = [exhibit.source for batch in self.batches for exhibit in batch.exhibits]
            require_filmable(sources, self.appearance, instruments.films)
        for batch in self.batches:
            first_track = 0
            for segment in batch.segments:
                run = self.frames(batch, segment, instruments)
                # Closing stops the pipeline's threads immediately if writing fails or the user interrupts.
                with closing(run), closing(_renumbered(run, first_track)) as frames:
                    continuation = self._write(batch, segment, frames, instruments, record, on_frame)
                continuation.close()
                first_track += len(continuation.links.heads)
        return self._close(record, instruments)

    def frames(
        self, batch: Batch, segment: Segment, instruments: Instruments, before: Continuation | None = None
    ) -> Generator[RedactedFrame, None, Continuation]:
        """Generate the redacted frames of one segment; arguments and errors as for `redacted_frames`."""
        prepared, table = self.prepared(batch, instruments), batch.exhibits[0].boxes
        if table is not None:
            return rerendered_frames(batch.source, segment, table, self.appearance, prepared)
        return redacted_frames(batch.source, segment, self.instructions(batch), prepared, before)

    def prepared(self, batch: Batch, instruments: Instruments) -> Instruments:
        """Return the instruments of a batch; for video output, with an encoder of its frame size."""
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
        """Write the frames of one segment as images or as a video."""
        suffix, studio = self.appearance.output_format, instruments.films

        def take(frame: RedactedFrame) -> None:
            exhibit, index = batch.origin(frame.index)
            file = f"{exhibit.stem(index)}.{suffix}"
            record.picture(exhibit.id, file, _numbered_from(frame, frame.index - index), frame.data)
            on_frame()

        if studio is None or not suffix.is_film:
            return consume(frames, take)
        exhibit, source = batch.exhibits[0], batch.source
        video_format, sound = film_format(source.info, self.appearance), film_sound(source, self.appearance)
        timing = source.timing(segment.start_frame, segment.end_frame)
        writer = studio.film(video_format, timing, sound)
        with closing(Reel(record, exhibit.id, exhibit.film(segment), writer, on_frame)) as reel:
            prover = self.prover(batch, instruments)
            continuation = consume(grouped(frames, segment, video_format, studio, prover), reel.add)
            reel.finish()
        return continuation

    def instructions(self, batch: Batch) -> Instructions:
        """Return what to redact in a batch, and how."""
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
        """Return the residual check for encoded video frames; None if they are not checked."""
        instructions = self.instructions(batch)
        return prover(
            instructions, self.prepared(batch, instruments), continuous=batch.source.info.continuous
        )

    def _close(self, record: Record, instruments: Instruments) -> Summary:
        detector = instruments.detector
        exhibits = [exhibit for batch in self.batches for exhibit in batch.exhibits]
        sources = [
            _recorded(each, each.tracking(self.appearance.shape) if detector else None) for each in exhibits
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
    """Return the settings for the manifest."""
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
    """Return the identification settings for the manifest; None without identification."""
    identification = instruments.identification
    return RecordedIdentities.of(identification) if identification else None


def used_models(instruments: Instruments, verify: Verify) -> list[ModelCard]:
    """Return the cards of all models used: detectors, and recognisers of faces and of their residuals."""
    cards = [instruments.detector.card] if instruments.detector else []
    cards += [detector.card for detector in instruments.areas.values()]
    if instruments.identification:
        cards.append(instruments.identification.recognizer.card)
    lens = instruments.lens if verify is not Verify.NONE and instruments.detector else None
    if lens and lens.recognizer and lens.recognizer.card not in cards:
        cards.append(lens.recognizer.card)
    return cards


def search_method(verify: Verify, instruments: Instruments) -> Method | None:
    """Return the method of the residual check; None if redacted frames are not searched."""
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
    """Group inputs into batches: each video alone, consecutive still images together."""
    ordered: list[Batch] = []
    for continuous, group in groupby(exhibits, lambda each: each.source.info.continuous):
        members = tuple(group)
        if continuous or len(members) == 1:
            ordered += [Batch(exhibit.source, (exhibit,)) for exhibit in members]
        else:
            ordered.append(Batch(Album([exhibit.source for exhibit in members]), members))
    return tuple(ordered)


def _renumbered(
    frames: Generator[RedactedFrame, None, Continuation], first_track: int
) -> Generator[RedactedFrame, None, Continuation]:
    """Generate the same frames with ``first_track`` added to their track ids."""
    while True:
        try:
            frame = next(frames)
        except StopIteration as end:
            continuation: Continuation = end.value
            return continuation
        boxes = (
            box if box.track is None else replace(box, track=box.track + first_track) for box in frame.boxes
        )
        identified = (replace(item, track=item.track + first_track) for item in frame.identified)
        thumbnails = (replace(item, track=item.track + first_track) for item in frame.thumbnails)
        yield replace(frame, boxes=tuple(boxes), identified=tuple(identified), thumbnails=tuple(thumbnails))


def _numbered_from(frame: RedactedFrame, first: int) -> RedactedFrame:
    """Return the same frame with frame index ``first`` subtracted from its frame indices."""
    identified = (
        replace(
            face,
            verdict=replace(
                face.verdict, evidence=tuple((index - first, like) for index, like in face.verdict.evidence)
            ),
        )
        for face in frame.identified
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
