"""Execution of ``framecloak redact``."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

from framecloak.domain.anonymization.detection.display_shape import with_aspect
from framecloak.domain.anonymization.model.options import Appearance, Level, Verify, require_faces
from framecloak.domain.anonymization.results.export import ExportJob
from framecloak.domain.anonymization.results.sources import group_sources
from framecloak.domain.anonymization.results.video_writer import require_video_possible
from framecloak.domain.anonymization.text_policy.line_reading import LineReader
from framecloak.domain.errors import InvalidOptionError, OutputUnwritableError
from framecloak.entrypoints.cli.progress import Monitor
from framecloak.entrypoints.cli.redact.inputs import open_export_sources, resolve_inputs
from framecloak.entrypoints.cli.redact.marks import RegionMark, SegmentMark
from framecloak.entrypoints.cli.redact.outcome import RedactionResult
from framecloak.entrypoints.cli.redact.people import ReferencePhotos
from framecloak.entrypoints.cli.redact.text import TextArguments
from framecloak.entrypoints.composition.pipeline import Container
from framecloak.entrypoints.composition.video_encoder import require_use


@dataclass(frozen=True, slots=True)
class RedactArguments:
    """Parsed command line of ``framecloak redact``.

    Attributes:
        inputs: videos, images and folders.
        output: ZIP to write.
        level: anonymisation level.
        appearance: format and look of the output.
        segments: segments of every video to write; empty for whole videos.
        regions: regions to redact regardless of their content.
        keep_text: regions in which text stays readable; only at level ``full``.
        verify: redacted frames to search again for faces.
        keep_names: True if the names of input files may appear in the output.
        overwrite: True if an existing output may be replaced.
        people: identity rule; None to redact all faces.
        pixel_aspect: width to height of one stored pixel of every input; None for what each declares.
        text: options of the text policy.
        video_encoder: encoder named on the command line; None for that of the settings.
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
    people: ReferencePhotos | None = None
    pixel_aspect: Fraction | None = None
    text: TextArguments = field(default_factory=TextArguments)
    video_encoder: str | None = None

    def check(self) -> None:
        """Check everything that can be checked before an input is opened.

        Raises:
            InvalidOptionError: nothing would be redacted, ``keep_text`` or ``people`` has no effect at the
                level, or ``video_encoder`` none on the format.
            OutputUnwritableError: the folder of the output is missing, or the output already exists.
        """
        if self.keep_text and self.level is not Level.FULL:
            raise InvalidOptionError(
                f"level {self.level} does not redact text, so --keep-text has no effect",
                "leave out --keep-text, or use --level full",
            )
        if self.people:
            require_faces(self.level)
        if self.level is Level.MINIMAL and not self.regions:
            raise InvalidOptionError(
                "level minimal redacts only regions and none is given, so nothing would be redacted",
                "give a --region, or use --level faces",
            )
        require_use(self.video_encoder, self.appearance.output_format)
        check_output(self.output, overwrite=self.overwrite)


def redact(arguments: RedactArguments, container: Container, monitor: Monitor) -> RedactionResult:
    """Redact the inputs and write the ZIP; after an error, no incomplete output is left behind.

    Args:
        arguments: parsed command line.
        container: factory of models, sources and archives.
        monitor: progress and messages.

    Raises:
        DomainError: the inputs cannot be redacted; see the subclasses.
    """
    arguments.check()
    policy = arguments.text.policy(arguments.level)
    video_encoder = (
        container.create_video_encoder(arguments.output.parent)
        if arguments.appearance.output_format.is_video
        else None
    )
    files = resolve_inputs(arguments.inputs)
    check_no_input_is_replaced(arguments.output, files.paths)
    if files.ignored:
        names = ", ".join(path.name for path in files.ignored)
        monitor.show_message(f"Ignoring files that are neither images nor videos: {names}")
    export_sources = open_export_sources(
        files.paths,
        arguments.segments,
        arguments.regions,
        lambda path: with_aspect(container.open_source(path), arguments.pixel_aspect),
        keep_names=arguments.keep_names,
        keep_text=arguments.keep_text,
    )
    if video_encoder:
        require_video_possible(
            [export_source.source for export_source in export_sources], arguments.appearance, video_encoder
        )
    export = ExportJob(
        container.issuer(),
        arguments.level,
        arguments.appearance,
        group_sources(export_sources),
        verify=arguments.verify,
    )
    archive = container.create_archive(arguments.output)
    try:
        tools = replace(
            container.pipeline_tools(arguments.level, arguments.verify), video_encoder=video_encoder
        )
        model = tools.detector.card if tools.detector else None
        if model:
            monitor.show_message(f"Detecting faces with {container.describe_model(model)}")
        for kind, areas in tools.box_detectors.items():
            monitor.show_message(f"Detecting {kind} with {container.describe_model(areas.card)}")
        if policy:
            reader = container.load_text_reader()
            monitor.show_message(f"Reading text with {container.describe_model(reader.card)}")
            tools = replace(tools, line_reader=LineReader(reader, policy))
        if arguments.people and tools.detector:
            recognizer = container.load_recognizer()
            monitor.show_message(f"Recognising people with {container.describe_model(recognizer.card)}")
            identification = arguments.people.identification(
                container.open_source, tools.detector, recognizer
            )
            tools = replace(tools, identification=identification)
        with monitor.progress(export.frame_count) as advance:
            started = time.perf_counter()
            summary = export.run(tools, archive, advance)
            seconds = time.perf_counter() - started
    finally:
        archive.discard()
    sources = tuple(export_source.source.info for export_source in export_sources)
    return RedactionResult(
        summary, arguments.output, arguments.output.stat().st_size, seconds, model, sources
    )


def check_output(output: Path, *, overwrite: bool) -> None:
    """Check that the output can be written and may be replaced.

    Args:
        output: path of the ZIP.
        overwrite: True if an existing file may be replaced.

    Raises:
        OutputUnwritableError: the folder is missing, the path is a folder, or the file already exists.
    """
    if not output.parent.is_dir():
        raise OutputUnwritableError(
            f"cannot write {output}: {output.parent} is not a folder", "choose a folder that exists"
        )
    if output.is_dir():
        raise OutputUnwritableError(f"cannot write {output}: it is a folder", "name a ZIP file")
    if output.exists() and not overwrite:
        raise OutputUnwritableError(f"{output} already exists", "choose another name, or add --force")


def check_no_input_is_replaced(output: Path, inputs: Iterable[Path]) -> None:
    """Check that the output does not replace an input.

    Raises:
        OutputUnwritableError: the output is one of the inputs.
    """
    if output.exists() and any(path.exists() and output.samefile(path) for path in inputs):
        raise OutputUnwritableError(f"{output} is one of the inputs", "choose another name for the output")
