"""Execution of ``framecloak anonymize-frames``."""

from __future__ import annotations

import asyncio
import json
from functools import cache
from pathlib import Path
from secrets import token_hex
from uuid import UUID

import click
import msgspec
from rich.console import Console
from rich.table import Table

from framecloak.domain.anonymization.model.options import Verify
from framecloak.domain.anonymization.model.orders.submissions import Submitted
from framecloak.domain.anonymization.model.request import AnonymizationRequest, RequestSpec, Status
from framecloak.domain.errors import AlreadyFinishedError, DomainError, InvalidOptionError
from framecloak.domain.model.accounts import Principal
from framecloak.domain.ports.database import RequestFilter
from framecloak.domain.support.resilience import cancel_and_wait, run_to_completion
from framecloak.entrypoints.cli.admin.connection import OPERATOR, acting_principal, connected_service
from framecloak.entrypoints.cli.exit_codes import (
    CLEANUP_INCOMPLETE,
    FRAMES_BLANKED,
    ITEMS_REJECTED,
    REQUEST_FAILED,
    SUCCESS,
    report,
)
from framecloak.entrypoints.cli.progress import Monitor, OutputMode
from framecloak.entrypoints.cli.requests.arguments import RequestArguments
from framecloak.entrypoints.cli.requests.batch_file import read_batch_file, split_item
from framecloak.entrypoints.cli.requests.result_file import require_writable, write_result
from framecloak.entrypoints.composition.pipeline import Container
from framecloak.entrypoints.composition.service import Service
from framecloak.entrypoints.composition.video_encoder import require_video_encoder
from framecloak.entrypoints.schemas.orders import SubmitBody
from framecloak.entrypoints.schemas.requests import RequestView, StatisticsView, StatusView

_MAX_LISTED = 50
_POLL_SECONDS = 0.5
"""Interval between two progress queries in seconds."""


async def execute(arguments: RequestArguments) -> int:
    """Execute the selected mode and return the exit code.

    Raises:
        DomainError: the command failed.
    """
    if arguments.output is not None:
        require_writable(arguments.output, overwrite=arguments.overwrite)
    async with connected_service(arguments.data_dir) as service:
        commands = _RequestCommands(service, arguments)
        if arguments.video_id is not None:
            return await commands.submit_one()
        if arguments.batch_file is not None:
            return await commands.submit_batch(arguments.batch_file)
        if arguments.status is not None:
            return await commands.show_status(arguments.status)
        if arguments.list_requests:
            return await commands.list_requests()
        if arguments.statistics:
            return await commands.show_statistics()
        return await commands.clean_up()


class _RequestCommands:
    """Modes of the command.

    Args:
        service: connected service.
        arguments: parsed command line.
    """

    def __init__(self, service: Service, arguments: RequestArguments) -> None:
        self._service = service
        self._arguments = arguments
        container = Container.build(service.settings)
        self._pipeline_tools = cache(lambda level: container.pipeline_tools(level, Verify.ALL))
        self._load_text_reader = container.load_text_reader

    async def submit_one(self) -> int:
        """Submit one request, and process it here unless ``--async`` is given."""
        if self._arguments.output is not None:
            self._service.use_cases.downloads.require_fetchable_when_made(
                before_release=self._arguments.before_release
            )
        await self._require_video_encoder()
        principal = await acting_principal(self._service, self._arguments.username)
        body = {name: value for name, value in self._arguments.body.items() if value is not None}
        submitted = await self._service.use_cases.submissions.submit(principal, self._request_spec(body))
        if self._arguments.in_background:
            self._report_submitted(submitted)
            return SUCCESS
        return await self._process(principal, submitted.request)

    async def submit_batch(self, path: Path) -> int:
        """Submit all requests of a file; skip rejected ones, and leave those marked `async` to workers."""
        items = read_batch_file(path)
        await self._require_video_encoder()
        principal = await acting_principal(self._service, self._arguments.username)
        code = SUCCESS
        for index, item in enumerate(items):
            try:
                order, in_background = split_item(item)
                submitted = await self._service.use_cases.submissions.submit(
                    principal, self._request_spec(order)
                )
            except DomainError as error:
                self._report_rejected(index, error)
                code = ITEMS_REJECTED
                continue
            self._report_accepted(index, submitted)
            if not (in_background or self._arguments.in_background):
                code = await self._process(principal, submitted.request) or code
        return code

    async def show_status(self, request_id: UUID) -> int:
        """Show the status of a request, and write its result if ``--output`` is given."""
        progress = await self._service.use_cases.requests.status(OPERATOR, request_id)
        view = StatusView.of(progress)
        if self._arguments.as_json:
            _print_json(view)
        else:
            _print_fields(view)
        if self._arguments.output is not None:
            await self._write_result(progress.request, self._arguments.output)
        return SUCCESS

    async def list_requests(self) -> int:
        """List the newest requests of all accounts."""
        page = await self._service.use_cases.requests.list(OPERATOR, RequestFilter(), _MAX_LISTED, 0)
        views = [RequestView.of(request) for request in page.items]
        if self._arguments.as_json:
            _print_json(views)
            return SUCCESS
        table = Table("request", "status", "frames", "video", "submitted", box=None, pad_edge=False)
        # Users copy the id, so it must be complete and on one line.
        table.columns[0].no_wrap = True
        for view in views:
            table.add_row(
                str(view.request_id),
                view.status,
                f"{view.processed_frames}/{view.total_frames}",
                str(view.video_id),
                f"{view.created_at:%Y-%m-%d %H:%M}",
            )
        Console().print(table)
        click.echo(f"{len(views)} of {page.total}")
        return SUCCESS

    async def show_statistics(self) -> int:
        """Show statistics of the installation."""
        view = StatisticsView.of(await self._service.use_cases.requests.statistics(OPERATOR))
        if self._arguments.as_json:
            _print_json(view)
        else:
            _print_fields(view)
        return SUCCESS

    async def clean_up(self) -> int:
        """Delete expired results, uploads and tokens; report failures on standard error."""
        cleanup = await self._service.use_cases.cleanup.run()
        removed = cleanup.removed()
        if self._arguments.as_json:
            click.echo(json.dumps({**removed, "failures": cleanup.failures()}))
        else:
            click.echo("removed " + ", ".join(f"{count} {step}" for step, count in removed.items()))
        for failure in cleanup.step_failures:
            step = failure.step.replace("_", " ")
            message = f"clean-up of {step} failed {failure.count} time(s); first: {failure.first_error}"
            report("cleanup_incomplete", message, "", as_json=self._arguments.as_json)
        return CLEANUP_INCOMPLETE if cleanup.step_failures else SUCCESS

    def _request_spec(self, decoded: object) -> RequestSpec:
        """Convert the decoded JSON of a request body of the HTTP API.

        Raises:
            InvalidOptionError: the value is not a valid body.
            DomainError: see `SubmitBody.to_domain`.
        """
        settings = self._service.settings
        try:
            body = msgspec.convert(decoded, SubmitBody)
        except msgspec.ValidationError as error:
            raise InvalidOptionError(
                f"invalid request: {error}", "see examples/frame_anonymization_batch.json"
            ) from error
        return body.to_domain(
            settings.default_level,
            settings.default_output_format,
            settings.report_language,
            settings.default_verify,
        )

    async def _process(self, principal: Principal, request: AnonymizationRequest) -> int:
        """Process a request here, or follow it if a worker took it first; return the exit code."""
        monitor = Monitor(OutputMode.QUIET if self._arguments.as_json else OutputMode.HUMAN)
        anonymization = self._service.use_cases.requests
        try:
            with monitor.remote_progress(request.total_frames) as show:
                worker = self._service.build_worker(
                    f"command-{token_hex(4)}", self._pipeline_tools, self._load_text_reader
                )
                working = asyncio.create_task(worker.process_request(request.id))
                try:
                    while not working.done():
                        await asyncio.wait([working], timeout=_POLL_SECONDS)
                        latest = (await anonymization.status(principal, request.id)).request
                        show(latest.processed_frames)
                    await working
                finally:
                    await cancel_and_wait(working)
            latest = (await anonymization.status(principal, request.id)).request
        except asyncio.CancelledError:
            await run_to_completion(self._cancel(principal, request))
            raise
        return await self._report_finished(latest)

    async def _require_video_encoder(self) -> None:
        """Raise an error before anything is submitted if it would be processed here without an encoder."""
        if not self._arguments.in_background:
            await asyncio.to_thread(require_video_encoder, self._service.settings.video_encoder)

    async def _cancel(self, principal: Principal, request: AnonymizationRequest) -> None:
        try:
            await self._service.use_cases.requests.cancel(principal, request.id)
        except AlreadyFinishedError:
            return  # the request finished before it could be cancelled
        click.echo(f"request {request.id} is cancelled", err=True)

    async def _report_finished(self, request: AnonymizationRequest) -> int:
        if self._arguments.output is not None and request.status is Status.COMPLETED:
            await self._write_result(request, self._arguments.output)
        if self._arguments.as_json:
            _print_json(RequestView.of(request))
        elif request.status is Status.COMPLETED:
            result = self._arguments.output or f"fetch the result with --status {request.id} -o OUT.zip"
            click.echo(f"request {request.id} is completed: {request.total_frames} frames, {result}")
        else:
            click.echo(f"request {request.id} is {request.status}: {request.error or 'no result'}", err=True)
        if request.status is not Status.COMPLETED:
            return REQUEST_FAILED
        return FRAMES_BLANKED if request.blanked_frames else SUCCESS

    async def _write_result(self, request: AnonymizationRequest, output: Path) -> None:
        """Copy a result from the object store; the file appears only when it is complete and was compared.

        Raises:
            NotReadyError: the request has no result.
            NotReleasedError: the result is not released, and downloads require it.
            ResultDamagedError: the stored result is not the one that was made.
            OutputUnwritableError: the file cannot be written.
        """
        chunks = await self._service.use_cases.downloads.fetch(
            OPERATOR, request.id, before_release=self._arguments.before_release
        )
        await write_result(output, chunks)

    def _report_submitted(self, submitted: Submitted) -> None:
        request = submitted.request
        if self._arguments.as_json:
            _print_json(RequestView.of(request))
            return
        click.echo(
            f"request {request.id}: {request.total_frames} frames, about {submitted.estimated_seconds} s"
        )
        click.echo(f"to see its status: framecloak anonymize-frames --status {request.id}")

    def _report_accepted(self, index: int, submitted: Submitted) -> None:
        if self._arguments.as_json:
            click.echo(
                json.dumps({"index": index, "status": "accepted", "request_id": str(submitted.request.id)})
            )
        else:
            click.echo(f"item {index}: accepted, request {submitted.request.id}")

    def _report_rejected(self, index: int, error: DomainError) -> None:
        if self._arguments.as_json:
            click.echo(
                json.dumps({"index": index, "status": "rejected", "code": error.code, "error": str(error)})
            )
        else:
            click.echo(f"item {index}: rejected, {error}")


def _print_json(view: object) -> None:
    click.echo(msgspec.json.encode(view).decode())


def _print_fields(view: msgspec.Struct) -> None:
    table = Table(show_header=False)
    for name, value in msgspec.to_builtins(view).items():
        shown = ", ".join(f"{key} {n}" for key, n in value.items()) if isinstance(value, dict) else value
        table.add_row(name.replace("_", " "), "" if shown is None else str(shown))
    Console().print(table)
