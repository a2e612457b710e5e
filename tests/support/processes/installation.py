"""An installation with embedded servers that the command tests share and inspect."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from anyio.from_thread import BlockingPortal, start_blocking_portal

from framecloak.domain.anonymization.model.request import AnonymizationRequest, Status
from framecloak.domain.model.segments import Segment
from framecloak.domain.ports.database import RequestFilter
from framecloak.entrypoints.cli.admin.connection import OPERATOR
from framecloak.entrypoints.composition.servers import owned_servers
from framecloak.entrypoints.composition.service import Service, build_service
from framecloak.entrypoints.settings import Settings
from support.listing import files_below
from support.processes import command
from support.processes.forked import PIPE
from support.samples.media import write_video

PASSWORD = "correct horse battery"
SHORT_VIDEO, LONG_VIDEO = 1, 2
"""Ids of two videos: one of 12 frames, and one that takes longer."""


@dataclass(frozen=True)
class Installation:
    """Embedded servers with an administrator and two videos.

    Attributes:
        settings: settings with the addresses of the servers.
        service: use cases for inspecting the effects of commands.
        segments: the id of each video's marked segment: frames 2 to 8 of the short one, all of the long one.
        portal: runs the use cases.
    """

    settings: Settings
    service: Service
    segments: dict[int, int]
    portal: BlockingPortal

    @property
    def environment(self) -> dict[str, str]:
        """Environment for commands, without the addresses of the servers."""
        return {"DATA_DIR": str(self.settings.data_dir), "DATABASE_URL": "", "REDIS_URL": ""}

    @property
    def objects(self) -> set[str]:
        """Return the keys of all stored objects."""
        return set(files_below(self.settings.data_dir / "objects"))

    def run(
        self, *arguments: str | Path, stdin: str | None = None, installed: bool = False
    ) -> command.Result:
        """Run a command on the installation; ``installed`` as for `command.run`."""
        return command.run(*arguments, environment=self.environment, stdin=stdin, installed=installed)

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        """Return the rows that a command lists."""
        rows: list[dict[str, Any]] = json.loads(self.run(*arguments, "--json").out)
        return rows

    def requests(self) -> list[AnonymizationRequest]:
        """Return the newest request, if there is one."""
        return list(
            self.portal.call(self.service.use_cases.requests.list, OPERATOR, RequestFilter(), 1, 0).items
        )

    def newest_request(self) -> AnonymizationRequest:
        (newest,) = self.requests()
        return newest

    def status(self, request_id: str | UUID) -> Status:
        """Return the status of a request."""
        return self.portal.call(
            self.service.use_cases.requests.status, OPERATOR, UUID(str(request_id))
        ).request.status

    @contextmanager
    def processing_long_video(self, output: Path) -> Iterator[tuple[subprocess.Popen[str], UUID]]:
        """Run a command in the foreground; yield its process and the request it processes."""
        words = [
            "--video-id",
            str(LONG_VIDEO),
            "--segment-ids",
            str(self.segments[LONG_VIDEO]),
            "-o",
            str(output),
        ]
        # A signal may arrive at any time, including right after the start.
        process = command.start_installed(
            "anonymize-frames", *words, environment=self.environment, stdout=PIPE, stderr=PIPE
        )
        try:
            while True:
                assert process.poll() is None
                for request in self.requests():
                    if request.spec.video_id == LONG_VIDEO and request.status is Status.PROCESSING:
                        yield process, request.id
                        return
                time.sleep(0.05)
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()


@contextmanager
def installed(folder: Path) -> Iterator[Installation]:
    """Start an installation and fill it."""
    settings = Settings.from_environment({"DATA_DIR": str(folder / "data")})
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(owned_servers(settings)) as running,
        portal.wrap_async_context_manager(build_service(running)) as service,
    ):
        segments: dict[int, int] = {}
        installation = Installation(running, service, segments, portal)
        videos = [write_video(folder / "short.mp4", 12), write_video(folder / "long.mp4", 3000)]
        for arguments, stdin, output in (
            (
                ["users", "create", "root", "--admin", "--password-stdin"],
                f"{PASSWORD}\n",
                "account 1: root (admin)",
            ),
            (
                ["videos", "import", *videos],
                None,
                "video 1: short.mp4, 128x96, 12 frames\nvideo 2: long.mp4, 128x96, 3000 frames",
            ),
        ):
            done = installation.run(*arguments, stdin=stdin, installed=True)
            assert (done.code, done.out, done.err) == (0, f"{output}\n", ""), done
        for video, segment in ((SHORT_VIDEO, Segment(2, 8)), (LONG_VIDEO, Segment(0, 3000))):
            marked = portal.call(service.use_cases.marks.add_segment, OPERATOR, video, segment, None)
            segments[video] = marked.id
        yield installation


def error_line(result: command.Result, code: int) -> str:
    """Return the single line of an error message."""
    assert (result.code, result.out) == (code, "")
    (line,) = result.err.splitlines()
    assert line.startswith("framecloak: ")
    return line
