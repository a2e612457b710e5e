"""What ``framecloak anonymize-frames`` does once the command line is understood."""

from __future__ import annotations

import asyncio
import json
from functools import cache
from pathlib import Path
from secrets import token_hex
from typing import Any
from uuid import UUID

import click
import msgspec
from rich.console import Console
from rich.table import Table

from framecloak.domain.accounts.model import Principal
from framecloak.domain.anonymization.model.options import Verify
from framecloak.domain.anonymization.model.request import AnonymizationRequest, Order, Status
from framecloak.domain.anonymization.requests.submit import Submitted
from framecloak.domain.errors import (
    AlreadyFinishedError,
    DomainError,
    InputNotFoundError,
    InvalidOptionError,
    OutputUnwritableError,
)
from framecloak.domain.ports.database import RequestFilter
from framecloak.domain.support.resilience import ended, uninterrupted
from framecloak.entrypoints.cli.admin.connection import OPERATOR, account, connected_service
from framecloak.entrypoints.cli.exit_codes import (
    CLEANUP_INCOMPLETE,
    FRAMES_BLANKED,
    ITEMS_REJECTED,
    REQUEST_FAILED,
    SUCCESS,
    report,
)
from framecloak.entrypoints.cli.progress import Monitor, Voice
from framecloak.entrypoints.cli.requests.command import Wanted
from framecloak.entrypoints.composition.pipeline import Container
from framecloak.entrypoints.composition.service import Service
from framecloak.entrypoints.schemas.orders import SubmitBody
from framecloak.entrypoints.schemas.requests import RequestView, StatisticsView, StatusView

_LISTED = 50
_POLL = 0.5
"""Seconds between two looks at a request that is in work."""


async def carry_out(wanted: Wanted) -> int:
    """Do what the command line asks for; returns the exit code.

    Raises:
        DomainError: it cannot be done.
    """
    if wanted.output is not None:
        _require_place_for(wanted.output)
    async with connected_service(wanted.data_dir) as service:
        desk = _Desk(service, wanted)
        if wanted.video_id is not None:
            return await desk.one_order()
        if wanted.batch_file is not None:
            return await desk.batch(wanted.batch_file)
        if wanted.status is not None:
            return await desk.status(wanted.status)
        if wanted.list_requests:
            return await desk.list_requests()
        if wanted.statistics:
            return await desk.statistics()
        return await desk.clean_up()


class _Desk:
    """One run of the command.

    Args:
        service: the use cases.
        wanted: what is asked for.
    """

    def __init__(self, service: Service, wanted: Wanted) -> None:
        self._service = service
        self._wanted = wanted
        container = Container.build(service.settings)
        self._instruments = cache(lambda level: container.instruments(level, Verify.ALL))

    async def one_order(self) -> int:
        """Submit one order, and do it unless the workers shall."""
        principal = await account(self._service, self._wanted.username)
        given = {name: value for name, value in self._wanted.order.items() if value is not None}
        submitted = await self._service.submissions.submit(principal, self._order(given))
        if self._wanted.in_background:
            self._tell_submitted(submitted)
            return SUCCESS
        return await self._finish(principal, submitted.request)

    async def batch(self, path: Path) -> int:
        """Submit every order of a file; one that is rejected does not stop the others.

        An order with `"async": true` is left to the workers, as all of them are with --async.
        """
        items = _read_list(path)
        principal = await account(self._service, self._wanted.username)
        code = SUCCESS
        for index, item in enumerate(items):
            try:
                order, in_background = _parted(item)
                submitted = await self._service.submissions.submit(principal, self._order(order))
            except DomainError as error:
                self._tell_rejected(index, error)
                code = ITEMS_REJECTED
                continue
            self._tell_accepted(index, submitted)
            if not (in_background or self._wanted.in_background):
                code = await self._finish(principal, submitted.request) or code
        return code

    async def status(self, request_id: UUID) -> int:
        """Show where a request stands, and write its result if that is wanted."""
        progress = await self._service.anonymization.status(OPERATOR, request_id)
        view = StatusView.of(progress)
        if self._wanted.as_json:
            _print_json(view)
        else:
            _print_fields(view)
        if self._wanted.output is not None:
            await self._write_result(progress.request, self._wanted.output)
        return SUCCESS

    async def list_requests(self) -> int:
        """List the newest requests of everybody."""
        page = await self._service.anonymization.list(OPERATOR, RequestFilter(), _LISTED, 0)
        views = [RequestView.of(request) for request in page.items]
        if self._wanted.as_json:
            _print_json(views)
            return SUCCESS
        table = Table("request", "status", "frames", "video", "submitted", box=None, pad_edge=False)
        # One copies it, so it has to be whole and on one line.
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

    async def statistics(self) -> int:
        """Show what the installation has done."""
        view = StatisticsView.of(await self._service.anonymization.statistics(OPERATOR))
        if self._wanted.as_json:
            _print_json(view)
        else:
            _print_fields(view)
        return SUCCESS

    async def clean_up(self) -> int:
        """Remove what has had its time; what could not be removed is told on standard error."""
        done = await self._service.cleaner.run()
        removed = done.removed()
        if self._wanted.as_json:
            click.echo(json.dumps({**removed, "failures": done.failures()}))
        else:
            click.echo("removed " + ", ".join(f"{count} {what}" for what, count in removed.items()))
        for short in done.shortfalls:
            what = short.concern.replace("_", " ")
            told = f"{what} could not be cleaned up, {short.count} time(s); first: {short.first}"
            report("cleanup_incomplete", told, "", as_json=self._wanted.as_json)
        return CLEANUP_INCOMPLETE if done.shortfalls else SUCCESS

    def _order(self, given: object) -> Order:
        """An order in the words of the HTTP API.

        Raises:
            InvalidOptionError: it is none.
            DomainError: as for `SubmitBody.order`.
        """
        settings = self._service.settings
        try:
            body = msgspec.convert(given, SubmitBody)
        except msgspec.ValidationError as error:
            raise InvalidOptionError(
                f"not an order: {error}", "see examples/frame_anonymization_batch.json"
            ) from error
        return body.order(
            settings.default_level,
            settings.default_output_format,
            settings.report_language,
            settings.default_verify,
        )

    async def _finish(self, principal: Principal, request: AnonymizationRequest) -> int:
        """Do a request in this process, or watch the worker that was quicker; returns the exit code."""
        monitor = Monitor(Voice.QUIET if self._wanted.as_json else Voice.HUMAN)
        anonymization = self._service.anonymization
        try:
            with monitor.distant_progress(request.total_frames) as show:
                worker = self._service.worker(f"command-{token_hex(4)}", self._instruments)
                working = asyncio.create_task(worker.work_through(request.id))
                try:
                    while not working.done():
                        await asyncio.wait([working], timeout=_POLL)
                        done = (await anonymization.status(principal, request.id)).request
                        show(done.processed_frames)
                    await working
                finally:
                    await ended(working)
            done = (await anonymization.status(principal, request.id)).request
        except asyncio.CancelledError:
            await uninterrupted(self._cancel(principal, request))
            raise
        return await self._tell_finished(done)

    async def _cancel(self, principal: Principal, request: AnonymizationRequest) -> None:
        try:
            await self._service.anonymization.cancel(principal, request.id)
        except AlreadyFinishedError:
            return  # it was quicker than whoever interrupted it
        click.echo(f"request {request.id} is cancelled", err=True)

    async def _tell_finished(self, request: AnonymizationRequest) -> int:
        if self._wanted.output is not None and request.status is Status.COMPLETED:
            await self._write_result(request, self._wanted.output)
        if self._wanted.as_json:
            _print_json(RequestView.of(request))
        elif request.status is Status.COMPLETED:
            where = self._wanted.output or f"fetch it with --status {request.id} -o OUT.zip"
            click.echo(f"request {request.id} is completed: {request.total_frames} frames, {where}")
        else:
            click.echo(f"request {request.id} is {request.status}: {request.error or 'no result'}", err=True)
        if request.status is not Status.COMPLETED:
            return REQUEST_FAILED
        return FRAMES_BLANKED if request.blanked_frames else SUCCESS

    async def _write_result(self, request: AnonymizationRequest, output: Path) -> None:
        """Copy a result out of the store, which is recorded; the file appears when it is complete.

        Raises:
            NotReadyError: there is none.
            OutputUnwritableError: the file cannot be written.
        """
        key = request.require_result()
        await self._service.auditing.record(OPERATOR, "result.fetch", f"request:{request.id}")
        draft = output.with_name(f".{output.name}.part")
        try:
            with draft.open("wb") as file:
                async for chunk in self._service.store.read(key):
                    await asyncio.to_thread(file.write, chunk)
            draft.replace(output)
        except OSError as error:
            raise OutputUnwritableError(
                f"cannot write {output} ({error.strerror})", "choose another place"
            ) from error
        finally:
            draft.unlink(missing_ok=True)

    def _tell_submitted(self, submitted: Submitted) -> None:
        request = submitted.request
        if self._wanted.as_json:
            _print_json(RequestView.of(request))
            return
        click.echo(
            f"request {request.id}: {request.total_frames} frames, about {submitted.estimated_seconds} s"
        )
        click.echo(f"ask with: framecloak anonymize-frames --status {request.id}")

    def _tell_accepted(self, index: int, submitted: Submitted) -> None:
        if self._wanted.as_json:
            click.echo(
                json.dumps({"index": index, "status": "accepted", "request_id": str(submitted.request.id)})
            )
        else:
            click.echo(f"item {index}: accepted, request {submitted.request.id}")

    def _tell_rejected(self, index: int, error: DomainError) -> None:
        if self._wanted.as_json:
            click.echo(
                json.dumps({"index": index, "status": "rejected", "code": error.code, "error": str(error)})
            )
        else:
            click.echo(f"item {index}: rejected, {error}")


def _require_place_for(output: Path) -> None:
    """Find out before the work begins that its result cannot be written.

    Raises:
        OutputUnwritableError: it is a folder, or would be in none.
    """
    if output.is_dir():
        raise OutputUnwritableError(f"cannot write {output}: it is a folder", "name a file in it")
    if not output.parent.is_dir():
        raise OutputUnwritableError(
            f"cannot write {output}: {output.parent} is not a folder", "make it, or choose another place"
        )


def _read_list(path: Path) -> list[Any]:
    """The orders in a file.

    Raises:
        InputNotFoundError: it cannot be read.
        InvalidOptionError: it is no JSON list.
    """
    try:
        items = json.loads(path.read_bytes())
    except OSError as error:
        raise InputNotFoundError(f"{path} cannot be read ({error.strerror})", "check the path") from error
    except (ValueError, RecursionError) as error:
        raise InvalidOptionError(
            f"{path} is not JSON ({error})", "see examples/frame_anonymization_batch.json"
        ) from error
    if not isinstance(items, list):
        raise InvalidOptionError(
            f"{path} holds no list of orders", "see examples/frame_anonymization_batch.json"
        )
    return items


def _parted(item: Any) -> tuple[Any, bool]:  # noqa: ANN401 - whatever JSON holds
    """An order of a file, and whether it is to be left to the workers.

    Raises:
        InvalidOptionError: `async` is neither true nor false.
    """
    if not isinstance(item, dict):
        return item, False
    in_background = item.get("async", False)
    if not isinstance(in_background, bool):
        raise InvalidOptionError(
            "not an order: `async` is neither true nor false", "see examples/frame_anonymization_batch.json"
        )
    return {name: value for name, value in item.items() if name != "async"}, in_background


def _print_json(view: object) -> None:
    click.echo(msgspec.json.encode(view).decode())


def _print_fields(view: msgspec.Struct) -> None:
    table = Table(show_header=False)
    for name, value in msgspec.to_builtins(view).items():
        shown = ", ".join(f"{key} {one}" for key, one in value.items()) if isinstance(value, dict) else value
        table.add_row(name.replace("_", " "), "" if shown is None else str(shown))
    Console().print(table)
