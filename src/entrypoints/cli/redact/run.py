"""What ``framecloak redact`` and ``framecloak demo`` do once the command line is understood."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from framecloak.domain.anonymization.model.options import Appearance, Level, Verify, require_faces
from framecloak.domain.anonymization.results.export import Export, batches
from framecloak.domain.anonymization.results.manifest import Summary
from framecloak.domain.anonymization.results.video_writer import require_filmable
from framecloak.domain.errors import InvalidOptionError, OutputUnwritableError
from framecloak.domain.imaging.detections import ModelCard
from framecloak.entrypoints.cli.progress import Monitor
from framecloak.entrypoints.cli.redact.inputs import find_files, open_exhibits
from framecloak.entrypoints.cli.redact.marks import RegionMark, SegmentMark
from framecloak.entrypoints.cli.redact.people import FolderOfPeople
from framecloak.entrypoints.composition.pipeline import Container


@dataclass(frozen=True, slots=True)
class Order:
    """What a person asks for.

    Attributes:
        inputs: videos, pictures and folders of them.
        output: the ZIP to write.
        level: what is redacted.
        appearance: how the written frames look.
        segments: the parts of every video to write; empty for all of it.
        regions: areas to redact whatever is in them.
        keep_text: areas in which text stays readable; at level ``full`` only.
        verify: which of the redacted frames are searched again.
        keep_names: whether names of input files may appear in the output.
        overwrite: whether an output that exists may be replaced.
        people: whose faces are redacted; None for everybody's.
    """

    inputs: tuple[Path, ...]
    output: Path
    level: Level = Level.FACES
    appearance: Appearance = field(default_factory=Appearance)
    segments: tuple[SegmentMark, ...] = ()
    regions: tuple[RegionMark, ...] = ()
    keep_text: tuple[RegionMark, ...] = ()
    verify: Verify = Verify.SAMPLE
    keep_names: bool = False
    overwrite: bool = False
    people: FolderOfPeople | None = None

    def check(self) -> None:
        """Refuse what can be known to fail before any input is opened.

        Raises:
            InvalidOptionError: nothing at all would be redacted, text kept that is not redacted, or people
                told apart whose faces are not.
            OutputUnwritableError: the output's folder is missing, or the output is there already.
        """
        if self.keep_text and self.level is not Level.FULL:
            raise InvalidOptionError(
                f"level {self.level} leaves text alone, so there is none to keep",
                "leave out --keep-text, or use --level full",
            )
        if self.people:
            require_faces(self.level)
        if self.level is Level.MINIMAL and not self.regions:
            raise InvalidOptionError(
                "level minimal redacts regions only and none is given, so nothing would be redacted",
                "give a --region, or use --level faces",
            )
        check_output(self.output, overwrite=self.overwrite)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an order.

    Attributes:
        summary: what was done, in numbers.
        output: the ZIP.
        size: its bytes.
        seconds: from the first frame asked for to the ZIP having its name.
        model: what looked for faces, if anything did.
    """

    summary: Summary
    output: Path
    size: int
    seconds: float
    model: ModelCard | None

    @property
    def frames_per_second(self) -> float:
        """How quick it was."""
        return self.summary.frames / max(self.seconds, 1e-9)


def redact(order: Order, container: Container, monitor: Monitor) -> Outcome:
    """Fulfil an order; whatever goes wrong, no part of the output stays behind.

    Raises:
        DomainError: it cannot be fulfilled; see ``framecloak.domain.errors``.
    """
    order.check()
    found = find_files(order.inputs)
    check_no_input_is_replaced(order.output, found.paths)
    if found.ignored:
        names = ", ".join(path.name for path in found.ignored)
        monitor.say(f"Ignored, being neither pictures nor videos: {names}")
    exhibits = open_exhibits(
        found.paths,
        order.segments,
        order.regions,
        container.open_source,
        keep_names=order.keep_names,
        keep_text=order.keep_text,
    )
    studio = container.film_studio(order.output.parent)
    require_filmable([one.source for one in exhibits], order.appearance, studio)
    export = Export(
        container.imprint(), order.level, order.appearance, batches(exhibits), verify=order.verify
    )
    archive = container.create_archive(order.output)
    try:
        instruments = replace(container.instruments(order.level, order.verify), films=studio)
        model = instruments.detector.card if instruments.detector else None
        if model:
            monitor.say(f"Detecting faces with {container.describe_model(model)}")
        for kind, areas in instruments.areas.items():
            monitor.say(f"Detecting {kind} with {container.describe_model(areas.card)}")
        if order.people and instruments.detector:
            recognizer = container.load_recognizer()
            monitor.say(f"Telling people apart with {container.describe_model(recognizer.card)}")
            identification = order.people.identification(
                container.open_source, instruments.detector, recognizer
            )
            instruments = replace(instruments, identification=identification)
        with monitor.progress(export.frame_count) as advance:
            started = time.perf_counter()
            summary = export.run(instruments, archive, advance)
            seconds = time.perf_counter() - started
    finally:
        archive.discard()
    return Outcome(summary, order.output, order.output.stat().st_size, seconds, model)


def check_output(output: Path, *, overwrite: bool) -> None:
    """Refuse an output that cannot be written, or must not be replaced.

    Raises:
        OutputUnwritableError: its folder is missing, or it is there already.
    """
    if not output.parent.is_dir():
        raise OutputUnwritableError(
            f"cannot write {output}: {output.parent} is not a folder", "choose a folder that exists"
        )
    if output.is_dir():
        raise OutputUnwritableError(f"cannot write {output}: it is a folder", "name a ZIP file")
    if output.exists() and not overwrite:
        raise OutputUnwritableError(f"{output} is there already", "choose another name, or add --force")


def check_no_input_is_replaced(output: Path, inputs: Iterable[Path]) -> None:
    """Refuse to write over what is read.

    Raises:
        OutputUnwritableError: the output is one of the inputs.
    """
    if output.exists() and any(path.exists() and output.samefile(path) for path in inputs):
        raise OutputUnwritableError(f"{output} is one of the inputs", "choose another name for the output")
