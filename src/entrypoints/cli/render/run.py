"""Execution of ``framecloak render``."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from zipfile import is_zipfile

from framecloak.adapters.media.zip.archive import ZipReader
from framecloak.adapters.security.signing import verify_signature
from framecloak.domain.anonymization.detection.display_shape import with_aspect
from framecloak.domain.anonymization.model.options import AppearanceChanges, Level, Verify
from framecloak.domain.anonymization.model.record.history import Correction
from framecloak.domain.anonymization.model.record.provenance import BasedOn
from framecloak.domain.anonymization.pipeline.rerender import CheckExceptions
from framecloak.domain.anonymization.results.edited_manifest import MAX_EDITED_BYTES, read_edited_manifest
from framecloak.domain.anonymization.results.export import ExportJob
from framecloak.domain.anonymization.results.manifest import MANIFEST_FILE
from framecloak.domain.anonymization.results.proof.manifest_signature import (
    SIGNATURE_FILE,
    signature_fields,
    signature_state,
)
from framecloak.domain.anonymization.results.sources import ExportSource, group_sources
from framecloak.domain.anonymization.results.video_writer import require_video_possible
from framecloak.domain.anonymization.review.region_coverage import cover_regions
from framecloak.domain.errors import InputNotFoundError, TooManyBoxesError
from framecloak.domain.ports.archives import ArchiveReader
from framecloak.entrypoints.cli.progress import Monitor
from framecloak.entrypoints.cli.redact.inputs import open_export_sources
from framecloak.entrypoints.cli.redact.outcome import RedactionResult
from framecloak.entrypoints.cli.redact.run import check_no_input_is_replaced, check_output
from framecloak.entrypoints.composition.pipeline import Container
from framecloak.entrypoints.composition.video_encoder import require_use


@dataclass(frozen=True, slots=True)
class RenderArguments:
    """Parsed command line of ``framecloak render``.

    Attributes:
        source: video or image that the manifest describes.
        manifest: ``manifest.json``, edited or not, or a result that contains one.
        signature: ``manifest.sig``; None for the one next to the manifest, if there is one.
        output: ZIP to write.
        choices: format and look of the output, as far as they differ from the manifest.
        keep_names: True if the name of the source may appear in the output.
        overwrite: True if an existing output may be replaced.
        verify: frames that undergo the residual check; None for those of the first result.
        video_encoder: encoder named on the command line; None for that of the settings.
    """

    source: Path
    manifest: Path
    signature: Path | None
    output: Path
    choices: AppearanceChanges
    keep_names: bool
    overwrite: bool
    verify: Verify | None
    video_encoder: str | None = None


def render(arguments: RenderArguments, container: Container, monitor: Monitor) -> RedactionResult:
    """Redact the source and write the ZIP; after an error, no incomplete output is left behind.

    Args:
        arguments: parsed command line.
        container: factory of sources and archives.
        monitor: progress and messages.

    Raises:
        DomainError: the source cannot be redacted; see the subclasses.
    """
    check_output(arguments.output, overwrite=arguments.overwrite)
    check_no_input_is_replaced(arguments.output, (arguments.source, arguments.manifest))
    document, signature = _read_manifest_and_signature(arguments)
    edited = read_edited_manifest(document)
    del document
    issuer = container.issuer()
    state = signature_state(edited.sha256, signature, lambda: issuer.signer.public_key, verify_signature)
    (opened,) = open_export_sources(
        [arguments.source], (), (), container.open_source, keep_names=arguments.keep_names
    )
    source, info = opened.source, opened.source.info
    marks, table = edited.source_and_boxes(source.sha256(), info.name)
    source = with_aspect(source, marks.pixel_aspect)
    for segment in marks.segments:
        segment.require_within(info.frame_count)
    size = info.width, info.height
    fitted = table.clipped_to(*size)
    boxes = cover_regions(fitted, marks.regions, size)
    earlier = edited.identities.of_source(marks.id) if edited.identities else None
    export_source: ExportSource = replace(
        opened,
        source=source,
        segments=marks.segments,
        regions=marks.regions,
        keep_text=marks.keep_text,
        boxes=boxes,
        exceptions=CheckExceptions.of(edited.history, earlier),
    )
    appearance = arguments.choices.applied_to(edited.appearance)
    require_use(arguments.video_encoder, appearance.output_format)
    video_encoder = None
    if appearance.output_format.is_video:
        video_encoder = container.create_video_encoder(arguments.output.parent)
        require_video_possible([source], appearance, video_encoder)
    based_on = BasedOn(edited.sha256, state)
    # A file says nothing about who changed it, and when.
    correction = Correction(edited.sha256, state, signature_fields(signature), None, None, None, ())
    verify = arguments.verify or edited.history.first_verify or Verify.SAMPLE
    verify = Verify.NONE if edited.level is Level.MINIMAL else verify
    export = ExportJob(
        issuer,
        edited.level,
        appearance,
        group_sources([export_source]),
        based_on,
        verify,
        earlier,
        edited.history.with_correction(correction),
        edited.text.of_source(marks.id) if edited.text else None,
    )
    monitor.show_message(f"Redacting {len(fitted)} boxes of the manifest (signature: {state})")
    if len(boxes) > len(fitted):
        added = len(boxes) - len(fitted)
        monitor.show_message(f"Adding {added} boxes for regions of the manifest that its boxes do not cover")
    level = Level.MINIMAL if verify is Verify.NONE else Level.FACES
    tools = replace(container.pipeline_tools(level, verify), video_encoder=video_encoder)
    archive = container.create_archive(arguments.output)
    try:
        with monitor.progress(export.frame_count) as advance:
            started = time.perf_counter()
            summary = export.run(tools, archive, advance)
            seconds = time.perf_counter() - started
    finally:
        archive.discard()
    return RedactionResult(
        summary, arguments.output, arguments.output.stat().st_size, seconds, None, (source.info,)
    )


def _read_manifest_and_signature(arguments: RenderArguments) -> tuple[bytes, bytes | None]:
    """Read the manifest and its signature; the signature is None if there is none."""
    if is_zipfile(arguments.manifest):
        with ZipReader(arguments.manifest) as archive:
            signature = _read_entry(archive, SIGNATURE_FILE) if SIGNATURE_FILE in archive.names else None
            document = _read_entry(archive, MANIFEST_FILE)
    else:
        beside = arguments.manifest.with_name(SIGNATURE_FILE)
        document, signature = _read_file(arguments.manifest), _read_file(beside) if beside.is_file() else None
    return document, signature if arguments.signature is None else _read_file(arguments.signature)


def _read_entry(archive: ArchiveReader, name: str) -> bytes:
    """Read an entry up to the maximum size, because a small archive can contain a huge entry."""
    data = bytearray()
    for chunk in archive.stream(name):
        data += chunk
        if len(data) > MAX_EDITED_BYTES:
            raise _too_large(name)
    return bytes(data)


def _read_file(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_EDITED_BYTES:
            raise _too_large(path.name)
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputNotFoundError(f"cannot open {path}: {reason}", "check the path") from error


def _too_large(name: str) -> TooManyBoxesError:
    message = f"{name} is larger than {MAX_EDITED_BYTES >> 20} MiB"
    return TooManyBoxesError(message, "render fewer frames at a time")
