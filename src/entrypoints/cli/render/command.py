"""``framecloak render``: redact again where an edited manifest says."""

from __future__ import annotations

from pathlib import Path

import click

from framecloak.domain.anonymization.model.options import (
    Audio,
    Choices,
    Language,
    OutputFormat,
    RedactionShape,
    RedactionStyle,
)
from framecloak.entrypoints.cli.redact.command import exit_code, settings_with
from framecloak.entrypoints.cli.redact.options import (
    audio_option,
    format_option,
    output_option,
    quality_option,
    shape_option,
    style_option,
    telling_options,
    threads_option,
)


@click.command(short_help="Redact again where an edited manifest says.")
@click.argument("source", metavar="SOURCE", type=click.Path(path_type=Path))
@click.option(
    "--manifest",
    metavar="EDITED.json",
    required=True,
    type=click.Path(path_type=Path),
    help="manifest.json of a result, edited or not; or the result itself.",
)
@output_option
@click.option(
    "--signature",
    metavar="FILE",
    type=click.Path(path_type=Path),
    show_default="manifest.sig beside the manifest, if there is one",
    help="What the manifest was signed with; the new one says whether it still fits.",
)
@format_option(None, "jpg, jpeg, png, webp or mp4.")
@quality_option(None)
@audio_option(None, "Sound of films.")
@style_option(None)
@shape_option(None)
@threads_option
@telling_options("the name of SOURCE")
def render(
    *,
    source: Path,
    manifest: Path,
    output: Path,
    signature: Path | None,
    output_format: str | None,
    quality: int | None,
    audio: str | None,
    style: str | None,
    shape: str | None,
    threads: int | None,
    language: str | None,
    keep_names: bool,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Redact SOURCE where the boxes of a manifest are, without looking for anything.

    Boxes may be added, removed and moved: a box needs "xyxy", and may have "kind" (face, text, plate,
    region), "track" and "origin". One that was moved has the origin "edited"; one without an origin counts
    as "manual". Boxes are cut at the borders of the picture, and refused outside it. Every frame of the
    manifest's segments needs one entry: a frame that nobody speaks of is not written as it is. The manifest
    has to be about SOURCE, byte for byte. Of several sources in it, SOURCE is written.

    The ZIP has a manifest and a signature of its own. They name the manifest that was edited by its SHA-256,
    say what its signature was worth and whether anything was edited since, and repeat what it says of people
    whose faces were kept.
    """
    # As in `redact`: options that are wrong need none of it.
    from framecloak.entrypoints.cli.progress import Monitor, Voice  # noqa: PLC0415
    from framecloak.entrypoints.cli.render import run as rerendering  # noqa: PLC0415
    from framecloak.entrypoints.composition.pipeline import Container  # noqa: PLC0415

    settings = settings_with(detector=None, provider=None, precision=None, threads=threads)
    choices = Choices(
        output_format=None if output_format is None else OutputFormat.parse(output_format),
        quality=quality,
        style=None if style is None else RedactionStyle(style),
        shape=None if shape is None else RedactionShape(shape),
        audio=None if audio is None else Audio(audio),
        language=Language(language) if language else settings.report_language,
    )
    order = rerendering.Order(source, manifest, signature, output, choices, keep_names, overwrite)
    monitor = Monitor(Voice.JSON if as_json else Voice.QUIET if quiet else Voice.HUMAN)
    outcome = rerendering.render(order, Container.build(settings), monitor)
    monitor.report(outcome)
    return exit_code(outcome, as_json=as_json)
