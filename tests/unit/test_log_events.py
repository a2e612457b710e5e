"""The list of log events, compared with the source code."""

from __future__ import annotations

import ast
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from framecloak.domain.support.log_events import EVENTS, FIELDS, SUBMITTED

SOURCE = Path(__file__).parents[2] / "src"
LEVELS = {
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "exception": logging.ERROR,
    "critical": logging.CRITICAL,
}
COMPUTED_LEVEL = "request"
"""The one message whose level depends on the path."""


def logged() -> Iterator[tuple[int, str]]:
    """Yield level and message of every call of a logger in the source code."""
    for file in sorted(SOURCE.rglob("*.py")):
        for call in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
                continue
            target = call.func.value
            if not isinstance(target, ast.Name) or target.id.lower().strip("_") not in {"logger", "log"}:
                continue
            if call.func.attr in LEVELS:
                message = call.args[0]
                assert isinstance(message, ast.Constant), f"{file}:{call.lineno}: log a literal message"
                yield LEVELS[call.func.attr], str(message.value)


def test_every_message_is_listed_with_its_level_and_every_listed_one_is_logged() -> None:
    named = {event for event in EVENTS if event.fields and event.message in _messages_of_constants()}
    listed = {(event.level, event.message) for event in EVENTS if event not in named}
    assert listed - {(logging.INFO, COMPUTED_LEVEL)} == set(logged())


def _messages_of_constants() -> set[str]:
    """Return the messages of events that are logged by name, so that they cannot differ from the list."""
    tree = ast.parse((SOURCE / "domain" / "support" / "log_events.py").read_text("utf-8"))
    events = {
        statement.targets[0].id: statement.value.args[1].value  # type: ignore[attr-defined]
        for statement in tree.body
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call)
    }
    used = "".join(file.read_text("utf-8") for file in SOURCE.rglob("*.py"))
    assert all(f"{name}.log(" in used for name in events)
    return set(events.values())


def test_every_field_is_explained_and_every_explained_one_is_used() -> None:
    assert {name for event in EVENTS for name in event.fields} == set(FIELDS)


def test_an_event_is_logged_with_all_of_its_fields_and_no_others() -> None:
    with pytest.raises(ValueError, match="has the fields"):
        SUBMITTED.log(logging.getLogger(), request_id="1")
