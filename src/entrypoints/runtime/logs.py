"""Configuration of logging. All code logs with ``logging``; only this module uses structlog.

Values passed in ``extra`` become fields of the log line.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog
from structlog.contextvars import bound_contextvars, merge_contextvars
from structlog.processors import CallsiteParameter, CallsiteParameterAdder, ExceptionRenderer
from structlog.stdlib import ProcessorFormatter
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor, WrappedLogger

from framecloak.entrypoints.runtime.log_masking import masked, summarize_binary
from framecloak.entrypoints.settings import Settings

OWN_LOGGERS = ("framecloak",)
"""Loggers of this program; those of libraries log warnings only."""

VERBOSE_LOGGERS = ("sqlalchemy", "urllib3", "httpcore", "httpx")
"""Loggers that log unmasked SQL statements and addresses at levels below WARNING."""

_AUDIT = "audit"


def configure_logging(settings: Settings) -> None:
    """Log one line for each event to standard error: JSON, or readable text if it is a terminal.

    The records of all libraries go through the same handler, which masks secrets. FRAME_ANONYMIZATION_DEBUG
    adds debug messages, and the source file and line number to each log line.

    Args:
        settings: level and format.
    """
    handler = logging.StreamHandler(sys.stderr)
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    handler.setFormatter(
        ProcessorFormatter(
            processors=_processors(as_json=as_json, detailed=settings.debug),
            # Arguments of type bytes must be masked before they become part of the text.
            use_get_message=False,
            pass_foreign_args=True,
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    level = logging.DEBUG if settings.debug else logging.getLevelNamesMapping()[settings.log_level.upper()]
    logging.getLogger().setLevel(logging.INFO if settings.debug else max(level, logging.WARNING))
    for name in (*OWN_LOGGERS, _AUDIT):
        logging.getLogger(name).setLevel(level)
    for name in VERBOSE_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)


@contextmanager
def log_context(**context: object) -> Iterator[None]:
    """Add fields to every line logged in this block and in tasks that it starts.

    Args:
        **context: names and values of the fields, e.g. ``request_id`` for the id of an anonymisation request.
    """
    with bound_contextvars(**context):
        yield


def _processors(*, as_json: bool, detailed: bool) -> list[Processor]:
    chain: list[Processor] = [
        _format_message,
        merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if detailed:
        call_site = [CallsiteParameter.PATHNAME, CallsiteParameter.LINENO, CallsiteParameter.PROCESS]
        chain.append(CallsiteParameterAdder(call_site))
    chain.append(ProcessorFormatter.remove_processors_meta)
    if as_json:
        transformer = ExceptionDictTransformer(show_locals=False)
        return [*chain, ExceptionRenderer(transformer), _mask, structlog.processors.JSONRenderer()]
    console = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    return [*chain, structlog.processors.format_exc_info, _mask, console]


def _format_message(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Format the message of a record with its arguments; bytes and arrays appear as type and size."""
    positional = event.pop("positional_args", ())
    if not positional:
        return event
    arguments: Mapping[str, object] | tuple[object, ...]
    if isinstance(positional, Mapping):
        arguments = {name: summarize_binary(value) for name, value in positional.items()}
    else:
        arguments = tuple(summarize_binary(value) for value in positional)
    try:
        event["event"] = str(event["event"]) % arguments
    except (TypeError, ValueError, KeyError):
        # A wrong format string must not lose the message; `logging` would print the arguments unmasked.
        event["arguments"] = list(arguments.values() if isinstance(arguments, Mapping) else arguments)
    return event


def _mask(_: WrappedLogger, __: str, event: EventDict) -> MutableMapping[str, Any]:
    return {name: masked(value, name) for name, value in event.items()}
