"""``framecloak demo``: see it work before reading any further."""

from __future__ import annotations

from pathlib import Path

import click

from domain.errors import OutputUnwritableError
from entrypoints.cli.redact import detection_options, exit_code, settings_with

_MOMENTS = 4
_COLUMNS = 2


@click.command(short_help="See it work on a short film, or on your own.")
@click.argument("video", metavar="[VIDEO]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--output",
    "folder",
    metavar="DIR",
    default="out/demo",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder for the results; what an earlier demo left in it is replaced.",
)
@detection_options
def demo(
    *,
    video: Path | None,
    folder: Path,
    detector: str | None,
    provider: str | None,
    precision: str | None,
    threads: int | None,
) -> int:
    """Redact VIDEO and show it before and after.

    Without VIDEO, a short film is made: a camera that moves over a photograph of six people.
    """
    # NumPy and what stands on it take a moment to import; `--help` needs none of it.
    from entrypoints.bootstrap import Container  # noqa: PLC0415
    from entrypoints.cli import contact_sheet, demo_film, redaction  # noqa: PLC0415
    from entrypoints.cli.progress import Monitor  # noqa: PLC0415

    settings = settings_with(detector=detector, provider=provider, precision=precision, threads=threads)
    container, monitor = Container.build(settings), Monitor()
    archive, sheet, redacted = folder / "demo.zip", folder / "contact-sheet.jpg", folder / "redacted.jpg"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if video is None:
            video = folder / "demo.mp4"
            monitor.say(f"Making a film of a moving camera: {video}")
            demo_film.shoot(video)
        outcome = redaction.redact(redaction.Order((video,), archive, overwrite=True), container, monitor)
        shown = contact_sheet.moments(container.open_source(video), archive, _MOMENTS)
        contact_sheet.write_jpeg(sheet, contact_sheet.contact_sheet(shown))
        contact_sheet.write_jpeg(redacted, contact_sheet.redacted_only(shown, _COLUMNS))
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputUnwritableError(f"cannot write to {folder}: {reason}", "choose another folder") from error
    monitor.report(outcome)
    monitor.say(_NEXT.format(archive=archive, sheet=sheet, redacted=redacted))
    return exit_code(outcome)


_NEXT = """
Look at     {sheet}
            before and after, side by side
Show        {redacted}
            the redacted frames only
Take away   {archive}
            every frame, and manifest.json: what was redacted where, and why

Next: framecloak redact YOUR_VIDEO.mp4 -o redacted.zip
      framecloak redact --help"""
