"""Command ``framecloak demo``: run the whole service on one video and show the result."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from framecloak.domain.errors import InputNotFoundError, OutputUnwritableError
from framecloak.entrypoints.cli.admin.connection import run
from framecloak.entrypoints.cli.options import service_settings
from framecloak.entrypoints.cli.progress import Monitor
from framecloak.entrypoints.settings import Settings

if TYPE_CHECKING:
    from framecloak.entrypoints.processes.demo.client import DemoClient

_FRAME_PAIRS = 4
_COLUMNS = 2
_MAX_FRAMES = 500
"""Maximum number of frames that the demo anonymises."""
_GALLERY_TTL = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Results:
    """Paths of the results of the demo.

    Attributes:
        folder: folder of all results.
    """

    folder: Path

    @property
    def archive(self) -> Path:
        return self.folder / "demo.zip"

    @property
    def sheet(self) -> Path:
        return self.folder / "contact-sheet.jpg"

    @property
    def redacted(self) -> Path:
        return self.folder / "redacted.jpg"


@click.command(short_help="Try the whole service on a short video, or on your own.")
@click.argument("video", metavar="[VIDEO]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--output",
    "folder",
    metavar="DIR",
    default="out/demo",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder for the results and the data of the service; the results of an earlier demo are replaced.",
)
@click.option("--once", is_flag=True, help="Stop the service afterwards instead of leaving it running.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Port of the service; default: a free port.",
)
def demo(*, video: Path | None, folder: Path, once: bool, port: int) -> None:
    """Start the service, anonymise VIDEO through its HTTP API, and show it before and after.

    Without VIDEO, a short video is generated: a camera that pans over a photograph of six people.
    """
    # Importing NumPy, SQLAlchemy and other libraries is slow, and `--help` does not need them.
    from framecloak.adapters.security.secrets import new_secret  # noqa: PLC0415
    from framecloak.entrypoints.composition.servers import remove_data_folder  # noqa: PLC0415
    from framecloak.entrypoints.runtime.logs import configure_logging  # noqa: PLC0415

    if video is not None and not video.is_file():
        raise InputNotFoundError(f"there is no file {video}", "check the path")
    data = folder / "service"
    settings = service_settings(data_dir=str(data), port=port)
    password = settings.admin_password or new_secret()
    # The demo prints its own progress; a log line for each request would obscure it.
    settings = replace(settings, port=port, admin_password=password, log_level="warning")
    configure_logging(settings)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_data_folder(data)
        run(lambda: _demo(settings, _Results(folder), video, once=once))
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputUnwritableError(f"cannot write to {folder}: {reason}", "choose another folder") from error


async def _demo(settings: Settings, results: _Results, video: Path | None, *, once: bool) -> None:
    from framecloak.entrypoints.processes.demo import video as demo_film  # noqa: PLC0415 - as above
    from framecloak.entrypoints.processes.serve import ADMINISTRATOR, running_service  # noqa: PLC0415 - as above

    monitor = Monitor()
    if video is None:
        video = results.folder / "demo.mp4"
        monitor.show_message(f"Generating a video of a moving camera: {video}")
        await asyncio.to_thread(demo_film.write_demo_video, video)
    monitor.show_message("Starting Postgres, Redis, the API and a worker")
    async with running_service(settings) as address:
        monitor.show_message(f"ready {address}")
        await _run_workflow(settings, address, video, results, monitor)
        monitor.show_message(_RESULTS_TEXT.format(results=results))
        if not once:
            password = settings.admin_password
            monitor.show_message(_RUNNING_TEXT.format(address=address, name=ADMINISTRATOR, password=password))
            # The work is done; from here on Ctrl-C is the regular way to stop and not an error.
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()


async def _run_workflow(
    settings: Settings, address: str, video: Path, results: _Results, monitor: Monitor
) -> None:
    from framecloak.adapters.media.video.source import open_video  # noqa: PLC0415 - as above
    from framecloak.entrypoints.cli.redact import contact_sheet  # noqa: PLC0415 - as above
    from framecloak.entrypoints.processes.demo.client import DemoClient  # noqa: PLC0415 - as above
    from framecloak.entrypoints.processes.serve import ADMINISTRATOR  # noqa: PLC0415 - as above

    async with DemoClient(address, ADMINISTRATOR, settings.admin_password) as client:
        facts = await client.upload(video)
        video_id, frames = facts["id"], min(_MAX_FRAMES, facts["frame_count"])
        monitor.show_message(f"Uploaded    {video.name}: video {video_id}, {facts['frame_count']} frames")
        segment = await client.mark_segment(video_id, 0, frames)
        monitor.show_message(f"Marked      segment {segment}: frames 0 to {frames}")
        width, height = max(1, facts["width"] // 6), max(1, facts["height"] // 10)
        await client.mark_region(video_id, 0, facts["height"] - height, width, height)
        monitor.show_message(f"Marked      a region of {width}x{height} pixels in the lower left corner")
        request = await client.submit(video_id, segment)
        monitor.show_message(f"Submitted   request {request}")
        with monitor.remote_progress(frames) as advance_to:
            await client.follow(request, advance_to)
        await client.download(request, results.archive)
        monitor.show_message(f"Downloaded  {results.archive} with its one-time link")
        await _enrol_and_search(client, video_id, frames, monitor)
    shown = await asyncio.to_thread(
        contact_sheet.select_frame_pairs, open_video(video), results.archive, _FRAME_PAIRS
    )
    contact_sheet.write_jpeg(results.sheet, contact_sheet.draw_contact_sheet(shown))
    contact_sheet.write_jpeg(results.redacted, contact_sheet.draw_redacted_only(shown, _COLUMNS))


async def _enrol_and_search(client: DemoClient, video_id: int, frames: int, monitor: Monitor) -> None:
    """Enrol the largest face of the first frame, and search the last frame for it."""
    first = await client.faces(await client.frame(video_id, 0))
    if not first:
        monitor.show_message("Analysed    frame 0: no face to enrol")
        return
    model, size = first[0]["model"], first[0]["quality"]["size"]
    monitor.show_message(
        f"Analysed    frame 0: {_face_count(first)}, the largest {size:.0f} pixels wide, by {model}"
    )
    gallery = await client.create_gallery("demo", _GALLERY_TTL)
    await client.enrol(gallery, "person 1", first[0])
    monitor.show_message("Enrolled    the largest face as 'person 1' in a gallery that is deleted in an hour")
    last = await client.faces(await client.frame(video_id, frames - 1))
    similarities = sorted([await client.similarity(gallery, face) for face in last], reverse=True)
    if similarities:
        best, *rest = (f"{similarity:.2f}" for similarity in similarities)
        suffix = f", the others {', '.join(rest)}" if rest else ""
        monitor.show_message(
            f"Searched    frame {frames - 1}: the most similar face has similarity {best}{suffix}"
        )
    else:
        monitor.show_message(f"Searched    frame {frames - 1}: no face")


def _face_count(faces: list[dict[str, Any]]) -> str:
    return "1 face" if len(faces) == 1 else f"{len(faces)} faces"


_RESULTS_TEXT = """
Look at     {results.sheet}
            before and after, side by side
Share       {results.redacted}
            the redacted frames only
Keep        {results.archive}
            all frames; report.html and manifest.json list what was redacted and where"""

_RUNNING_TEXT = """
The service is running. Open it in a browser:

Address     {address}
Sign in as  {name}
Password    {password}
API         {address}/schema/openapi.json

Ctrl-C stops it. Next: framecloak serve
                       framecloak redact YOUR_VIDEO.mp4 -o redacted.zip"""
