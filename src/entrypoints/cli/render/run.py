"""Execution of ``framecloak render``."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from zipfile import is_zipfile

from framecloak.adapters.media.zip.archive import ZipReader
from framecloak.adapters.security.signing import is_signed
from framecloak.domain.anonymization.model.options import Choices, Level
from framecloak.domain.anonymization.model.provenance import BasedOn
from framecloak.domain.anonymization.results.edited_manifest import LARGEST_EDITED, read_edited
from framecloak.domain.anonymization.results.export import Exhibit, Export, batches
from framecloak.domain.anonymization.results.manifest import MANIFEST_FILE
from framecloak.domain.anonymization.results.signature import SEAL_FILE, signature_state
from framecloak.domain.anonymization.results.video_writer import require_filmable
from framecloak.domain.anonymization.review.region_coverage import covered
from framecloak.domain.errors import InputNotFoundError, TooManyBoxesError
from framecloak.domain.ports.archives import ArchiveReader
from framecloak.entrypoints.cli.progress import Monitor
from framecloak.entrypoints.cli.redact.inputs import open_exhibits
from framecloak.entrypoints.cli.redact.outcome import Outcome
from framecloak.entrypoints.cli.redact.run import check_no_input_is_replaced, check_output
from framecloak.entrypoints.composition.pipeline import Container


@dataclass(frozen=True, slots=True)
class Order:
    """Parsed command line of ``framecloak render``.

    Attributes:
        source: Video or image that the manifest describes.
        manifest: ``manifest.json``, edited or not, or a result that contains one.
        signature: ``manifest.sig``; None for the one next to the manifest, if there is one.
        output: ZIP to write.
        choices: Format and look of the output, as far as they differ from the manifest.
        keep_names: True if the name of the source may appear in the output.
        overwrite: True if an existing output may be replaced.
    """

    source: Path
    manifest: Path
    signature: Path | None
    output: Path
    choices: Choices
    keep_names: bool
    overwrite: bool


def render(order: Order, container: Container, monitor: Monitor) -> Outcome:
    """Redact the source and write the ZIP; after an error, no incomplete output is left behind.

    Args:
        order: Parsed command line.
        container: Factory of sources and archives.
        monitor: Progress and messages.

    Raises:
        DomainError: The source cannot be redacted; see the subclasses.
    """
    check_output(order.output, overwrite=order.overwrite)
    check_no_input_is_replaced(order.output, (order.source, order.manifest))
    document, signature = _documents(order)
    edited = read_edited(document)
    del document
    imprint = container.imprint()
    state = signature_state(edited.sha256, signature, lambda: imprint.signer.public_key, is_signed)
    (opened,) = open_exhibits([order.source], (), (), container.open_source, keep_names=order.keep_names)
    source, info = opened.source, opened.source.info
    marks, table = edited.of(source.sha256(), info.name)
    for segment in marks.segments:
        segment.require_within(info.frame_count)
    size = info.width, info.height
    fitted = table.fitted(*size)
    boxes = covered(fitted, marks.regions, size)
    exhibit: Exhibit = replace(
        opened,
        segments=marks.segments,
        regions=marks.regions,
        keep_text=marks.keep_text,
        boxes=boxes,
    )
    appearance = order.choices.over(edited.appearance)
    studio = container.film_studio(order.output.parent)
    require_filmable([source], appearance, studio)
    based_on = BasedOn(edited.sha256, state)
    earlier = edited.identities.of_source(marks.id) if edited.identities else None
    export = Export(imprint, edited.level, appearance, batches([exhibit]), based_on, earlier=earlier)
    monitor.say(f"Redacting {len(fitted)} boxes of the manifest (signature: {state})")
    if len(boxes) > len(fitted):
        added = len(boxes) - len(fitted)
        monitor.say(f"Adding {added} boxes for regions of the manifest that its boxes do not cover")
    instruments = replace(container.instruments(Level.MINIMAL), films=studio)
    archive = container.create_archive(order.output)
    try:
        with monitor.progress(export.frame_count) as advance:
            started = time.perf_counter()
            summary = export.run(instruments, archive, advance)
            seconds = time.perf_counter() - started
    finally:
        archive.discard()
    return Outcome(summary, order.output, order.output.stat().st_size, seconds, None)


def _documents(order: Order) -> tuple[bytes, bytes | None]:
    """Read the manifest and its signature; the signature is None if there is none."""
    if is_zipfile(order.manifest):
        with ZipReader(order.manifest) as archive:
            signature = _entry(archive, SEAL_FILE) if SEAL_FILE in archive.names else None
            document = _entry(archive, MANIFEST_FILE)
    else:
        beside = order.manifest.with_name(SEAL_FILE)
        document, signature = _read(order.manifest), _read(beside) if beside.is_file() else None
    return document, signature if order.signature is None else _read(order.signature)


def _entry(archive: ArchiveReader, name: str) -> bytes:
    """Read an entry up to the maximum size, because a small archive can contain a huge entry."""
    data = bytearray()
    for chunk in archive.stream(name):
        data += chunk
        if len(data) > LARGEST_EDITED:
            raise _too_large(name)
    return bytes(data)


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST_EDITED:
            raise _too_large(path.name)
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputNotFoundError(f"cannot open {path}: {reason}", "check the path") from error


def _too_large(name: str) -> TooManyBoxesError:
    message = f"{name} is larger than {LARGEST_EDITED >> 20} MiB"
    return TooManyBoxesError(message, "render fewer frames at a time")
