"""Pages generated from the program and its tests: settings, errors, commands, log events, formats.

``make reference`` writes them. They are in git, so that they can be read without a build; a test compares
them with the program.

Usage: reference_pages.py [FOLDER]
"""

from __future__ import annotations

import inspect
import logging
import re
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
from formats_page import formats_page

from framecloak.domain.errors import DomainError
from framecloak.domain.support.log_events import EVENTS, FIELDS
from framecloak.entrypoints.asgi.problem_details import CODE_BY_STATUS, PUBLIC_CODES, STATUS_BY_CODE
from framecloak.entrypoints.cli.exit_codes import (
    EXIT_CODES,
    FRAMES_BLANKED,
    INTERNAL,
    ITEMS_REJECTED,
    REID_EXIT_CODES,
    REQUEST_FAILED,
    SERVICE_EXIT_CODES,
    USAGE,
    VERIFICATION_EXIT_CODES,
)
from framecloak.entrypoints.cli.main import framecloak
from framecloak.entrypoints.settings import Settings
from framecloak.entrypoints.settings.variables import Variable

FOLDER = Path(__file__).parents[1] / "reference"
MADE = "<!-- Made by `make reference`; what is written here by hand is lost. -->"
_WIDTH = 100

_OTHER_EXITS = {
    0: "done; of `redact` and `render`: no frame is black; of `verify`: genuine",
    1: "of `healthcheck`: the process is unhealthy; of `models verify`: a file has changed or is missing",
    USAGE: "invalid command line",
    FRAMES_BLANKED: "done, and some frames are black because they could not be examined",
    ITEMS_REJECTED: "some items of the batch were rejected",
    REQUEST_FAILED: "a request failed; its error is printed",
    INTERNAL: "an internal error; also of a worker that ended itself because a thread hung",
    130: "interrupted with Ctrl-C",
    143: "terminated",
}

_OVER_HTTP = {
    "bad_request": "The request cannot be understood as HTTP or JSON.",
    "not_found": "There is no such address.",
    "method_not_allowed": "The address does not know this method.",
    "body_too_large": "The body is larger than the operation takes.",
    "unsupported_media_type": "The `Content-Type` is none that the operation takes.",
    "range_not_satisfiable": "The header `Range` asks for bytes that are not there.",
    "validation_failed": "The body or a parameter does not say what it should; `errors` names each field.",
    "client_gone": "The client hung up before it was answered; only the log and the metrics get to see this.",
}


def pages() -> dict[str, str]:
    """Return every page by its file name."""
    return {
        "settings.md": settings_page(),
        "errors.md": errors_page(),
        "commands.md": commands_page(),
        "log-events.md": log_events_page(),
        "formats.md": formats_page(MADE),
    }


def settings_page() -> str:
    """List every environment variable, by topic."""
    lines = [
        "# Settings",
        "",
        MADE,
        "",
        "Settings are environment variables; an empty one counts as not set. A value that is not allowed",
        "stops the start with one line that names the variable. `framecloak settings` prints all of them",
        "with the values in force, secrets masked. A **secret** `NAME` may instead lie in a file that",
        "`NAME_FILE` names.",
        "",
    ]
    documented = set()
    for group in reversed([base for base in Settings.__mro__ if base.__name__.endswith("Settings")]):
        own = [
            setting for setting in fields(Settings) if setting.name in vars(group).get("__annotations__", {})
        ]
        if group is Settings or not own:
            continue
        title = group.__module__.rpartition(".")[2].capitalize().replace("Api", "API")
        lines += [f"## {title}", "", inspect.getdoc(group) or "", ""]
        lines += ["| name | variable | default | meaning |", "| --- | --- | --- | --- |"]
        for setting in own:
            documented.add(setting.name)
            lines.append(_setting(setting.name, setting.metadata["variable"]))
        lines.append("")
    if documented != {setting.name for setting in fields(Settings)}:
        raise ValueError("a setting is in none of the groups")
    lines += [
        "## Beside these",
        "",
        "| variable | meaning |",
        "| --- | --- |",
        "| `FRAMECLOAK_DEBUG` | `1` shows the traceback of an error of a command |",
        "| `XDG_DATA_HOME` | where the user's data folder is, when `DATA_DIR` is not set |",
        "| `XDG_CACHE_HOME` | where the user's cache folder is, when `MODEL_PATH` is not set |",
        "",
    ]
    return "\n".join(lines)


def _setting(name: str, variable: Variable) -> str:
    default = variable.default if isinstance(variable.default, str) else ""
    if variable.default_text or not default:
        shown = variable.default_text or "none"
    else:
        shown = f"`{default}`" + (f" {variable.unit}" if variable.unit else "")
    meaning = variable.description + (" **Secret.**" if variable.secret else "")
    row = (name.replace("_", " "), f"`{variable.name}`", shown, meaning)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def errors_page() -> str:
    """List every error code, with its HTTP status and its exit code."""
    lines = [
        "# Errors",
        "",
        MADE,
        "",
        "Every failure has a `code` that does not change. Over HTTP it is in the body, which is",
        "`application/problem+json` (RFC 9457), with `title`, `status`, `detail` and mostly a `hint` that",
        "says what to do; on the command line it decides the exit code, and `--json` prints it.",
        "",
        "| code | HTTP | exit | what it means |",
        "| --- | --- | --- | --- |",
    ]
    exits = EXIT_CODES | REID_EXIT_CODES | SERVICE_EXIT_CODES
    meanings = dict(_meanings())
    for code in sorted(meanings):
        public = PUBLIC_CODES.get(code, code)
        status = f"{STATUS_BY_CODE[public]}" + (f" as `{public}`" if public != code else "")
        lines.append(f"| `{code}` | {status} | {exits.get(code, '')} | {meanings[code]} |")
    lines += ["", "## Over HTTP alone", "", "| code | HTTP | what it means |", "| --- | --- | --- |"]
    for status, code in CODE_BY_STATUS.items():
        lines.append(f"| `{code}` | {status} | {_OVER_HTTP[code]} |")
    lines += ["", "## Other exit codes", "", "| exit | what it means |", "| --- | --- |"]
    lines += [f"| {number} | {meaning} |" for number, meaning in _OTHER_EXITS.items()]
    lines += ["", "## Of `framecloak verify`, worst first", "", "| exit | verdict |", "| --- | --- |"]
    for verdict, number in VERIFICATION_EXIT_CODES.items():
        lines.append(f"| {number} | {verdict.replace('_', ' ')} |")
    return "\n".join([*lines, ""])


def _meanings() -> Iterator[tuple[str, str]]:
    """Yield every error code with the first sentence of the error's documentation."""
    yield DomainError.code, "Something unexpected; the program is at fault. Please report it."
    waiting = DomainError.__subclasses__()
    while waiting:
        error = waiting.pop()
        waiting += error.__subclasses__()
        # Classes without a code of their own are base classes.
        if "code" in vars(error):
            yield error.code, (inspect.getdoc(error) or "").split("\n\n")[0].replace("\n", " ")


def log_events_page() -> str:
    """List every event of the log, by level, and the fields of its lines."""
    lines = [
        "# What the logs say",
        "",
        MADE,
        "",
        "Every line has `timestamp`, `level`, `logger` and `event`, and other fields by event. `%s` and the",
        "like stand for words that vary. Lines of libraries are logged at warning and above.",
        "[Monitoring](../operations/monitoring.md#logs) says how to set the level and the format.",
        "",
    ]
    for level in sorted({event.level for event in EVENTS}):
        lines += [f"## {logging.getLevelName(level).capitalize()}", ""]
        lines += ["| event | what it means | fields |", "| --- | --- | --- |"]
        for event in EVENTS:
            if event.level == level:
                named = ", ".join(f"`{name}`" for name in event.fields)
                lines.append(f"| `{event.message}` | {event.meaning} | {named} |")
        lines.append("")
    lines += ["## Fields", "", "| field | what it means |", "| --- | --- |"]
    lines += [f"| `{name}` | {meaning} |" for name, meaning in sorted(FIELDS.items())]
    return "\n".join([*lines, ""])


def commands_page() -> str:
    """Show the help of every command."""
    lines = [
        "# Commands",
        "",
        MADE,
        "",
        "What `framecloak COMMAND --help` prints. The [guide](../guides/command-line.md) shows them at work.",
        "",
    ]
    for context in _contexts(framecloak, "framecloak", None):
        text = re.sub(r"[ \t]+$", "", context.get_help(), flags=re.MULTILINE)
        lines += [f"## {context.command_path}", "", "```text", text, "```", ""]
    return "\n".join(lines)


def _contexts(command: click.Command, name: str, parent: click.Context | None) -> Iterator[click.Context]:
    """Yield a context for every command, groups before their members."""
    context = click.Context(
        command,
        info_name=name,
        parent=parent,
        terminal_width=_WIDTH,
        max_content_width=_WIDTH,
        **command.context_settings,
    )
    yield context
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            if found is not None:
                yield from _contexts(found, inner, context)


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    for page, content in pages().items():
        (folder / page).write_text(content, "utf-8")
