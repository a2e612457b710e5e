"""Where log lines go and how they look. All code logs with ``logging``; structlog is known here alone.

Facts go into ``extra``, from where they become fields of the line.
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

from framecloak.entrypoints.runtime.log_masking import described, masked
from framecloak.entrypoints.settings import Settings

OWN = ("framecloak",)
"""Loggers of our own packages; those of others say less."""

TALKATIVE = ("sqlalchemy", "urllib3", "httpcore", "httpx")
"""Loggers that tell statements and addresses as they are, at any level below a warning."""

_AUDIT = "audit"


def configure_logging(settings: Settings) -> None:
    """One line for each event on standard error: JSON, or for people when that is a terminal.

    Every record of `logging`, of whatever library, goes the same way and loses its secrets on it. With
    FRAME_ANONYMIZATION_DEBUG there are more lines, and each says where in the program it comes from.

    Args:
        settings: say how much, and in which format.
    """
    handler = logging.StreamHandler(sys.stderr)
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    handler.setFormatter(
        ProcessorFormatter(
            processors=_processors(as_json=as_json, detailed=settings.debug),
            # Bytes that are an argument must be seen before they are part of the text.
            use_get_message=False,
            pass_foreign_args=True,
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    level = logging.DEBUG if settings.debug else logging.getLevelNamesMapping()[settings.log_level.upper()]
    logging.getLogger().setLevel(logging.INFO if settings.debug else max(level, logging.WARNING))
    for name in (*OWN, _AUDIT):
        logging.getLogger(name).setLevel(level)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


@contextmanager
def bound(**context: object) -> Iterator[None]:
    """Have every line that is logged in this block, and in tasks it starts, carry these fields.

    Args:
        **context: ``request_id`` for the id of an anonymisation request; names as in other lines.
    """
    with bound_contextvars(**context):
        yield


def _processors(*, as_json: bool, detailed: bool) -> list[Processor]:
    chain: list[Processor] = [
        _interpolated,
        merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if detailed:
        places = [CallsiteParameter.PATHNAME, CallsiteParameter.LINENO, CallsiteParameter.PROCESS]
        chain.append(CallsiteParameterAdder(places))
    chain.append(ProcessorFormatter.remove_processors_meta)
    if as_json:
        transformer = ExceptionDictTransformer(show_locals=False)
        return [*chain, ExceptionRenderer(transformer), _mask, structlog.processors.JSONRenderer()]
    console = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    return [*chain, structlog.processors.format_exc_info, _mask, console]


def _interpolated(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Put the arguments of a record into its text, bytes and arrays by their length."""
    given = event.pop("positional_args", ())
    if not given:
        return event
    arguments: Mapping[str, object] | tuple[object, ...]
    if isinstance(given, Mapping):
        arguments = {name: described(value) for name, value in given.items()}
    else:
        arguments = tuple(described(value) for value in given)
    try:
        event["event"] = str(event["event"]) % arguments
    except (TypeError, ValueError, KeyError):
        # A slip in a line must not cost the line; `logging` would print the arguments as they are.
        event["arguments"] = list(arguments.values() if isinstance(arguments, Mapping) else arguments)
    return event


def _mask(_: WrappedLogger, __: str, event: EventDict) -> MutableMapping[str, Any]:
    return {name: masked(value, name) for name, value in event.items()}
