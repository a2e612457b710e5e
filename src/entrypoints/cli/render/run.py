"""What ``framecloak render`` does once the command line is understood."""

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
from framecloak.domain.ports import ArchiveReader
from framecloak.entrypoints.cli.progress import Monitor
from framecloak.entrypoints.cli.redact.inputs import open_exhibits
from framecloak.entrypoints.cli.redact.run import Outcome, check_no_input_is_replaced, check_output
from framecloak.entrypoints.composition.pipeline import Container


@dataclass(frozen=True, slots=True)
class Order:
    """What a person asks for.

    Attributes:
        source: the video or picture that the manifest is about.
        manifest: ``manifest.json``, edited or not, or a result that holds one.
        signature: ``manifest.sig``; None for the one beside the manifest, if there is one.
        output: the ZIP to write.
        choices: how it is to look.
        keep_names: whether the name of the source may appear in the output.
        overwrite: whether an output that exists may be replaced.
    """

    source: Path
    manifest: Path
    signature: Path | None
    output: Path
    choices: Choices
    keep_names: bool
    overwrite: bool


def render(order: Order, container: Container, monitor: Monitor) -> Outcome:
    """Fulfil an order; whatever goes wrong, no part of the output stays behind.

    Raises:
        DomainError: it cannot be fulfilled; see ``framecloak.domain.errors``.
    """
    check_output(order.output, overwrite=order.overwrite)
    check_no_input_is_replaced(order.output, (order.source, order.manifest))
    document, seal = _documents(order)
    edited = read_edited(document)
    del document
    imprint = container.imprint()
    state = signature_state(edited.sha256, seal, lambda: imprint.signer.public_key, is_signed)
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
    monitor.say(f"Redacting {len(fitted)} boxes as the manifest says (its signature: {state})")
    if len(boxes) > len(fitted):
        more = len(boxes) - len(fitted)
        monitor.say(f"Covering regions of the manifest {more} times where none of its boxes does")
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
    """The manifest and, where there is one, its signature."""
    if is_zipfile(order.manifest):
        with ZipReader(order.manifest) as archive:
            seal = _entry(archive, SEAL_FILE) if SEAL_FILE in archive.names else None
            document = _entry(archive, MANIFEST_FILE)
    else:
        beside = order.manifest.with_name(SEAL_FILE)
        document, seal = _read(order.manifest), _read(beside) if beside.is_file() else None
    return document, seal if order.signature is None else _read(order.signature)


def _entry(archive: ArchiveReader, name: str) -> bytes:
    """An entry, read no further than may be: a small archive can hold a huge one."""
    data = bytearray()
    for piece in archive.stream(name):
        data += piece
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
    return TooManyBoxesError(message, "render fewer frames at once")
