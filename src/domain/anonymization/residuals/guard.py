"""See to it that redacted frames hold no face: search what will be delivered, redact again, or blank.

The bytes that will be delivered are decoded again. What is found in them is filled with black, whatever the
style, with a wider margin; the frame is encoded and searched once more. What still shows where it was filled
takes the frame with it. What is found elsewhere is filled in turn, a few times at most: encoding a frame
again tips a detector over here and there. A frame that cannot be searched is blanked as well. So what a check
says is always of the bytes that are delivered.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from framecloak.domain.anonymization.model.options import Appearance, RedactionShape, RedactionStyle
from framecloak.domain.anonymization.model.residuals import Check, Pending
from framecloak.domain.anonymization.pipeline.render import RedactedBox, RedactedFrame
from framecloak.domain.anonymization.residuals.detector import Inspected, Inspector, Redaction
from framecloak.domain.anonymization.tracking.tracker import Origin
from framecloak.domain.errors import ExaminationError
from framecloak.domain.imaging import boxes as bx
from framecloak.domain.imaging.boxes import Boxes, Corners
from framecloak.domain.imaging.detections import Kind
from framecloak.domain.ports import Frame, FrameEncoder, FrameReader, Redactor
from framecloak.domain.ports.films import FilmFormat, FilmStudio, Group
from framecloak.domain.ports.metrics import NULL_METER, Meter, Stage, timed

WIDER = 0.5
"""Share of a residual's box that is filled with black beyond each of its sides."""


MOST_ROUNDS = 3
"""How often a frame is redacted again before it is blanked."""


@dataclass(frozen=True, slots=True)
class Prover:
    """Checks redacted frames. Safe to call from several threads at once.

    Attributes:
        inspector: searches them.
        reader: opens pictures that were written.
        redactor: removes pixels.
        encoder: writes what was redacted again, as the frames were written.
        appearance: how they look.
        threads: frames of a film that are searched at the same time.
        meter: told how long searching takes.
    """

    inspector: Inspector
    reader: FrameReader
    redactor: Redactor
    encoder: FrameEncoder
    appearance: Appearance
    threads: int
    meter: Meter = NULL_METER

    def picture(self, frame: RedactedFrame) -> RedactedFrame:
        """Check a picture.

        Args:
            frame: redacted and encoded.

        Returns:
            What to deliver: the same, or redacted again, or black.
        """
        pending = frame.pending
        if pending is None:
            return frame
        seen = [self._inspect_picture(frame)]
        while wider := _due_again(frame, pending, seen):
            shipped = self.reader.read(frame.data, frame.index)
            frame = replace(frame, data=self._edited(shipped, wider), boxes=frame.boxes + wider)
            seen.append(self._inspect_picture(frame))
        settled = _settled(frame, pending, seen)
        return replace(settled, data=self._black(pending.size)) if settled.blanked else settled

    def group(
        self, frames: Sequence[RedactedFrame], group: Group, film: FilmFormat, studio: FilmStudio
    ) -> tuple[tuple[RedactedFrame, ...], Group]:
        """Check a group of a film's frames.

        What has to change is redacted again as it was decoded: the group is encoded twice then, and no
        unredacted frame has to be kept for it. Whatever changed, every frame that is due is searched again
        in the new bytes, as those are delivered; only black ones need no search.

        Args:
            frames: what is in the group.
            group: as it would be delivered.
            film: its format.
            studio: made it.

        Returns:
            What to deliver instead.
        """
        due = {place: frame.pending for place, frame in enumerate(frames) if frame.pending}
        seen: dict[int, list[Inspected | None]] = {place: [] for place in due}
        current = list(frames)
        blank: set[int] = set()
        try:
            while searched := due.keys() - blank:
                # Encoding a group again changes every frame in it, so none keeps what was found before.
                for place, one in self._inspect_group(group, film, studio, current, searched).items():
                    seen[place].append(one)
                wider = {place: _due_again(current[place], due[place], seen[place]) for place in searched}
                wider = {place: more for place, more in wider.items() if more}
                shows = {place for place in searched if _shows(seen[place][-1])}
                if not shows:
                    break
                blank |= shows - wider.keys()
                for place, more in wider.items():
                    current[place] = replace(current[place], boxes=current[place].boxes + more)
                group = self._edited_group(group, film, studio, wider, blank)
        except ExaminationError:
            # It cannot even be decoded; nobody can tell what is in it.
            group = self._black_group(len(frames), film, studio)
            return tuple(_settled(frame, frame.pending, [None]) for frame in frames), group
        for place, pending in due.items():
            current[place] = _settled(current[place], pending, seen[place])
        return tuple(current), group

    def _inspect_picture(self, frame: RedactedFrame) -> Inspected | None:
        """What is found in a picture; None where it cannot be searched."""
        try:
            return self._inspect(self.reader.read(frame.data, frame.index), frame)
        except ExaminationError:
            return None

    def _inspect_group(
        self,
        group: Group,
        film: FilmFormat,
        studio: FilmStudio,
        frames: Sequence[RedactedFrame],
        places: Collection[int],
    ) -> dict[int, Inspected | None]:
        """What is found in some frames of a group; None where one cannot be searched.

        Raises:
            ExaminationError: the group cannot be decoded.
        """

        def inspect(place: int, shipped: Frame) -> Inspected | None:
            try:
                return self._inspect(shipped, frames[place])
            except ExaminationError:
                return None

        seen: dict[int, Inspected | None] = {}
        with ThreadPoolExecutor(self.threads, thread_name_prefix="proof") as pool:
            for several in _some(studio.frames(film, group, frames[0].index), places, 2 * self.threads):
                seen |= dict(
                    zip(several, pool.map(inspect, *zip(*several.items(), strict=True)), strict=True)
                )
        return seen

    def _inspect(self, shipped: Frame, frame: RedactedFrame) -> Inspected | None:
        if frame.pending is None:
            return None
        with timed(self.meter, Stage.DETECT):
            return self.inspector.inspect(shipped, frame.pending, self._redaction(frame, frame.pending))

    def _redaction(self, frame: RedactedFrame, pending: Pending) -> Redaction:
        boxes = [box.xyxy for box in frame.boxes]
        again = [box.xyxy for box in frame.boxes if box.origin is Origin.RESIDUAL]
        all_black = self.appearance.style is RedactionStyle.SOLID
        kept = [face.xyxy for face in frame.identified if not face.redacted]
        return Redaction(pending.size, boxes, boxes if all_black else again, kept)

    def _edited(self, shipped: Frame, boxes: Sequence[RedactedBox]) -> bytes:
        """A frame encoded once more, some of it filled with black."""
        image = shipped.bgr()
        if boxes:
            corners = np.array([box.xyxy for box in boxes], np.float32)
            self.redactor.redact(image, corners, RedactionStyle.SOLID, RedactionShape.BOX)
        return self.encoder.encode(image, self.appearance)

    def _edited_group(
        self,
        group: Group,
        film: FilmFormat,
        studio: FilmStudio,
        wider: Mapping[int, Sequence[RedactedBox]],
        blank: Collection[int],
    ) -> Group:
        encoder = studio.group(film)
        for place, frame in enumerate(studio.frames(film, group, 0)):
            size = frame.width, frame.height
            encoder.add(self._black(size) if place in blank else self._edited(frame, wider.get(place, ())))
        return encoder.finish()

    def _black_group(self, count: int, film: FilmFormat, studio: FilmStudio) -> Group:
        encoder = studio.group(film)
        for _ in range(count):
            encoder.add(self._black((film.width, film.height)))
        return encoder.finish()

    def _black(self, size: tuple[int, int]) -> bytes:
        width, height = size
        return self.encoder.encode(np.zeros((height, width, 3), np.uint8), self.appearance)


def _due_again(
    frame: RedactedFrame, pending: Pending, seen: Sequence[Inspected | None]
) -> tuple[RedactedBox, ...]:
    """What to fill with black before a frame is searched again; nothing where that is settled or hopeless.

    Args:
        frame: as it would be delivered.
        pending: what it is searched for.
        seen: what was found each time it was searched; None where it could not be.
    """
    last = seen[-1]
    if last is None or len(seen) > MOST_ROUNDS:
        return ()
    filled = [box.xyxy for box in frame.boxes if box.origin is Origin.RESIDUAL]
    if Redaction(pending.size, filled, filled).mostly(last.residuals).any():
        return ()
    return _wider(last.residuals, pending.size)


def _shows(seen: Inspected | None) -> bool:
    """Whether a frame may not be delivered as it was searched."""
    return seen is None or len(seen.residuals) > 0


def _settled(
    frame: RedactedFrame, pending: Pending | None, seen: Sequence[Inspected | None]
) -> RedactedFrame:
    """A frame with what came of its check; its picture may still have to be replaced by a black one.

    Args:
        frame: as it would be delivered.
        pending: what it was searched for; None for one that cannot be delivered because of others.
        seen: what was found each time it was searched, the last time as it would be delivered; None where it
            could not be.
    """
    counts = [0 if one is None else len(one.residuals) for one in seen]
    last = seen[-1]
    check = Check(
        whole=pending is None or pending.search.whole,
        before=sum(counts[:-1]) or counts[0],
        after=counts[-1],
        similarity_before=_most_alike(seen[:-1] or seen),
        similarity_after=last.similarity if last else None,
        failed=last is None,
    )
    if check.blanks:
        check = replace(check, similarity_after=None)
        return RedactedFrame(frame.index, frame.data, (), blanked=True, check=check)
    # Thumbnails show the frame as it was before.
    thumbnails = () if check.before else frame.thumbnails
    return replace(frame, pending=None, check=check, thumbnails=thumbnails)


def _most_alike(seen: Sequence[Inspected | None]) -> float | None:
    """The highest similarity in some searches; None where nothing was compared."""
    return max((one.similarity for one in seen if one and one.similarity is not None), default=None)


def _wider(residuals: Boxes, size: tuple[int, int]) -> tuple[RedactedBox, ...]:
    """What to fill with black where something was left; nothing where nothing was."""
    width, height = size
    grown = bx.clip(bx.grow(residuals, WIDER), width, height)
    corners = np.concatenate([np.floor(grown[:, :2]), np.ceil(grown[:, 2:])], axis=1).astype(int)
    boxes: list[Corners] = [(x1, y1, x2, y2) for x1, y1, x2, y2 in corners.tolist() if x1 < x2 and y1 < y2]
    return tuple(RedactedBox(box, None, None, Origin.RESIDUAL, Kind.FACE) for box in boxes)


def _some(frames: Iterator[Frame], places: Collection[int], most: int) -> Iterator[dict[int, Frame]]:
    """The frames at some places, a few at a time; those behind the last one are not decoded."""
    several: dict[int, Frame] = {}
    wanted = len(places)
    for place, frame in enumerate(frames):
        if place in places:
            several[place] = frame
            wanted -= 1
        if several and (len(several) == most or not wanted):
            yield several
            several = {}
        if not wanted:
            return
