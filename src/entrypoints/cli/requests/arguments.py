"""Arguments of ``framecloak anonymize-frames``, and which of them exclude each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import click


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestArguments:
    """Parsed command line; exactly one of the first six attributes selects the mode.

    Attributes:
        video_id: video for which to submit a request.
        batch_file: file with a list of requests to submit.
        status: request whose status is shown.
        list_requests: True to list the newest requests.
        statistics: True to show the statistics of the installation.
        cleanup_expired: True to delete expired data.
        body: fields of the submitted request, as in the HTTP API; None leaves a field to its default.
        in_background: True if workers process the request, False if this process does.
        output: path of the result; None to write no result.
        overwrite: True to replace an existing file at that path.
        before_release: True to write a result that is not released although downloads require it.
        username: account to act as; None for the first administrator.
        as_json: True to print JSON.
        data_dir: value of ``--data-dir``.
    """

    video_id: int | None
    batch_file: Path | None
    status: UUID | None
    list_requests: bool
    statistics: bool
    cleanup_expired: bool
    body: dict[str, object]
    in_background: bool
    output: Path | None
    overwrite: bool
    before_release: bool
    username: str | None
    as_json: bool
    data_dir: str | None

    def require_one_mode(self) -> None:
        """Check that exactly one mode is given and that the options belong to it.

        Raises:
            UsageError: there is no mode, more than one, or an option that does not apply to it.
        """
        modes = {
            "--video-id": self.video_id is not None,
            "--batch-file": self.batch_file is not None,
            "--status": self.status is not None,
            "--list-requests": self.list_requests,
            "--statistics": self.statistics,
            "--cleanup-expired": self.cleanup_expired,
        }
        if sum(modes.values()) != 1:
            raise click.UsageError(f"give exactly one of {', '.join(modes)}")
        self._require_matching_options()

    def _require_matching_options(self) -> None:
        if self.video_id is not None:
            if self.body["segment_ids"] is None:
                raise click.UsageError("--video-id needs --segment-ids, as in --segment-ids 1,2,3")
        else:
            for name, value in self.body.items():
                if value is not None:
                    raise click.UsageError(f"--{name.replace('_', '-')} requires --video-id")
        if self.video_id is None and self.batch_file is None:
            for option, is_set in (("--async", self.in_background), ("--as", self.username is not None)):
                if is_set:
                    raise click.UsageError(f"{option} requires --video-id or --batch-file")
        self._require_matching_output()

    def _require_matching_output(self) -> None:
        for option, is_set in (("--force", self.overwrite), ("--before-release", self.before_release)):
            if is_set and self.output is None:
                raise click.UsageError(f"{option} requires --output")
        if self.output is not None and (self.in_background or not (self.video_id or self.status)):
            raise click.UsageError("--output requires --video-id without --async, or --status")
