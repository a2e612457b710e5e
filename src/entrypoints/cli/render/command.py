"""Command ``framecloak render``: redact a source again from an edited manifest."""

from __future__ import annotations

from pathlib import Path

import click

from framecloak.domain.anonymization.model.options import (
    AppearanceChanges,
    Audio,
    Language,
    RedactionShape,
    RedactionStyle,
    Verify,
)
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.entrypoints.cli.redact.command import exit_code, overridden_settings
from framecloak.entrypoints.cli.redact.options import (
    audio_option,
    format_option,
    output_option,
    quality_option,
    report_options,
    shape_option,
    style_option,
    threads_option,
    video_encoder_option,
)


@click.command(short_help="Redact again from an edited manifest.")
@click.argument("source", metavar="SOURCE", type=click.Path(path_type=Path))
@click.option(
    "--manifest",
    metavar="EDITED.json",
    required=True,
    type=click.Path(path_type=Path),
    help="manifest.json of a result, edited or not, or the result ZIP itself.",
)
@output_option
@click.option(
    "--signature",
    metavar="FILE",
    type=click.Path(path_type=Path),
    show_default="manifest.sig beside the manifest, if there is one",
    help="Signature of the manifest; the new manifest records whether it is still valid.",
)
@format_option(None, "Format of the output: jpg, jpeg, png, webp or mp4.")
@quality_option(None)
@audio_option(None, "Audio track of MP4 output: drop it, copy it, or silence speech in it.")
@style_option(None)
@shape_option(None)
@click.option(
    "--verify",
    type=click.Choice([verify.value for verify in Verify]),
    show_default="as for the first result",
    help="Redacted frames to search again for faces: none, a sample or all.",
)
@threads_option
@video_encoder_option
@report_options("the name of SOURCE")
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
    verify: str | None,
    threads: int | None,
    video_encoder: str | None,
    language: str | None,
    keep_names: bool,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Redact SOURCE at the boxes of a manifest, and search the result again for faces.

    The boxes are those of the manifest; what the search still finds is covered too. The new manifest lists
    all corrections that led to it, and carries the figures of the first search.

    Boxes may be added, removed and moved. A box needs "xyxy", and may have "kind" (face, text, plate,
    region), "track" and "origin". A moved box has the origin "edited"; a box without an origin counts as
    "manual". Boxes are clipped at the image border, and refused outside it. Every frame of the segments needs
    an entry in the manifest, so that no frame is written unredacted by mistake. The manifest must be about
    exactly this SOURCE, byte for byte; if it lists several sources, only SOURCE is written.

    The ZIP has its own manifest and signature. The manifest records the SHA-256 of the edited manifest, the
    validity of its signature and whether it was edited, and copies its statement about kept faces.
    """
    # Importing these modules is slow, and usage errors do not need them.
    from framecloak.entrypoints.cli.progress import Monitor, OutputMode  # noqa: PLC0415
    from framecloak.entrypoints.cli.render import run  # noqa: PLC0415
    from framecloak.entrypoints.composition.pipeline import Container  # noqa: PLC0415

    settings = overridden_settings(threads=threads, video_encoder=video_encoder)
    choices = AppearanceChanges(
        output_format=None if output_format is None else OutputFormat.parse(output_format),
        quality=quality,
        style=None if style is None else RedactionStyle(style),
        shape=None if shape is None else RedactionShape(shape),
        audio=None if audio is None else Audio(audio),
        language=Language(language) if language else settings.report_language,
    )
    arguments = run.RenderArguments(
        source,
        manifest,
        signature,
        output,
        choices,
        keep_names,
        overwrite,
        Verify(verify) if verify else None,
        video_encoder,
    )
    monitor = Monitor(OutputMode.JSON if as_json else OutputMode.QUIET if quiet else OutputMode.HUMAN)
    outcome = run.render(arguments, Container.build(settings), monitor)
    monitor.report(outcome)
    return exit_code(outcome, as_json=as_json)
